"""The subscription documents: what we ask Saleor to send, one per event.

Every field exists in Saleor 3.21 to 3.24. Saleor checks the documents when the app
is installed, and one unknown field refuses the whole manifest, so an event that came
later carries the version it came with. ``origin`` of an order is never selected
(old rows break it), nor ``token`` of account events (Saleor answers an error).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from .kinds import EVENT_TYPES

# The body is signed, the header that names the event is not: so the body names it too.
_ISSUED = """__typename issuedAt version
    issuingPrincipal { __typename ... on App { id } ... on User { id isStaff } }
    recipient { id }"""

_USER = """fragment UserParts on User {
  id email firstName lastName languageCode isActive isConfirmed isStaff dateJoined updatedAt
  metadata { key value }
}"""

_CUSTOMER = (
    _USER
    + """
fragment CustomerParts on User {
  ...UserParts
  defaultShippingAddress { country { code } }
  defaultBillingAddress { country { code } }
}"""
)

_CHECKOUT = (
    _USER
    + """
fragment CheckoutParts on Checkout {
  id token created updatedAt email languageCode authorizeStatus chargeStatus
  channel { slug currencyCode defaultCountry { code } }
  user { ...UserParts }
  shippingAddress { firstName lastName country { code } }
  billingAddress { firstName lastName country { code } }
  metadata { key value }
  totalPrice { currency gross { amount } }
  lines {
    id quantity
    unitPrice { gross { amount } }
    totalPrice { gross { amount } }
    variant {
      id name sku
      media { url(size: 512, format: ORIGINAL) type }
      product {
        id name slug
        thumbnail(size: 512, format: ORIGINAL) { url }
        category { slug }
      }
    }
  }
}"""
)

#: A basket with its lines, as every body about one has it.
CHECKOUT_PARTS: Final = _CHECKOUT

_ORDER = (
    _USER
    + """
fragment OrderParts on Order {
  id number created updatedAt status userEmail languageCodeEnum isPaid chargeStatus checkoutId
  channel { slug currencyCode defaultCountry { code } }
  user { ...UserParts }
  shippingAddress { firstName lastName country { code } }
  billingAddress { firstName lastName country { code } }
  metadata { key value }
  total { currency gross { amount } net { amount } }
  shippingPrice { gross { amount } }
  totalRefunded { amount }
  lines {
    id quantity productName variantName translatedProductName translatedVariantName
    productSku productVariantId
    unitPrice { gross { amount } }
    totalPrice { gross { amount } }
    thumbnail(size: 512, format: ORIGINAL) { url }
    variant { id product { id slug category { slug } } }
  }
  fulfillments { id status trackingNumber created }
}"""
)

#: The selections by themselves, ``...CustomerParts`` and so on, for whoever asks Saleor
#: instead of being told: what comes back has the shape of a webhook's body.
FRAGMENTS: Final = {"user": _CUSTOMER, "checkout": _CHECKOUT, "order": _ORDER}

_PARCEL = "fulfillment { id status trackingNumber created } order { ...OrderParts }"


@dataclass(frozen=True, slots=True)
class Subscription:
    """One event we ask for."""

    #: Saleor's name of the event, upper case as in the manifest.
    event: str
    query: str
    #: What Saleor must allow the app for this payload; "" when nothing is needed.
    permission: str
    #: First Saleor version that knows it.
    since: tuple[int, int] = (3, 21)

    @property
    def name(self) -> str:
        return self.event.replace("_", " ").capitalize()

    @property
    def identifier(self) -> str:
        return self.event.lower()


def _document(event: str, selection: str, fragments: str) -> str:
    type_name = EVENT_TYPES[event.lower()]
    return f"""subscription {type_name}ForAutomation {{
  event {{
    {_ISSUED}
    ... on {type_name} {{ {selection} }}
  }}
}}
{fragments}
""".rstrip("\n")


def _make(
    event: str, selection: str, fragments: str, permission: str, since: tuple[int, int] = (3, 21)
) -> Subscription:
    return Subscription(event, _document(event, selection, fragments), permission, since)


_GONE = "user { id email isStaff }"

SUBSCRIPTIONS: Final[tuple[Subscription, ...]] = (
    *(
        _make(event, "user { ...CustomerParts }", _CUSTOMER, "MANAGE_USERS")
        for event in (
            "CUSTOMER_CREATED",
            "CUSTOMER_UPDATED",
            "CUSTOMER_METADATA_UPDATED",
            "ACCOUNT_CONFIRMED",
            "ACCOUNT_EMAIL_CHANGED",
        )
    ),
    _make("ACCOUNT_DELETED", _GONE, "", "MANAGE_USERS"),
    # Before 3.23 Saleor has no subscription for it and sends a payload of its own form.
    _make("CUSTOMER_DELETED", _GONE, "", "MANAGE_USERS", (3, 23)),
    *(
        _make(event, "checkout { ...CheckoutParts }", _CHECKOUT, "MANAGE_CHECKOUTS")
        for event in (
            "CHECKOUT_CREATED",
            "CHECKOUT_UPDATED",
            "CHECKOUT_FULLY_PAID",
            "CHECKOUT_METADATA_UPDATED",
        )
    ),
    *(
        _make(event, "order { ...OrderParts }", _ORDER, "MANAGE_ORDERS")
        for event in (
            "ORDER_CREATED",
            "ORDER_CONFIRMED",
            "ORDER_PAID",
            "ORDER_FULLY_PAID",
            "ORDER_UPDATED",
            "ORDER_FULFILLED",
            "ORDER_CANCELLED",
            "ORDER_REFUNDED",
            "ORDER_FULLY_REFUNDED",
            "ORDER_EXPIRED",
        )
    ),
    *(
        _make(event, f"notifyCustomer {_PARCEL}", _ORDER, "MANAGE_ORDERS")
        for event in ("FULFILLMENT_CREATED", "FULFILLMENT_APPROVED")
    ),
    _make("FULFILLMENT_TRACKING_NUMBER_UPDATED", _PARCEL, _ORDER, "MANAGE_ORDERS"),
    # Before 3.23 Saleor tells an app of itself only with MANAGE_APPS, which we do not ask.
    *(
        _make(event, "app { id isActive }", "", "", (3, 23))
        for event in ("APP_DELETED", "APP_STATUS_CHANGED")
    ),
)


def subscriptions_for(version: tuple[int, int]) -> tuple[Subscription, ...]:
    """Return the subscriptions a Saleor of that version understands."""
    return tuple(item for item in SUBSCRIPTIONS if item.since <= version)
