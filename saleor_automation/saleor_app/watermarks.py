"""How far Saleor was looked through: runs that are begun, go on, and end.

Knows the Watermark rows. A run belongs to one process at a time: it holds a lease in
real time, renewed with every page, and everything it writes is fenced by its claim.
Whoever comes after a process that died goes on behind the last page that was stored.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q

from saleor_automation.exceptions import SaleorAPIError

from .models import Watermark

#: Seconds of real time without a new page after which another process may go on.
LEASE_SECONDS = 180.0


class RunLost(SaleorAPIError):
    """Another process goes on with this run; this one must stop."""


@dataclass(frozen=True)
class Counts:
    """What a run met, in objects."""

    looked_at: int = 0
    #: Stored, because nothing like it had come before.
    new: int = 0
    known: int = 0
    #: What Saleor could not tell of, or told in no form we understand.
    faults: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.looked_at + other.looked_at,
            self.new + other.new,
            self.known + other.known,
            self.faults + other.faults,
        )


@dataclass(frozen=True)
class Run:
    """A run this process holds."""

    source: str
    kind: str
    claim: uuid.UUID
    #: Changes from when to when it looks at.
    since: datetime
    until: datetime
    reached_at: datetime | None
    cursor: str
    newest_at: datetime | None
    page_size: int
    counts: Counts
    memory: Mapping[str, Any] = field(default_factory=dict)
    #: Whether an earlier process began it.
    resumed: bool = False


def run_take(
    *,
    source: str,
    kind: str,
    default: datetime,
    overlap: timedelta | None,
    until: datetime,
    wall: datetime,
    asked: datetime | None = None,
) -> Run | None:
    """Go on with the run that was left, or begin one; None while another process holds it.

    A new run looks back to the watermark less ``overlap``, or to ``default`` when there is
    none (or ``overlap`` is None), and further when ``asked`` is earlier: never less, or
    what lies between would be skipped. A run that was left and does not look back as far
    as is wanted now is begun anew.
    """
    row, _created = Watermark.objects.get_or_create(source=source, kind=kind)
    claim = uuid.uuid4()
    free = Q(claim=None) | Q(claimed_until__lt=wall)
    taken = Watermark.objects.filter(free, pk=row.pk)
    if not taken.update(claim=claim, claimed_until=wall + timedelta(seconds=LEASE_SECONDS)):
        return None
    row.refresh_from_db()
    if overlap is None:
        start = default if asked is None else asked
    else:
        usual = default if row.reached_at is None else row.reached_at - overlap
        start = usual if asked is None else min(asked, usual)
    resumed = row.since is not None and row.until is not None and row.since <= start
    if not resumed:
        row.since, row.until, row.cursor, row.newest_at = start, until, "", None
        row.looked_at = row.new = row.known = row.faults = 0
        row.started_at, row.problem = wall, ""
        row.save()
    return Run(
        source=source,
        kind=kind,
        claim=claim,
        since=row.since or start,
        until=row.until or until,
        reached_at=row.reached_at,
        cursor=row.cursor,
        newest_at=row.newest_at,
        page_size=row.page_size,
        counts=Counts(row.looked_at, row.new, row.known, row.faults),
        memory=row.memory,
        resumed=resumed,
    )


def run_advance(
    *,
    run: Run,
    counts: Counts,
    cursor: str,
    newest_at: datetime | None,
    page_size: int,
    in_order: bool,
    wall: datetime,
    memory: Mapping[str, Any] | None = None,
) -> Run:
    """Note that a page is stored; call it in the transaction that stores the page.

    ``in_order`` says that pages come in the order of change, so that the watermark may
    move with each. Raises RunLost.
    """
    kept = run.memory if memory is None else memory
    newest = _later(run.newest_at, newest_at)
    reached = _later(run.reached_at, newest) if in_order else run.reached_at
    total = run.counts + counts
    _write(
        run,
        cursor=cursor,
        newest_at=newest,
        reached_at=reached,
        page_size=page_size,
        looked_at=total.looked_at,
        new=total.new,
        known=total.known,
        faults=total.faults,
        memory=kept,
        claimed_until=wall + timedelta(seconds=LEASE_SECONDS),
    )
    return replace(
        run,
        cursor=cursor,
        newest_at=newest,
        reached_at=reached,
        page_size=page_size,
        counts=total,
        memory=kept,
    )


def run_finish(*, run: Run, wall: datetime, problem: str = "") -> None:
    """End a run that looked at everything, and say what it found wrong. Raises RunLost."""
    _write(
        run,
        since=None,
        until=None,
        cursor="",
        reached_at=_later(run.reached_at, run.newest_at),
        finished_at=wall,
        problem=problem[:2000],
        claim=None,
        claimed_until=None,
    )


def run_leave(*, run: Run, problem: str = "") -> None:
    """Leave a run for whoever goes on with it, and say why. Never raises RunLost."""
    Watermark.objects.filter(source=run.source, kind=run.kind, claim=run.claim).update(
        problem=problem[:2000], claim=None, claimed_until=None
    )


def _write(run: Run, **values: Any) -> None:
    rows = Watermark.objects.filter(source=run.source, kind=run.kind, claim=run.claim)
    if not rows.update(**values):
        raise RunLost("Another process goes on with this run.")


def _later(one: datetime | None, two: datetime | None) -> datetime | None:
    return max(one, two) if one is not None and two is not None else one or two


@dataclass(frozen=True)
class Standing:
    """How the last look at one kind went, for people."""

    kind: str
    label: str
    #: When everything had been looked at last, in real time; None when it never was.
    finished_at: datetime | None
    under_way: bool
    counts: Counts
    #: Why the last one ended early, and what to do; "" when it did not.
    problem: str


def standings(*, source: str) -> list[Standing]:
    """Return how the last look at each kind went, for the kinds that were looked at."""
    labels = dict(Watermark.Kind.choices)
    rows = {row.kind: row for row in Watermark.objects.filter(source=source)}
    return [
        Standing(
            kind=kind,
            label=str(label),
            finished_at=rows[kind].finished_at,
            under_way=rows[kind].since is not None,
            counts=Counts(
                rows[kind].looked_at, rows[kind].new, rows[kind].known, rows[kind].faults
            ),
            problem=rows[kind].problem,
        )
        for kind, label in labels.items()
        if kind in rows
    ]
