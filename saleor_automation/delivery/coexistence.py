"""Who else mails the shop's customers about the same things.

Saleor has e-mail plugins of its own, and apps that send mail. Our plugin inside Saleor
reports those that are switched on; without it nobody can see them from here. Knows
which of their events are about the same as a trigger of ours. A service mail of ours
whose trigger another sender covers is held until a person decides: by default nobody
gets the same mail twice. Marketing mails are never the same as theirs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

from saleor_automation.contract import kinds
from saleor_automation.contract.plugin_report import OtherSender, PluginReport
from saleor_automation.exceptions import UsageError
from saleor_automation.saleor_app.plugin_reports import plugin_report_current
from saleor_automation.sequences.models import SequenceVersion

from . import reasons
from .gates import HOLD
from .ledger import Closing
from .models import Message, SenderDecision

Choice = SenderDecision.Choice

#: By our trigger, the events of others about the same: notifications of Saleor's plugins,
#: and webhooks that mail apps listen to. NOTIFY_USER of an app holds the first kind.
SAME_AS: Final[dict[str, frozenset[str]]] = {
    kinds.JOINED: frozenset({"account_confirmation", "notify_user"}),
    kinds.CONFIRMED_ACCOUNT: frozenset({"account_confirmed"}),
    kinds.ORDERED: frozenset({"order_confirmation", "order_created"}),
    kinds.CONFIRMED: frozenset({"order_confirmed"}),
    kinds.PAID: frozenset({"order_payment_confirmation", "order_paid", "order_fully_paid"}),
    kinds.SHIPPED: frozenset(
        {
            "order_fulfillment_confirmation",
            "order_fulfillment_update",
            "fulfillment_confirmation",
            "fulfillment_update",
            "fulfillment_created",
            "fulfillment_approved",
            "fulfillment_tracking_number_updated",
            "order_fulfilled",
            "notify_user",
        }
    ),
    kinds.FULFILLED: frozenset({"order_fulfilled", "order_fulfillment_confirmation"}),
    kinds.CANCELLED: frozenset({"order_canceled", "order_cancelled"}),
    kinds.REFUNDED: frozenset(
        {"order_refund_confirmation", "order_refunded", "order_fully_refunded"}
    ),
}


@dataclass(frozen=True)
class Conflict:
    """A sequence of service mails that others send too, and what was decided about it."""

    sequence: UUID
    trigger: str
    #: Those about whom nothing valid was decided.
    senders: tuple[OtherSender, ...]
    #: All who send for the trigger, those decided about included.
    all_senders: tuple[OtherSender, ...]
    #: The last decision, even one a newer report contradicts.
    decision: SenderDecision | None = field(default=None, compare=False)

    @property
    def is_open(self) -> bool:
        """Whether mails are held until a person decides."""
        return bool(self.senders)

    @property
    def is_contradicted(self) -> bool:
        """Whether somebody said the other mail is off, and it is on."""
        return (
            self.is_open and self.decision is not None and self.decision.choice == Choice.THEIRS_OFF
        )

    @property
    def names(self) -> str:
        """The open senders, or all when none is open, for a person."""
        return ", ".join(sender.name or sender.id for sender in self.senders or self.all_senders)


def senders_of(report: PluginReport | None, trigger: str) -> tuple[OtherSender, ...]:
    """Return who else sends mail about what a trigger means. Pure."""
    same = SAME_AS.get(trigger, frozenset())
    if report is None or not same:
        return ()
    return tuple(
        sender
        for sender in report.other_senders
        if same & {event.lower() for event in sender.events}
    )


def undecided(
    senders: Iterable[OtherSender], decision: SenderDecision | None, reported_at: datetime
) -> tuple[OtherSender, ...]:
    """Return the senders no decision covers. Pure.

    That both may be sent holds for the senders it was said of. That the other is switched off
    holds until a report made after it says otherwise.
    """
    if decision is None:
        return tuple(senders)
    if decision.choice == Choice.THEIRS_OFF and reported_at > decision.decided_at:
        return tuple(senders)
    return tuple(sender for sender in senders if sender.id not in decision.senders)


def conflicts_find(
    sequences: Collection[UUID] | None = None, *, report: PluginReport | None = None
) -> dict[UUID, Conflict]:
    """Return the published sequences of service mails that others send too, by sequence.

    Three queries at most, none when nobody else sends anything.
    """
    report = report or plugin_report_current()
    if report is None or not report.other_senders:
        return {}
    covered = {kind for kind in SAME_AS if senders_of(report, kind)}
    versions = SequenceVersion.objects.filter(
        is_current=True, trigger__in=covered, graph__purpose=Message.Purpose.TRANSACTIONAL
    )
    if sequences is not None:
        versions = versions.filter(sequence__in=sequences)
    triggers = dict(versions.values_list("sequence", "trigger"))
    return _conflicts(triggers, report)


def _conflicts(triggers: Mapping[UUID, str], report: PluginReport) -> dict[UUID, Conflict]:
    decisions = SenderDecision.objects.in_bulk(list(triggers)) if triggers else {}
    found = {}
    for sequence, trigger in triggers.items():
        senders = senders_of(report, trigger)
        decision = decisions.get(sequence)
        if senders:
            found[sequence] = Conflict(
                sequence,
                trigger,
                undecided(senders, decision, report.issued_at),
                senders,
                decision,
            )
    return found


def decision_keep(*, sequence: UUID, choice: str, decided_by: str, now: datetime) -> None:
    """Write down what a person decided about who else mails what ``sequence`` mails.

    Raises UsageError when the choice is none, or nothing is to be decided.
    """
    if choice not in Choice.values:
        raise UsageError(f"Choose one of {', '.join(Choice.values)}, not {choice!r}.")
    conflict = conflicts_find([sequence]).get(sequence)
    if conflict is None:
        raise UsageError("Nobody else sends these mails: there is nothing to decide.")
    SenderDecision.objects.update_or_create(
        sequence=sequence,
        defaults={
            "choice": choice,
            "senders": [sender.id for sender in conflict.all_senders],
            "decided_at": now,
            "decided_by": decided_by[:150],
        },
    )


def coexistence_holds(*, messages: Sequence[Message], now: datetime) -> dict[UUID, Closing]:
    """Return the service mails that wait for a decision, by message id.

    What a person entered for counts (the trigger of their version), not today's text.
    """
    service = [
        (message, message.enrollment.version_id, message.sequence)
        for message in messages
        if message.purpose == Message.Purpose.TRANSACTIONAL
        and message.enrollment is not None
        and message.sequence is not None
    ]
    if not service:
        return {}
    report = plugin_report_current()
    if report is None or not report.other_senders:
        return {}
    triggers = dict(
        SequenceVersion.objects.filter(pk__in={version for _, version, _ in service}).values_list(
            "pk", "trigger"
        )
    )
    decisions = SenderDecision.objects.in_bulk({sequence for _, _, sequence in service})
    closings = {}
    for message, version, sequence in service:
        senders = senders_of(report, triggers[version])
        held = undecided(senders, decisions.get(sequence), report.issued_at)
        if held:
            closings[message.pk] = Closing(
                message,
                Message.State.PLANNED,
                reasons.ALSO_SENT,
                ", ".join(sender.name or sender.id for sender in held)[:255],
                due_at=now + HOLD,
            )
    return closings
