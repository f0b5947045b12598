"""May this mail leave now? Asked last, right before hand-over (rule 8).

Knows messages, consent and what may hold a mail. Each refusal carries a reason a
person can read and is final or until a time. ``gates_before`` needs no lock and
may take its time; ``gates_locked`` runs inside the transaction that commits the
hand-over, on locked contacts, so that a "no" said a moment before is heard.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from saleor_automation.people.consent import consent_states, suppressed
from saleor_automation.people.models import Suppression
from saleor_automation.sequences.advancing import exit_reasons
from saleor_automation.sequences.models import Enrollment, SequenceSwitch
from saleor_automation.sequences.parcels import UNSAID, parcel_wishes

from . import reasons
from .confirming import unconfirmed_closings
from .ledger import Closing
from .models import Message, SendingControl
from .wishes import wishes_closings

#: Claims without an outcome after which a message is taken out of the way.
POISON_ATTEMPTS = 5
#: How long a mail is held before the gate is asked again.
HOLD = timedelta(minutes=5)


def gates_before(*, messages: Sequence[Message], now: datetime) -> dict[UUID, Closing]:
    """Return what must not be sent, by message id: expired, left, erased, exits met."""
    closings: dict[UUID, Closing] = {}
    asking: list[Enrollment] = []
    for message in messages:
        closing = _self(message, now)
        if closing is not None:
            closings[message.pk] = closing
        elif message.enrollment is not None and message.contact is not None:
            message.enrollment.contact = message.contact
            asking.append(message.enrollment)
    found = exit_reasons(enrollments=asking, now=now)
    for message in messages:
        reason = found.get(message.enrollment_id) if message.enrollment_id else None
        if reason is not None and message.pk not in closings:
            closings[message.pk] = Closing(
                message, Message.State.SKIPPED, f"{reasons.EXIT}:{reason}"[:64], leaves=reason
            )
    return {**_parcels(messages, now), **closings}


def _parcels(messages: Sequence[Message], now: datetime) -> dict[UUID, Closing]:
    """Honour the shop's wish not to tell the customer of a parcel; wait a little for it."""
    closings: dict[UUID, Closing] = {}
    about = {
        message: str(message.enrollment.context.get("fulfillment") or "")
        for message in messages
        if message.enrollment is not None
    }
    wishes = parcel_wishes({parcel for parcel in about.values() if parcel})
    for message, parcel in about.items():
        wish = wishes.get(parcel)
        if not parcel or wish or message.enrollment is None:
            continue
        heard_by = message.enrollment.entered_at + UNSAID
        if wish is False:
            closings[message.pk] = Closing(
                message, Message.State.SKIPPED, f"{reasons.EXIT}:not_told", leaves="not_told"
            )
        elif now < heard_by:
            closings[message.pk] = Closing(
                message, Message.State.PLANNED, reasons.UNSAID, due_at=heard_by
            )
    return closings


def _self(message: Message, now: datetime) -> Closing | None:
    """What the message and its enrollment alone can say."""
    skipped = Message.State.SKIPPED
    if message.attempts > POISON_ATTEMPTS:
        return Closing(message, Message.State.FAILED, reasons.POISON)
    if message.contact is None:
        return Closing(message, skipped, reasons.ERASED)
    if message.source == Message.Source.STEP:
        enrollment = message.enrollment
        if (
            enrollment is None
            or enrollment.state != Enrollment.State.SENDING
            or enrollment.node != message.node
        ):
            return Closing(message, skipped, reasons.LEFT)
    if message.expires_at is not None and message.expires_at < now:
        return Closing(message, Message.State.EXPIRED, reasons.expired(message.reason))
    if not message.contact.email:
        return Closing(message, skipped, reasons.NO_ADDRESS)
    return None


def gates_locked(
    *, messages: Sequence[Message], control: SendingControl, now: datetime
) -> dict[UUID, Closing]:
    """Return what must not be sent after all, by message id: paused, suppressed, no consent.

    The contacts' rows must be locked by the caller.
    """
    closings: dict[UUID, Closing] = {}
    contact_ids = {message.contact_id for message in messages if message.contact_id}
    contacts = {message.contact_id: message.contact for message in messages if message.contact}
    states = consent_states(list(contact_ids))
    blocks = suppressed(list(contacts.values()))
    paused = set(
        SequenceSwitch.objects.filter(state=SequenceSwitch.State.PAUSED).values_list(
            "sequence", flat=True
        )
    )
    for message in messages:
        if message.sequence in paused:
            closings[message.pk] = Closing(
                message, Message.State.PLANNED, reasons.PAUSED, due_at=now + HOLD
            )
            continue
        contact_id = message.contact_id
        reason = _refusal(
            message,
            blocks.get(contact_id, []) if contact_id else [],
            states.get(contact_id) if contact_id else None,
            control.consent_policy,
        )
        if reason:
            closings[message.pk] = Closing(message, Message.State.SKIPPED, reason)
    marketing = [
        message
        for message in messages
        if message.purpose == Message.Purpose.MARKETING and message.pk not in closings
    ]
    closings |= unconfirmed_closings(messages=marketing, states=states, now=now)
    marketing = [message for message in marketing if message.pk not in closings]
    return closings | wishes_closings(messages=marketing, now=now)


def _refusal(
    message: Message, blocks: Sequence[Suppression], state: object, policy: str
) -> str | None:
    marketing = message.purpose == Message.Purpose.MARKETING
    for block in blocks:
        applies = block.channel in {"", message.channel} and block.topic in {"", message.topic}
        if not applies:
            continue
        if block.reason != Suppression.Reason.UNSUBSCRIBED:
            return reasons.SUPPRESSED
        if marketing:
            return reasons.UNSUBSCRIBED
    if not marketing:
        return None
    said = state.allows(message.topic, message.channel) if state is not None else None  # type: ignore[attr-defined]
    if said is False:
        return reasons.DECLINED
    if said is None and policy != SendingControl.Policy.SOFT_OPT_IN:
        return reasons.NO_CONSENT
    return None
