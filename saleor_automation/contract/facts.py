"""Which facts a snapshot proves.

Facts come from the state, and from the event's name where the state hides them: an
order that is cancelled when its payload is built still was confirmed. So any order
of deliveries gives the same facts. A fact's time is one every delivery agrees on
(the order's own date), or the earliest issue time of all that prove it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from . import kinds
from .snapshots import CheckoutSnapshot, CustomerSnapshot, Envelope, Fact, OrderSnapshot, Snapshot
from .values import iso

#: States an order reaches only after it was confirmed.
CONFIRMED_STATES = frozenset(
    {"UNFULFILLED", "PARTIALLY_FULFILLED", "FULFILLED", "PARTIALLY_RETURNED", "RETURNED"}
)
PAID_STATES = frozenset({"FULL", "OVERCHARGED"})
#: An account that changed no later than this after it was made was being made.
JOINING = timedelta(seconds=2)


def facts_of(envelope: Envelope, snapshot: Snapshot | None) -> tuple[Fact, ...]:
    """Return the facts a payload proves; () for a null object."""
    match snapshot:
        case CustomerSnapshot():
            return tuple(_customer(envelope, snapshot))
        case CheckoutSnapshot():
            return tuple(_checkout(envelope, snapshot))
        case OrderSnapshot():
            return tuple(_order(envelope, snapshot))
    return ()


def _customer(envelope: Envelope, customer: CustomerSnapshot) -> Iterator[Fact]:
    user = customer.user
    data = {"user": user.id}
    if customer.deleted:
        yield Fact(kinds.DELETED, user.id, "", envelope.issued_at, data)
        return
    if user.joined_at is not None:
        yield Fact(kinds.JOINED, user.id, "", user.joined_at, data)
    if customer.is_confirmed or envelope.event_type == "account_confirmed":
        yield Fact(kinds.CONFIRMED_ACCOUNT, user.id, "", envelope.issued_at, data)
    if envelope.event_type == "account_email_changed":
        # The account's own time: webhook and relay tell of one change at different times.
        stamp = iso(customer.updated_at or envelope.issued_at)
        yield Fact(kinds.EMAIL_CHANGED, user.id, stamp, envelope.issued_at, data)
    changed_at = customer.updated_at
    if envelope.event_type == "customer_created" or changed_at is None:
        return
    # Saleor stores a new account more than once; that is no change of it, whoever tells.
    if user.joined_at is None or changed_at - user.joined_at > JOINING:
        yield Fact(kinds.PROFILE_CHANGED, user.id, iso(changed_at), changed_at, data)


def _checkout(envelope: Envelope, checkout: CheckoutSnapshot) -> Iterator[Fact]:
    if envelope.is_own:
        return  # we touched it ourselves; the shopper did nothing
    stamp = iso(checkout.updated_at)
    data = {
        "checkout": checkout.id,
        "user": checkout.user.id if checkout.user else "",
        "channel": checkout.channel.slug,
        "updated_at": stamp,
    }
    yield Fact(kinds.BASKET_CHANGED, checkout.id, stamp, checkout.updated_at, data)


def _order(envelope: Envelope, order: OrderSnapshot) -> Iterator[Fact]:
    if order.status == "DRAFT":
        return  # a member of staff is still writing it
    event = envelope.event_type
    data: dict[str, Any] = {
        "order": order.id,
        "checkout": order.checkout_id,
        "user": order.user.id if order.user else "",
        "channel": order.channel.slug,
    }

    def fact(kind: str, transition: str = "", at: datetime | None = None) -> Fact:
        return Fact(kind, order.id, transition, at or envelope.issued_at, data)

    yield fact(kinds.ORDERED, at=order.created_at)
    if order.status in CONFIRMED_STATES or event == "order_confirmed":
        yield fact(kinds.CONFIRMED)
    if order.is_paid or order.charge_status in PAID_STATES or event == "order_fully_paid":
        yield fact(kinds.PAID)
    for parcel in order.fulfillments:
        if parcel.status != "FULFILLED":
            continue
        made_at = parcel.created_at or envelope.issued_at
        # A second parcel does not change the order's own time of change.
        at = max(made_at, envelope.issued_at) if parcel.tracking_number else made_at
        yield Fact(
            kinds.SHIPPED,
            parcel.id,
            _fit(parcel.tracking_number),
            at,
            {**data, "fulfillment": parcel.id, "notify": parcel.notify},
        )
    if order.status == "FULFILLED" or event == "order_fulfilled":
        yield fact(kinds.FULFILLED)
    if order.status == "CANCELED":
        yield fact(kinds.CANCELLED)
    if order.refunded_gross > 0 or event in ("order_refunded", "order_fully_refunded"):
        yield fact(kinds.REFUNDED, _plain(order.refunded_gross))
    if order.status == "EXPIRED":
        yield fact(kinds.EXPIRED)


def _plain(amount: Decimal) -> str:
    """Write 10.5000 as 10.5, so that it is one transition however it was written."""
    return f"{amount:f}".rstrip("0").rstrip(".") if amount else "0"


def _fit(transition: str) -> str:
    """Keep a transition inside its key column; Saleor's tracking numbers may be longer."""
    if len(transition) <= 128:
        return transition
    return hashlib.sha256(transition.encode()).hexdigest()
