"""``saleor-automation reconcile`` and ``backfill``: look through Saleor, and show it.

Knows the screen, exit codes and patience. What is stored is understood by the worker's
inbox lane, in the order it came and one batch at a time, so this process leaves it to it:
it waits and counts while a worker runs, and says so when none does.

0 done · 1 something could not be looked at or understood · 2 a person must change
something in Saleor or here · 130 stopped by Ctrl-C, to be gone on with.
"""

from __future__ import annotations

import signal
import sys
import time
import zoneinfo
from collections.abc import Sequence
from datetime import datetime

from django.db.models import QuerySet
from rich.console import Console
from rich.progress import Progress, TaskID
from rich.table import Table

from saleor_automation import clock
from saleor_automation.conf import conf
from saleor_automation.exceptions import (
    SaleorAccessError,
    SaleorInstallationError,
    UsageError,
)
from saleor_automation.inbox.models import RawEvent
from saleor_automation.saleor_app.models import Watermark
from saleor_automation.saleor_app.reconcile import (
    BACKFILL,
    BACKFILL_KINDS,
    POLL_KINDS,
    Outcome,
    reconcile,
)
from saleor_automation.sequences.worker import heartbeat_age

from .environment import own_command
from .install import database_ready, progress_bar

#: Bodies that may wait to be understood while history is brought in: what happens in the
#: shop meanwhile stands behind them.
MOST_WAITING = 1000
#: Seconds to wait for the worker after a page, and without any progress at the end.
PAGE_PATIENCE = 60.0
PATIENCE = 30.0
EVERY = 0.5


def run(*, source: str, since: datetime | None) -> int:
    """Look through Saleor; return the exit code. Raises UsageError."""
    # As Ctrl-C: the run is left so that the next process goes on at once.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    database_ready()
    if since is not None and since.tzinfo is None:
        since = since.replace(tzinfo=zoneinfo.ZoneInfo(conf().report_zone))
    if since is not None and since > clock.now():
        raise UsageError(f"--since {since:%Y-%m-%d %H:%M} lies in the future.")
    screen = _Screen(source, started_at=clock.now())
    try:
        with screen.progress:
            outcomes = reconcile(source=source, since=since, counted=True, watch=screen.show)
            screen.wait_for_worker()
    except SaleorInstallationError as error:
        raise UsageError(str(error)) from error
    except KeyboardInterrupt:
        print(
            "Stopped. What was found is kept; the same command goes on from here.",
            file=sys.stderr,
        )
        raise
    return screen.end(outcomes)


def worker_is_alive() -> bool:
    """Whether a worker was seen lately."""
    age = heartbeat_age()
    return age is not None and age <= max(120.0, 3 * conf().watchdog_seconds)


class _Screen:
    """Progress on stderr, the result on stdout."""

    def __init__(self, source: str, *, started_at: datetime) -> None:
        self.source = source
        self.started_at = started_at
        self.progress: Progress = progress_bar()
        self.names = dict(Watermark.Kind.choices)
        kinds = BACKFILL_KINDS if source == BACKFILL else POLL_KINDS
        self.tasks: dict[str, TaskID] = {
            kind: self.progress.add_task(self._name(kind), total=None, start=False)
            for kind in kinds
        }
        self.waiting = 0
        self._begin(kinds[0])

    def show(self, outcome: Outcome) -> None:
        """Show how far a kind is."""
        looked_at = outcome.counts.looked_at
        total = looked_at if outcome.finished else max(outcome.total or 0, looked_at + 1)
        self.progress.update(self.tasks[outcome.kind], completed=looked_at, total=total)
        if outcome.finished:
            kinds = list(self.tasks)
            following = kinds.index(outcome.kind) + 1
            if following < len(kinds):
                self._begin(kinds[following])
        if self.source == BACKFILL:
            self._hold_back()

    def _begin(self, kind: str) -> None:
        self.progress.start_task(self.tasks[kind])

    def _name(self, kind: str) -> str:
        return str(self.names[kind]).capitalize()

    def _hold_back(self) -> None:
        """Let the worker catch up."""
        deadline = time.monotonic() + PAGE_PATIENCE
        while (
            self._pending().count() > MOST_WAITING
            and time.monotonic() < deadline
            and worker_is_alive()
        ):
            time.sleep(EVERY)

    def wait_for_worker(self) -> None:
        """Wait until what was found is understood, while a worker makes progress."""
        self.waiting = self._pending().count()
        if not self.waiting or not worker_is_alive():
            return
        task = self.progress.add_task("Understanding", total=self.waiting)
        total, moved_at = self.waiting, time.monotonic()
        while self.waiting and time.monotonic() - moved_at < PATIENCE:
            time.sleep(EVERY)
            left = self._pending().count()
            if left < self.waiting:
                moved_at = time.monotonic()
            self.waiting = left
            self.progress.update(task, completed=total - left)

    def end(self, outcomes: Sequence[Outcome]) -> int:
        """Print the result; return the exit code."""
        console = Console(highlight=False)
        table = Table(box=None, padding=(0, 2, 0, 0))
        for name in ("", "looked at", "new", "known", "faults"):
            table.add_column(name, justify="right" if name else "left")
        for outcome in outcomes:
            counts = outcome.counts
            values = (counts.looked_at, counts.new, counts.known, counts.faults)
            table.add_row(self._name(outcome.kind), *[f"{value:,}" for value in values])
        console.print(table)
        problems = list(self._problems(outcomes))
        faults = self._ours().filter(state=RawEvent.State.FAULT).count()
        if faults:
            problems.append(
                f"{faults} were not understood: look at them in the Studio under Automation, "
                "Received events."
            )
        for problem in problems:
            console.print(problem, soft_wrap=True, markup=False)
        if self.waiting:
            console.print(self._waiting_words(), soft_wrap=True, markup=False)
        if any(isinstance(outcome.error, SaleorAccessError) for outcome in outcomes):
            return 2
        return 1 if problems or any(outcome.counts.faults for outcome in outcomes) else 0

    def _problems(self, outcomes: Sequence[Outcome]) -> list[str]:
        words = []
        for outcome in outcomes:
            name = self._name(outcome.kind)
            if outcome.error is not None:
                words.append(f"{name}: {outcome.error}")
            elif outcome.busy:
                words.append(f"{name}: another process is looking through them at the moment.")
        return words

    def _waiting_words(self) -> str:
        if worker_is_alive():
            return f"{self.waiting:,} still wait for the worker to understand them."
        folder = conf().state_dir
        return (
            f"{self.waiting:,} wait to be understood, and no worker runs. They are as soon as one "
            f"does: {own_command('up', folder)} (or {own_command('worker', folder)})."
        )

    def _ours(self) -> QuerySet[RawEvent]:
        return RawEvent.objects.filter(source=self.source, received_at__gte=self.started_at)

    @staticmethod
    def _pending() -> QuerySet[RawEvent]:
        return RawEvent.objects.filter(state=RawEvent.State.PENDING)
