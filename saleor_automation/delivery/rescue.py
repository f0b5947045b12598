"""Settles what crashed workers left behind, and what time settles by itself.

Knows journals, leases and the 24-hour rule. Never sends anything again that may
have been sent: only mails whose journal says they were not begun, or definitely
refused, go back to being planned.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import Exists, OuterRef

from saleor_automation.conf import conf
from saleor_automation.sequences.advancing import enrollments_continue
from saleor_automation.sequences.models import Enrollment

from . import reasons
from .journal import Found, journal_dir, journals_dead
from .ledger import Closing, messages_close, put_off
from .models import Message

logger = logging.getLogger(__name__)

State = Message.State
CHUNK = 1000


def messages_rescue(*, now: datetime, wall: datetime) -> int:
    """Settle what is left over. Returns how many messages moved."""
    settled = 0
    for found in journals_dead():
        settled += _from_journal(found, now)
    return (
        settled
        + _without_journal(now, wall)
        + _after_a_day(now)
        + _too_late(now, wall)
        + _stranded(now)
    )


@transaction.atomic
def _from_journal(found: Found, now: datetime) -> int:
    """Settle a dead worker's batch by what its journal says."""
    closings = []
    rows = Message.objects.select_related("enrollment").filter(claim=found.claim)
    for message in rows.filter(state=State.HANDED_OVER):
        if message.pk in found.accepted:
            closings.append(Closing(message, State.ACCEPTED))
        elif message.pk in found.unclear:
            closings.append(Closing(message, State.AMBIGUOUS, reasons.LOST))
        elif message.pk in found.refused:
            closings.append(put_off(message, now=now, reason=reasons.RETRY))
        else:
            closings.append(Closing(message, State.PLANNED, due_at=message.due_at))
    moved = messages_close(
        closings=closings, from_state=State.HANDED_OVER, claim=found.claim, now=now
    )
    # Died before the decision was committed: nothing was begun.
    return moved + rows.filter(state=State.CLAIMED).update(
        state=State.PLANNED, claim=None, claimed_until=None
    )


def _without_journal(now: datetime, wall: datetime) -> int:
    """Settle batches of machines that are gone: all of it is unclear."""
    alive = {path.stem for path in journal_dir().glob("*.log")}
    with transaction.atomic():
        lost = [
            message
            for message in Message.objects.select_related("enrollment").filter(
                state=State.HANDED_OVER, claimed_until__lt=wall
            )[:CHUNK]
            if message.claim is None or message.claim.hex not in alive
        ]
        if lost:
            logger.error("%s mails are unclear: their worker left no journal.", len(lost))
        return messages_close(
            closings=[Closing(message, State.AMBIGUOUS, reasons.LOST) for message in lost],
            from_state=State.HANDED_OVER,
            claim=None,
            now=now,
        )


def _after_a_day(now: datetime) -> int:
    """Count unclear mails nobody heard of for a day as sent; they are never sent again."""
    before = now - timedelta(hours=conf().ambiguous_hours)
    return Message.objects.filter(
        state=State.AMBIGUOUS, settled_at=None, handed_over_at__lte=before
    ).update(settled_at=now, reason=reasons.SETTLED_24H)


def _too_late(now: datetime, wall: datetime) -> int:
    """End mails that were held until they made no sense any more."""
    with transaction.atomic():
        late = list(
            Message.objects.select_related("enrollment")
            .filter(state=State.PLANNED, expires_at__lt=now, due_at__lte=now)
            .order_by("due_at")[:CHUNK]
        )
        return messages_close(
            closings=[
                Closing(message, State.EXPIRED, reasons.expired(message.reason)) for message in late
            ],
            from_state=State.PLANNED,
            claim=None,
            now=now,
        )


def _stranded(now: datetime) -> int:
    """Let people go on who wait at a send step for a mail that is not on its way.

    Nothing should ever leave them so; whatever does, nobody waits for ever.
    """
    under_way = Message.objects.filter(
        enrollment=OuterRef("pk"),
        node=OuterRef("node"),
        state__in=[State.PLANNED, State.CLAIMED, State.HANDED_OVER],
    )
    with transaction.atomic():
        stranded = list(
            Enrollment.objects.filter(~Exists(under_way), state=Enrollment.State.SENDING)
            .select_for_update(
                of=("self",), skip_locked=connection.features.has_select_for_update_skip_locked
            )
            .values_list("pk", "version_id", "node")[:CHUNK]
        )
        if stranded:
            logger.error("%s people waited for a mail that is not there.", len(stranded))
            enrollments_continue(sent=stranded, now=now)
    return len(stranded)
