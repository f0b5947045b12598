"""What the recorded deliveries start: the same people in the same steps, in any order.

The three sequences of the shape the product ships run on the recording, at fixed
times: an hour after it, an hour later, a day later.
"""

from __future__ import annotations

import json
import random
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction

from saleor_automation.delivery.models import Message
from saleor_automation.inbox.models import RawEvent
from saleor_automation.inbox.services import raw_event_store
from saleor_automation.saleor_app.asking import Answers
from saleor_automation.saleor_app.baskets import BasketQuestion, BasketTruth, basket_snapshot
from saleor_automation.saleor_app.orders import OrderTruth
from saleor_automation.sequences.models import Enrollment
from saleor_automation.shop.models import Checkout, ShopOrder
from tests.engine import answers, basket_sequence, sending_open, sequence_make, settle
from tests.recorded import (
    API_URL,
    NOW,
    SHUFFLES,
    contact_names,
    fixed_clock,
    install,
    load_deliveries,
)
from tests.shared import needs_recordings

pytestmark = [needs_recordings, pytest.mark.django_db]

EXPECTED = Path(__file__).with_name("expected_engine.json")
TIMES = [NOW, NOW + timedelta(hours=1), NOW + timedelta(days=1)]


def truth_of(question: BasketQuestion) -> BasketTruth:
    """Return what was true of a basket in the recording: nobody had emptied one."""
    if ShopOrder.objects.filter(email__in=question.emails).exists():
        return BasketTruth(ordered=True)
    row = Checkout.objects.get(saleor_id=question.checkout_id)
    line = {"id": "L", "quantity": row.quantity}
    body = {
        "id": row.saleor_id,
        "created": row.created_at.isoformat(),
        "updatedAt": row.version_updated_at.isoformat(),
        "lines": [line],
    }
    return BasketTruth(ordered=False, basket=basket_snapshot(body, NOW))


@pytest.fixture
def recorded_shop(monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Path) -> dict[Any, str]:
    """Sequences on, sending open, and a Saleor that answers what was true in the recording."""
    settings.SALEOR_AUTOMATION = {**settings.SALEOR_AUTOMATION, "state_dir": tmp_path}

    def baskets(
        questions: list[BasketQuestion], **kwargs: Any
    ) -> Answers[BasketQuestion, BasketTruth]:
        return answers({question: truth_of(question) for question in questions})

    def orders(order_ids: list[str], **kwargs: Any) -> Answers[str, OrderTruth]:
        rows = {row.saleor_id: row for row in ShopOrder.objects.filter(saleor_id__in=order_ids)}
        return answers(
            {
                key: OrderTruth(True, row.status, row.charge_status, row.refunded_gross, Decimal(1))
                for key, row in rows.items()
            }
        )

    monkeypatch.setattr("saleor_automation.delivery.truth.baskets_ask", baskets)
    monkeypatch.setattr("saleor_automation.delivery.truth.orders_ask", orders)
    # The baskets in those answers are made up: nothing is to be learnt of them.
    monkeypatch.setattr("saleor_automation.delivery.truth.checkouts_refresh", lambda found: set())
    ordered = {"fact": "contact.orders_since_entry", "op": "gte", "value": 1}
    with fixed_clock(NOW):
        install()
        sending_open()
        keys = {
            sequence_make(
                "welcome", "joined", [0, 2880], exits=[{"condition": ordered, "reason": "ordered"}]
            ): "welcome",
            basket_sequence(): "basket",
            sequence_make("after", "shipped", [1380, 8640]): "after",
        }
    return keys


def engine_tables(sequences: dict[Any, str]) -> dict[str, Any]:
    """Return enrollments and messages, named without random ids."""
    people = contact_names()
    return {
        "enrollments": sorted(
            [
                sequences[row.sequence],
                row.entry_key,
                people[row.contact_id],
                row.state,
                row.node,
                row.reason,
                row.entered_at.isoformat(),
                row.due_at.isoformat() if row.due_at else "",
                row.mails,
            ]
            for row in Enrollment.objects.all()
        ),
        "messages": sorted(
            [
                sequences[row.sequence],
                row.node,
                row.enrollment.entry_key if row.enrollment else "",
                row.to_address,
                row.state,
                row.reason,
                row.planned_at.isoformat(),
            ]
            for row in Message.objects.select_related("enrollment")
        ),
    }


def played(order: list[int], sequences: dict[Any, str]) -> list[dict[str, Any]]:
    """Take the deliveries in ``order`` and return the tables at each of the fixed times."""
    deliveries = load_deliveries()
    with fixed_clock(NOW):
        for number in order:
            raw_event_store(
                source=RawEvent.Source.WEBHOOK,
                event_type=deliveries[number].event_type,
                api_url=API_URL,
                body=deliveries[number].body,
                now=NOW,
            )
    tables = []
    for at in TIMES:
        with fixed_clock(at):
            settle()
            tables.append(engine_tables(sequences))
    return tables


def test_the_expected_table_is_what_was_meant(recorded_shop: dict[Any, str]) -> None:
    """Read critically: who is in which sequence, who left it, and who was mailed."""
    hour, next_hour, day = json.loads(EXPECTED.read_text())
    left = {(row[0], row[5]) for row in day["enrollments"] if row[3] == "exited"}
    assert left == {("basket", "ordered"), ("welcome", "ordered")}
    assert not any("c0a3325f33a" in str(table) for table in (hour, next_hour, day)), "deleted"
    mailed = [(row[0], row[1], row[3], row[4], row[5]) for row in day["messages"]]
    # Nobody is in "after": staff shipped the only parcel with notifyCustomer false.
    assert mailed == [
        ("basket", "m1", "guest.leaves@shopper.example", "accepted", ""),
        ("basket", "m2", "guest.leaves@shopper.example", "accepted", ""),
        # She withdrew her consent in the account's metadata.
        ("welcome", "m1", "c3775491366@shopper.example", "skipped", "declined"),
    ]


def test_posted_twice_and_shuffled_the_same_people_get_the_same_mails(
    recorded_shop: dict[Any, str],
) -> None:
    expected = json.loads(EXPECTED.read_text())
    assert expected[-1]["messages"], "the expected table is not empty"
    twice = [*range(len(load_deliveries()))] * 2
    for seed in range(SHUFFLES):
        order = twice[:]
        random.Random(seed).shuffle(order)
        with transaction.atomic():
            tables = played(order, recorded_shop)
            transaction.set_rollback(True)
        assert tables == expected, f"seed {seed}"
