"""Which of Saleor's plugin hooks become which event, and what each is about.

Pure: words only. A hook's name is Saleor's; an event's name is the one the App's
webhooks use, because the Studio cannot and must not tell the two ways apart.
"""

from __future__ import annotations

from typing import Final

from saleor_automation.contract.kinds import (
    CHECKOUT_EVENTS,
    CUSTOMER_EVENTS,
    FULFILLMENT_EVENTS,
    ORDER_EVENTS,
)

#: What an event is about; also what the outbox stores.
USER: Final = "user"
CHECKOUT: Final = "checkout"
ORDER: Final = "order"
FULFILLMENT: Final = "fulfillment"

#: Saleor's model of each.
MODELS: Final = {
    USER: "account.User",
    CHECKOUT: "checkout.Checkout",
    ORDER: "order.Order",
    FULFILLMENT: "order.Fulfillment",
}

KINDS: Final = {
    **dict.fromkeys(CUSTOMER_EVENTS, USER),
    **dict.fromkeys(CHECKOUT_EVENTS, CHECKOUT),
    **dict.fromkeys(ORDER_EVENTS, ORDER),
    **dict.fromkeys(FULFILLMENT_EVENTS, FULFILLMENT),
}

#: Hook of the plugin -> event.
HOOKS: Final = {
    "customer_created": "customer_created",
    "customer_updated": "customer_updated",
    "customer_deleted": "customer_deleted",
    "customer_metadata_updated": "customer_metadata_updated",
    "account_confirmed": "account_confirmed",
    "account_email_changed": "account_email_changed",
    "account_deleted": "account_deleted",
    "checkout_created": "checkout_created",
    "checkout_updated": "checkout_updated",
    "checkout_fully_paid": "checkout_fully_paid",
    "checkout_metadata_updated": "checkout_metadata_updated",
    "order_created": "order_created",
    "order_confirmed": "order_confirmed",
    "order_updated": "order_updated",
    # Consent may stand in an order's metadata. The body is the same, and no webhook of
    # ours has this name: a shop that emits no order_updated for it still tells us.
    "order_metadata_updated": "order_updated",
    "order_paid": "order_paid",
    "order_fully_paid": "order_fully_paid",
    "order_fulfilled": "order_fulfilled",
    "order_cancelled": "order_cancelled",
    "order_expired": "order_expired",
    "order_refunded": "order_refunded",
    "order_fully_refunded": "order_fully_refunded",
    "fulfillment_created": "fulfillment_created",
    "fulfillment_approved": "fulfillment_approved",
    "tracking_number_updated": "fulfillment_tracking_number_updated",
}

#: Events that carry the merchant's wish to tell the customer, or not to.
NOTIFYING: Final = frozenset({"fulfillment_created", "fulfillment_approved"})

#: Events Saleor hands to its payload generator as {"user": user}, not as the user.
WRAPPED_USER: Final = frozenset({"account_confirmed", "account_email_changed", "account_deleted"})
