"""Receivers and chores of this stage."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from saleor_automation import clock, signals
from saleor_automation.people.models import Contact
from saleor_automation.sequences.worker import Chore, chore_hasten, chore_register

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
    if not retention_run(now=now):
        chore_hasten(NAME)


def connect() -> None:
    """Connect this stage's receivers and chores, once."""
    name = "saleor_automation.privacy"
    signals.contact_merged.connect(on_contact_merged, dispatch_uid=name)
    signals.contact_erased.connect(on_contact_erased, dispatch_uid=name)
    chore_register(Chore(name=NAME, every_seconds=24 * 3600, run=retention_chore))
