"""Receivers, lane and rescuer of this stage."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any
from uuid import UUID

from saleor_automation import clock, signals
from saleor_automation.claims import Claimed, claim_due
from saleor_automation.conf import conf
from saleor_automation.people.figures import figures_fill
from saleor_automation.people.models import Contact
from saleor_automation.people.subscribing.services import requests_prune, requests_work
from saleor_automation.people.verification.domain_checks import domain_checks_prune
from saleor_automation.people.verification.services import verifications_prune
from saleor_automation.people.write_back import write_backs_run
from saleor_automation.sequences.mailing import MailWanted
from saleor_automation.sequences.services import NOT_PAUSED
from saleor_automation.sequences.worker import (
    Chore,
    Lane,
    chore_register,
    lane_register,
    rescuer_register,
)

from . import facts
from .confirming import confirmations_plan
from .control import sending_problems
from .ledger import messages_plan
from .mailto import on_inbound
from .models import Message, MessageContent
from .rescue import messages_rescue
from .sender import messages_send


def on_mail_wanted(*, requests: Sequence[MailWanted], now: datetime, **kwargs: Any) -> None:
    messages_plan(requests=requests, now=now)


def on_contact_merged(*, winner: Contact, loser: Contact, **kwargs: Any) -> None:
    Message.objects.filter(contact=loser).update(contact=winner)


def on_objects_moved(
    *,
    from_contact: Contact,
    to_contact: Contact,
    checkout_ids: Collection[str],
    order_ids: Collection[str],
    **kwargs: Any,
) -> None:
    """Address unsent mails to the person their basket or order turned out to belong to."""
    # The enrollments moved just before: this stage hears of it after sequences.
    Message.objects.filter(
        enrollment__contact=to_contact,
        contact=from_contact,
        state__in=[Message.State.PLANNED, Message.State.CLAIMED],
    ).update(contact=to_contact, to_address=to_contact.email)


def on_contact_erased(*, contact: Contact, **kwargs: Any) -> None:
    """Leave redacted stubs: figures stay right, nothing of the person does."""
    MessageContent.objects.filter(message__contact=contact).delete()
    Message.objects.filter(contact=contact).update(to_address="", detail="")


def _claim(token: UUID, now: datetime, wall: datetime, limit: int) -> Sequence[Claimed]:
    # While sending is blocked nothing is touched: no try is counted, nothing expires early.
    if sending_problems():
        return []
    return claim_due(
        Message,
        claim=token,
        states=[Message.State.PLANNED, Message.State.CLAIMED],
        new_state=Message.State.CLAIMED,
        now=now,
        wall=wall,
        lease_seconds=conf().lease_seconds,
        limit=limit,
        only=NOT_PAUSED,
    )


def _run(*, claim: UUID, ids: Sequence[str], now: datetime) -> None:
    messages_send(claim=claim, ids=[UUID(pk) for pk in ids], now=now)


def connect() -> None:
    """Connect this stage's receivers, lane and rescuer, once."""
    name = "saleor_automation.delivery"
    signals.mail_wanted.connect(on_mail_wanted, dispatch_uid=name)
    signals.confirmation_wanted.connect(confirmations_plan, dispatch_uid=name)
    signals.contact_merged.connect(on_contact_merged, dispatch_uid=name)
    signals.objects_moved.connect(on_objects_moved, dispatch_uid=name)
    signals.contact_erased.connect(on_contact_erased, dispatch_uid=name)
    with suppress(ImportError):
        from anymail.signals import inbound

        inbound.connect(on_inbound, dispatch_uid=name)
    lane_register(
        Lane(
            name="messages",
            model=Message,
            held=[Message.State.CLAIMED],
            given_back=Message.State.PLANNED,
            claim=_claim,
            run=_run,
            batch=lambda: conf().send_batch,
        )
    )
    rescuer_register("messages", messages_rescue)
    facts.register()
    # Of an earlier stage, which has no worker of its own.
    chore_register(
        Chore(name="figures_fill", every_seconds=3600, run=figures_missing, at_start=True)
    )
    chore_register(Chore(name="consent_write_back", every_seconds=30, run=consent_write_back))
    chore_register(Chore(name="signups", every_seconds=10, run=signups_work))
    chore_register(Chore(name="signups_prune", every_seconds=24 * 3600, run=signups_forget))
    chore_register(
        Chore(name="verifications_prune", every_seconds=24 * 3600, run=verifications_forget)
    )


def figures_missing() -> None:
    """Compute figures of people who have none yet."""
    figures_fill(now=clock.now())


def consent_write_back() -> None:
    """Write what people said here into their accounts in Saleor."""
    write_backs_run(now=clock.now())


def signups_work() -> None:
    """Look at who signed up since."""
    requests_work(now=clock.now())


def signups_forget() -> None:
    """Delete sign-ups nothing came of."""
    requests_prune(now=clock.now())


def verifications_forget() -> None:
    """Delete what was found about addresses and domains nobody asks about any more."""
    domain_checks_prune(now=clock.now())
    verifications_prune(now=clock.now())
