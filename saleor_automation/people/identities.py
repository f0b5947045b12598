"""Who is who: from an account or an address to one contact.

With an account the contact is the account's; an address belongs to the account that
last claimed it as its own ``user.email``. Without an account the contact is found by
its lower-cased address. Contacts of different accounts never merge; a guest merges
into the account that claims the address. Every rule is a maximum or a union over what
was heard, so the order of arrival does not matter.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db.models import Q, QuerySet

from saleor_automation import signals
from saleor_automation.contract import kinds
from saleor_automation.contract.values import iso
from saleor_automation.inbox.models import Event, EventKey
from saleor_automation.shop.models import Checkout, ShopOrder

from .models import Consent, Contact, Identity, IdentityClaim, Suppression
from .profile import EXTERNAL, Evidence, email_key, evidence_join, profile_of, slots_add, user_key
from .traits import traits_merge

EMAIL = Identity.Kind.EMAIL
USER = Identity.Kind.SALEOR_USER
#: Facts whose object is the order itself.
ORDER_KINDS = (
    kinds.ORDERED,
    kinds.CONFIRMED,
    kinds.PAID,
    kinds.FULFILLED,
    kinds.CANCELLED,
    kinds.REFUNDED,
    kinds.EXPIRED,
)


@dataclass(frozen=True)
class Heard:
    """What a payload says of an identity: values at a time, and since when it is known."""

    at: datetime
    values: Mapping[str, Any]
    since: datetime


@dataclass(frozen=True)
class _Moved:
    """What went along with an address, by Saleor's ids, and who had it before."""

    owner: Contact
    checkout_ids: set[str]
    order_ids: set[str]


def account_resolve(
    *, user_id: str, address: str, heard: Sequence[Heard], now: datetime
) -> Contact:
    """Return an account's contact, with what was heard of it.

    ``address`` is the account's own, as written, at the time of ``heard[0]``. Merges the
    guest of that address.
    """
    at = heard[0].at
    lowered = address.strip().lower()[:254]
    held = identities_lock(user_id=user_id, address=lowered)
    mine = held.get((USER, user_id))
    theirs = held.get((EMAIL, lowered))
    if mine is not None:
        contact = mine.contact
    elif theirs is not None and not user_of(theirs.contact):
        # The guest of that address turns out to have, or to have made, an account.
        contact = theirs.contact
        Identity.objects.create(kind=USER, value=user_id, contact=contact, as_of=at)
        Identity.objects.filter(pk=theirs.pk).update(as_of=at)
        theirs.as_of = at
    else:
        contact = _contact_create(now)
        Identity.objects.create(kind=USER, value=user_id, contact=contact, as_of=at)
    if mine is not None and mine.as_of < at:
        Identity.objects.filter(pk=mine.pk, as_of__lt=at).update(as_of=at)
    moved = _claim(contact, user_id, lowered, theirs, at, now) if lowered else None
    evidence_hear(contact, user_key(user_id), heard)
    if moved is not None:
        signals.objects_moved.send(
            sender=Contact,
            from_contact=moved.owner,
            to_contact=contact,
            checkout_ids=moved.checkout_ids,
            order_ids=moved.order_ids,
            now=now,
        )
    return contact


def guest_resolve(*, address: str, heard: Heard, now: datetime) -> Contact:
    """Return the contact of an address that came without an account."""
    at = heard.at
    lowered = address.strip().lower()[:254]
    found = identities_lock(user_id="", address=lowered).get((EMAIL, lowered))
    if found is None:
        contact = _contact_create(now)
        Identity.objects.create(kind=EMAIL, value=lowered, contact=contact, as_of=at)
    else:
        contact = found.contact
        if found.as_of < at and not user_of(contact):
            # An owner's claim is dated by the owner's account alone.
            Identity.objects.filter(pk=found.pk).update(as_of=at)
    evidence_hear(contact, email_key(lowered), [heard])
    return contact


def identities_lock(*, user_id: str, address: str) -> dict[tuple[str, str], Identity]:
    """Return the identities of an account and an address, locked in a fixed order."""
    wanted = Q(pk=None)
    if user_id:
        wanted |= Q(kind=USER, value=user_id)
    if address:
        wanted |= Q(kind=EMAIL, value=address)
    rows = list(
        Identity.objects.select_for_update(of=("self",)).filter(wanted).order_by("kind", "value")
    )
    contacts = {
        contact.pk: contact
        # Not FOR UPDATE: it would wait for whoever inserts a row that points at the
        # contact, who may be waiting for us.
        for contact in Contact.objects.select_for_update(no_key=True)
        .filter(pk__in={row.contact_id for row in rows})
        .order_by("pk")
    }
    for row in rows:
        row.contact = contacts[row.contact_id]
    return {(row.kind, row.value): row for row in rows}


def user_of(contact: Contact) -> str:
    """Return the id of a contact's account, or ""."""
    return (
        Identity.objects.filter(contact=contact, kind=USER).values_list("value", flat=True).first()
        or ""
    )


def evidence_hear(contact: Contact, key: str, heard: Iterable[Heard]) -> None:
    """Add evidence under an identity and bring the contact's fields up to it."""
    slots = contact.field_versions.setdefault(key, {})
    for item in heard:
        slots_add(slots, iso(item.at), item.values, iso(item.since))
    contact_refresh(contact)


