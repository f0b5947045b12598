"""Sends a batch of claimed messages: prepare, decide, hand over, settle.

Knows the order of a send and nothing of its parts. Two short transactions
enclose the conversation with the mail server: the first commits the decision and
``handed_over``, the second the results; between them stands only the journal. No
transaction is open while Saleor or a mail server is asked.
"""

from __future__ import annotations

import gc
import logging
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import zip_longest
from typing import Any
from uuid import UUID

from django.db import transaction

from saleor_automation import clock
from saleor_automation.conf import conf
from saleor_automation.people.models import Contact

from . import reasons
from .addresses import address_closings, mailboxes_unknown
from .batches import among
from .coexistence import coexistence_holds
from .composing import Composed, compose
from .contents import contents_write
from .control import control_get, sending_problems
from .failures import Failure, Kind
from .gates import gates_before, gates_locked
from .journal import Journal
from .ledger import Closing, messages_close, put_off
from .models import Message
from .transport import transport
from .truth import Truth, truth_ask

logger = logging.getLogger(__name__)

State = Message.State
#: How long mails wait for the state folder.
NO_JOURNAL_HOLD = timedelta(minutes=1)


@dataclass
class Sent:
    """Counts of one batch."""

    accepted: int = 0
    not_sent: int = 0
    put_off: int = 0


def messages_send(*, claim: UUID, ids: Sequence[UUID], now: datetime) -> Sent:
    """Send the messages held under ``claim``. Ids not held any more are left alone."""
    with _collector_resting():
        return _send(claim=claim, ids=ids, now=now)


