"""From a webhook's body to snapshots and facts.

Knows the JSON our subscription documents produce, and richer ones: fields it does
not know are ignored. Must not know the database.
"""

from __future__ import annotations

from typing import Any

from saleor_automation.exceptions import ContractError

from . import kinds
from .app_events import app_event_of
from .facts import facts_of
from .snapshots import (
    ChannelRef,
    CheckoutSnapshot,
    CustomerSnapshot,
    Envelope,
    Fact,
    FulfillmentSnapshot,
    Line,
    OrderSnapshot,
    Parsed,
    Snapshot,
    UserRef,
)
from .values import (
    amount,
    document,
    flag,
    identifier,
    language,
    moment,
    moment_needed,
    pairs,
    part,
    parts,
    text,
    whole,
)

__all__ = [
    "ChannelRef",
    "CheckoutSnapshot",
    "CustomerSnapshot",
    "Envelope",
    "Fact",
    "FulfillmentSnapshot",
    "Line",
    "OrderSnapshot",
    "Parsed",
    "Snapshot",
    "UserRef",
    "event_agrees",
    "parse",
    "recipient_of",
    "unwrap",
]

#: Field of a body we asked for: when its state was read.
POLLED = "polledAt"
#: Fields of an account that no subscription to its deletion selects.
_LIVING = frozenset({"updatedAt", "dateJoined", "isActive"})


def parse(event_type: str, body: bytes) -> Parsed:
    """Understand one body.

    Raises ContractError, in words for a person, when it does not hold what the
    subscription promises.
    """
    content = unwrap(document(body))
    principal = part(content, "issuingPrincipal") or {}
    envelope = Envelope(
        issued_at=moment_needed(content, "issuedAt"),
        version=text(content, "version"),
        recipient_id=recipient_of(content),
        event_type=event_type,
        principal_type=text(principal, "__typename"),
        principal_id=text(principal, "id"),
        polled_at=moment(content, POLLED),
    )
    snapshot = _snapshot(envelope, content)
    return Parsed(envelope, snapshot, facts_of(envelope, snapshot))


def unwrap(content: dict[str, Any]) -> dict[str, Any]:
    """Return the event of a body, whether it came flat or as ``{"data": {name: event}}``."""
    data = part(content, "data") if set(content) <= {"data", "errors", "extensions"} else None
    if data is None:
        return content
    inner = [value for value in data.values() if isinstance(value, dict)]
    if len(inner) != 1:
        raise ContractError("“data” does not hold one event.")
    return {**inner[0], "errors": content.get("errors")}


def recipient_of(content: dict[str, Any]) -> str:
    """Return the id of the app the payload was made for; "" when it does not say."""
    return text(part(content, "recipient") or {}, "id")


def event_agrees(event_type: str, content: dict[str, Any]) -> bool:
    """Whether a body can be of the event that the unsigned header names.

    A body says so itself when its subscription selects ``__typename``. Of others only
    deletions are looked at, since nothing undoes them: what an account was like is not
    in them. An event we do not know agrees; it is stored and becomes a fault.
    """
    expected = kinds.EVENT_TYPES.get(event_type)
    if expected is not None and "__typename" in content:
        return bool(content["__typename"] == expected)
    if event_type in kinds.DELETION_EVENTS:
        user = content.get("user")
        return not (isinstance(user, dict) and _LIVING & user.keys())
    return True


def _snapshot(envelope: Envelope, content: dict[str, Any]) -> Snapshot | None:
    event = envelope.event_type
    if event in kinds.CUSTOMER_EVENTS:
        found = _root(content, "user")
        return _customer(envelope, found) if found else None
    if event in kinds.CHECKOUT_EVENTS:
        found = _root(content, "checkout")
        return _checkout(envelope, found) if found else None
    if event in kinds.ORDER_EVENTS:
        found = _root(content, "order")
        return _order(envelope, found) if found else None
    if event in kinds.FULFILLMENT_EVENTS:
        found = _root(content, "order")
        return _order(envelope, found, _parcel(content)) if found else None
    if event in kinds.APP_EVENTS:
        # The webhook acted on it when it came. One that comes another way tells no fact.
        app_event_of(event, content)
        return None
    raise ContractError(
        f"Saleor sent the event “{event}”, which this version does not know. "
        "Remove that webhook from the app, or update saleor-automation."
    )