def contact_refresh(contact: Contact) -> None:
    """Compute a contact's fields from its evidence and identities, and save them."""
    contact_fill(
        contact, list(Identity.objects.filter(contact=contact).values_list("kind", "value"))
    )
    contact.save()


def contact_fill(contact: Contact, identities: Sequence[tuple[str, str]]) -> None:
    """Compute a contact's fields from its evidence and these identities (kind, value)."""
    profile = profile_of(
        contact.field_versions,
        addresses={value for kind, value in identities if kind == EMAIL},
        user_id=next((value for kind, value in identities if kind == USER), ""),
    )
    contact.email = profile.email[:254]
    contact.first_name = profile.first_name[:256]
    contact.last_name = profile.last_name[:256]
    contact.language = profile.language[:16]
    contact.country = profile.country[:2]
    contact.channel = profile.channel[:255]
    contact.has_account = profile.has_account
    contact.is_staff = profile.is_staff
    contact.is_anonymous = not any(kind in (EMAIL, USER) for kind, _ in identities) and not any(
        key.startswith(f"{EXTERNAL}:") for key in contact.field_versions
    )
    if profile.since:
        contact.created_at = datetime.fromisoformat(profile.since).astimezone(UTC)


def rows_attach(rows: Iterable[ShopOrder | Checkout], contact: Contact | None) -> None:
    """Give orders or baskets to a contact, with the events that are about them."""
    for row in rows:
        if row.contact_id != (contact.pk if contact else None):
            events_of(row).update(contact=contact)
            row.contact = contact
            row.save(update_fields=["contact"])


def events_of(row: ShopOrder | Checkout) -> QuerySet[Event]:
    """Return the events about one order with its parcels, or about one basket.

    Found by their keys, which are indexed; nothing in ``Event.data`` is.
    """
    if isinstance(row, ShopOrder):
        parcels = row.fulfillments.values_list("saleor_id", flat=True)
        keys = Q(kind__in=ORDER_KINDS, object_id=row.saleor_id) | Q(
            kind=kinds.SHIPPED, object_id__in=list(parcels)
        )
    else:
        keys = Q(kind=kinds.BASKET_CHANGED, object_id=row.saleor_id)
    return Event.objects.filter(key__in=EventKey.objects.filter(keys))


def contacts_merge(*, winner: Contact, loser: Contact, now: datetime) -> None:
    """Make two contacts one. The loser must be a guest."""
    Identity.objects.filter(contact=loser).update(contact=winner)
    ShopOrder.objects.filter(contact=loser).update(contact=winner)
    Checkout.objects.filter(contact=loser).update(contact=winner)
    Event.objects.filter(contact=loser).update(contact=winner)
    IdentityClaim.objects.filter(contact=loser).update(contact=winner)
    Suppression.objects.filter(contact=loser).update(contact=winner)
    Consent.objects.bulk_create(
        [
            Consent(
                contact=winner,
                **{
                    name: getattr(row, name)
                    for name in (
                        "channel",
                        "topic",
                        "state",
                        "basis",
                        "source",
                        "wording",
                        "at",
                        "since",
                    )
                },
            )
            for row in Consent.objects.filter(contact=loser)
        ],
        ignore_conflicts=True,
    )
    traits_merge(winner=winner, loser=loser)
    winner.field_versions = evidence_join(winner.field_versions, loser.field_versions)
    # So that whoever hears of it sees whom they became.
    contact_refresh(winner)
    signals.contact_merged.send(sender=Contact, winner=winner, loser=loser, now=now)
    loser.delete()


def _claim(
    contact: Contact,
    user_id: str,
    address: str,
    held: Identity | None,
    at: datetime,
    now: datetime,
) -> _Moved | None:
    """Let an account claim an address as its own; return what came with it from another."""
    if held is None:
        Identity.objects.create(kind=EMAIL, value=address, contact=contact, as_of=at)
        return None
    owner = held.contact
    if owner.pk == contact.pk:
        if held.as_of < at:
            Identity.objects.filter(pk=held.pk).update(as_of=at)
        return None
    other = user_of(owner)
    if not other:
        contacts_merge(winner=contact, loser=owner, now=now)
        Identity.objects.filter(pk=held.pk).update(as_of=at)
    elif (at, user_id) > (held.as_of, other):
        moved = _hand_over(address, owner, contact)
        Identity.objects.filter(pk=held.pk).update(contact=contact, as_of=at)
        contact_refresh(owner)
        return moved if moved.checkout_ids or moved.order_ids else None
    return None


def _hand_over(address: str, owner: Contact, heir: Contact) -> _Moved:
    """Move what guests did under an address to the account that owns it now."""
    moved: Evidence = {}
    slots = owner.field_versions.pop(email_key(address), None)
    if slots:
        moved[email_key(address)] = slots
    heir.field_versions = evidence_join(heir.field_versions, moved)
    mine = Q(contact=owner, user_id="", email=address)
    baskets, orders = list(Checkout.objects.filter(mine)), list(ShopOrder.objects.filter(mine))
    rows_attach([*orders, *baskets], heir)
    return _Moved(
        owner, {basket.saleor_id for basket in baskets}, {order.saleor_id for order in orders}
    )


def _contact_create(now: datetime) -> Contact:
    return Contact.objects.create(created_at=now)
