"""May this address be written to? Asked before a batch is written, with no transaction open.

Knows messages and what ``people.verification`` says of addresses. What nobody could find
out yet never stops a mail for good: a marketing mail waits for the next try, while it
still makes sense, and then goes; a service mail does not wait. Mails about one domain cost one
question. That a mailbox does not exist is learned here too, from the mail server's reply.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from saleor_automation.people.verification import services
from saleor_automation.people.verification.policy import Action, refusal_of
from saleor_automation.people.verification.verdicts import Assessment, Reason, Verdict

from . import reasons
from .confirming import confirmation_closing
from .ledger import Closing
from .models import Message

#: Seconds a batch may spend on asking about domains. Part of the time it has for everything.
SECONDS: Final = 8.0
#: How long a mail waits whose domain there was no time to ask about; it waits once.
NEXT_TURN: Final = timedelta(minutes=1)
#: A mail that waits leaves so long before it makes no sense any more.
LAST_CHANCE: Final = timedelta(seconds=30)


def address_closings(*, messages: Sequence[Message], now: datetime) -> dict[UUID, Closing]:
    """Return the mails that must not go to their address, or wait until more is known of it."""
    people = [
        (message, message.contact.email)
        for message in messages
        if message.contact is not None and message.contact.email
    ]
    if not people:
        return {}
    found = services.addresses_verify(
        addresses=[address for _, address in people], now=now, seconds=SECONDS
    )
    doubted = [
        (message, found[address]) for message, address in people if _says_something(found[address])
    ]
    if not doubted:
        return {}
    choices = services.policy_choices()
    confirmed: set[UUID] = set()
    if Action.CONFIRM_FIRST in choices.values():
        confirmed = services.contacts_confirmed(
            [message.contact_id for message, _ in doubted if message.contact_id is not None]
        )
    closings: dict[UUID, Closing] = {}
    for message, assessment in doubted:
        marketing = message.purpose == Message.Purpose.MARKETING
        refusal = refusal_of(
            assessment,
            choices,
            marketing=marketing,
            confirmed=message.contact_id in confirmed,
        )
        if refusal is not None and refusal.action is Action.CONFIRM_FIRST:
            closings[message.pk] = confirmation_closing(message, refusal.reason.value, now)
        elif refusal is not None:
            code = f"{reasons.ADDRESS}:{refusal.reason.value}"
            closings[message.pk] = Closing(message, Message.State.SKIPPED, code)
        elif marketing and (until := _wait(message, assessment, now)) is not None:
            closings[message.pk] = Closing(
                message, Message.State.PLANNED, reasons.ADDRESS_UNKNOWN, due_at=until
            )
    return closings


def _says_something(assessment: Assessment) -> bool:
    """Whether anything speaks against an address, or its domain is still to be heard."""
    if not assessment.complete or len(assessment.reasons) > 1:
        return True
    if assessment.verdict is Verdict.DELIVERABLE:
        return False
    # Nobody is asked about domains here: that is no doubt.
    return assessment.reason is not Reason.NOT_CHECKED or assessment.expires_at is not None


def _wait(message: Message, assessment: Assessment, now: datetime) -> datetime | None:
    """Return until when a mail waits for more to be known; None when it goes now."""
    if assessment.verdict is not Verdict.UNKNOWN:
        return None
    if not assessment.complete:
        until = None if message.reason == reasons.ADDRESS_UNKNOWN else now + NEXT_TURN
    else:
        until = assessment.expires_at
    if until is not None and message.expires_at is not None:
        until = min(until, message.expires_at - LAST_CHANCE)
    return until if until is not None and until > now else None


def mailboxes_unknown(*, messages: Iterable[Message], now: datetime) -> None:
    """Remember that the mail server said of these messages' addresses: no such mailbox."""
    addresses = {message.contact.email for message in messages if message.contact is not None}
    for address in sorted(addresses - {""}):
        services.history_record(address=address, now=now, hard_bounce_at=now)