def _root(content: dict[str, Any], name: str) -> dict[str, Any] | None:
    """Return the object the event is about.

    It is null without an error when it was gone before Saleor built the payload (a
    basket that became an order); with an error when Saleor could not build it.
    """
    if name not in content:
        raise ContractError(f"“{name}” is missing; select it in the subscription.")
    found = part(content, name)
    errors = content.get("errors")
    if found is None and errors:
        first = errors[0] if isinstance(errors, list) else errors
        words = first.get("message") if isinstance(first, dict) else first
        raise ContractError(
            f"Saleor could not build the payload: {str(words)[:500]} "
            "Check the permissions of the app in the Dashboard."
        )
    return found


def _user(source: dict[str, Any]) -> UserRef:
    return UserRef(
        id=identifier(source),
        email=text(source, "email").strip(),
        first_name=text(source, "firstName").strip(),
        last_name=text(source, "lastName").strip(),
        language=language(source, "languageCode"),
        joined_at=moment(source, "dateJoined"),
        is_staff=flag(source, "isStaff"),
        metadata=pairs(source),
    )


def _customer(envelope: Envelope, source: dict[str, Any]) -> CustomerSnapshot:
    home = part(source, "defaultShippingAddress") or part(source, "defaultBillingAddress")
    return CustomerSnapshot(
        issued_at=envelope.state_at,
        user=_user(source),
        updated_at=moment(source, "updatedAt"),
        is_active=flag(source, "isActive"),
        is_confirmed=flag(source, "isConfirmed"),
        country=_country(home),
        deleted=envelope.event_type in kinds.DELETION_EVENTS,
    )


def _country(address: dict[str, Any] | None) -> str:
    return text(part(address, "country") or {}, "code").upper()[:2]


def _channel(source: dict[str, Any]) -> ChannelRef:
    channel = part(source, "channel") or {}
    return ChannelRef(
        slug=text(channel, "slug"),
        currency=text(channel, "currencyCode"),
        default_country=text(part(channel, "defaultCountry") or {}, "code").upper()[:2],
    )


def _checkout(envelope: Envelope, source: dict[str, Any]) -> CheckoutSnapshot:
    user = part(source, "user")
    billing, shipping = part(source, "billingAddress"), part(source, "shippingAddress")
    total = part(source, "totalPrice") or {}
    channel = _channel(source)
    currency = text(total, "currency") or channel.currency
    return CheckoutSnapshot(
        issued_at=envelope.state_at,
        id=identifier(source),
        updated_at=moment_needed(source, "updatedAt"),
        created_at=moment_needed(source, "created"),
        token=text(source, "token"),
        email=text(source, "email").strip(),
        user=_user(user) if user else None,
        channel=channel,
        language=language(source, "languageCode"),
        country=_country(shipping) or _country(billing),
        first_name=text(billing or shipping or {}, "firstName").strip(),
        last_name=text(billing or shipping or {}, "lastName").strip(),
        currency=currency,
        total_gross=amount(part(total, "gross")),
        charge_status=text(source, "chargeStatus"),
        authorize_status=text(source, "authorizeStatus"),
        lines=tuple(_checkout_line(line, currency) for line in parts(source, "lines")),
        metadata=pairs(source),
    )


def _checkout_line(source: dict[str, Any], currency: str) -> Line:
    variant = part(source, "variant") or {}
    product = part(variant, "product") or {}
    unit = amount(part(part(source, "unitPrice"), "gross"))
    quantity = whole(source, "quantity")
    total = part(part(source, "totalPrice"), "gross")
    return Line(
        id=identifier(source),
        quantity=quantity,
        product_id=text(product, "id"),
        product_slug=text(product, "slug"),
        product_name=text(product, "name"),
        category_slug=text(part(product, "category") or {}, "slug"),
        variant_id=text(variant, "id"),
        variant_name=_variant_name(text(variant, "name"), text(variant, "id")),
        sku=text(variant, "sku"),
        currency=currency,
        unit_gross=unit,
        total_gross=amount(total) if total else unit * quantity,
        image_url=_image(variant, product),
        available=_available(source),
    )


