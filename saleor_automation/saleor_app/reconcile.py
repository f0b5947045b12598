"""Looking through Saleor for what no webhook told, and storing what is found.

Knows runs, pages and the store. A page and how far it brings the watermark are written
in one transaction, so a process may end anywhere: the next one goes on behind the last
stored page, and what is met twice is known by its digest. What a body means is understood
later, by the inbox, as a webhook's is.

Two sources: ``poll`` finds what was missed, which counts as if a webhook had told it;
``backfill`` brings the history from before the app was installed, which starts nothing.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from django.db import transaction

from saleor_automation import clock
from saleor_automation.exceptions import (
    SaleorAPIError,
    SaleorInstallationError,
    SaleorUnreachable,
)

from .api import installation_needed
from .failed_deliveries import FailedDeliveries
from .models import Installation, Watermark
from .paging import Limits, Page, Pager
from .polling import POLLS, Addressee
from .store import store
from .watermarks import Counts, Run, RunLost, run_advance, run_finish, run_leave, run_take

logger = logging.getLogger(__name__)

POLL: Final = Watermark.Source.POLL.value
BACKFILL: Final = Watermark.Source.BACKFILL.value
DELIVERIES: Final = Watermark.Kind.DELIVERIES.value
#: An account says what its owner wants by now, so nobody is mailed for what came before a
#: "no" that failed too: accounts come first. Bodies as they were sent say most of orders
#: (whether a customer is to be told), so they come before these; orders come before
#: baskets, so that a bought one is known as bought.
POLL_KINDS: Final = ("customers", DELIVERIES, "orders", "checkouts")
BACKFILL_KINDS: Final = ("customers", "orders", "checkouts")
#: How far before the watermark a run looks again: a change is stamped before it is
#: committed, Saleor may read from a replica, and two clocks may differ.
OVERLAP: Final = timedelta(minutes=5)
#: A pass over all baskets takes a while, and some change behind its back.
CHECKOUT_OVERLAP: Final = timedelta(minutes=15)
#: A delivery fails long after it was made when Saleor's own queue is long.
DELIVERY_OVERLAP: Final = timedelta(hours=6)
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

_POLLS = {poll.kind: poll for poll in POLLS}


@dataclass(frozen=True)
class Outcome:
    """How a run of one kind ended, or where it stands."""

    source: str
    kind: str
    counts: Counts = field(default_factory=Counts)
    #: How many objects there are to look at; None when that was not asked.
    total: int | None = None
    finished: bool = False
    #: Another process is at it.
    busy: bool = False
    resumed: bool = False
    error: SaleorAPIError | None = None


def reconcile(
    *,
    source: str = POLL,
    since: datetime | None = None,
    kinds: Sequence[str] | None = None,
    seconds: float | None = None,
    settle: timedelta = timedelta(0),
    counted: bool = False,
    watch: Callable[[Outcome], None] = lambda outcome: None,
) -> list[Outcome]:
    """Look through Saleor; return how it went, per kind.

    ``since`` looks back further than the watermark does. ``seconds`` ends it early, to be
    gone on with later. ``settle`` leaves alone orders and baskets that changed so short a
    time ago that their webhook may still be on its way; a person's "no" is never left alone.
    ``counted`` asks how much there is to do. ``watch`` is called after every page; what it
    raises ends the run, which can be gone on with.

    Raises SaleorInstallationError when nothing is installed or Saleor knows us no more.
    Any other trouble is the outcome's ``error``.
    """
    installation = installation_needed()
    limits = Limits(None if seconds is None else time.monotonic() + seconds)
    outcomes: list[Outcome] = []
    unreachable: SaleorUnreachable | None = None
    for kind in kinds or (POLL_KINDS if source == POLL else BACKFILL_KINDS):
        if limits.over:
            outcomes.append(Outcome(source, kind, error=unreachable))
            continue
        outcome = _look(
            source, kind, installation, since, settle, limits, counted=counted, watch=watch
        )
        outcomes.append(outcome)
        if isinstance(outcome.error, SaleorInstallationError):
            raise outcome.error
        if isinstance(outcome.error, SaleorUnreachable):
            unreachable = outcome.error
    return outcomes


def history_ends(kind: str, installation: Installation) -> datetime:
    """Return up to when an object's last change is history.

    Since then webhooks tell of changes and the poll finds what they lose; a history
    import must not take the first word from them, for it would start nothing.
    """
    row = Watermark.objects.filter(source=POLL, kind=kind).first()
    if row is None or row.reached_at is None:
        return installation.installed_at
    # After a second install the poll still owes what happened before it.
    return min(installation.installed_at, row.reached_at)


def _look(
    source: str,
    kind: str,
    installation: Installation,
    since: datetime | None,
    settle: timedelta,
    limits: Limits,
    *,
    counted: bool,
    watch: Callable[[Outcome], None],
) -> Outcome:
    latest = Outcome(source, kind)

    def seen(outcome: Outcome) -> None:
        nonlocal latest
        latest = outcome
        watch(outcome)

    while True:
        run = run_take(
            source=source,
            kind=kind,
            default=_default(source, kind, installation),
            overlap=_overlap(source, kind),
            until=_until(source, kind, installation, settle),
            wall=clock.wall(),
            asked=since,
        )
        if run is None:
            return replace(latest, busy=True)
        latest = replace(latest, resumed=latest.resumed or run.resumed, finished=False)
        try:
            _pages(run, installation, limits, latest, counted=counted, watch=seen)
        except RunLost:
            return replace(latest, busy=True)
        except SaleorAPIError as error:
            run_leave(run=run, problem=str(error))
            return replace(latest, error=error)
        except BaseException:
            # Ctrl-C, a database that is away: the next process goes on at once.
            _leave_quietly(run)
            raise
        if not (run.resumed and latest.finished and source == POLL):
            return latest
        # What was left is done; what changed since it was begun is still to do.
        since = None


def _leave_quietly(run: Run) -> None:
    try:
        run_leave(run=run)
    except Exception:
        logger.debug("A run could not be left; its lease will end by itself.", exc_info=True)


def _default(source: str, kind: str, installation: Installation) -> datetime:
    """Return from when to look when nothing was looked at yet."""
    if source == BACKFILL or kind == DELIVERIES:
        return EPOCH
    return installation.installed_at - OVERLAP


def _overlap(source: str, kind: str) -> timedelta | None:
    if source == BACKFILL:
        return None
    return {DELIVERIES: DELIVERY_OVERLAP, "checkouts": CHECKOUT_OVERLAP}.get(kind, OVERLAP)


def _until(source: str, kind: str, installation: Installation, settle: timedelta) -> datetime:
    if source == BACKFILL:
        return history_ends(kind, installation)
    return clock.now() - (timedelta(0) if kind == "customers" else settle)


def _source(
    run: Run, installation: Installation, limits: Limits, *, counted: bool
) -> Generator[Page]:
    if run.kind == DELIVERIES:
        failed = FailedDeliveries(run.since, installation.app_id, limits, run.page_size)
        return failed.pages(run.cursor)
    poll = _POLLS[run.kind]
    pager = Pager(
        poll=poll,
        since=run.since,
        until=run.until,
        addressee=Addressee(installation.app_id, installation.saleor_version),
        limits=limits,
        size=run.page_size,
        counted=counted,
        sparing=not poll.in_order and run.source == POLL,
    )
    return pager.pages(run.cursor, clock.now)


def _pages(
    run: Run,
    installation: Installation,
    limits: Limits,
    outcome: Outcome,
    *,
    counted: bool,
    watch: Callable[[Outcome], None],
) -> None:
    """Store page after page until the run is ended, or left for want of time."""
    in_order = run.kind in _POLLS and _POLLS[run.kind].in_order
    with closing(_source(run, installation, limits, counted=counted)) as pages:
        for page in pages:
            with transaction.atomic():
                counts = _store(page, run.source, installation)
                run = run_advance(
                    run=run,
                    counts=counts,
                    cursor=page.cursor,
                    newest_at=page.newest_at,
                    page_size=page.size,
                    in_order=in_order,
                    wall=clock.wall(),
                )
                if not page.cursor:
                    run_finish(run=run, wall=clock.wall())
            outcome = replace(
                outcome,
                counts=outcome.counts + counts,
                total=outcome.total if page.total is None else page.total,
                finished=not page.cursor,
            )
            watch(outcome)
            if page.cursor and limits.over:
                run_leave(run=run)
                return


def _store(page: Page, source: str, installation: Installation) -> Counts:
    now = clock.now()
    new = sum(
        store(
            source=source,
            event_type=body.event_type,
            api_url=installation.api_url,
            body=body.body,
            now=now,
            same=body.same,
        )
        for body in page.bodies
    )
    return Counts(
        looked_at=page.looked_at, new=new, known=len(page.bodies) - new, faults=page.faults
    )
