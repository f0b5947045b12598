"""The Message ledger's transitions: planned, closed, put off, and what follows.

Knows states, keys and the enrollment behind a message. Must not know mail servers.
Every transition is fenced by state, and by the claim where there is one.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F

from saleor_automation.people.models import Contact
from saleor_automation.sequences.advancing import enrollments_continue, enrollments_leave
from saleor_automation.sequences.mailing import MailWanted

from . import reasons
from .batches import among
from .models import Message

#: Namespace of message ids: a UUID version 5 of the message's key.
NAMESPACE = uuid.UUID("8a6c9a2e-6f2b-5a51-9d0e-2f6f2c1d7b10")
#: Tries after which a mail the server keeps putting off is given up; four days of them.
MAX_TRIES = 100


def message_id_for(key: str) -> uuid.UUID:
    """Return the id of the message with ``key``: the same for the same key, always."""
    return uuid.uuid5(NAMESPACE, key)


def retry_delay(tries: int) -> timedelta:
    """Return how long to wait after try number ``tries``: 1, 4, 9 .. 60 minutes."""
    return timedelta(minutes=min(tries * tries, 60) or 1)


def messages_plan(*, requests: Sequence[MailWanted], now: datetime) -> None:
    """Write the mails sequences want. A key that exists already is left alone."""
    addresses = dict(
        Contact.objects.filter(pk__in={request.contact_id for request in requests}).values_list(
            "pk", "email"
        )
    )
    Message.objects.bulk_create(
        [
            Message(
                id=message_id_for(request.key),
                key=request.key,
                source=Message.Source.STEP,
                purpose=request.purpose,
                topic=request.topic,
                channel=request.channel,
                contact_id=request.contact_id,
                enrollment_id=request.enrollment_id,
                sequence=request.sequence,
                node=request.node,
                email_key=request.email_key,
                to_address=addresses.get(request.contact_id, ""),
                planned_at=now,
                due_at=request.due_at,
                expires_at=request.expires_at,
            )
            for request in requests
        ],
        ignore_conflicts=True,
    )


@dataclass(frozen=True)
class Closing:
    """How one message ends, or why it is put off: then ``due_at`` says until when."""

    message: Message
    state: str
    reason: str = ""
    detail: str = ""
    due_at: datetime | None = None
    provider_id: str = ""
    #: Why its person leaves the sequence; "" to go on.
    leaves: str = ""
    #: The mail server was asked and put it off.
    tried: bool = False


#: States after which the person goes on to the next step.
SETTLED = frozenset(
    {
        Message.State.ACCEPTED,
        Message.State.AMBIGUOUS,
        Message.State.FAILED,
        Message.State.SKIPPED,
        Message.State.EXPIRED,
    }
)


def messages_close(
    *, closings: Iterable[Closing], from_state: str, claim: uuid.UUID | None, now: datetime
) -> int:
    """Move messages from ``from_state`` on and let their people go on.

    Must run in a transaction. Returns how many messages moved; a message whose
    state or claim is another by now is left alone, and so is its person.
    """
    groups: dict[tuple[str, str, str, datetime | None, str, bool], list[Closing]] = defaultdict(
        list
    )
    for closing in closings:
        key = (
            closing.state,
            closing.reason,
            closing.detail,
            closing.due_at,
            closing.provider_id,
            closing.tried,
        )
        groups[key].append(closing)
    moved = 0
    for (state, reason, detail, due_at, provider_id, tried), members in groups.items():
        rows = Message.objects.filter(
            pk__in=among(member.message.pk for member in members), state=from_state
        )
        if claim is not None:
            rows = rows.filter(claim=claim)
        if state in SETTLED:
            # Which of them are still ours decides who goes on.
            ours = set(rows.select_for_update().order_by("pk").values_list("pk", flat=True))
            members = [member for member in members if member.message.pk in ours]
            moved += Message.objects.filter(pk__in=among(ours)).update(
                state=state,
                reason=reason,
                detail=detail,
                provider_id=provider_id,
                # An unclear mail is settled by an event or the 24-hour rule.
                settled_at=None if state == Message.State.AMBIGUOUS else now,
                claim=None,
                claimed_until=None,
            )
            _people_go_on(members, now)
        else:
            # Whatever holds it, the claim came to an outcome: only those that did not count.
            values: dict[str, Any] = {"reason": reason, "detail": detail, "attempts": 0}
            if due_at is not None:
                values["due_at"] = due_at
            if tried:
                values["tries"] = F("tries") + 1
            moved += rows.update(
                **values, state=state, handed_over_at=None, claim=None, claimed_until=None
            )
    return moved


def _people_go_on(members: Sequence[Closing], now: datetime) -> None:
    left: list[tuple[uuid.UUID, str]] = []
    sent: list[tuple[uuid.UUID, int, str]] = []
    for member in members:
        enrollment = member.message.enrollment
        if enrollment is None:
            continue
        if member.leaves:
            left.append((enrollment.pk, member.leaves))
        else:
            sent.append((enrollment.pk, enrollment.version_id, member.message.node))
    enrollments_leave(left=left, now=now)
    enrollments_continue(sent=sent, now=now)


def put_off(message: Message, *, now: datetime, reason: str, detail: str = "") -> Closing:
    """Return the closing of a try that may be made again, or of the last that makes sense."""
    tries = message.tries + 1
    due_at = now + retry_delay(tries)
    too_late = message.expires_at is not None and due_at > message.expires_at
    if too_late or tries >= MAX_TRIES:
        return Closing(message, Message.State.FAILED, reasons.GAVE_UP, detail)
    return Closing(message, Message.State.PLANNED, reason, detail, due_at=due_at, tried=True)
