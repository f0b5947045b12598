"""Erasing a person: tombstones stay, keys stay, figures stay, nothing personal does.

The end is the same whether the deletion comes after what it erases or before it.
What a guest did under the address *after* the deletion survives, as a new contact.
Keys of orders and baskets stay; those of the account, and tracking numbers, name the person
and go: the account's tombstone blocks for ever, so nothing of them is counted again.
Received bodies that name the person are blanked: those already understood here, by a
search through the bodies that are kept; those still waiting when they are understood.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q

from saleor_automation import signals
from saleor_automation.contract import kinds
from saleor_automation.contract.values import iso
from saleor_automation.inbox.models import Event, EventKey
from saleor_automation.inbox.services import raw_events_forget
from saleor_automation.saleor_app.models import Watermark
from saleor_automation.shop.models import Checkout, ShopOrder

from .digests import identity_digest
from .figures import figures_refresh
from .forgetting import visitors_forget
from .identities import contact_refresh, events_of, identities_lock, user_of
from .importing.forgetting import imports_forget
from .models import Contact, Identity
from .profile import SINCE, Slots, email_key
from .segments.keeping import QUIET, memberships_refresh
from .standings import standings_refresh
from .tombstones import tombstone_add
from .verification.services import addresses_forget

#: Facts whose object is the account itself.
ACCOUNT_KINDS = (
    kinds.JOINED,
    kinds.PROFILE_CHANGED,
    kinds.CONFIRMED_ACCOUNT,
    kinds.EMAIL_CHANGED,
)


@dataclass
class _Survivor:
    """What a guest did under an address after the person who had it was erased."""

    address: str
    rows: list[ShopOrder | Checkout]
    events: list[int]
    slots: Slots


def row_date(row: ShopOrder | Checkout) -> datetime | None:
    """Return when a shopper acted: an order is placed once, a basket changes.

    An order that is shipped after its buyer was erased does not bring them back.
    """
    return row.placed_at if isinstance(row, ShopOrder) else row.version_updated_at


def person_erase(
    *, user_id: str, address: str, at: datetime, now: datetime, contact: Contact | None = None
) -> None:
    """Erase the person of an account, of an address, or of both, up to ``at``.

    ``contact`` goes in any case, whatever names it has. Safe to repeat. Sends
    ``contact_erased`` for every contact that goes.
    """
    lowered = address.strip().lower()
    held = identities_lock(user_id=user_id, address=lowered)
    victims: dict[Any, Contact] = {}
    if contact is not None:
        locked = Contact.objects.select_for_update(no_key=True).filter(pk=contact.pk)
        victims = {found.pk: found for found in locked}
    addresses = {lowered} if lowered else set()
    for (kind, value), identity in held.items():
        mine = kind == Identity.Kind.SALEOR_USER and value == user_id
        # The address may be another account's by now: that person stays.
        if mine or not user_of(identity.contact):
            victims[identity.contact_id] = identity.contact
    addresses |= set(
        Identity.objects.filter(contact__in=victims, kind=Identity.Kind.EMAIL).values_list(
            "value", flat=True
        )
    )
    names: set[tuple[str, str]] = {(Identity.Kind.SALEOR_USER, user_id)} if user_id else set()
    names |= {(Identity.Kind.EMAIL, value) for value in addresses}
    # Names other systems gave them.
    names |= set(
        Identity.objects.filter(contact__in=victims)
        .exclude(kind=Identity.Kind.SALEOR_USER)
        .values_list("kind", "value")
    )
    # Bodies understood since a tombstone was set were blanked then: no second search.
    fresh = [value for kind, value in sorted(names) if tombstone_add(kind=kind, value=value, at=at)]
    told = Event.objects.filter(contact__in=victims, raw__isnull=False)
    raw_events_forget(ids=set(told.values_list("raw_id", flat=True)), names=fresh)
    addresses_forget(addresses)
    imports_forget(addresses)
    visitors_forget(addresses=addresses, now=now)
    survivors = [_survivor(value, victims, at) for value in sorted(addresses)]
    for contact in victims.values():
        _contact_erase(contact, survivors, now)
    _guest_rows_forget(addresses, at)
    if user_id:
        rows_forget(_rows(Q(user_id=user_id)))
        # Their events go with them.
        EventKey.objects.filter(kind__in=ACCOUNT_KINDS, object_id=user_id).delete()
        _sweeps_forget(user_id)
    for survivor in survivors:
        _revive(survivor, now)


def contact_forget(*, contact: Contact, at: datetime, now: datetime) -> None:
    """Erase one contact because the person asked for it."""
    email = Identity.objects.filter(contact=contact, kind=Identity.Kind.EMAIL).first()
    person_erase(
        user_id=user_of(contact),
        address=email.value if email else "",
        at=at,
        now=now,
        contact=contact,
    )


def rows_forget(rows: Iterable[ShopOrder | Checkout]) -> None:
    """Blank the person in orders and baskets and drop the events about them."""
    for row in rows:
        events_of(row).delete()
        row.contact, row.user_id, row.email = None, "", ""
        row.save(update_fields=["contact", "user_id", "email"])
        if isinstance(row, ShopOrder):
            _parcels_forget(row)


def _parcels_forget(order: ShopOrder) -> None:
    """Forget tracking numbers: with one the carrier shows who gets the parcel, and where."""
    parcels = order.fulfillments.values_list("saleor_id", flat=True)
    EventKey.objects.filter(kind=kinds.SHIPPED, object_id__in=list(parcels)).delete()
    order.fulfillments.exclude(tracking_number="").update(tracking_number="")


def events_drop(events: list[Event]) -> None:
    """Delete events of an erased person that came again."""
    Event.objects.filter(pk__in=[event.pk for event in events if event.pk]).delete()
    # The list is shared with the later stages: nothing of it happened for them.
    events.clear()


def deletions_mask(events: list[Event]) -> None:
    """Keep that an account was deleted, and when first, but not which."""
    for event in list(events):
        digest = identity_digest(Identity.Kind.SALEOR_USER, event.key.object_id)
        known = Event.objects.filter(key__kind=event.kind, key__object_id=digest).first()
        if known is not None:
            # Told again: of two times the earlier, as for every fact.
            if event.occurred_at < known.occurred_at:
                known.occurred_at, known.late = event.occurred_at, event.late or known.late
                known.save(update_fields=["occurred_at", "late"])
            EventKey.objects.filter(pk=event.key_id).delete()
            events.remove(event)
            continue
        EventKey.objects.filter(pk=event.key_id).update(object_id=digest)
        event.key.object_id, event.data = digest, {}
        event.save(update_fields=["data"])


def _sweeps_forget(user_id: str) -> None:
    """Take an account out of what the search for deleted ones remembers."""
    for row in Watermark.objects.select_for_update().filter(kind=Watermark.Kind.VANISHED):
        kept = {
            name: [value for value in values if value != user_id]
            for name, values in row.memory.items()
        }
        if kept != row.memory:
            row.memory = kept
            row.save(update_fields=["memory"])


def _contact_erase(contact: Contact, survivors: Collection[_Survivor], now: datetime) -> None:
    signals.contact_erased.send(sender=Contact, contact=contact, now=now)
    kept = {(type(row), row.pk) for survivor in survivors for row in survivor.rows}
    rows_forget(row for row in _rows(Q(contact=contact)) if (type(row), row.pk) not in kept)
    events = {pk for survivor in survivors for pk in survivor.events}
    Event.objects.filter(contact=contact).exclude(pk__in=events).delete()
    contact.delete()


def _survivor(address: str, victims: Collection[Any], at: datetime) -> _Survivor:
    rows = [
        row
        for row in _rows(Q(contact__in=victims, user_id="", email=address))
        if (row_date(row) or at) > at
    ]
    slots: Slots = {}
    for contact in Contact.objects.filter(pk__in=victims):
        for name, entry in contact.field_versions.get(email_key(address), {}).items():
            if name != SINCE and entry[0] > iso(at):
                slots[name] = entry
    dates = [
        date
        for row in rows
        if (date := row.placed_at if isinstance(row, ShopOrder) else row.created_at)
    ]
    if dates:
        slots[SINCE] = [iso(min(dates)), ""]
    events = [
        pk
        for row in rows
        for pk in events_of(row).filter(occurred_at__gt=at).values_list("pk", flat=True)
    ]
    return _Survivor(address, rows, events, slots)


def _revive(survivor: _Survivor, now: datetime) -> None:
    if not survivor.rows:
        return
    contact = Contact.objects.create(
        created_at=now, field_versions={email_key(survivor.address): survivor.slots}
    )
    newest = max(date for row in survivor.rows if (date := row_date(row)))
    Identity.objects.create(
        kind=Identity.Kind.EMAIL, value=survivor.address, contact=contact, as_of=newest
    )
    for row in survivor.rows:
        row.contact = contact
        row.save(update_fields=["contact"])
    Event.objects.filter(pk__in=survivor.events).update(contact=contact)
    contact_refresh(contact)
    figures_refresh([contact.pk], now=now)
    standings_refresh([contact.pk])
    memberships_refresh([contact.pk], now=now, telling=QUIET)


def _guest_rows_forget(addresses: Collection[str], at: datetime) -> None:
    """Blank what guests did under the addresses up to ``at``, whoever owns them now."""
    rows = _rows(Q(user_id="", email__in=addresses))
    rows_forget(row for row in rows if (date := row_date(row)) and date <= at)


def _rows(where: Q) -> list[ShopOrder | Checkout]:
    return [*ShopOrder.objects.filter(where), *Checkout.objects.filter(where)]
