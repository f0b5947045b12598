"""The pulse: claims due rows of every lane in batches and hands them to the queue.

Knows lanes, batches, back-pressure and heartbeats. Must not know what a lane's
rows mean: each stage registers its own. One transaction claims and enqueues, so
with the queue in the same database a claim without a task cannot exist; with
Redis a lost task is claimed again when its lease ends.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Model
from django_q.brokers import get_broker
from django_q.tasks import async_task

from saleor_automation import clock
from saleor_automation.claims import Claimed, claim_begin, claim_release
from saleor_automation.conf import conf

from .models import Heartbeat

logger = logging.getLogger(__name__)

#: Last time of a chore that is due whatever the time is.
EARLY = datetime(2000, 1, 1, tzinfo=UTC)

Run = Callable[..., Any]
Claim = Callable[[uuid.UUID, datetime, datetime, int], Sequence[Claimed]]


@dataclass(frozen=True, kw_only=True)
class Lane:
    """One kind of due rows.

    ``claim(token, now, wall, limit)`` leases rows; ``run(claim=, ids=, now=)`` works
    on them in a queue worker.
    """

    name: str
    model: type[Model]
    claim: Claim
    run: Run
    batch: Callable[[], int]
    #: States a row is in while it is held.
    held: Sequence[str]
    #: State it is given back in; None: the one it is in.
    given_back: str | None = None
    #: True: one batch at a time, because its rows concern each other.
    serial: bool = False
    #: How many rows are leased now; asked only for serial lanes.
    leased: Callable[[datetime], int] | None = None

    def begin(self, *, claim: uuid.UUID, ids: Sequence[Any]) -> int:
        """Count a try of the rows that are still held; return how many are."""
        return claim_begin(
            self.model,
            claim=claim,
            ids=ids,
            wall=clock.wall(),
            lease_seconds=conf().lease_seconds,
            states=self.held,
        )

    def release(
        self, *, claim: uuid.UUID, ids: Sequence[Any], counted: bool, begun: bool = True
    ) -> None:
        """Give rows back; ``counted`` says that the error may be their own."""
        claim_release(
            self.model,
            claim=claim,
            ids=ids,
            wall=clock.wall(),
            counted=counted,
            states=self.held,
            new_state=self.given_back,
            begun=begun,
        )


@dataclass(frozen=True, kw_only=True)
class Chore:
    """Something to be done every so often, by one worker of all, in the queue."""

    name: str
    every_seconds: float
    run: Callable[[], Any]
    #: Also whenever a worker starts: who knows how long none was there.
    at_start: bool = False


LANES: dict[str, Lane] = {}
CHORES: dict[str, Chore] = {}
RESCUERS: dict[str, Callable[..., int]] = {}


def lane_register(lane: Lane) -> None:
    """Add a lane; a second one of the same name replaces the first."""
    LANES[lane.name] = lane


def rescuer_register(name: str, rescuer: Callable[..., int]) -> None:
    """Add ``rescuer(now=, wall=) -> rows settled``, called regularly by the worker."""
    RESCUERS[name] = rescuer


def chore_register(chore: Chore) -> None:
    """Add a chore; a second one of the same name replaces the first."""
    CHORES[chore.name] = chore


def chores_enqueue(*, starting: bool = False) -> int:
    """Enqueue the chores whose time has come. Returns how many.

    The row of each chore's last time decides, so that of several workers one does it.
    ``starting`` says that this worker has just started.
    """
    count = 0
    for chore in list(CHORES.values()):
        wall, name = clock.wall(), f"chore:{chore.name}"
        before = wall
        if not (starting and chore.at_start):
            before -= timedelta(seconds=chore.every_seconds)
        with transaction.atomic():
            taken = Heartbeat.objects.filter(name=name, at__lte=before).update(at=wall)
            if not taken:
                _, taken = Heartbeat.objects.get_or_create(name=name, defaults={"at": wall})
            if taken:
                _put("saleor_automation.sequences.tasks.chore_run", chore.name)
                count += 1
    return count


def chore_hasten(name: str) -> None:
    """Have a chore done again soon, because it could not finish."""
    Heartbeat.objects.filter(name=f"chore:{name}").update(at=EARLY)


def _put(task: str, *args: object) -> None:
    """Enqueue a task together with the transaction that is open."""

    # Names and strings only: a task must survive a deploy.
    def put() -> None:
        async_task(task, *args, q_options={"save": False})

    if settings.Q_CLUSTER.get("orm"):
        put()
    else:
        transaction.on_commit(put)


def queue_size() -> int:
    """Return how many tasks wait in or run from the queue."""
    return int(get_broker().queue_size())


@dataclass
class Pulse:
    """Claims what is due. One per shop on SQLite; several may run on PostgreSQL."""

    #: Tasks allowed in the queue per worker process before the pulse waits.
    depth: int = 4
    #: Monotonic time at which to look for chores again; None: never looked.
    _chores_at: float | None = None
    #: Whose turn it is to be first.
    _turn: int = 0

    def beat(self) -> int:
        """Claim and enqueue what is due now. Returns the number of rows claimed."""
        if self._chores_at is None or time.monotonic() >= self._chores_at:
            starting = self._chores_at is None
            chores_enqueue(starting=starting)
            self._chores_at = time.monotonic() + 10
        room = self.depth * conf().workers - queue_size()
        # In turns, and each beat another lane first, so that no backlog starves the others.
        lanes = list(LANES.values())
        self._turn = (self._turn + 1) % max(len(lanes), 1)
        waiting = lanes[self._turn :] + lanes[: self._turn]
        total = 0
        while room > 0 and waiting:
            for lane in list(waiting):
                claimed, enqueued = self._claim(lane)
                total += claimed
                room -= enqueued
                if claimed < lane.batch() or lane.serial:
                    waiting.remove(lane)
                if room <= 0:
                    break
        return total

    def _claim(self, lane: Lane) -> tuple[int, int]:
        """Claim a batch and enqueue it. Returns the numbers of rows and of tasks."""
        now, wall = clock.now(), clock.wall()
        token = uuid.uuid4()
        with transaction.atomic():
            if lane.serial and not self._alone(lane, wall):
                return 0, 0
            rows = lane.claim(token, now, wall, lane.batch())
            if not rows:
                return 0, 0
            # Rows that failed before go alone, so that one cannot hold up the others.
            calm = [str(row.pk) for row in rows if not row.attempts]
            alone = [[str(row.pk)] for row in rows if row.attempts]
            batches = ([calm] if calm else []) + alone
            if lane.serial and alone:
                # One task at a time: the first that failed before, by itself.
                for ids in [*([calm] if calm else []), *alone[1:]]:
                    lane.release(claim=token, ids=ids, counted=False, begun=False)
                batches = alone[:1]
            for ids in batches:
                _put("saleor_automation.sequences.tasks.lane_run", lane.name, token.hex, ids)
        return sum(map(len, batches)), len(batches)

    @staticmethod
    def _alone(lane: Lane, wall: datetime) -> bool:
        """Whether no batch of a serial lane is out, and no other pulse is asking the same."""
        if connection.vendor == "postgresql":
            # SQLite's BEGIN IMMEDIATE lets one pulse in by itself.
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT pg_try_advisory_xact_lock(hashtext(%s))", [f"sa_lane_{lane.name}"]
                )
                (taken,) = cursor.fetchone()
            if not taken:
                return False
        return lane.leased is None or not lane.leased(wall)


def rescue() -> int:
    """Settle what crashed workers left behind. Returns how many rows it settled."""
    return sum(rescuer(now=clock.now(), wall=clock.wall()) for rescuer in list(RESCUERS.values()))


def heartbeat_send() -> None:
    """Put a heartbeat through the queue: only a living worker can write it."""
    async_task("saleor_automation.sequences.tasks.heartbeat", q_options={"save": False})


def heartbeat_write(name: str, **detail: object) -> None:
    """Write that ``name`` is alive."""
    Heartbeat.objects.update_or_create(name=name, defaults={"at": clock.wall(), "detail": detail})


def heartbeat_age(name: str = "queue") -> float | None:
    """Return seconds since ``name`` was last alive, or None when it never was."""
    at = Heartbeat.objects.filter(name=name).values_list("at", flat=True).first()
    return None if at is None else (clock.wall() - at).total_seconds()
