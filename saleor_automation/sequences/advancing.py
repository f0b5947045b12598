"""Moves claimed enrollments on, a batch in one short transaction.

Knows rows, claims and groups of updates; ``interpreter`` decides, ``facts``
answers. Every update is fenced by the claim's token, so a batch that ran late
or twice changes nothing twice.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction

from saleor_automation.signals import mail_wanted

from . import reasons
from .conditions import Ask
from .facts import Facts, facts_load, facts_wanted
from .interpreter import Leave, Mail, Outcome, Position, Stay, advance, after_send, exit_reason
from .mailing import MailWanted
from .models import Enrollment, SequenceSwitch, StepRun
from .services import mail_expiry, version_graph

logger = logging.getLogger(__name__)

#: Claims without progress after which a person is taken out of the engine's way.
POISON_ATTEMPTS = 5


def enrollments_advance(*, claim: UUID, ids: Sequence[UUID], now: datetime) -> int:
    """Move the enrollments held under ``claim`` to their next wait, mail or end.

    Returns how many moved or were looked at. Ids not held under ``claim`` any
    more are left alone. Mails are asked for by ``signals.mail_wanted`` in the
    same transaction.
    """
    with transaction.atomic():
        held = list(
            Enrollment.objects.select_for_update(of=("self",))
            .select_related("contact")
            .filter(
                pk__in=ids,
                claim=claim,
                state__in=[Enrollment.State.DEBOUNCING, Enrollment.State.ACTIVE],
            )
        )
        held = _poison_stop(held, now)
        going, frozen, closed = _by_switch(held)
        _release(frozen)
        facts = facts_load(going, _wanted(going), now=now)
        outcomes: dict[UUID, Outcome] = {
            enrollment.pk: advance(
                version_graph(enrollment.version_id),
                Position(enrollment.node or None, enrollment.node_entered_at),
                facts[enrollment.pk],
                now,
            )
            for enrollment in going
        }
        for enrollment in closed:
            outcomes[enrollment.pk] = Leave(reasons.NOT_ON, early=True)
        _record([*going, *closed], outcomes, now)
    return len(held)


def enrollments_continue(*, sent: Iterable[tuple[UUID, int, str]], now: datetime) -> None:
    """Let people go on behind a send step whose mail is settled.

    ``sent`` gives (enrollment id, version id, node). Must run in the transaction
    that settles the mails. People who left meanwhile stay out.
    """
    groups: dict[tuple[int, str], list[UUID]] = defaultdict(list)
    for enrollment_id, version_id, node in sent:
        groups[version_id, node].append(enrollment_id)
    for (version_id, node), ids in sorted(groups.items()):
        step = after_send(version_graph(version_id), node, now)
        rows = Enrollment.objects.filter(pk__in=ids, state=Enrollment.State.SENDING, node=node)
        if isinstance(step, Leave):
            rows.update(
                state=Enrollment.State.FINISHED, reason=step.reason, finished_at=now, due_at=None
            )
        else:
            rows.update(
                state=Enrollment.State.ACTIVE,
                node=step.node,
                node_entered_at=step.node_entered_at,
                due_at=step.until,
            )


def enrollments_leave(*, left: Iterable[tuple[UUID, str]], now: datetime) -> None:
    """Take people out early: (enrollment id, reason). Those already out stay as they are."""
    groups: dict[str, list[UUID]] = defaultdict(list)
    for enrollment_id, reason in left:
        groups[reason].append(enrollment_id)
    for reason, ids in sorted(groups.items()):
        Enrollment.objects.filter(
            pk__in=ids,
            state__in=[
                Enrollment.State.DEBOUNCING,
                Enrollment.State.ACTIVE,
                Enrollment.State.SENDING,
            ],
        ).update(
            state=Enrollment.State.EXITED,
            reason=reason,
            finished_at=now,
            due_at=None,
            claim=None,
            claimed_until=None,
        )


def exit_reasons(*, enrollments: Sequence[Enrollment], now: datetime) -> dict[UUID, str]:
    """Ask the exit rules again, as must be done right before a mail leaves.

    Returns the reason per enrollment id that must not be mailed any more.
    """
    wanted: frozenset[Ask] = frozenset()
    for version_id in {enrollment.version_id for enrollment in enrollments}:
        wanted |= facts_wanted(version_graph(version_id), exits_only=True)
    facts = facts_load(enrollments, wanted, now=now)
    found: dict[UUID, str] = {}
    for enrollment in enrollments:
        reason = exit_reason(version_graph(enrollment.version_id), facts[enrollment.pk])
        if reason is not None:
            found[enrollment.pk] = reason
    return found


def _poison_stop(held: list[Enrollment], now: datetime) -> list[Enrollment]:
    """Take out what failed too often; each was tried alone the last times."""
    poisoned = [enrollment.pk for enrollment in held if enrollment.attempts > POISON_ATTEMPTS]
    if not poisoned:
        return held
    logger.error("Enrollments %s failed %s times and are stopped.", poisoned, POISON_ATTEMPTS)
    Enrollment.objects.filter(pk__in=poisoned).update(
        state=Enrollment.State.ERROR,
        reason=reasons.POISON,
        finished_at=now,
        due_at=None,
        claim=None,
        claimed_until=None,
    )
    return [enrollment for enrollment in held if enrollment.attempts <= POISON_ATTEMPTS]


def _by_switch(
    held: list[Enrollment],
) -> tuple[list[Enrollment], list[Enrollment], list[Enrollment]]:
    """Part those who go on, those who are paused, and those who may not enter any more."""
    states = dict(SequenceSwitch.objects.values_list("sequence", "state"))
    going, frozen, closed = [], [], []
    for enrollment in held:
        state = states.get(enrollment.sequence)
        if state == SequenceSwitch.State.PAUSED:
            frozen.append(enrollment)
        elif state != SequenceSwitch.State.ON and enrollment.state == Enrollment.State.DEBOUNCING:
            closed.append(enrollment)
        else:
            going.append(enrollment)
    return going, frozen, closed


def _release(frozen: list[Enrollment]) -> None:
    """Give people back whose sequence was paused after they were claimed."""
    if frozen:
        Enrollment.objects.filter(pk__in=[row.pk for row in frozen]).update(
            claim=None, claimed_until=None, attempts=0
        )


def _wanted(enrollments: list[Enrollment]) -> frozenset[Ask]:
    wanted: frozenset[Ask] = frozenset()
    for version_id in {enrollment.version_id for enrollment in enrollments}:
        wanted |= facts_wanted(version_graph(version_id))
    return wanted


def _record(enrollments: list[Enrollment], outcomes: dict[UUID, Outcome], now: datetime) -> None:
    """Write outcomes in as few statements as there are different results."""
    steps: list[StepRun] = []
    requests: list[MailWanted] = []
    groups: dict[tuple[tuple[str, object], ...], list[UUID]] = defaultdict(list)
    for enrollment in enrollments:
        outcome = outcomes[enrollment.pk]
        steps += [
            StepRun(enrollment=enrollment, node=step.node, outcome=step.outcome, at=now)
            for step in outcome.steps
        ]
        changes: dict[str, object]
        if isinstance(outcome, Stay):
            changes = {
                "state": Enrollment.State.ACTIVE,
                "node": outcome.node,
                "node_entered_at": outcome.node_entered_at,
                "due_at": outcome.until,
            }
        elif isinstance(outcome, Mail):
            steps.append(
                StepRun(enrollment=enrollment, node=outcome.send.id, outcome="mail", at=now)
            )
            requests.append(_mail(enrollment, outcome, now))
            changes = {
                "state": Enrollment.State.SENDING,
                "node": outcome.send.id,
                "node_entered_at": outcome.node_entered_at,
                "due_at": None,
                "mails": enrollment.mails + 1,
            }
        else:
            changes = {
                "state": Enrollment.State.EXITED if outcome.early else Enrollment.State.FINISHED,
                "reason": outcome.reason,
                "finished_at": now,
                "due_at": None,
            }
        groups[tuple(changes.items())].append(enrollment.pk)
    StepRun.objects.bulk_create(steps, ignore_conflicts=True)
    for key, ids in groups.items():
        Enrollment.objects.filter(pk__in=ids).update(
            **dict(key), claim=None, claimed_until=None, attempts=0
        )
    if requests:
        mail_wanted.send(sender=Enrollment, requests=requests, now=now)


def _mail(enrollment: Enrollment, outcome: Mail, now: datetime) -> MailWanted:
    graph = version_graph(enrollment.version_id)
    return MailWanted(
        enrollment_id=enrollment.pk,
        contact_id=enrollment.contact_id,
        sequence=enrollment.sequence,
        node=outcome.send.id,
        occurrence=0,
        email_key=outcome.send.email,
        purpose=graph.purpose,
        topic=graph.topic,
        channel=str(enrollment.context.get("channel", "")),
        due_at=now,
        expires_at=mail_expiry(due_at=now, expires=outcome.send.expires),
    )


__all__ = [
    "Facts",
    "enrollments_advance",
    "enrollments_continue",
    "enrollments_leave",
    "exit_reasons",
]
