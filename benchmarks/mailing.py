"""The mail every sending measurement sends: a post-purchase mail with three order lines.

About the size and shape of a shop's mail. The same one is rendered alone, sent by the
product, sent raw, and sent by the peer.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID, uuid4

from benchmarks import seed
from saleor_automation.delivery import truth
from saleor_automation.delivery.models import Message, SendingControl
from saleor_automation.delivery.services import sending_bind, sending_problems
from saleor_automation.emails.models import Brand, EmailVersion
from saleor_automation.emails.services import email_version_create
from saleor_automation.rendering.compiler import compile_email
from saleor_automation.rendering.document import (
    Button,
    Divider,
    Document,
    Footer,
    Heading,
    Image,
    Items,
    Style,
    Text,
)
from saleor_automation.saleor_app.asking import Answers
from saleor_automation.saleor_app.orders import OrderTruth

PARAGRAPH = (
    "<p>Your throw is woven from the wool of a single flock, washed in rain water and left to "
    "dry in the wind. Air it once in a while and it will outlive the sofa, {{ "
    "contact.first_name }}. Wool cleans itself: a day outside does more for it than a "
    "machine ever could, and a drop of lukewarm water is enough for what was spilt.</p>"
)
DOCUMENT = Document(
    subject="{{ contact.first_name }}, how do you like order {{ order.number }}?",
    preheader="Two minutes of care make it last.",
    language="en",
    blocks=(
        Heading("Hello {{ contact.first_name | default: 'there' }}"),
        Image("https://shop.example/media/banner.jpg", alt="A throw on a chair", width=600),
        Text(PARAGRAPH * 2),
        Heading("What you ordered", large=False),
        Items("order"),
        Text(PARAGRAPH),
        Button("Read how to care for it", "{{ shop.url }}/care"),
        Divider(),
        Heading("Something to go with it", large=False),
        Text(PARAGRAPH * 2),
        Button("Look around", "{{ shop.url }}/new"),
        Footer("<p>You get this mail because you bought something from us.</p>"),
    ),
)


def email_make(*, now: datetime) -> EmailVersion:
    """Compile the mail and make a brand to send it; return its version."""
    Brand.objects.update_or_create(
        channel="",
        defaults={
            "name": "Fold & Field",
            "from_name": "Fold & Field",
            "from_email": "hello@shop.example",
            "postal_address": "1 Weavers Lane\nGalway",
            "website_url": "https://shop.example",
            "basket_url": "https://shop.example/checkout?checkout={checkout_id}",
        },
    )
    compiled = compile_email(DOCUMENT, Style())
    if not compiled.ok:
        raise RuntimeError(f"The benchmark's mail does not compile: {compiled.diagnostics}")
    return email_version_create(
        email_key=uuid4(), language="en", title="Benchmark", compiled=compiled, now=now
    )


def sending_open(*, now: datetime) -> None:
    """Choose a consent policy and confirm that this database may send."""
    SendingControl.objects.update_or_create(
        pk=1, defaults={"consent_policy": SendingControl.Policy.OPT_IN, "paused": False}
    )
    sending_bind(now=now)
    problems = sending_problems()
    if problems:
        raise RuntimeError(f"Sending is blocked: {problems}")


def graph(email_key: UUID) -> dict[str, object]:
    """Return a sequence of a wait, the mail, and a long wait."""
    return {
        "schema": 1,
        "trigger": {"kind": "ordered", "quiet_minutes": 0},
        "purpose": "marketing",
        "topic": "care",
        "exits": [
            {
                "condition": {
                    "any": [
                        {"fact": "order.cancelled", "op": "is_true"},
                        {"fact": "order.refunded", "op": "is_true"},
                    ]
                },
                "reason": "cancelled",
                "goto": None,
            }
        ],
        "entry": "wait",
        "nodes": {
            "wait": {"type": "wait", "minutes": 60, "next": "mail"},
            "mail": {
                "type": "send",
                "email": str(email_key),
                "expires_hours": 72,
                "next": "quiet",
            },
            "quiet": seed.QUIET,
        },
    }


def saleor_answer_at_once() -> None:
    """Have Saleor's answer about orders at hand: its time is not this product's.

    One question is asked per hundred mails; everything done with the answer is measured.
    """

    def ask(order_ids: Sequence[str], **kwargs: object) -> Answers[str, OrderTruth]:
        said = OrderTruth(True, "FULFILLED", "FULL", Decimal(0), Decimal(1))
        found = dict.fromkeys(order_ids, said)
        return Answers(found=found, asked_at=dict.fromkeys(found, time.monotonic()))

    truth.orders_ask = ask


def people_make(*, count: int, due_at: datetime, now: datetime) -> EmailVersion:
    """Make ``count`` people with an order each, all due for the mail at ``due_at``."""
    saleor_answer_at_once()
    seed.contacts_make(first=1, last=count, now=now - timedelta(days=40))
    seed.orders_make(first=1, last=count, lines=3, now=now)
    version = email_make(now=now)
    sending_open(now=now)
    sequence = seed.sequence_make(graph(version.email_key), now=now)
    seed.enrollments_make(
        sequence,
        first=1,
        last=count,
        node="wait",
        entered_at=now - timedelta(hours=2),
        due_at=due_at,
    )
    return version


def accepted_count() -> int:
    """Return how many mails the ledger says were accepted."""
    return Message.objects.filter(state=Message.State.ACCEPTED).count()
