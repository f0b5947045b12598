"""Kinds of business facts, and which of them every Saleor event may hold.

Knows words only. A fact counts once per (kind, object, transition); the comment
beside each kind names the object and the transition.
"""

from __future__ import annotations

from typing import Final

#: Saleor user id; "".
JOINED: Final = "joined"
#: Saleor user id; the user's updatedAt.
PROFILE_CHANGED: Final = "profile_changed"
#: Saleor user id; "".
CONFIRMED_ACCOUNT: Final = "account_confirmed"
#: Saleor user id; the user's updatedAt.
EMAIL_CHANGED: Final = "email_changed"
#: Saleor user id; "".
DELETED: Final = "deleted"
#: Checkout id; the checkout's updatedAt.
BASKET_CHANGED: Final = "basket_changed"
#: Order id; "".
ORDERED: Final = "ordered"
#: Order id; "".
CONFIRMED: Final = "confirmed"
#: Order id; "".
PAID: Final = "paid"
#: Fulfillment id; tracking number.
SHIPPED: Final = "shipped"
#: Order id; "".
FULFILLED: Final = "fulfilled"
#: Order id; "".
CANCELLED: Final = "cancelled"
#: Order id; total refunded so far.
REFUNDED: Final = "refunded"
#: Order id; "".
EXPIRED: Final = "expired"
#: Contact; the stay, whose leaving has the same one. Of the Studio's own making.
SEGMENT_JOINED: Final = "segment_joined"
#: Contact; the stay.
SEGMENT_LEFT: Final = "segment_left"

#: What Saleor tells.
ALL: Final = frozenset(
    {
        JOINED,
        PROFILE_CHANGED,
        CONFIRMED_ACCOUNT,
        EMAIL_CHANGED,
        DELETED,
        BASKET_CHANGED,
        ORDERED,
        CONFIRMED,
        PAID,
        SHIPPED,
        FULFILLED,
        CANCELLED,
        REFUNDED,
        EXPIRED,
    }
)

#: Saleor events whose payload is a user, a checkout, an order, or a parcel with its order.
CUSTOMER_EVENTS: Final = frozenset(
    {
        "customer_created",
        "customer_updated",
        "customer_metadata_updated",
        "customer_deleted",
        "account_confirmed",
        "account_email_changed",
        "account_deleted",
    }
)
CHECKOUT_EVENTS: Final = frozenset(
    {"checkout_created", "checkout_updated", "checkout_fully_paid", "checkout_metadata_updated"}
)
ORDER_EVENTS: Final = frozenset(
    {
        "order_created",
        "order_confirmed",
        "order_paid",
        "order_fully_paid",
        "order_updated",
        "order_fulfilled",
        "order_cancelled",
        "order_refunded",
        "order_fully_refunded",
        "order_expired",
    }
)
FULFILLMENT_EVENTS: Final = frozenset(
    {"fulfillment_created", "fulfillment_approved", "fulfillment_tracking_number_updated"}
)
#: Events after which the account is gone. Self-service deletion sends only the second.
DELETION_EVENTS: Final = frozenset({"customer_deleted", "account_deleted"})
#: Events about our app itself: it was removed, or switched on or off. No facts of people.
APP_EVENTS: Final = frozenset({"app_deleted", "app_status_changed"})

#: Saleor's GraphQL type of each event: CustomerDeleted of customer_deleted.
EVENT_TYPES: Final = {
    event: "".join(word.capitalize() for word in event.split("_"))
    for event in (
        CUSTOMER_EVENTS | CHECKOUT_EVENTS | ORDER_EVENTS | FULFILLMENT_EVENTS | APP_EVENTS
    )
}
