"""Rows the Studio's tests need, made the way the product makes them."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

from django.contrib.auth.models import Permission, User
from wagtail.models import Collection, Locale, Page, Site

from saleor_automation.delivery.models import Message, MessageContent
from saleor_automation.emails.mail import mail_render
from saleor_automation.emails.models import EmailVersion
from saleor_automation.inbox.models import RawEvent
from saleor_automation.people.models import Contact
from saleor_automation.sequences.models import Enrollment
from saleor_automation.studio.sequences import Sequence

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def root_ensure() -> None:
    """Have what Wagtail's migrations made; a test that flushes the database takes it away."""
    if Page.get_first_root_node() is None:
        locale = Locale.objects.get_or_create(language_code="en")[0]
        root = Page.add_root(title="Root", slug="root", locale=locale)
        home = Page(title="Welcome to your new Wagtail site!", slug="home", locale=locale)
        root.add_child(instance=home)
        Site.objects.create(hostname="localhost", root_page=home, is_default_site=True)
    if Collection.get_first_root_node() is None:
        Collection.add_root(name="Root")


def user_with(name: str, *codenames: str) -> User:
    """Make a user who may open the Studio and has these permissions."""
    user = User.objects.create_user(name, password="secret")
    user.user_permissions.add(*Permission.objects.filter(codename__in=["access_admin", *codenames]))
    return user


def waiting_sequence(name: str = "Patience", **changes: Any) -> Sequence:
    """Make a published sequence that needs no email."""
    draft = Sequence(
        **{
            "name": name,
            "topic": "patience",
            "trigger": "joined",
            "steps": [
                {
                    "type": "wait",
                    "value": {"amount": 2, "unit": "days"},
                    "id": str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{name}-wait")),
                }
            ],
            **changes,
        }
    )
    draft.save()
    draft.save_revision().publish()
    return draft


def contact(email: str = "aisyah@example.com", **changes: Any) -> Contact:
    return Contact.objects.create(
        **{"email": email, "first_name": "Aisyah", "created_at": NOW, **changes}
    )


def standing_at(sequence: Sequence, node: str, person: Contact, key: str) -> Enrollment:
    """Make a person stand at a step of the sequence's current version."""
    from saleor_automation.sequences.models import SequenceVersion

    return Enrollment.objects.create(
        sequence=sequence.key,
        version=SequenceVersion.objects.get(sequence=sequence.key, is_current=True),
        entry_key=key,
        contact=person,
        state=Enrollment.State.ACTIVE,
        node=node,
        node_entered_at=NOW,
        entered_at=NOW,
        due_at=NOW,
    )


def email_version(**changes: Any) -> EmailVersion:
    return EmailVersion.objects.create(
        **{
            "email_key": uuid.uuid4(),
            "language": "en",
            "number": 1,
            "digest": uuid.uuid4().hex,
            "status": EmailVersion.Status.READY,
            "is_current": True,
            "title": "Hello",
            "subject": "Hello {{ contact.first_name }}",
            "html": "<html><body><p>Hello {{ contact.first_name }}</p></body></html>",
            "text": "Hello {{ contact.first_name }}",
            "created_at": NOW,
            **changes,
        }
    )


def message(**changes: Any) -> Message:
    """Make a mail in the ledger, without its content."""
    pk = changes.pop("pk", None) or uuid.uuid4()
    return Message.objects.create(
        **{
            "id": pk,
            "key": f"test/{pk}",
            "source": Message.Source.STEP,
            "purpose": Message.Purpose.MARKETING,
            "topic": "welcome",
            "email_key": uuid.uuid4(),
            "to_address": "aisyah@example.com",
            "planned_at": NOW,
            "due_at": NOW,
            **changes,
        }
    )


def sent_message(
    version: EmailVersion, context: dict[str, Any] | None = None, **changes: Any
) -> Message:
    """Make a mail that was accepted, with the content it was rendered from."""
    mail = message(
        **{
            "state": Message.State.ACCEPTED,
            "email_key": version.email_key,
            "email_version": version,
            "handed_over_at": NOW,
            "settled_at": NOW,
            **changes,
        }
    )
    context = context or {"contact": {"first_name": "Aisyah"}}
    MessageContent.objects.create(
        message=mail,
        subject=mail_render(version, context).subject,
        context=context,
        envelope={
            "from_name": "Paper & Co",
            "from_email": "hello@paper.example",
            "to": mail.to_address,
            "date": NOW.isoformat(),
            "message_id": f"<{mail.pk.hex}@paper.example>",
            "headers": {"X-Message": mail.pk.hex},
            "boundary": f"=_{mail.pk.hex}",
        },
    )
    return mail


def fault(body: bytes = b"{", words: str = "It is not JSON.", **changes: Any) -> RawEvent:
    return RawEvent.objects.create(
        **{
            "digest": uuid.uuid4().hex,
            "source": RawEvent.Source.WEBHOOK,
            "event_type": "order_created",
            "api_url": "https://shop.example/graphql/",
            "body": body,
            "received_at": NOW,
            "state": RawEvent.State.FAULT,
            "fault": words,
            **changes,
        }
    )
