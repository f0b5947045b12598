"""Keeping who is in which segment while people change.

Knows members and the Events of their coming and going. Whoever changed a fact of some
people names them here, in the same transaction and under their locks: they alone are looked
at again, in memory. The lock is taken before definitions and facts are read, so of two
workers the second sees all the first did.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from uuid import UUID

from django.db import connection, transaction

from saleor_automation import clock, signals
from saleor_automation.contract import kinds
from saleor_automation.contract.snapshots import Fact
from saleor_automation.exceptions import CompileError
from saleor_automation.inbox.facts import own_events_record
from saleor_automation.inbox.models import Event, EventKey
from saleor_automation.people.models import Contact
from saleor_automation.people.predicates.language import (
    Ask,
    condition_holds,
    condition_parse,
)
from saleor_automation.people.predicates.values import values_load

from .definitions import IN_SEGMENT, OWN_KINDS, Definition, definitions_sorted, dependents_of
from .models import Segment, SegmentMember

logger = logging.getLogger(__name__)

#: A person and a segment, by their keys in the database.
Place = tuple[UUID, int]


@dataclass(frozen=True)
class Telling:
    """What becomes of those who come or go."""

    #: Whether it is an Event at all.
    events: bool = True
    #: The Event starts nothing: it follows from history or from a merge.
    backfill: bool = False
    #: Nor does it when what it follows from arrived late.
    late: bool = False


ALOUD = Telling()
#: In the line of time, but nothing starts by it.
QUIET = Telling(backfill=True)
#: Not even there: many people changed at once, and it was none of their doing.
SILENT = Telling(events=False)


def definitions_load() -> list[Definition]:
    """Return every segment, each after those it asks about. One query.

    One that cannot be understood any more, since the app of a fact is gone, is left out, and
    so is whoever asks about it: who is in them stays so.
    """
    # Asked for every person that changes: the ORM takes longer to write it than it takes.
    quote = connection.ops.quote_name
    names = ", ".join(quote(name) for name in ("id", "key", "state"))
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {names}, CAST({quote('condition')} AS text) "  # noqa: S608 - our own names
            f"FROM {quote(Segment._meta.db_table)} ORDER BY id"
        )
        return list(_definitions(tuple(cursor.fetchall())))


@lru_cache(maxsize=8)
def _definitions(rows: tuple[tuple[int, str, str, str], ...]) -> tuple[Definition, ...]:
    found: list[Definition] = []
    broken: set[str] = set()
    for pk, key, state, text in rows:
        try:
            condition = condition_parse(json.loads(text))
        except CompileError as error:
            logger.warning("The segment %r is left as it is: %s", key, error)
            broken.add(key)
            continue
        found.append(Definition(pk, key, condition, state == Segment.State.FILLING))
    for key in sorted(broken):
        broken |= {one.key for one in dependents_of(key, found)}
    return tuple(definitions_sorted(one for one in found if one.key not in broken))


@transaction.atomic(savepoint=False)
def memberships_refresh(
    contact_ids: Iterable[UUID], *, now: datetime | None = None, telling: Telling = ALOUD
) -> list[Event]:
    """Look at some people again; return the Events of who joined or left.

    ``now`` is the shop's time, asked of the clock when it is not given.
    """
    ids = set(contact_ids)
    if not ids:
        return []
    people = list(
        Contact.objects.select_for_update(no_key=True)
        .filter(pk__in=ids)
        .defer("field_versions")
        .order_by("pk")
    )
    definitions = definitions_load()
    if not definitions or not people:
        return []
    now = now or clock.now()
    stays: dict[Place, int] = {
        (contact, segment): pk
        for pk, contact, segment in SegmentMember.objects.filter(contact__in=people).values_list(
            "pk", "contact", "segment"
        )
    }
    inside = _inside(people, definitions, now)
    joined = [place for place, holds in inside.items() if holds and place not in stays]
    left = {place: stays[place] for place, holds in inside.items() if not holds and place in stays}
    # In first, then out: who deletes a segment holds its row and waits for ours.
    new = members_insert(joined, now=now)
    if left:
        SegmentMember.objects.filter(pk__in=left.values()).delete()
    if not telling.events:
        return []
    # Of a filling nobody is told, nor of those who come in beside it.
    loud = {found.pk: found.key for found in definitions if not found.filling}
    channels = {person.pk: person.channel for person in people}
    facts = [
        (_fact(kind, place, stay, loud[place[1]], channels[place[0]], now), place[0])
        for kind, places in ((kinds.SEGMENT_LEFT, left), (kinds.SEGMENT_JOINED, new))
        for place, stay in places.items()
        if place[1] in loud
    ]
    events = own_events_record(facts=facts, now=now, late=telling.late, backfill=telling.backfill)
    if events:
        signals.memberships_changed.send(sender=Segment, events=events, now=now)
    return events


def _inside(
    people: Collection[Contact], definitions: Collection[Definition], now: datetime
) -> dict[Place, bool]:
    """Return of each person and segment whether the condition holds."""
    asks = frozenset().union(*(found.asks for found in definitions))
    about_segments = [ask for ask in asks if ask.fact == IN_SEGMENT]
    values = values_load(contacts=people, asks=asks.difference(about_segments), now=now)
    asked: dict[str, list[Ask]] = {}
    for ask in about_segments:
        asked.setdefault(ask.of.lower(), []).append(ask)
    inside: dict[Place, bool] = {}
    for person in people:
        known = values[person.pk]
        # In order: what one asks about another is known by then, and new.
        for found in definitions:
            # A visitor nobody knows belongs to no segment: nobody can be written to.
            holds = not person.is_anonymous and condition_holds(found.condition, known)
            inside[person.pk, found.pk] = holds
            known.update({ask.key: holds for ask in asked.get(found.key, ())})
    return inside


def _fact(kind: str, place: Place, stay: int, segment: str, channel: str, now: datetime) -> Fact:
    contact = str(place[0])
    return Fact(
        kind=kind,
        object_id=contact,
        transition=str(stay),
        occurred_at=now,
        data={
            "segment": segment,
            "membership": f"{segment}/{contact}",
            **({"channel": channel} if channel else {}),
        },
    )


def members_insert(places: Collection[Place], *, now: datetime) -> dict[Place, int]:
    """Take people in; return the new stays. Left out are who is in and segments that are gone.

    On PostgreSQL the segments' rows are held until the transaction ends, so that one which is
    just being deleted is waited for instead of failing.
    """
    if not places:
        return {}
    quote = connection.ops.quote_name
    member, segment = (quote(model._meta.db_table) for model in (SegmentMember, Segment))
    ordered = sorted(places)
    # Names are the models' own; every value is a parameter. The ORM cannot say which rows an
    # insert that ignores conflicts really made.
    if connection.vendor == "postgresql":
        marks = ", ".join(["(%s::uuid, %s::bigint)"] * len(ordered))
        lock = "FOR KEY SHARE OF s"
    else:
        marks = ", ".join(["(%s, %s)"] * len(ordered))
        lock = ""
    statement = (
        f"WITH v(contact, segment) AS (VALUES {marks}) "  # noqa: S608
        f"INSERT INTO {member} (segment_id, contact_id, since) "
        f"SELECT s.id, v.contact, %s FROM v JOIN {segment} s ON s.id = v.segment WHERE true {lock} "
        "ON CONFLICT (segment_id, contact_id) DO NOTHING RETURNING id, contact_id, segment_id"
    )
    adapt = SegmentMember._meta.get_field("contact").get_db_prep_value
    values = [value for contact, pk in ordered for value in (adapt(contact, connection), pk)]
    with connection.cursor() as cursor:
        at = connection.ops.adapt_datetimefield_value(now)
        cursor.execute(statement, [*values, at])
        return {(UUID(str(contact)), pk): stay for stay, contact, pk in cursor.fetchall()}


def memberships_move(*, winner: Contact, loser: Contact) -> None:
    """Let the stays of one contact go on as those of another they turned out to be.

    Of two stays in one segment the longer counts. Whether they may stay is looked at after.
    """
    own = {row.segment_id: row for row in SegmentMember.objects.filter(contact=winner)}
    for row in SegmentMember.objects.filter(contact=loser).order_by("segment"):
        mine = own.get(row.segment_id)
        if mine is None:
            row.contact = winner
            row.save(update_fields=["contact"])
        elif row.since < mine.since:
            mine.since = row.since
            mine.save(update_fields=["since"])


def memberships_forget(contact: Contact) -> None:
    """Delete the Events of a person's coming and going, with the keys that hold their id.

    The stays go with the contact.
    """
    EventKey.objects.filter(kind__in=OWN_KINDS, event__contact=contact).delete()
