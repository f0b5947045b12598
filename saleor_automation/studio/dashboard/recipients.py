"""What one customer, or the person of one order, was mailed, and why not.

Knows Saleor's ids and our ledger. Shows personal data: who calls has checked that the
reader may see customers or orders in Saleor.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from django.utils.translation import gettext as _

from saleor_automation.delivery.models import Message
from saleor_automation.people.consent import suppressed
from saleor_automation.people.models import Contact, Identity
from saleor_automation.shop.models import ShopOrder
from saleor_automation.studio.listing import time_words
from saleor_automation.studio.mails import mail_title, reason_words
from saleor_automation.studio.selectors import SENT, email_titles

#: Mails shown; the Studio shows them all.
LIMIT = 20


@dataclass(frozen=True)
class Line:
    """One mail."""

    key: UUID
    subject: str
    state: str
    state_words: str
    #: When it left; when it did not, when it is or was due.
    at: str
    why: str
    #: It is about the order the reader looks at.
    about_this: bool


@dataclass(frozen=True)
class Record:
    """Everything the box shows."""

    lines: tuple[Line, ...]
    #: Mails there are beside those shown.
    more: int = 0
    #: Why nothing more is sent to the person, in sentences.
    notes: tuple[str, ...] = ()


def contact_of_customer(saleor_id: str) -> Contact | None:
    """Return the person of an account, by Saleor's global id of the user."""
    return _by_identity(Identity.Kind.SALEOR_USER, saleor_id)


def contact_of_order(saleor_id: str) -> Contact | None:
    """Return the person of an order, by Saleor's global id; a guest's by their address."""
    order = ShopOrder.objects.select_related("contact").filter(saleor_id=saleor_id).first()
    if order is None:
        return None
    return order.contact or _by_identity(Identity.Kind.EMAIL, order.email.lower())


def _by_identity(kind: str, value: str) -> Contact | None:
    found = Identity.objects.select_related("contact").filter(kind=kind, value=value).first()
    return found.contact if found and value else None


def record_for(contact: Contact | None, *, order: str = "") -> Record:
    """Return the newest mails to a person; empty for somebody unknown or erased.

    ``order`` is Saleor's id of the order looked at, to mark what is about it.
    """
    if contact is None:
        return Record(())
    mails = Message.objects.filter(contact=contact)
    newest = list(
        mails.select_related("content", "email_version", "enrollment").order_by(
            "-planned_at", "-id"
        )[:LIMIT]
    )
    titles = email_titles(*{mail.email_key for mail in newest}) if newest else {}
    return Record(
        lines=tuple(_line(mail, lambda mail: mail_title(mail, titles), order) for mail in newest),
        more=mails.count() - len(newest) if len(newest) == LIMIT else 0,
        notes=tuple(
            _("Not written to since %(at)s: %(why)s.")
            % {"at": time_words(row.at), "why": row.get_reason_display()}
            for row in suppressed([contact])[contact.pk]
            if not row.channel and not row.topic
        ),
    )


def _line(mail: Message, title: Callable[[Message], str], order: str) -> Line:
    context = mail.enrollment.context if mail.enrollment else {}
    left = mail.state in SENT and mail.handed_over_at
    return Line(
        key=mail.pk,
        subject=title(mail),
        state=mail.state,
        state_words=str(mail.get_state_display()),
        at=time_words(left or mail.due_at),
        why=reason_words(mail),
        about_this=bool(order) and context.get("order") == order,
    )