@contextmanager
def _collector_resting() -> Iterator[None]:
    """Keep the cyclic garbage collector out of a batch.

    All of a batch lives until its end, so a collection finds nothing in it, and moves it
    to where the next one has to look at the whole process: a fifth of a send's time.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


#: Read from the database only when somebody asks: times take long to parse.
_UNREAD = (
    "detail",
    "planned_at",
    "handed_over_at",
    "settled_at",
    "provider_id",
    "claimed_until",
    "contact__created_at",
    "contact__field_versions",
    "enrollment__node_entered_at",
    "enrollment__due_at",
    "enrollment__finished_at",
    "enrollment__claim",
    "enrollment__claimed_until",
)


def _send(*, claim: UUID, ids: Sequence[UUID], now: datetime) -> Sent:
    # The queue ends a task at half a lease; one mail may take EMAIL_TIMEOUT, a sixth of it.
    deadline = clock.wall() + timedelta(seconds=conf().lease_seconds * 0.25)
    batch = list(
        Message.objects.select_related("contact", "enrollment")
        .defer(*_UNREAD)
        .filter(pk__in=among(ids), claim=claim, state=State.CLAIMED)
    )
    closings = gates_before(messages=batch, now=now)
    closings |= coexistence_holds(
        messages=[message for message in batch if message.pk not in closings], now=now
    )
    open_ones = [message for message in batch if message.pk not in closings]
    # Before Saleor is asked: its answer ages.
    closings |= address_closings(messages=open_ones, now=now)
    open_ones = [message for message in open_ones if message.pk not in closings]
    truth = truth_ask(messages=open_ones, now=now)
    closings |= truth.closings
    open_ones = [message for message in open_ones if message.pk not in closings]
    composed, failed = compose(messages=open_ones, now=now)
    closings |= failed
    if not composed:
        with transaction.atomic():
            messages_close(
                closings=closings.values(), from_state=State.CLAIMED, claim=claim, now=now
            )
        return Sent(not_sent=len(closings))
    unopened = transport().open()
    if unopened is not None:
        logger.warning("The mail server cannot be reached: %s", unopened.detail)
        for mail in composed:
            closings[mail.message.pk] = put_off(
                mail.message, now=now, reason=reasons.RETRY, detail=unopened.detail
            )
        composed = []
    try:
        journal = Journal(claim)
    except OSError as error:
        logger.error("No mail can be sent: the journal cannot be written: %s", error)
        for mail in composed:
            closings[mail.message.pk] = Closing(
                mail.message, State.PLANNED, reasons.NO_JOURNAL, due_at=now + NO_JOURNAL_HOLD
            )
        with transaction.atomic():
            messages_close(
                closings=closings.values(), from_state=State.CLAIMED, claim=claim, now=now
            )
        return Sent(not_sent=len(closings))
    try:
        going = _decide(composed, closings, truth, claim=claim, now=now)
        results = _hand_over(going, journal, deadline, truth)
        with transaction.atomic():
            messages_close(
                closings=[_result(mail, failure, now) for mail, failure in results],
                from_state=State.HANDED_OVER,
                claim=claim,
                now=now,
            )
    except BaseException:
        # The rescuer reads what was begun; nothing is sent again.
        journal.abandon()
        raise
    journal.close()
    # Apart: that it is noted must not decide whether the ledger is.
    mailboxes_unknown(
        messages=[
            mail.message
            for mail, failure in results
            if isinstance(failure, Failure) and failure.no_mailbox
        ],
        now=now,
    )
    accepted = sum(failure is None for _, failure in results)
    return Sent(accepted, len(closings), len(results) - accepted)


def _decide(
    composed: Sequence[Composed],
    closings: dict[UUID, Closing],
    truth: Truth,
    *,
    claim: UUID,
    now: datetime,
) -> list[Composed]:
    """Commit what goes and what does not; returns what goes, marked ``handed_over``."""
    with transaction.atomic():
        contact_ids = {mail.message.contact_id for mail in composed if mail.message.contact_id}
        # Whoever says "no" locks the contact too: it is heard here, or comes after us.
        list(
            Contact.objects.select_for_update(no_key=True)
            .filter(pk__in=among(contact_ids))
            .order_by("pk")
            .values_list("pk", flat=True)
        )
        held = _still_as_composed(composed, claim)
        if sending_problems():
            # A pause pressed, or a copy restored, after the batch was claimed.
            held = set()
        limit = conf().truth_seconds
        held = {pk for pk in held if not truth.too_old(pk, limit)}
        for mail in composed:
            if mail.message.pk not in held:
                # Erased, merged, moved on or blocked meanwhile, or Saleor was asked too long
                # ago: looked at afresh.
                closings[mail.message.pk] = Closing(mail.message, State.PLANNED)
        closings |= gates_locked(
            messages=[mail.message for mail in composed if mail.message.pk in held],
            control=control_get(),
            now=now,
        )
        messages_close(closings=closings.values(), from_state=State.CLAIMED, claim=claim, now=now)
        going = [
            mail for mail in composed if mail.message.pk in held and mail.message.pk not in closings
        ]
        contents_write([mail.content for mail in going])
        until = clock.wall() + timedelta(seconds=conf().lease_seconds)
        groups: dict[tuple[Any, str, int | None], list[UUID]] = defaultdict(list)
        for mail in going:
            contact_email = mail.message.contact.email if mail.message.contact else ""
            moved = contact_email if contact_email != mail.message.to_address else ""
            age = truth.age_whole(mail.message.pk)
            groups[mail.version_id, moved, age].append(mail.message.pk)
        for (version_id, moved, age), pks in groups.items():
            Message.objects.filter(pk__in=among(pks)).update(
                state=State.HANDED_OVER,
                handed_over_at=now,
                claimed_until=until,
                email_version_id=version_id,
                reason="",
                detail="",
                truth_age=age,
                **({"to_address": moved} if moved else {}),
            )
    return going


def _still_as_composed(composed: Sequence[Composed], claim: UUID) -> set[UUID]:
    """Lock the messages; return those whose person, address and step are still the same.

    Time passed since they were composed: Saleor was asked, and somebody may have been
    erased, merged or moved meanwhile.
    """
    now_so = {
        row[0]: row[1:]
        for row in Message.objects.select_for_update(of=("self",))
        .filter(
            pk__in=among(mail.message.pk for mail in composed), claim=claim, state=State.CLAIMED
        )
        .order_by("pk")
        .values_list("pk", "contact_id", "contact__email", "enrollment__state", "enrollment__node")
    }
    same = set()
    for mail in composed:
        message = mail.message
        contact, enrollment = message.contact, message.enrollment
        composed_so = (
            message.contact_id,
            contact.email if contact else None,
            enrollment.state if enrollment else None,
            enrollment.node if enrollment else None,
        )
        if now_so.get(message.pk) == composed_so:
            same.add(message.pk)
    return same


def _hand_over(
    going: Sequence[Composed], journal: Journal, deadline: datetime, truth: Truth
) -> list[tuple[Composed, Any]]:
    """Talk to the mail server. What the deadline cuts off is reported as not begun.

    So is a mail whose turn comes when what Saleor said of it is too old.
    """
    try:
        return _converse(going, journal, deadline, truth)
    finally:
        # Whatever cut the batch off: no server is left waiting for a content.
        transport().announced_drop()


def _converse(
    going: Sequence[Composed], journal: Journal, deadline: datetime, truth: Truth
) -> list[tuple[Composed, Any]]:
    results: list[tuple[Composed, Any]] = []
    line, limit = transport(), conf().truth_seconds
    for mail, following in zip_longest(going, going[1:]):
        late = clock.wall() > deadline or truth.too_old(mail.message.pk, limit)
        if late or journal.broken:
            results.append((mail, NOT_BEGUN))
            continue
        problem = line.open() if line.closed else None
        if problem is not None:
            results.append((mail, problem))
            continue
        if not journal.begin(mail.message.pk):
            results.append((mail, NOT_BEGUN))
            continue
        # Only its commands travel early. It is begun, here and in the journal, in its own turn.
        mail.email.following = following.email if following is not None else None
        failure = line.send(mail.email)
        if failure is None:
            journal.accepted(mail.message.pk)
        elif failure.kind is not Kind.AMBIGUOUS:
            journal.refused(mail.message.pk)
        results.append((mail, failure))
    return results


#: The batch's time, or the journal, was over before this mail's turn came.
NOT_BEGUN = object()


def _result(mail: Composed, failure: Any, now: datetime) -> Closing:
    message = mail.message
    if failure is None:
        status = getattr(mail.email, "anymail_status", None)
        provider_id = str(getattr(status, "message_id", "") or "")[:255]
        return Closing(message, State.ACCEPTED, provider_id=provider_id)
    if failure is NOT_BEGUN:
        return Closing(message, State.PLANNED, due_at=now)
    if failure.kind is Kind.AMBIGUOUS:
        return Closing(message, State.AMBIGUOUS, reasons.LOST, failure.detail)
    if failure.kind is Kind.PERMANENT:
        return Closing(message, State.FAILED, reasons.REFUSED, failure.detail)
    return put_off(message, now=now, reason=reasons.RETRY, detail=failure.detail)
