"""Real deliveries of Saleor 3.23.28: verified, understood, and indifferent to order."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from django.db import transaction

from saleor_automation.inbox.models import Event, RawEvent
from saleor_automation.inbox.services import raw_event_store
from saleor_automation.saleor_app.models import Refusal
from tests.recorded import (
    API_URL,
    NOW,
    PATH,
    SHUFFLES,
    IngestClient,
    fixed_clock,
    install,
    load_deliveries,
    post_all,
    process_all,
    snapshot_tables,
)
from tests.shared import needs_recordings

pytestmark = [needs_recordings, pytest.mark.django_db]

EXPECTED = Path(__file__).with_name("expected_recorded.json")
COUNT = 27


@pytest.fixture(autouse=True)
def _still_clock():
    with fixed_clock():
        yield


@pytest.fixture
def expected():
    return json.loads(EXPECTED.read_text())


def test_every_delivery_verifies_and_is_understood():
    install()

    answers = post_all(IngestClient(), range(COUNT))

    assert [answer.status_code for answer in answers] == [202] * COUNT
    assert process_all() == COUNT
    assert set(RawEvent.objects.values_list("state", flat=True)) == {RawEvent.State.DONE}
    assert not Refusal.objects.exists()


def test_a_basket_that_was_gone_is_understood_and_tells_nothing():
    install()
    [number] = [
        number
        for number, delivery in enumerate(load_deliveries())
        if json.loads(delivery.body).get("checkout", ...) is None
    ]

    post_all(IngestClient(), [number])
    process_all()

    assert RawEvent.objects.get().state == RawEvent.State.DONE
    assert not Event.objects.exists()


@pytest.mark.parametrize("number", range(COUNT))
def test_one_flipped_byte_is_refused_and_nothing_is_stored(number):
    install()
    delivery = load_deliveries()[number]
    place = random.Random(number).randrange(len(delivery.body))
    body = bytearray(delivery.body)
    body[place] ^= 1

    answer = IngestClient().post(PATH, body=bytes(body), headers=delivery.headers)

    assert answer.status_code == 401
    assert not RawEvent.objects.exists()
    assert Refusal.objects.get().reason == Refusal.Reason.SIGNATURE


def test_order_and_repetition_do_not_matter(expected):
    """Shuffled again and again: the same contacts, orders, baskets, events and tombstones."""
    for delivery in load_deliveries() * 2:
        raw_event_store(
            source="webhook",
            event_type=delivery.event_type,
            api_url=API_URL,
            body=delivery.body,
            now=NOW,
        )
    ids = list(RawEvent.objects.order_by("pk").values_list("pk", flat=True))
    assert len(ids) == COUNT
    for seed in range(SHUFFLES):
        shuffled = random.Random(seed).sample(ids, COUNT)
        point = transaction.savepoint()
        assert process_all(shuffled) == COUNT
        found = snapshot_tables()
        transaction.savepoint_rollback(point)
        assert found == expected, f"seed {seed}"


@pytest.mark.parametrize("seed", range(3))
def test_order_and_repetition_do_not_matter_over_http(expected, seed):
    """Posted twice and shuffled, understood in batches as they come."""
    install()
    client = IngestClient()
    order = [*range(COUNT), *range(COUNT)]
    random.Random(seed).shuffle(order)

    for start in range(0, len(order), 7):
        post_all(client, order[start : start + 7])
        process_all()

    assert snapshot_tables() == expected


def test_what_the_recording_means(expected):
    """The committed table, read: what a person would expect of these deliveries."""
    keys = [event["key"] for event in expected["events"]]
    [kept, erased] = ["VXNlcjo0OQ==", "VXNlcjo1MQ=="]
    [confirmed, cancelled] = expected["orders"]
    if expected["orders"][confirmed]["status"] == "CANCELED":
        confirmed, cancelled = cancelled, confirmed

    assert len(expected["contacts"]) == 4
    # The row itself holds a digest; ``snapshot_tables`` reads it for us.
    assert [key for key in keys if erased in key] == [f"deleted {erased}"]
    assert [line.split()[:2] for line in expected["tombstones"]] == [
        ["email", "c0a3325f33a@shopper.example"],
        ["saleor_user", erased],
    ]
    assert not any(erased in name for name in expected["contacts"])
    assert keys.count(f"confirmed {confirmed}") == 1
    assert f"cancelled {cancelled}" in keys
    assert f"paid {cancelled}" not in keys
    assert f"joined {kept}" in keys
    assert expected["orders"][cancelled]["contact"] == "guest.buys@shopper.example"
