"""What the Studio and the command line ask of delivery.

Knows how to show a mail again, and re-exports sending's control.
"""

from __future__ import annotations

from saleor_automation import clock
from saleor_automation.emails.brands import brand_for
from saleor_automation.emails.mail import RenderedMail, contexts_build, mail_render
from saleor_automation.emails.services import email_versions_current, version_choose
from saleor_automation.exceptions import RenderError

from .composing import envelope_bytes, envelope_make, subject_for
from .control import control_get, sending_bind, sending_problems
from .models import Message, MessageContent


def message_rendered(message: Message) -> RenderedMail:
    """Return a mail as it was sent; for one not sent, as it would be sent now.

    Raises RenderError saying why it cannot be shown.
    """
    content = MessageContent.objects.filter(message=message).first()
    if content is not None and message.email_version is not None:
        return mail_render(message.email_version, content.context)
    if content is None and message.contact is not None and message.handed_over_at is not None:
        # Written anew it would be another mail than the one that was sent.
        raise RenderError("What this mail said is not kept any more: the shop's rules forgot it.")
    version = version_choose(
        email_versions_current({message.email_key}),
        message.email_key,
        message.contact.language if message.contact else "",
    )
    if version is None:
        raise RenderError("The email was not published yet. Publish it, then look again.")
    (context,) = contexts_build([subject_for(message)], now=clock.now())
    return mail_render(version, context)


def message_source(message: Message) -> bytes:
    """Return a mail's exact bytes; for one not sent, those it would have now.

    Raises RenderError saying why it cannot be shown.
    """
    rendered = message_rendered(message)
    content = MessageContent.objects.filter(message=message).first()
    if content is not None:
        return envelope_bytes(content.envelope, rendered)
    subject = subject_for(message)
    envelope = envelope_make(
        message,
        brand_for(message.channel),
        to=subject.contact.email,
        links=subject.links,
        now=clock.now(),
    )
    return envelope_bytes(envelope, rendered)


__all__ = [
    "control_get",
    "message_rendered",
    "message_source",
    "sending_bind",
    "sending_problems",
]
