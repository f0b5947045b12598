"""What people wished about being written to, asked when a mail is about to leave: pause, fewer.

Knows preferences and the ledger of mails. A wish puts a marketing mail off; where it would make
no sense any more by then it is not sent. Runs on locked contacts, like the gates.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db.models import Max

from saleor_automation.people.models import Contact
from saleor_automation.people.preferences.models import Preference

from . import reasons
from .batches import among
from .ledger import Closing
from .models import Message

#: Time between two marketing mails to somebody who wants fewer.
SELDOM: Final = timedelta(days=7)
#: States of mails that left, or may have.
_LEFT = (Message.State.HANDED_OVER, Message.State.ACCEPTED, Message.State.AMBIGUOUS)
_HELD = (reasons.HELD_PAUSE, reasons.HELD_SELDOM)


def wishes_closings(*, messages: Sequence[Message], now: datetime) -> dict[UUID, Closing]:
    """Return which of some marketing mails wait, or end, because their person wished so."""
    wishes = {
        row.contact_id: row
        for row in Preference.objects.filter(
            contact__in=among(message.contact_id for message in messages if message.contact_id)
        )
    }
    if not wishes:
        return {}
    last = _last_mails({pk for pk, row in wishes.items() if row.fewer}, now)
    closings: dict[UUID, Closing] = {}
    # The one that is due first goes first.
    for message in sorted(messages, key=lambda one: (one.due_at, one.key)):
        wish = wishes.get(message.contact_id) if message.contact_id else None
        if wish is None:
            continue
        if wish.paused_until is not None and wish.paused_until > now:
            closings[message.pk] = _wait(
                message, wish.paused_until, held=reasons.HELD_PAUSE, ended=reasons.PERSON_PAUSED
            )
        elif wish.fewer and wish.contact_id in last:
            closings[message.pk] = _wait(
                message,
                last[wish.contact_id] + SELDOM,
                held=reasons.HELD_SELDOM,
                ended=reasons.SELDOM,
            )
        elif wish.fewer:
            # It goes now; the next of this batch does not.
            last[wish.contact_id] = now
    return closings


def _last_mails(contact_ids: set[UUID], now: datetime) -> dict[UUID, datetime]:
    if not contact_ids:
        return {}
    left = Message.objects.filter(
        contact__in=contact_ids,
        purpose=Message.Purpose.MARKETING,
        state__in=_LEFT,
        handed_over_at__gt=now - SELDOM,
    )
    return dict(
        left.order_by()
        .values("contact")
        .annotate(at=Max("handed_over_at"))
        .values_list("contact", "at")
    )


def _wait(message: Message, until: datetime, *, held: str, ended: str) -> Closing:
    if message.expires_at is not None and message.expires_at <= until:
        return Closing(message, Message.State.SKIPPED, ended)
    return Closing(message, Message.State.PLANNED, held, due_at=until)


def mails_hasten(*, contact: Contact, now: datetime) -> None:
    """Look again at the mails a person's wishes hold, because these are others now."""
    Message.objects.filter(
        contact=contact, state=Message.State.PLANNED, reason__in=_HELD, due_at__gt=now
    ).update(due_at=now)
