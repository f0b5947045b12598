"""Wait-and-condition steps through the real worker, and the claim alone.

A number of people wait for weeks; some more become due at one moment. The worker, as
``saleor-automation worker`` starts it (pulse, django-q2, two processes), moves each due one
over a wait, over a condition that asks the shop's orders, and on to the next wait. The
clock runs from the moment they are due until none is left.
"""

from __future__ import annotations

import sys
import time
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

from django.db import transaction

from benchmarks import seed
from benchmarks.load import percentile
from benchmarks.services import process
from saleor_automation import clock
from saleor_automation.conf import conf
from saleor_automation.sequences.models import Enrollment, Heartbeat, StepRun
from saleor_automation.sequences.worker import LANES

GRAPH = {
    "schema": 1,
    "trigger": {"kind": "ordered", "quiet_minutes": 0},
    "purpose": "transactional",
    "topic": "",
    "exits": [
        {
            "condition": {"fact": "order.cancelled", "op": "is_true"},
            "reason": "cancelled",
            "goto": None,
        }
    ],
    "entry": "wait",
    "nodes": {
        "wait": {"type": "wait", "minutes": 60, "next": "ask"},
        "ask": {
            "type": "if",
            "condition": {"fact": "contact.orders", "op": "gte", "value": 2},
            "then": "quiet",
            "otherwise": "quiet",
        },
        "quiet": seed.QUIET,
    },
}
#: Steps each due person takes: the wait is over, the condition is asked.
STEPS = 2
#: Seconds the worker has to start before people become due.
HEAD_START = 20


def measure(*, waiting: int, due: int, claims: int, folder: Path) -> dict[str, float]:
    """Return rows advanced per second and how long a claim takes."""
    now = seed.database_prepare()
    batch = conf().claim_batch
    people = waiting + due + claims * batch
    seed.contacts_make(first=1, last=people, now=now - timedelta(days=40))
    seed.orders_make(first=1, last=people, lines=1, now=now)
    version = seed.sequence_make(GRAPH, now=now)
    entered = now - timedelta(hours=2)
    seed.enrollments_make(
        version,
        first=1,
        last=waiting,
        node="quiet",
        entered_at=entered,
        due_at=now + timedelta(days=2),
        spread=timedelta(days=26),
    )
    seed.enrollments_make(
        version,
        first=waiting + 1,
        last=waiting + due,
        node="wait",
        entered_at=entered,
        due_at=now + timedelta(days=1),
    )
    claim_times = _claims(version, waiting + due + 1, claims, batch, now)
    seed.statistics_refresh()
    moment = clock.now() + timedelta(seconds=HEAD_START)
    Enrollment.objects.filter(node="wait").update(due_at=moment)
    seconds = _run(folder, moment)
    moved = StepRun.objects.filter(node="ask").count()
    if moved != due:
        raise RuntimeError(f"{moved} people moved on, not {due}.")
    return {
        "waiting": waiting,
        "due": due,
        "per_second": due / seconds,
        "steps_per_second": due * STEPS / seconds,
        "claim_p50_ms": percentile(claim_times, 50),
        "claim_p99_ms": percentile(claim_times, 99),
        "claims": len(claim_times),
    }


def _claims(version, first: int, claims: int, batch: int, now) -> list[float]:
    """Time claims of a whole batch, each undone by moving its people on, untimed."""
    if not claims:
        return []
    seed.enrollments_make(
        version,
        first=first,
        last=first + claims * batch - 1,
        node="quiet",
        entered_at=now - timedelta(hours=2),
        due_at=now - timedelta(hours=1),
        spread=timedelta(minutes=30),
    )
    seed.statistics_refresh()
    lane = LANES["enrollments"]
    times = []
    for _ in range(claims):
        token = uuid4()
        started = time.perf_counter()
        with transaction.atomic():
            rows = lane.claim(token, now, clock.wall(), batch)
        times.append((time.perf_counter() - started) * 1000)
        if len(rows) != batch:
            raise RuntimeError(f"A claim took {len(rows)} rows, not {batch}.")
        Enrollment.objects.filter(claim=token).update(
            due_at=now + timedelta(days=20), claim=None, claimed_until=None, attempts=0
        )
    return sorted(times)


def _run(folder: Path, moment) -> float:
    """Run the worker until everybody who is due at ``moment`` moved on."""
    log = folder / "worker.log"
    with process(
        [sys.executable, "-m", "saleor_automation", "worker"], environ={}, log=log
    ) as running:
        while clock.now() < moment - timedelta(seconds=1):
            time.sleep(0.2)
        if not Heartbeat.objects.filter(name="queue").exists():
            raise RuntimeError(f"The worker did not start in time:\n{log.read_text()}")
        end = time.monotonic() + 900
        late = Enrollment.objects.filter(
            state__in=[Enrollment.State.DEBOUNCING, Enrollment.State.ACTIVE], due_at__lte=moment
        )
        while late.exists():
            if running.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"{late.count()} people did not move on:\n{log.read_text()}")
            time.sleep(0.05)
        return (clock.now() - moment).total_seconds()
