"""Visitors and ids in other systems: bringing rows up to what is claimed of them.

Knows the rows; ``attribution`` knows the rules. Everything here is computed again from
the claims, so neither order nor repetition matters. Callers are in a transaction; the
inbox understands one batch at a time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Min, Model, Q

from saleor_automation.contract.values import iso
from saleor_automation.inbox.models import Event

from .attribution import ANONYMOUS, EMAIL, EXTERNAL, USER, Claims, Name, Whose, whose_at
from .claimed import claims_load, followers_of, led_to, own_pk
from .identities import contact_refresh, contacts_merge
from .models import Contact, Identity, IdentityClaim
from .profile import Slots, anonymous_key, evidence_join, external_key, slots_add


def visitors_follow(names: Collection[Name], *, now: datetime) -> set[UUID]:
    """Bring up to date whoever was said to be one of these; return the contacts touched."""
    return visitors_settle(followers_of(names), now=now)


def contacts_ensure(wanted: Iterable[Whose], *, at: Mapping[Name, datetime]) -> dict[Whose, UUID]:
    """Return the contact each leads to; own ones are made.

    ``at``: when identities were heard of, one at least; ``own_dates_set`` says it exactly.
    """
    found = {whose: led_to(whose) for whose in set(wanted)}
    own = {pk: at.get(whose.own) for whose, pk in found.items() if whose.own is not None}
    known = set(Contact.objects.filter(pk__in=own).values_list("pk", flat=True)) if own else ()
    missing = sorted(pk for pk in own if pk not in known)
    if missing:
        some = min(at.values())
        Contact.objects.bulk_create(
            [Contact(pk=pk, created_at=own[pk] or some, is_anonymous=True) for pk in missing],
            ignore_conflicts=True,
        )
    return found


def rows_update(
    model: type[Model], fields: Sequence[str], values: Sequence[tuple[Any, ...]]
) -> None:
    """Write other values into each of many rows: ``values`` ends with the row's key.

    One statement for all takes the database, and Django, ten times as long.
    """
    if not values:
        return
    quote = connection.ops.quote_name
    columns: list[Any] = [model._meta.get_field(field) for field in fields]
    pk: Any = model._meta.pk
    sets = ", ".join(f"{quote(column.column)} = %s" for column in columns)
    # Names are the model's own; every value is a parameter.
    statement = f"UPDATE {quote(model._meta.db_table)} SET {sets} WHERE {quote(pk.column)} = %s"  # noqa: S608
    rows = [
        [
            column.get_db_prep_save(value, connection)
            for column, value in zip([*columns, pk], row, strict=True)
        ]
        # In one order, so that two workers never wait for each other crosswise.
        for row in sorted(values, key=lambda row: row[-1])
    ]
    with connection.cursor() as cursor:
        cursor.executemany(statement, rows)


def visitors_settle(names: Collection[Name], *, now: datetime) -> set[UUID]:
    """Have identities, their events and their evidence with whom they lead to.

    Returns the contacts that gained or lost something.
    """
    if not names:
        return set()
    wanted = Q(pk=None)
    for kind in (ANONYMOUS, EXTERNAL):
        values = sorted(value for known, value in names if known == kind)
        if values:
            wanted |= Q(kind=kind, value__in=values)
    rows = list(
        Identity.objects.select_for_update(of=("self",)).filter(wanted).order_by("kind", "value")
    )
    claims = claims_load([(row.kind, row.value) for row in rows])
    looked: dict[int, list[tuple[datetime, UUID | None]]] = defaultdict(list)
    visitors = [row.pk for row in rows if row.kind == ANONYMOUS]
    seen = IdentityClaim.objects.filter(identity__in=visitors)
    for pk, at, contact in seen.values_list("identity_id", "at", "contact_id"):
        looked[pk].append((at, contact))
    touched: set[UUID] = set()
    for row in rows:
        if row.kind == EXTERNAL and row.contact_id != led_to(claims.external(row.value)):
            touched |= _external_settle(row, claims, now)
    for row in rows:
        # Thousands may claim one address, and one order by it must not look into each.
        if row.kind == ANONYMOUS and not _is_settled(row, claims, looked[row.pk]):
            touched |= _visitor_settle(row, claims, now)
    own_dates_set(touched)
    return set(Contact.objects.filter(pk__in=touched).values_list("pk", flat=True))


def _is_settled(
    row: Identity, claims: Claims, looked: Sequence[tuple[datetime, UUID | None]]
) -> bool:
    """Say whether every claim of a visitor led where it leads now when it was looked at last."""
    stretches = claims.stretches(row.value)
    if not stretches:
        return row.contact_id == own_pk((ANONYMOUS, row.value))
    right = {at: led_to(whose) for at, whose in stretches}
    return row.contact_id == right[stretches[-1][0]] and all(
        contact == right[at] for at, contact in looked
    )


def _external_settle(row: Identity, claims: Claims, now: datetime) -> set[UUID]:
    whose = claims.external(row.value)
    contact = contacts_ensure([whose], at={(row.kind, row.value): row.as_of})[whose]
    before, own = row.contact_id, own_pk((EXTERNAL, row.value))
    touched: set[UUID] = set()
    if before != contact:
        Identity.objects.filter(pk=row.pk).update(contact=contact)
        row.contact_id = contact
        _evidence_move(external_key(row.value), before, contact)
        touched |= {before, contact}
    touched |= _events_move(Event.objects.filter(visitor=row), contact)
    if own != contact:
        touched |= _own_merge(own, contact, now)
    return touched


def _visitor_settle(row: Identity, claims: Claims, now: datetime) -> set[UUID]:
    stretches = claims.stretches(row.value)
    nobody = Whose(own=(ANONYMOUS, row.value))
    current = stretches[-1][1] if stretches else nobody
    led = contacts_ensure(
        {current, *(whose for _at, whose in stretches)}, at={(row.kind, row.value): row.as_of}
    )
    contact, own = led[current], own_pk((ANONYMOUS, row.value))
    touched: set[UUID] = set()
    if row.contact_id != contact:
        touched |= {row.contact_id, contact}
        Identity.objects.filter(pk=row.pk).update(contact=contact)
        row.contact_id = contact
    if len(set(led.values())) == 1:
        touched |= _events_move(Event.objects.filter(visitor=row), contact)
    else:
        moves: dict[UUID, list[int]] = defaultdict(list)
        for pk, at, before in Event.objects.filter(visitor=row).values_list(
            "pk", "occurred_at", "contact_id"
        ):
            right = led[whose_at(stretches, row.value, at)]
            if before != right:
                moves[right].append(pk)
        for right, events in sorted(moves.items()):
            touched |= _events_move(Event.objects.filter(pk__in=events), right)
    if own not in led.values():
        touched |= _own_merge(own, contact, now)
    touched |= _visitor_evidence(row, {at: led[whose] for at, whose in stretches})
    return touched


def _events_move(events: Any, contact: UUID) -> set[UUID]:
    """Give events to a contact; return who gained or lost any."""
    moving = events.filter(Q(contact__isnull=True) | ~Q(contact=contact))
    before = set(moving.order_by().values_list("contact_id", flat=True).distinct())
    if not before:
        return set()
    moving.update(contact=contact)
    return (before - {None}) | {contact}


def _own_merge(own: UUID, heir: UUID, now: datetime) -> set[UUID]:
    """Let a contact that was a visitor's own go, and whatever still hangs on it move."""
    loser = Contact.objects.select_for_update(no_key=True).filter(pk=own).first()
    if loser is None:
        return set()
    winner = Contact.objects.select_for_update(no_key=True).get(pk=heir)
    # Of a visitor's own contact nothing is evidence of the person but what claims say.
    loser.field_versions = {
        key: slots
        for key, slots in loser.field_versions.items()
        if not key.startswith(f"{ANONYMOUS}:")
    }
    contacts_merge(winner=winner, loser=loser, now=now)
    contact_refresh(winner)
    return {own, heir}


