"""Writes mails: the right version, this person's facts, headers and bytes.

Knows versions, brands, contexts and headers. Must not know states or servers.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from saleor_automation.emails.brands import brand_for, brands_load
from saleor_automation.emails.mail import (
    MailSubject,
    RenderedMail,
    contexts_build,
    mail_render,
)
from saleor_automation.emails.models import Brand, EmailVersion
from saleor_automation.emails.services import email_versions_current, version_choose
from saleor_automation.exceptions import RenderError
from saleor_automation.sequences.graph import Send
from saleor_automation.sequences.services import version_graph

from . import reasons
from .confirming import confirm_address
from .failures import plain
from .ledger import Closing
from .links import links_for
from .mailto import mailto_for
from .mime import LedgerEmail, address, address_ascii, header_clean, mail_bytes
from .models import Message, MessageContent

logger = logging.getLogger(__name__)

#: How long a mail waits for its email to be published.
NO_VERSION_HOLD = timedelta(hours=1)


@dataclass(frozen=True)
class Composed:
    """A mail ready to go."""

    message: Message
    version_id: int
    email: LedgerEmail
    content: MessageContent


def envelope_make(
    message: Message, brand: Brand, *, to: str, links: Mapping[str, str], now: datetime
) -> dict[str, Any]:
    """Return what the bytes depend on besides the rendered parts, as plain JSON."""
    domain = (brand.from_email or "localhost").rpartition("@")[2]
    headers: dict[str, str] = {"X-Message": message.pk.hex}
    if message.purpose == Message.Purpose.MARKETING:
        # RFC 2369 and RFC 8058: the mail program's own unsubscribe button.
        mailto = mailto_for(message.pk)
        headers["List-Unsubscribe"] = f"<{links['unsubscribe']}>" + (
            f", <{mailto}>" if mailto else ""
        )
        headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    if brand.reply_to:
        headers["Reply-To"] = header_clean(brand.reply_to)
    return {
        "from_name": brand.from_name or brand.name,
        "from_email": address_ascii(brand.from_email) if brand.from_email else "",
        "to": to,
        "date": now.isoformat(),
        "message_id": f"<{message.pk.hex}@{domain}>",
        "headers": headers,
        "boundary": f"=_{message.pk.hex}",
    }


def envelope_bytes(envelope: Mapping[str, Any], rendered: RenderedMail) -> bytes:
    """Return the mail's bytes: the same for the same envelope and parts."""
    return mail_bytes(
        from_address=address(envelope["from_name"], envelope["from_email"]),
        to_address=address("", envelope["to"]),
        subject=rendered.subject,
        text=rendered.text,
        html=rendered.html,
        date=datetime.fromisoformat(envelope["date"]),
        message_id=envelope["message_id"],
        headers=envelope["headers"],
        boundary=envelope["boundary"],
    )


def subject_for(message: Message) -> MailSubject:
    """Return what ``contexts_build`` needs to know of a message."""
    contact, enrollment = message.contact, message.enrollment
    if contact is None:
        raise RenderError("The person was erased; the mail cannot be filled in any more.")
    return MailSubject(
        contact=contact,
        context=enrollment.context if enrollment is not None else {},
        channel=message.channel,
        language=contact.language,
        links=links_for(
            contact_id=contact.pk,
            message_id=message.pk,
            system=message.source == Message.Source.SYSTEM,
        ),
        voucher=_voucher(message),
        confirm_url=confirm_address(message),
    )


def _voucher(message: Message) -> str:
    """Return the code the message's step promises, or ""."""
    enrollment = message.enrollment
    if enrollment is None:
        return ""
    node = version_graph(enrollment.version_id).nodes.get(message.node)
    return node.voucher if isinstance(node, Send) else ""


def compose(
    *, messages: Sequence[Message], now: datetime
) -> tuple[list[Composed], dict[UUID, Closing]]:
    """Write the mails of ``messages``; the second value says which could not be written.

    The number of queries does not grow with the number of messages.
    """
    if not messages:
        return [], {}
    versions = email_versions_current({message.email_key for message in messages})
    brands = brands_load()
    subjects = [subject_for(message) for message in messages]
    contexts = contexts_build(subjects, now=now, brands=brands)
    done: list[Composed] = []
    failed: dict[UUID, Closing] = {}
    for message, subject, context in zip(messages, subjects, contexts, strict=True):
        version = version_choose(versions, message.email_key, subject.language)
        if version is None:
            failed[message.pk] = Closing(
                message,
                Message.State.PLANNED,
                reasons.NO_VERSION,
                due_at=now + NO_VERSION_HOLD,
            )
            continue
        if subject.confirm_url and "subscription.confirm_url" not in version.variables:
            failed[message.pk] = Closing(
                message,
                Message.State.PLANNED,
                reasons.NO_CONFIRM_LINK,
                due_at=now + NO_VERSION_HOLD,
            )
            continue
        try:
            done.append(_compose(message, subject, version, context, brands, now))
        except (RenderError, ValueError) as error:
            # Not the error's words: they may hold an address.
            logger.warning("Message %s cannot be written: %s", message.pk, type(error).__name__)
            failed[message.pk] = Closing(
                message, Message.State.FAILED, reasons.RENDER, plain(str(error))
            )
    return done, failed


def _compose(
    message: Message,
    subject: MailSubject,
    version: EmailVersion,
    context: dict[str, Any],
    brands: Mapping[str, Brand],
    now: datetime,
) -> Composed:
    rendered = mail_render(version, context)
    envelope = envelope_make(
        message,
        brand_for(message.channel, brands),
        to=address_ascii(subject.contact.email),
        links=subject.links,
        now=now,
    )
    content = envelope_bytes(envelope, rendered)
    email = LedgerEmail(
        content=content,
        html=rendered.html,
        sender=envelope["from_email"],
        recipient=envelope["to"],
        subject=header_clean(rendered.subject),
        body=rendered.text,
        from_email=address(envelope["from_name"], envelope["from_email"]),
        to=[envelope["to"]],
        headers={"Message-ID": envelope["message_id"], **envelope["headers"]},
    )
    # anymail passes it to the provider, whose events bring it back.
    email.metadata = {"message": message.pk.hex}
    return Composed(
        message,
        version.pk,
        email,
        MessageContent(
            message=message, subject=rendered.subject, context=context, envelope=envelope
        ),
    )
