"""From facts to Event rows: each key once, whatever comes again.

Knows keys, times and how two tellings of one fact are joined. The join does not
depend on the order they came in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from saleor_automation.conf import conf
from saleor_automation.contract.snapshots import Fact

from .models import Event, EventKey, RawEvent


def events_record(*, raw: RawEvent, facts: Sequence[Fact], now: datetime) -> list[Event]:
    """Record facts; return the Events that are new. Repeats only sharpen what is known."""
    by_key = {fact.key: fact for fact in facts}
    if not by_key:
        return []
    fresh = keys_insert(sorted(by_key))
    repeats = [key for key in by_key if key not in fresh]
    if repeats:
        _repeats_join([by_key[key] for key in repeats])
    window = timedelta(hours=conf().entry_window_hours)
    return Event.objects.bulk_create(
        Event(
            key_id=fresh[key],
            kind=fact.kind,
            occurred_at=fact.occurred_at,
            recorded_at=now,
            late=now - fact.occurred_at > window,
            backfill=raw.source == RawEvent.Source.BACKFILL,
            source=raw.source,
            data=dict(fact.data),
            raw=raw,
        )
        for key, fact in by_key.items()
        if key in fresh
    )


def own_events_record(
    *, facts: Sequence[tuple[Fact, UUID]], now: datetime, late: bool, backfill: bool
) -> list[Event]:
    """Record what the Studio itself found of contacts, each key once; return the new Events."""
    if not facts:
        return []
    fresh = keys_insert(sorted({fact.key for fact, _contact in facts}))
    return Event.objects.bulk_create(
        Event(
            key_id=fresh[fact.key],
            kind=fact.kind,
            contact_id=contact,
            occurred_at=fact.occurred_at,
            recorded_at=now,
            late=late,
            backfill=backfill,
            source=RawEvent.Source.OWN,
            data=dict(fact.data),
        )
        for fact, contact in facts
        if fact.key in fresh
    )


def keys_insert(keys: list[tuple[str, str, str]]) -> dict[tuple[str, str, str], int]:
    """Insert the keys that are new, sorted so that two workers never wait crosswise."""
    quote = connection.ops.quote_name
    names = ", ".join(quote(name) for name in ("kind", "object_id", "transition"))
    marks = ", ".join(["(%s, %s, %s)"] * len(keys))
    # Names are the model's own; every value is a parameter. The ORM cannot say which
    # rows an insert that ignores conflicts really made.
    statement = (
        f"INSERT INTO {quote(EventKey._meta.db_table)} ({names}) VALUES {marks} "  # noqa: S608
        f"ON CONFLICT ({names}) DO NOTHING RETURNING {names}, {quote('id')}"
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, [value for key in keys for value in key])
        return {(row[0], row[1], row[2]): row[3] for row in cursor.fetchall()}


def _repeats_join(facts: Sequence[Fact]) -> None:
    """Join what repeats say into the Events they repeat. An erased Event stays erased."""
    wanted = {fact.key: fact for fact in facts}
    found = (
        Event.objects.select_for_update(of=("self",))
        .select_related("key")
        .filter(
            key__kind__in={fact.kind for fact in facts},
            key__object_id__in={fact.object_id for fact in facts},
        )
        .order_by("pk")
    )
    window = timedelta(hours=conf().entry_window_hours)
    for event in found:
        fact = wanted.get((event.key.kind, event.key.object_id, event.key.transition))
        if fact is None:
            continue
        at = min(event.occurred_at, fact.occurred_at)
        data = data_join(event.data, fact.data)
        if at != event.occurred_at or data != event.data:
            event.occurred_at, event.data = at, data
            event.late = event.recorded_at - at > window
            event.save(update_fields=["occurred_at", "data", "late"])


def data_join(one: Mapping[str, Any], two: Mapping[str, Any]) -> dict[str, Any]:
    """Join two tellings of one fact, the same either way round.

    Said beats unsaid (a guest's order gets its account later); "do not notify" beats
    "notify"; two different ids, which Saleor never sends, give the greater.
    """
    joined: dict[str, Any] = {}
    for name in one.keys() | two.keys():
        values = [side[name] for side in (one, two) if side.get(name) not in (None, "")]
        if not values:
            joined[name] = one.get(name, two.get(name))
        elif name == "notify":
            joined[name] = all(values)
        else:
            joined[name] = max(values, key=str)
    return joined
