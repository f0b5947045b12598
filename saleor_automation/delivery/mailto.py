"""Unsubscribing by mail: the address a mail offers for it, and what comes back there.

Knows tokens and headers. Mail programs send such a mail themselves when their reader presses
"unsubscribe"; the token in it is the proof, since a sender's address proves nothing. Only
headers are looked at: in the body may stand anything, a quoted mail of somebody else included.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from email.header import decode_header, make_header
from email.message import Message as MailMessage
from enum import StrEnum
from typing import Any, Final
from urllib.parse import quote
from uuid import UUID

from django.utils.crypto import constant_time_compare, salted_hmac

from saleor_automation.conf import conf
from saleor_automation.people.services import contact_unsubscribe
from saleor_automation.people.verification.syntax import address_parse

from .models import Message

_SALT: Final = "saleor_automation.mailto"
#: Bytes of the signature: with the message's id 26 bytes, 42 letters. An address has room for
#: 64 before the @.
_SIGNATURE: Final = 10
_TOKEN: Final = re.compile(r"(?<![a-z2-7])[a-z2-7]{42}(?![a-z2-7])")
#: Headers in which a mail system leaves the address a mail was for.
_FOR: Final = ("To", "Cc", "Delivered-To", "X-Original-To", "Envelope-To", "X-Forwarded-To")
#: Of a mail, the headers looked at; longer ones are cut off.
_LONGEST: Final = 4000
PLACE: Final = "{token}"


class Read(StrEnum):
    """What a mail came to."""

    UNSUBSCRIBED = "unsubscribed"
    #: The person was erased since: there is nobody to write to.
    GONE = "gone"
    #: It holds no token of ours.
    UNKNOWN = "unknown"


def mailto_token(message_id: UUID) -> str:
    """Return the token of a mail: small letters and digits, as addresses lose their case."""
    raw = message_id.bytes
    return base64.b32encode(raw + _signature(raw)).decode().rstrip("=").lower()


def mailto_read(token: str) -> UUID | None:
    """Return the mail a token is of, or None when its signature is wrong."""
    try:
        raw = base64.b32decode(token.upper() + "=" * (-len(token) % 8))
    except ValueError:
        return None
    if len(raw) != 16 + _SIGNATURE:
        return None
    return UUID(bytes=raw[:16]) if constant_time_compare(raw[16:], _signature(raw[:16])) else None


def _signature(raw: bytes) -> bytes:
    return salted_hmac(_SALT, raw, algorithm="sha256").digest()[:_SIGNATURE]


def mailbox_problem(mailbox: str) -> str:
    """Say why an address cannot take unsubscribing; "" when it can."""
    filled = mailbox.replace(PLACE, "x" * 42)
    if mailbox.count(PLACE) > 1 or not address_parse(filled).is_address:
        return f"{mailbox!r} is no mail address, or has no room for a token before the @."
    return ""


def mailto_for(message_id: UUID) -> str:
    """Return the ``mailto:`` of a mail's List-Unsubscribe; "" when the shop takes none."""
    mailbox = conf().unsubscribe_mailbox.strip()
    if not mailbox or mailbox_problem(mailbox):
        return ""
    token = mailto_token(message_id)
    if PLACE in mailbox:
        return f"mailto:{quote(mailbox.replace(PLACE, token), safe='@+')}?subject=unsubscribe"
    return f"mailto:{quote(mailbox, safe='@+')}?subject=unsubscribe%20{token}"


def mail_unsubscribe(*, mail: MailMessage, now: datetime, envelope: str = "") -> Read:
    """Unsubscribe whoever a mail's tokens name. Safe to repeat.

    ``envelope`` is the address the mail server was given, where it is known.
    """
    outcome = Read.UNKNOWN
    for message_id in dict.fromkeys(_tokens(mail, envelope)):
        message = Message.objects.select_related("contact").filter(pk=message_id).first()
        if message is None or message.contact is None:
            outcome = Read.GONE if outcome is Read.UNKNOWN else outcome
            continue
        contact_unsubscribe(contact=message.contact, at=now, source="unsubscribe_mail")
        outcome = Read.UNSUBSCRIBED
    return outcome


def _tokens(mail: MailMessage, envelope: str) -> Iterator[UUID]:
    for text in _texts(mail, envelope):
        for token in _TOKEN.findall(text.lower()):
            message_id = mailto_read(token)
            if message_id is not None:
                yield message_id


def _texts(mail: MailMessage, envelope: str) -> Iterable[str]:
    yield envelope
    for name in (*_FOR, "Subject"):
        for value in mail.get_all(name, []):
            yield _plain(str(value))


def _plain(value: str) -> str:
    """Return a header as it reads, folding and RFC 2047 words undone."""
    value = value[:_LONGEST]
    try:
        return re.sub(r"\r?\n[ \t]", " ", str(make_header(decode_header(value))))
    except (LookupError, UnicodeError, ValueError):
        return value


def on_inbound(*, event: Any, **kwargs: Any) -> None:
    """Take a mail a mail service hands us (anymail's signal ``inbound``).

    Raises what the database raises: the service then delivers it again.
    """
    from saleor_automation import clock

    mail = event.message
    envelope = str(getattr(mail, "envelope_recipient", "") or "")
    mail_unsubscribe(mail=mail, now=clock.now(), envelope=envelope)
