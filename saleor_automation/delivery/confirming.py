"""The mail that asks “is it you, and do you want this?”, and the mails that wait for the answer.

Knows requests, messages and the rules of channels. The mail is a service mail: it goes to
whoever asked for it, once, and holds nothing but the question.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.core.signing import BadSignature, Signer
from django.urls import reverse

from saleor_automation.conf import conf
from saleor_automation.emails.system import CONFIRMATION
from saleor_automation.people.consent import ConsentState
from saleor_automation.people.models import Contact
from saleor_automation.people.subscribing.models import SubscriptionRequest
from saleor_automation.people.subscribing.rules import double_in, rules_load
from saleor_automation.people.subscribing.services import confirmation_ask, contacts_asked

from . import reasons
from .ledger import Closing, message_id_for
from .models import Message

_SALT: Final = "saleor_automation.confirm"
_KEY: Final = "confirm/"
#: How often a mail that waits for a confirmation looks for it; the confirmation itself hastens it.
LOOK_AGAIN: Final = timedelta(hours=1)


def confirmations_plan(
    *, requests: Sequence[SubscriptionRequest], now: datetime, **kwargs: Any
) -> None:
    """Write the mails that ask. One per request, whoever calls how often."""
    Message.objects.bulk_create(
        [
            Message(
                id=message_id_for(f"{_KEY}{request.pk.hex}"),
                key=f"{_KEY}{request.pk.hex}",
                source=Message.Source.SYSTEM,
                purpose=Message.Purpose.TRANSACTIONAL,
                channel=request.channel,
                contact=request.contact,
                email_key=CONFIRMATION,
                to_address=request.address,
                planned_at=now,
                due_at=now,
                expires_at=request.expires_at,
            )
            for request in requests
        ],
        ignore_conflicts=True,
    )


def confirm_address(message: Message) -> str:
    """Return where the reader of a mail that asks confirms; "" for every other mail."""
    if message.source != Message.Source.SYSTEM or not message.key.startswith(_KEY):
        return ""
    raw = UUID(hex=message.key.removeprefix(_KEY)).bytes
    text = base64.urlsafe_b64encode(raw).decode().rstrip("=")
    token = Signer(salt=_SALT, sep=".").sign(text)
    return conf().public_url + reverse("saleor_automation:confirm", args=[token])


def confirm_read(token: str) -> UUID | None:
    """Return the request a link is about, or None when its signature or form is wrong."""
    try:
        value = Signer(salt=_SALT, sep=".").unsign(token)
        return UUID(bytes=base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)))
    except (BadSignature, ValueError):
        return None


def confirm_message(request_id: UUID) -> Message | None:
    """Return the mail that asked."""
    return (
        Message.objects.select_related("email_version")
        .filter(pk=message_id_for(f"{_KEY}{request_id.hex}"))
        .first()
    )


def unconfirmed_closings(
    *, messages: Sequence[Message], states: Mapping[UUID, ConsentState], now: datetime
) -> dict[UUID, Closing]:
    """Return which of some marketing mails go to people who must confirm and did not."""
    rules = rules_load()
    if not any(rules.values()):
        return {}
    asking = [
        message
        for message in messages
        if message.contact_id is not None
        and double_in(message.channel, rules)
        and not states[message.contact_id].confirmed(message.topic, message.channel)
    ]
    if not asking:
        return {}
    asked = contacts_asked(
        {message.contact_id for message in asking if message.contact_id}, now=now
    )
    return {
        message.pk: _hold(message, now)
        if message.contact_id in asked
        else Closing(message, Message.State.SKIPPED, reasons.UNCONFIRMED)
        for message in asking
    }


def confirmation_closing(message: Message, doubt: str, now: datetime) -> Closing:
    """Ask somebody whose address is doubtful to confirm it; hold their mail while they may.

    Only who said yes is asked: a question to others would be advertising itself.
    """
    contact = message.contact
    if contact is not None:
        confirmation_ask(contact=contact, source="address", channel=message.channel, now=now)
        if contacts_asked([contact.pk], now=now):
            return _hold(message, now)
    return Closing(message, Message.State.SKIPPED, f"{reasons.ADDRESS}:{doubt}")


def _hold(message: Message, now: datetime) -> Closing:
    until = now + LOOK_AGAIN
    if message.expires_at is not None and message.expires_at <= until:
        return Closing(message, Message.State.SKIPPED, reasons.UNCONFIRMED)
    return Closing(message, Message.State.PLANNED, reasons.HELD_UNCONFIRMED, due_at=until)


def mails_release(*, contact: Contact, now: datetime) -> None:
    """Look at the mails again that waited for a confirmation."""
    Message.objects.filter(
        contact=contact, state=Message.State.PLANNED, reason=reasons.HELD_UNCONFIRMED
    ).update(due_at=now)
