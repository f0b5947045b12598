"""Taking rows out of the outbox in turns, and keeping it within its bounds.

A row is taken by moving ``available_at`` ahead, as long as its relay may need; a
relay that dies lets go by the passing of that time. Rows another relay is just taking
are skipped, not waited for. All waiting rows about one object are taken together, so
that what says the same is sent once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import DEFAULT_DB_ALIAS, transaction
from django.db.models import Max, Min, QuerySet

from .bounds import Bounds
from .models import Outbox

#: Rows from which one turn starts; those about the same objects come along.
TURN_ROWS: Final = 50
#: Most rows that come along.
TURN_MOST: Final = 2000
#: How long a turn may take.
TURN_TIME: Final = timedelta(seconds=120)
DELETE_BATCH: Final = 1000
#: Attempts after which a row is left aside when the Studio comes back.
PATIENCE: Final = 5


@dataclass(frozen=True, slots=True)
class Parcel:
    """Rows that say the same about one object: one body for all of them."""

    event: str
    kind: str
    object_id: str
    principal: str
    extra: dict[str, Any]
    #: When the object was last written down as changed; the time the body says.
    issued_at: datetime
    #: Attempts so far, of the row that had most.
    attempts: int
    ids: tuple[int, ...] = field(default=())


def rows() -> QuerySet[Outbox]:
    """Return all rows, in the primary database."""
    return Outbox.objects.using(DEFAULT_DB_ALIAS)


def parcels_take(*, now: datetime) -> list[Parcel]:
    """Take the oldest rows that are due, in the order they were written."""
    due = rows().filter(available_at__lte=now).order_by("pk")
    with transaction.atomic(using=DEFAULT_DB_ALIAS):
        oldest = list(due.select_for_update(skip_locked=True)[:TURN_ROWS])
        if not oldest:
            return []
        related = due.filter(object_id__in={row.object_id for row in oldest})
        taken = {
            row.pk: row
            for row in [*oldest, *related.select_for_update(skip_locked=True)[:TURN_MOST]]
        }
        rows().filter(pk__in=list(taken)).update(available_at=now + TURN_TIME)
    return parcels_make(taken.values())


def parcels_make(taken: Iterable[Outbox]) -> list[Parcel]:
    """Join rows that say the same. The time of a body is that of its object's last change.

    So a body never claims a state earlier than it came about, and one that is sent
    again is the same to the byte unless the object changed.
    """
    groups: dict[tuple[Any, ...], list[Outbox]] = {}
    changed: dict[tuple[str, str], datetime] = {}
    for row in sorted(taken, key=lambda row: row.pk):
        about = (row.kind, row.object_id)
        changed[about] = max(row.created_at, changed.get(about, row.created_at))
        extra = tuple(sorted(row.extra.items()))
        groups.setdefault((row.event, *about, row.principal, extra), []).append(row)
    return [
        Parcel(
            event=members[0].event,
            kind=members[0].kind,
            object_id=members[0].object_id,
            principal=members[0].principal,
            extra=members[0].extra,
            issued_at=changed[members[0].kind, members[0].object_id],
            attempts=max(row.attempts for row in members),
            ids=tuple(row.pk for row in members),
        )
        for members in groups.values()
    ]


def parcel_remove(parcel: Parcel) -> None:
    """Take a parcel's rows out for good."""
    rows().filter(pk__in=parcel.ids).delete()


def parcel_postpone(parcel: Parcel, *, until: datetime, refused: int = 0) -> None:
    """Count an attempt and set the rows aside until then."""
    rows().filter(pk__in=parcel.ids).update(
        attempts=parcel.attempts + 1, available_at=until, refused=refused
    )


def parcels_release(parcels: Sequence[Parcel], *, now: datetime) -> None:
    """Let go of rows that were taken and not tried."""
    ids = [pk for parcel in parcels for pk in parcel.ids]
    if ids:
        rows().filter(pk__in=ids).update(available_at=now)


def postponed_release(*, now: datetime) -> None:
    """Let rows be tried at once that were set aside while the Studio was not itself.

    Rows set aside often are left: they have a trouble of their own.
    """
    rows().filter(attempts__range=(1, PATIENCE), available_at__gt=now + TURN_TIME).update(
        available_at=now
    )


def outbox_trim(*, bounds: Bounds, now: datetime) -> int:
    """Drop what is too old, and the oldest of what is too many; return how many."""
    dropped = 0
    ends = rows().aggregate(first=Min("pk"), last=Max("pk"))
    if ends["first"] is None:
        return 0
    while ids := _too_old(bounds, now):
        dropped += _delete(ids)
    # Keys have gaps: only when they could be too many are they counted.
    if ends["last"] - ends["first"] >= bounds.rows:
        excess = rows().count() - bounds.rows
        while excess > 0:
            ids = list(rows().order_by("pk").values_list("pk", flat=True)[: min(excess, 1000)])
            excess -= len(ids)
            dropped += _delete(ids)
    return dropped


def _too_old(bounds: Bounds, now: datetime) -> list[int]:
    """Return the keys of old rows, looking at the first only: rows are written in time's order."""
    first = rows().order_by("pk").values_list("pk", "created_at")[:DELETE_BATCH]
    return [pk for pk, created_at in first if created_at < now - bounds.age]


def _delete(ids: Sequence[int]) -> int:
    return rows().filter(pk__in=ids).delete()[0]
