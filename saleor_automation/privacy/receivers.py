"""Receivers and chores of this stage, and the lane of imports of people.

Imports are of an earlier stage, which has no worker of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from saleor_automation import clock, signals
from saleor_automation.claims import Claimed, claim_due
from saleor_automation.conf import conf
from saleor_automation.people.importing.forgetting import imports_prune
from saleor_automation.people.importing.models import ContactImport
from saleor_automation.people.importing.working import WORKING, import_work, imports_give_up
from saleor_automation.people.models import Contact
from saleor_automation.sequences.worker import (
    LANES,
    Chore,
    Lane,
    chore_hasten,
    chore_register,
    lane_register,
)

from .models import DataRequest
from .requests import requests_expire, requests_settle
from .retention import retention_run

NAME = "retention"


def on_contact_merged(*, winner: Contact, loser: Contact, **kwargs: Any) -> None:
    DataRequest.objects.filter(contact=loser).update(contact=winner)


def on_contact_erased(*, contact: Contact, now: datetime, **kwargs: Any) -> None:
    requests_settle(contact=contact, now=now)


def retention_chore() -> None:
    """Forget what the shop's rules say, and close requests nobody confirmed."""
    now = clock.now()
    requests_expire(now=now)
    imports_prune(now=now)
    if not retention_run(now=now):
        chore_hasten(NAME)


def _import_claim(token: UUID, now: datetime, wall: datetime, limit: int) -> Sequence[Claimed]:
    imports_give_up(wall=wall)
    return claim_due(
        ContactImport,
        claim=token,
        states=WORKING,
        now=None,
        wall=wall,
        lease_seconds=conf().lease_seconds,
        limit=limit,
    )


def _import_run(*, claim: UUID, ids: Sequence[str], now: datetime) -> None:
    for pk in ids:
        # The queue ends a task at half a lease, in the middle of a piece.
        if not import_work(pk=int(pk), claim=claim, seconds=conf().lease_seconds / 4):
            LANES["imports"].release(claim=claim, ids=[pk], counted=False)


def connect() -> None:
    """Connect this stage's receivers and chores, once."""
    name = "saleor_automation.privacy"
    signals.contact_merged.connect(on_contact_merged, dispatch_uid=name)
    signals.contact_erased.connect(on_contact_erased, dispatch_uid=name)
    lane_register(
        Lane(
            name="imports",
            model=ContactImport,
            held=WORKING,
            claim=_import_claim,
            run=_import_run,
            batch=lambda: 1,
        )
    )
    chore_register(Chore(name=NAME, every_seconds=24 * 3600, run=retention_chore))