def _available(line: dict[str, Any]) -> int | None:
    """Return how many units can be bought; None when no trouble with the line is told."""
    found = None
    for problem in parts(line, "problems"):
        kind = text(problem, "__typename")
        if kind == "CheckoutLineProblemVariantNotAvailable":
            return 0
        if kind == "CheckoutLineProblemInsufficientStock":
            # An oversold stock is below nothing.
            count = problem.get("availableQuantity")
            found = max(0, count) if isinstance(count, int) else 0
    return found


def _variant_name(name: str, variant_id: str) -> str:
    """Return the variant's name; Saleor repeats the id when it has none."""
    return "" if name == variant_id else name


def _image(variant: dict[str, Any], product: dict[str, Any]) -> str:
    for media in parts(variant, "media"):
        if text(media, "type") in ("", "IMAGE") and text(media, "url"):
            return text(media, "url")
    return text(part(product, "thumbnail") or {}, "url")


def _parcel(content: dict[str, Any]) -> FulfillmentSnapshot | None:
    found = part(content, "fulfillment")
    return _fulfillment(found, flag(content, "notifyCustomer")) if found else None


def _fulfillment(source: dict[str, Any], notify: bool | None = None) -> FulfillmentSnapshot:
    return FulfillmentSnapshot(
        id=identifier(source),
        status=text(source, "status"),
        tracking_number=text(source, "trackingNumber").strip(),
        created_at=moment(source, "created"),
        notify=notify,
    )


def _order(
    envelope: Envelope, source: dict[str, Any], parcel: FulfillmentSnapshot | None = None
) -> OrderSnapshot:
    user = part(source, "user")
    billing, shipping = part(source, "billingAddress"), part(source, "shippingAddress")
    total = part(source, "total") or {}
    channel = _channel(source)
    currency = text(total, "currency") or channel.currency
    parcels = [_fulfillment(item) for item in parts(source, "fulfillments")]
    if parcel is not None:
        # The event's own parcel says more: whether the customer is to be told.
        parcels = [item for item in parcels if item.id != parcel.id] + [parcel]
    # Saleor builds the payload of an expiry before it stores the new status.
    status = "EXPIRED" if envelope.event_type == "order_expired" else text(source, "status")
    return OrderSnapshot(
        issued_at=envelope.state_at,
        id=identifier(source),
        number=text(source, "number"),
        created_at=moment_needed(source, "created"),
        updated_at=moment_needed(source, "updatedAt"),
        status=status,
        charge_status=text(source, "chargeStatus"),
        is_paid=bool(flag(source, "isPaid")),
        checkout_id=text(source, "checkoutId"),
        email=text(source, "userEmail").strip(),
        user=_user(user) if user else None,
        channel=channel,
        language=language(source, "languageCodeEnum", "languageCode"),
        country=_country(shipping) or _country(billing),
        first_name=text(billing or shipping or {}, "firstName").strip(),
        last_name=text(billing or shipping or {}, "lastName").strip(),
        currency=currency,
        total_gross=amount(part(total, "gross")),
        total_net=amount(part(total, "net")),
        shipping_gross=amount(part(part(source, "shippingPrice"), "gross")),
        refunded_gross=amount(part(source, "totalRefunded")),
        lines=tuple(_order_line(line, currency) for line in parts(source, "lines")),
        fulfillments=tuple(sorted(parcels, key=lambda item: item.id)),
        metadata=pairs(source),
    )


def _order_line(source: dict[str, Any], currency: str) -> Line:
    variant = part(source, "variant") or {}
    product = part(variant, "product") or {}
    variant_id = text(source, "productVariantId") or text(variant, "id")
    return Line(
        id=identifier(source),
        quantity=whole(source, "quantity"),
        product_id=text(product, "id"),
        product_slug=text(product, "slug"),
        product_name=text(source, "translatedProductName") or text(source, "productName"),
        category_slug=text(part(product, "category") or {}, "slug"),
        variant_id=variant_id,
        variant_name=_variant_name(
            text(source, "translatedVariantName") or text(source, "variantName"), variant_id
        ),
        sku=text(source, "productSku"),
        currency=currency,
        unit_gross=amount(part(part(source, "unitPrice"), "gross")),
        total_gross=amount(part(part(source, "totalPrice"), "gross")),
        image_url=text(part(source, "thumbnail") or {}, "url"),
    )
