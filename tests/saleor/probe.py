"""Looks into a Studio's database, and does by its own services what an owner does by hand.

Runs in the Studio's environment as ``python -m tests.saleor.probe``: one JSON list per line of
standard input, [name, arguments], answered by one JSON line, {"answer": ..} or {"error": ..}.
Must not know what a test expects.
"""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from unittest import mock

from saleor_automation.project.loading import load_django

ASKED: dict[str, Callable[..., Any]] = {}


def asked(function: Callable[..., Any]) -> Callable[..., Any]:
    ASKED[function.__name__] = function
    return function


@asked
def contacts() -> list[dict[str, Any]]:
    """Everybody known, with all their names and everything they said."""
    from saleor_automation.people.consent import words_of
    from saleor_automation.people.models import Contact

    return [
        {
            "id": str(contact.pk),
            "email": contact.email,
            "first_name": contact.first_name,
            "language": contact.language,
            "has_account": contact.has_account,
            "is_staff": contact.is_staff,
            "identities": sorted([item.kind, item.value] for item in contact.identities.all()),
            # Words, not rows: an account's flag is seen by several events and said once.
            "consents": [
                {
                    "state": "granted" if word.granted else "withdrawn",
                    "source": word.source,
                    "topic": word.topic,
                    "at": word.at,
                }
                for word in sorted(words_of(contact.consents.all()), key=lambda word: word.at)
            ],
        }
        for contact in Contact.objects.prefetch_related("identities", "consents")
    ]


@asked
def events() -> list[dict[str, Any]]:
    """Every business fact, once."""
    from saleor_automation.inbox.models import Event

    return [
        {
            "kind": event.key.kind,
            "object": event.key.object_id,
            "transition": event.key.transition,
            "source": event.source,
            "late": event.late,
            "backfill": event.backfill,
            "occurred_at": event.occurred_at,
            "email": event.contact.email if event.contact else "",
            "data": event.data,
        }
        for event in Event.objects.select_related("key", "contact").order_by("pk")
    ]


@asked
def bodies() -> list[dict[str, Any]]:
    """What was received: source, event and state of every body, without the body."""
    from saleor_automation.inbox.models import RawEvent

    fields = ("source", "event_type", "state", "fault", "received_at")
    return list(RawEvent.objects.order_by("pk").values(*fields))


@asked
def orders() -> list[dict[str, Any]]:
    """The Studio's copy of the shop's orders."""
    from saleor_automation.shop.models import ShopOrder

    return list(ShopOrder.objects.order_by("pk").values("saleor_id", "number", "status"))


@asked
def enrollments() -> list[dict[str, Any]]:
    """Everybody in a sequence."""
    from saleor_automation.sequences.models import Enrollment, SequenceSwitch

    names = dict(SequenceSwitch.objects.values_list("sequence", "name"))
    return [
        {
            "sequence": names[row.sequence],
            "email": row.contact.email,
            "entry_key": row.entry_key,
            "occurrence": row.occurrence,
            "state": row.state,
            "reason": row.reason,
            "entered_at": row.entered_at,
            "due_at": row.due_at,
            "mails": row.mails,
            "context": row.context,
        }
        for row in Enrollment.objects.select_related("contact").order_by("entered_at", "pk")
    ]


@asked
def messages() -> list[dict[str, Any]]:
    """Every mail that was planned, and what became of it."""
    from saleor_automation.delivery.models import Message

    fields = ("key", "to_address", "state", "reason", "detail", "purpose", "topic")
    return list(Message.objects.order_by("planned_at").values(*fields))


@asked
def installation() -> dict[str, Any] | None:
    """What the Studio knows of the Saleor it belongs to, without the token."""
    from saleor_automation.saleor_app.models import Installation

    row = Installation.objects.order_by("-installed_at").first()
    if row is None:
        return None
    return {
        field.attname: getattr(row, field.attname)
        for field in row._meta.concrete_fields
        if field.attname not in {"token", "jwks"}
    }


@asked
def refusals() -> list[dict[str, Any]]:
    """Why requests were refused, and how often."""
    from saleor_automation.saleor_app.models import Refusal

    return list(Refusal.objects.values())


@asked
def open_for_business() -> None:
    """Name the sender, choose who may be written to, turn the starter sequences on."""
    from saleor_automation import clock
    from saleor_automation.delivery.models import SendingControl
    from saleor_automation.delivery.services import sending_bind
    from saleor_automation.emails.models import Brand
    from saleor_automation.sequences.models import SequenceSwitch
    from saleor_automation.sequences.services import sequence_switch

    now = clock.now()
    brand = {
        "name": "Suite",
        "from_name": "Suite",
        "from_email": "hello@suite.example",
        "reply_to": "hello@suite.example",
        "postal_address": "1 Test Street",
        "website_url": "https://suite.example",
        "basket_url": "https://suite.example/checkout?checkout={checkout_id}",
    }
    Brand.objects.update_or_create(channel="", defaults=brand)
    policy = SendingControl.Policy.SOFT_OPT_IN
    SendingControl.objects.update_or_create(
        pk=1, defaults={"consent_policy": policy, "paused": False}
    )
    sending_bind(now=now)
    for switch in SequenceSwitch.objects.all():
        sequence_switch(
            sequence=switch.sequence, name=switch.name, state=SequenceSwitch.State.ON, now=now
        )


@asked
def hasten(email: str) -> int:
    """Let what a person waits for be due now: waits are the only time that is skipped."""
    from django.db.models import F

    from saleor_automation import clock
    from saleor_automation.sequences.models import Enrollment

    now = clock.now()
    rows = Enrollment.objects.filter(contact__email=email, due_at__gt=now)
    waiting = list(rows.values_list("pk", "due_at"))
    for pk, due_at in waiting:
        # As if the person had come to this wait so much earlier.
        Enrollment.objects.filter(pk=pk, due_at=due_at).update(
            due_at=now, node_entered_at=F("node_entered_at") - (due_at - now)
        )
    return len(waiting)


@asked
def sweep(hours: int) -> bool:
    """Search for deleted accounts as it will be done so many hours from now."""
    from saleor_automation import clock
    from saleor_automation.people.vanished import vanished_sweep

    then = clock.wall() + timedelta(hours=hours)
    with mock.patch.multiple(clock, now=lambda: then, wall=lambda: then):
        return vanished_sweep()


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def main() -> None:
    """Answer until standard input ends."""
    load_django()
    print("ready", flush=True)
    for line in sys.stdin:
        name, arguments = json.loads(line)
        try:
            answer = {"answer": ASKED[name](**arguments)}
        except Exception:
            answer = {"error": traceback.format_exc()}
        print(json.dumps(answer, default=_plain), flush=True)


if __name__ == "__main__":
    main()
