"""Mails the Studio itself has to send: no sequence, no campaign, somebody asked for them.

Knows the ledger. They are service mails to a known person: consent does not stop them, a
blocked or dead address does.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from saleor_automation.people.models import Contact

from .ledger import message_id_for
from .models import Message


def system_mail_plan(
    *,
    key: str,
    contact: Contact,
    email_key: UUID,
    topic: str,
    now: datetime,
    expires_at: datetime,
    channel: str = "",
) -> UUID:
    """Plan a mail, once per ``key``; return its message's id.

    ``email_key`` names an email with a current version (``emails.services``).
    """
    name = f"system/{key}"
    Message.objects.bulk_create(
        [
            Message(
                id=message_id_for(name),
                key=name,
                source=Message.Source.SYSTEM,
                purpose=Message.Purpose.TRANSACTIONAL,
                topic=topic,
                channel=channel,
                contact=contact,
                email_key=email_key,
                to_address=contact.email,
                planned_at=now,
                due_at=now,
                expires_at=expires_at,
            )
        ],
        ignore_conflicts=True,
    )
    return message_id_for(name)
