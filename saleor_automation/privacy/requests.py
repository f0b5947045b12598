"""Requests of people about their own data: made, confirmed by mail, answered.

Knows states and times. Whoever types an address learns nothing from the answer: what is
known of it is told to its mailbox alone. Nothing happens before the link in that mail was
opened and its button pressed.

An erasure is done at once for a guest. Who has an account in the shop is left to staff,
who delete it there: otherwise the shop would go on knowing, and mailing, somebody whom
the Studio may never hear of again.
"""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction

from saleor_automation.delivery.system import system_mail_plan
from saleor_automation.people.models import Contact
from saleor_automation.people.services import contact_erase, contact_find

from .mails import mails_publish
from .models import DataRequest

Kind = DataRequest.Kind
State = DataRequest.State

#: How long a link can be used.
VALID: Final = timedelta(days=7)
#: How long the law gives to answer (GDPR, article 12.3); shown to staff.
ANSWERED_IN: Final = timedelta(days=30)
#: Mails to one person in a day, and in all in an hour.
PER_PERSON: Final = 3
PER_HOUR: Final = 300


@transaction.atomic
def request_make(*, address: str, kind: str, now: datetime) -> DataRequest | None:
    """Take a request for an address; None when nobody is known under it, or it is too much.

    Who asks is told the same either way.
    """
    contact = contact_find(address=address)
    if contact is None or not contact.email:
        return None
    # One after the other for one person: two clicks must not pass the limit together.
    Contact.objects.select_for_update(no_key=True).get(pk=contact.pk)
    recent = DataRequest.objects.filter(asked_at__gt=now - timedelta(days=1), contact=contact)
    hour = DataRequest.objects.filter(asked_at__gt=now - timedelta(hours=1))
    if recent.count() >= PER_PERSON or hour.count() >= PER_HOUR:
        return None
    pk = uuid.uuid4()
    message = system_mail_plan(
        key=f"privacy/{pk.hex}",
        contact=contact,
        email_key=mails_publish(kind=kind, now=now),
        topic="privacy",
        channel=contact.channel,
        now=now,
        expires_at=now + VALID,
    )
    return DataRequest.objects.create(
        id=pk, kind=kind, contact=contact, message=message, asked_at=now
    )


def request_open(request: DataRequest, *, now: datetime) -> bool:
    """Whether the link of a request still leads somewhere."""
    if request.contact_id is None or request.state in (State.EXPIRED, State.DECLINED):
        return False
    since = request.confirmed_at or request.asked_at
    return request.state == State.CONFIRMED or now < since + VALID


@transaction.atomic
def request_confirm(*, request: DataRequest, now: datetime) -> DataRequest:
    """Take the word of whoever reads the person's mail; safe to repeat.

    Returns the request as it then stands.
    """
    row = DataRequest.objects.select_for_update().get(pk=request.pk)
    if row.state != State.ASKED or not request_open(row, now=now):
        return row
    row.confirmed_at = now
    row.state = State.CONFIRMED
    if row.kind == Kind.ACCESS:
        row.state, row.done_at = State.DONE, now
    row.save(update_fields=["state", "confirmed_at", "done_at"])
    contact = row.contact
    if row.kind == Kind.ERASURE and contact is not None and not contact.has_account:
        contact_erase(contact=contact, at=now, now=now)
    row.refresh_from_db()
    return row


def request_decline(*, request: DataRequest, note: str, now: datetime) -> None:
    """Note that staff answered a request with no, and why."""
    DataRequest.objects.filter(pk=request.pk, state__in=[State.ASKED, State.CONFIRMED]).update(
        state=State.DECLINED, note=note[:255], done_at=now
    )


def requests_expire(*, now: datetime) -> int:
    """Close the requests nobody confirmed in time; return how many."""
    return DataRequest.objects.filter(state=State.ASKED, asked_at__lt=now - VALID).update(
        state=State.EXPIRED, done_at=now
    )


def requests_settle(*, contact: Contact, now: datetime) -> None:
    """Note what erasing a person means for what they asked: done. They are named no more."""
    rows = DataRequest.objects.filter(contact=contact)
    rows.filter(kind=Kind.ERASURE, state__in=[State.ASKED, State.CONFIRMED]).update(
        state=State.DONE, done_at=now
    )
    rows.filter(kind=Kind.ACCESS, state=State.ASKED).update(state=State.EXPIRED, done_at=now)
    rows.update(note="", contact=None)
