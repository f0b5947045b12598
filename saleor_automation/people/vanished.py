"""Accounts that are gone from Saleor without a word, and the people erased with them.

Before 3.23 Saleor tells nobody that staff deleted a customer, and any webhook may be
lost. So once a day Saleor is asked for the accounts we know. Erasing cannot be taken
back, so an account counts as deleted only when all of this holds:

- Saleor answered without an error, and in the same answer gave an account it had just
  named itself: an app that lost its permission sees none at all;
- it was missing in two sweeps, at least ``APART`` apart: no replica, no restored copy
  that is being loaded, and nobody who was there a minute ago;
- no more than ``MOST`` accounts, or a tenth of all, are missing: a shop whose database was
  exchanged is a person's business.

What is found is stored as the body a webhook would have brought. Knows identities. An
account that was made staff and never ordered is no customer to Saleor either, and cannot
be told from a deleted one; nobody mails it.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction

from saleor_automation import clock
from saleor_automation.contract.kinds import EVENT_TYPES
from saleor_automation.contract.values import iso
from saleor_automation.exceptions import SaleorAPIError
from saleor_automation.saleor_app.api import MAX_PAGE, graphql, installation_needed
from saleor_automation.saleor_app.models import Installation, Watermark
from saleor_automation.saleor_app.paging import Limits
from saleor_automation.saleor_app.store import store
from saleor_automation.saleor_app.watermarks import (
    Counts,
    Run,
    run_advance,
    run_finish,
    run_leave,
    run_take,
)

from .models import Identity

logger = logging.getLogger(__name__)

EVENT: Final = "customer_deleted"
#: Time between two sweeps after which an account missing in both is gone.
APART: Final = timedelta(hours=20)
#: An account heard of later than this ago is not asked for: a replica may lag.
YOUNG: Final = timedelta(hours=1)
#: Accounts, and the part of all, that may be missing at once.
MOST: Final = 20
PART: Final = 0.1

SOMEBODY_QUERY: Final = (
    "query SaleorAutomationSomebody { customers(first: 1, sortBy: { field: CREATED_AT, "
    "direction: ASC }) { edges { node { id } } } }"
)
ACCOUNTS_QUERY: Final = (
    "query SaleorAutomationAccounts($ids: [ID!]!, $first: Int!) { "
    "customers(first: $first, filter: { ids: $ids }) { edges { node { id } } } }"
)


class SweepDoubted(SaleorAPIError):
    """What Saleor says about accounts is not believed; nobody is erased."""


def vanished_sweep(*, seconds: float | None = None) -> bool:
    """Look which known accounts are gone; return whether that is done, or not due yet.

    ``seconds`` ends it early, to be gone on with later. Raises SaleorAPIError, whose words
    are also kept in the watermark for people to read.
    """
    installation = installation_needed()
    wall = clock.wall()
    source, kind = Watermark.Source.POLL.value, Watermark.Kind.VANISHED.value
    row = Watermark.objects.filter(source=source, kind=kind, since=None).first()
    if row is not None and row.finished_at is not None and wall - row.finished_at < APART:
        return True
    now = clock.now()
    run = run_take(
        source=source, kind=kind, default=now, overlap=None, until=now, wall=wall, asked=now
    )
    if run is None:
        return False
    limits = Limits(None if seconds is None else time.monotonic() + seconds)
    try:
        while not limits.over:
            run, done = _batch(run)
            if done:
                _conclude(run, installation, now)
                return True
        run_leave(run=run)
        return False
    except SaleorAPIError as error:
        run_leave(run=run, problem=str(error))
        raise
    except BaseException:
        run_leave(run=run)
        raise


def _batch(run: Run) -> tuple[Run, bool]:
    """Ask for the next accounts; return the run, and whether these were the last."""
    # Those known when the run began: they are old enough to be on every replica.
    rows = Identity.objects.filter(
        kind=Identity.Kind.SALEOR_USER,
        pk__gt=int(run.cursor or 0),
        as_of__lt=run.since - YOUNG,
        contact__is_staff=False,
    )
    batch = dict(rows.order_by("pk").values_list("pk", "value")[: MAX_PAGE - 1])
    missing = missing_find(list(batch.values()))
    now_missing = sorted({*run.memory.get("now", []), *missing})
    run = run_advance(
        run=run,
        counts=Counts(looked_at=len(batch), known=len(batch) - len(missing)),
        cursor=str(max(batch, default="")),
        newest_at=None,
        page_size=run.page_size,
        in_order=False,
        wall=clock.wall(),
        memory={**run.memory, "now": now_missing},
    )
    return run, len(batch) < MAX_PAGE - 1


def _conclude(run: Run, installation: Installation, now: datetime) -> None:
    """Store the deletion of whoever was missing this time and the last."""
    missing = set(run.memory.get("now", []))
    if len(missing) > max(MOST, PART * run.counts.looked_at):
        problem = (
            f"{len(missing)} of {run.counts.looked_at} accounts are not in Saleor any more. That "
            "is more than a shop deletes in a day, so nobody is erased. If Saleor's database "
            "was exchanged, use an empty Studio for it."
        )
        _end(run, {"before": []}, problem=problem)
        raise SweepDoubted(problem)
    gone = sorted(missing & set(run.memory.get("before", [])))
    with transaction.atomic():
        new = sum(_store(user_id, installation, now) for user_id in gone)
        _end(run, {"before": sorted(missing - set(gone))}, new=new)
    if gone:
        logger.info("%s accounts are gone from Saleor; their people are erased", len(gone))


def _end(run: Run, memory: dict[str, list[str]], *, new: int = 0, problem: str = "") -> None:
    run = run_advance(
        run=run,
        counts=Counts(new=new),
        cursor="",
        newest_at=None,
        page_size=run.page_size,
        in_order=False,
        wall=clock.wall(),
        memory=memory,
    )
    run_finish(run=run, wall=clock.wall(), problem=problem)


def missing_find(accounts: Sequence[str]) -> set[str]:
    """Return which of these accounts, fewer than a page holds, Saleor does not have.

    Raises SaleorAPIError, SweepDoubted among them, unless the answer is beyond doubt.
    """
    if not accounts:
        return set()
    somebody = set(_ids(graphql(query=SOMEBODY_QUERY)))
    if not somebody:
        raise SweepDoubted(
            "Saleor names no customer at all, so its word on missing ones is not taken. Check "
            "that the app still has the permission MANAGE_USERS."
        )
    asked = set(accounts) | somebody
    found = set(
        _ids(graphql(query=ACCOUNTS_QUERY, variables={"ids": sorted(asked), "first": len(asked)}))
    )
    if not somebody <= found or not found <= asked:
        raise SweepDoubted("Saleor's answer about accounts is not complete: nobody is erased.")
    return set(accounts) - found


def _ids(data: Mapping[str, Any]) -> Iterator[str]:
    try:
        for edge in data["customers"]["edges"]:
            yield str(edge["node"]["id"])
    except (KeyError, TypeError) as error:
        raise SweepDoubted("Saleor's answer about accounts holds none.") from error


def _store(user_id: str, installation: Installation, now: datetime) -> bool:
    body = {
        "__typename": EVENT_TYPES[EVENT],
        "issuedAt": iso(now),
        "version": installation.saleor_version,
        "issuingPrincipal": None,
        "recipient": {"id": installation.app_id},
        "user": {"id": user_id},
    }
    return store(
        source=Watermark.Source.POLL,
        event_type=EVENT,
        api_url=installation.api_url,
        body=json.dumps(body).encode(),
        now=now,
    )