def _evidence_move(key: str, before: UUID, contact: UUID) -> None:
    rows = {
        row.pk: row
        for row in Contact.objects.select_for_update(no_key=True)
        .filter(pk__in=[before, contact])
        .order_by("pk")
    }
    slots = rows[before].field_versions.pop(key, None) if before in rows else None
    if not slots:
        return
    heir = rows[contact]
    heir.field_versions = evidence_join(heir.field_versions, {key: slots})
    contact_refresh(rows[before])
    contact_refresh(heir)


def _visitor_evidence(row: Identity, led: dict[datetime, UUID]) -> set[UUID]:
    """Have what pages said of a visitor with the people it was said of."""
    rows = list(IdentityClaim.objects.filter(identity=row))
    slots: dict[UUID, Slots] = defaultdict(dict)
    concerned: set[UUID] = set()
    moved = []
    for claim in rows:
        contact = led[claim.at]
        if claim.values:
            slots_add(slots[contact], iso(claim.at), claim.values, iso(claim.at))
            # Since when they are known, Saleor and servers say.
            slots[contact].pop("since", None)
        if claim.contact_id != contact:
            concerned |= {pk for pk in (claim.contact_id, contact) if pk is not None}
            claim.contact_id = contact
            moved.append(claim)
    concerned |= slots.keys()
    rows_update(IdentityClaim, ["contact"], [(claim.contact_id, claim.pk) for claim in moved])
    if not concerned:
        return set()
    key = anonymous_key(row.value)
    touched = set()
    people = Contact.objects.select_for_update(no_key=True).filter(pk__in=concerned)
    for person in people.order_by("pk"):
        said = slots.get(person.pk)
        if person.field_versions.get(key) == said:
            continue
        if said:
            person.field_versions[key] = said
        else:
            del person.field_versions[key]
        contact_refresh(person)
        touched.add(person.pk)
    return touched


def own_dates_set(contacts: Collection[UUID]) -> None:
    """Date contacts only visits tell of by the first time anything was told of them."""
    rows = Contact.objects.filter(pk__in=contacts).exclude(identities__kind__in=[EMAIL, USER])
    dated = dict(rows.values_list("pk", "created_at"))
    if not dated:
        return
    first: dict[UUID, datetime] = {}

    def see(pk: UUID, at: datetime) -> None:
        first[pk] = min(first.get(pk, at), at)

    events = Event.objects.filter(contact__in=dated).order_by().values_list("contact_id")
    for pk, at in events.annotate(Min("occurred_at")):
        see(pk, at)
    names = Identity.objects.filter(contact__in=dated, kind=EXTERNAL)
    holders = dict(names.values_list("value", "contact_id"))
    claims = IdentityClaim.objects.filter(target_kind=EXTERNAL, target__in=sorted(holders))
    for value, at in claims.order_by().values_list("target").annotate(Min("at")):
        see(holders[value], at)
    made = IdentityClaim.objects.filter(identity__contact__in=dated).order_by()
    for pk, at in made.values_list("identity__contact_id").annotate(Min("at")):
        see(pk, at)
    changed = [(at, pk) for pk, at in first.items() if at != dated[pk]]
    rows_update(Contact, ["created_at"], changed)
