"""Claiming due rows in batches, so that no two workers hold one row.

Knows the two SQL dialects and nothing of what the rows mean. A claim is a lease
in real time (``clock.wall``); whoever holds an expired one is fenced off by its
token. One statement on PostgreSQL (SKIP LOCKED); on SQLite the same within
``BEGIN IMMEDIATE``, which the connection's settings give to every transaction.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, models


@dataclass(frozen=True)
class Claimed:
    """One claimed row: its key, and how often it was begun since it last moved on."""

    pk: Any
    attempts: int


def claim_due(
    model: type[models.Model],
    *,
    claim: uuid.UUID,
    states: Sequence[str],
    new_state: str | None = None,
    now: datetime | None,
    wall: datetime,
    lease_seconds: float,
    limit: int,
    only: str = "",
) -> list[Claimed]:
    """Claim up to ``limit`` rows of ``model`` that are due and free.

    A row is due when its ``due_at`` is at or before ``now`` (``now`` None: every
    row in ``states`` is, in order of id) and free when nobody's lease on it holds.
    ``only`` is a further condition in SQL, of our own words and never of input.
    """
    table = connection.ops.quote_name(model._meta.db_table)
    # Literals, because SQLite does not use a partial index for a bound parameter. They
    # are constants of ours, never input.
    literals = [f"'{state}'" for state in states if state.isidentifier()]
    wanted = f"state = {literals[0]}" if len(literals) == 1 else f"state IN ({', '.join(literals)})"
    due = "due_at <= %s" if now is not None else "true"
    order = "due_at" if now is not None else "id"
    vendor = connection.vendor
    lock = "FOR UPDATE SKIP LOCKED" if vendor == "postgresql" else ""
    pick = (
        f"SELECT id FROM {table} WHERE {wanted} AND {due} {only} "  # noqa: S608
        f"AND (claimed_until IS NULL OR claimed_until < %s) ORDER BY {order} LIMIT %s {lock}"
    )
    set_state = ", state = %s" if new_state else ""
    until = wall + timedelta(seconds=lease_seconds)
    adapt = connection.ops.adapt_datetimefield_value
    key: Any = claim if vendor == "postgresql" else claim.hex
    pick_values: list[Any] = []
    if now is not None:
        pick_values.append(adapt(now))
    pick_values += [adapt(wall), limit]
    set_values: list[Any] = [key, adapt(until), *([new_state] if new_state else [])]
    assignments = f"claim = %s, claimed_until = %s{set_state}"
    if vendor == "postgresql":
        sql = (
            f"WITH picked AS MATERIALIZED ({pick}) UPDATE {table} AS t SET {assignments} "  # noqa: S608
            "FROM picked WHERE t.id = picked.id RETURNING t.id, t.attempts"
        )
        values = [*pick_values, *set_values]
    else:
        sql = f"UPDATE {table} SET {assignments} WHERE id IN ({pick}) RETURNING id, attempts"  # noqa: S608
        values = [*set_values, *pick_values]
    pk_field = model._meta.pk
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        rows = cursor.fetchall()
    return [Claimed(pk_field.to_python(pk), attempts) for pk, attempts in rows]


def claim_begin(
    model: type[models.Model],
    *,
    claim: uuid.UUID,
    ids: Sequence[Any],
    wall: datetime,
    lease_seconds: float,
    states: Sequence[str],
) -> int:
    """Count a try of the rows held under ``claim``, whose work begins now; return how many.

    So a row that kills its worker is noticed. It is not counted when it is claimed: a task
    may be lost on its way, or wait for longer than a lease, and a row that nobody touched
    must not be taken for such a one. The lease begins anew, for the wait was none of it.
    """
    rows = model._default_manager.filter(pk__in=list(ids), claim=claim, state__in=list(states))
    until = wall + timedelta(seconds=lease_seconds)
    return rows.update(attempts=models.F("attempts") + 1, claimed_until=until)


def claim_release(
    model: type[models.Model],
    *,
    claim: uuid.UUID,
    ids: Sequence[Any],
    wall: datetime,
    counted: bool,
    states: Sequence[str],
    new_state: str | None = None,
    begun: bool = True,
) -> None:
    """Give back rows whose batch failed, or, not ``begun``, whose turn has not come.

    ``counted``: the failure may be theirs; each waits longer the more often it failed,
    4, 16, 64 .. 600 seconds of real time. Otherwise it was not (the database was away):
    the try is taken off again and they wait 2 seconds.
    """
    rows = model._default_manager.filter(pk__in=list(ids), claim=claim, state__in=list(states))
    attempts: dict[int, list[Any]] = {}
    for pk, count in rows.values_list("pk", "attempts"):
        attempts.setdefault(count, []).append(pk)
    for count, members in attempts.items():
        seconds = min(4.0**count, 600.0) if counted else 2.0
        values: dict[str, Any] = {
            "claim": None,
            "claimed_until": wall + timedelta(seconds=seconds),
            "attempts": count if counted or not begun else max(count - 1, 0),
        }
        if new_state is not None:
            values["state"] = new_state
        rows.filter(pk__in=members).update(**values)
