"""Whoever is erased is gone from every table, and stays gone whatever comes again."""

from __future__ import annotations

import json
import random
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.db.models import Count, Sum
from django_q.tasks import async_task

from saleor_automation import clock
from saleor_automation.contract import kinds
from saleor_automation.delivery.models import Message, MessageContent
from saleor_automation.demo import bodies
from saleor_automation.demo.shop import Shop
from saleor_automation.emails.models import Brand
from saleor_automation.inbox.models import Event, EventKey, RawEvent
from saleor_automation.inbox.services import raw_event_store
from saleor_automation.people.models import Consent, Contact, Identity, Suppression, Tombstone
from saleor_automation.people.services import (
    consent_record,
    contact_erase,
    contact_find,
    contact_unsubscribe,
    suppression_add,
)
from saleor_automation.people.traits import tag_set, trait_set
from saleor_automation.people.verification.services import history_record
from saleor_automation.saleor_app.models import Watermark
from saleor_automation.saleor_app.reconcile import BACKFILL, reconcile
from saleor_automation.shop.models import Checkout, Fulfillment, ShopOrder
from tests.engine import Play, basket_sequence, sending_open, sequence_make, settle
from tests.looking import understand
from tests.recorded import API_URL, NOW, fixed_clock, install, load_deliveries, process_all
from tests.shared import needs_recordings
from tests.traces import traces

pytestmark = pytest.mark.django_db

STREET = "12 Jalan Kenanga"
TRACKING = "MY-77120-ZUL"


def figures() -> dict[str, Any]:
    """Return what the shop's reports count, which names nobody."""
    mails = Message.objects.order_by().values_list("sequence", "state")
    return {
        "mails": sorted(map(str, mails.annotate(Count("pk")))),
        "orders": list(
            ShopOrder.objects.order_by("currency")
            .values("currency", "status")
            .annotate(Count("pk"), Sum("total_gross"))
        ),
        "baskets": Checkout.objects.count(),
    }


def test_the_search_finds_what_is_hidden(db: None) -> None:
    """The test of the test: plain, in JSON, in bytes, and in what is packed."""
    session = SessionStore()
    session["seen"] = {"who": "zul@shopper.example", "much": "x" * 400}
    session.save()
    async_task("saleor_automation.sequences.tasks.chore_run", "Zul@Shopper.example")
    raw_event_store(
        source="webhook",
        event_type="x",
        api_url="https://x/",
        body=b'{"a": "ZUL@shopper.example"}',
        now=NOW,
    )
    Contact.objects.create(
        created_at=NOW, field_versions={"email:zul@shopper.example": {"a": ["", "Z\u00fcl"]}}
    )
    assert traces("zul@shopper.example") == [
        "django_q_ormq.payload: zul@shopper.example",
        "django_session.session_data: zul@shopper.example",
        "saleor_automation_contact.field_versions: zul@shopper.example",
        "saleor_automation_rawevent.body: zul@shopper.example",
    ]
    assert traces("nobody@shopper.example") == []


@pytest.fixture
def lived(play: Play) -> Play:
    """Zulaikha did everything a customer can do here, and Ben a little."""
    sequence_make("welcome", "joined", [0, 2880])
    basket_sequence()
    sequence_make("after", "shipped", [60])
    sending_open()
    # The shop must not live where its customers do.
    Brand.objects.update(postal_address="1 Lorong Kedai")
    zul, ben = play.shopper("zulaikha"), play.shopper("ben")
    play.basket(ben, "ben-basket")
    play.basket(zul, "left")
    settle()
    play.clock.forward(minutes=46)
    settle()
    play.clock.forward(minutes=61)
    settle()
    play.basket(zul, "bought")
    play.clock.forward(minutes=5)
    order = play.buy("bought")
    parcel = play.world.ship("bought", TRACKING, play.clock.forward(hours=1))
    play.ship(order, parcel, "fulfillment_created")
    settle()
    play.clock.forward(hours=2)
    settle()
    person = contact_find(address="zulaikha@shopper.example")
    assert person is not None
    now = clock.now()
    trait_set(contact=person, name="nick", value="Zulaikha the Great", at=now, source="staff")
    tag_set(contact=person, name="friend of zulaikha", on=True, at=now)
    consent_record(
        contact=person, state="granted", source="staff", at=now, wording="Zulaikha rang us"
    )
    history_record(address=person.email, now=now, delivered_at=now)
    suppression_add(contact=person, reason=Suppression.Reason.COMPLAINT, at=now)
    contact_unsubscribe(contact=person, at=now)
    Watermark.objects.create(
        source="poll", kind="vanished", memory={"before": [zul.id], "now": [zul.id, "VXNlcjo5"]}
    )
    assert Message.objects.filter(contact=person, state="accepted").count() >= 2
    return play


def names(play: Play) -> list[str]:
    zul = play.world.shoppers["zulaikha"]
    return ["zulaikha", zul.email, zul.id, TRACKING, STREET]


@pytest.mark.parametrize("how", ["deleted in Saleor", "asked for here"])
def test_of_an_erased_person_only_digests_are_left(lived: Play, how: str) -> None:
    zul = lived.world.shoppers["zulaikha"]
    assert len(traces(*names(lived))) > 15, "the search finds the living"
    before, mails = figures(), Message.objects.count()
    bens = Contact.objects.get(email="ben@shopper.example")
    lived.clock.forward(minutes=1)
    if how == "deleted in Saleor":
        content = {"user": bodies.customer(zul)}
        lived.tell("customer_deleted", content)
    else:
        person = contact_find(address=zul.email)
        assert person is not None
        contact_erase(contact=person, at=clock.now(), now=clock.now())
    settle()

    assert traces(*names(lived)) == []
    assert {row.kind for row in Tombstone.objects.all()} == {"email", "saleor_user"}
    # The "no" outlives the person: should the address come back, it is still not written to.
    assert Suppression.objects.filter(contact=None, reason="complaint").count() == 1
    stub = Message.objects.filter(contact=None, state="accepted").first()
    assert stub is not None
    assert (stub.to_address, stub.detail) == ("", "")
    assert not MessageContent.objects.filter(message__contact=None).exists()
    assert Message.objects.count() == mails
    assert figures()["orders"] == before["orders"]
    assert figures()["baskets"] == before["baskets"]
    # Ben lost nothing.
    assert Contact.objects.get() == bens
    assert traces("ben@shopper.example")


def test_replays_and_a_backfill_bring_nobody_back(
    play: Play, shop: Shop, lived: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    zul = lived.world.shoppers["zulaikha"]
    received = [(row.event_type, bytes(row.body)) for row in RawEvent.objects.order_by("pk")]
    assert len(received) > 5
    person = contact_find(address=zul.email)
    assert person is not None
    lived.clock.forward(minutes=1)
    contact_erase(contact=person, at=clock.now(), now=clock.now())
    before = figures()
    sent = Message.objects.filter(state="accepted").count()

    # The same bodies under other digests, as another replica would send them.
    random.Random(4).shuffle(received)
    for number, (event, body) in enumerate(received * 2):
        content = json.loads(body)
        lived.deliver(event, json.dumps({**content, "again": number}).encode())
    # Saleor still has her: the shop erased her here alone.
    reconcile(source=BACKFILL)
    understand()
    settle()
    lived.clock.forward(days=2)
    settle()

    assert traces(*names(lived), STREET) == []
    assert not Contact.objects.filter(email__icontains="zulaikha").exists()
    assert figures()["orders"] == before["orders"]
    assert Message.objects.filter(contact=None, state="accepted").count() <= sent
    assert not EventKey.objects.filter(kind__in=[kinds.JOINED], object_id=zul.id).exists()
    assert not Fulfillment.objects.exclude(tracking_number="").exists()


def test_a_deletion_is_counted_once_and_names_nobody(play: Play) -> None:
    zul = play.shopper("zulaikha")
    for minute in (1, 2):
        play.clock.forward(minutes=minute)
        play.tell("customer_deleted", {"user": bodies.customer(zul)})
    event = Event.objects.get(kind=kinds.DELETED)
    assert (event.data, event.contact) == ({}, None)
    assert event.key.object_id == Tombstone.objects.get(kind="saleor_user").digest
    assert traces(zul.id, zul.email) == []


# --- the recording -------------------------------------------------------------------


def recorded_names() -> list[str]:
    """Return everything in the recording that says who somebody is."""
    found = set()
    for delivery in load_deliveries():
        content = json.loads(delivery.body)
        for key in ("user", "checkout", "order"):
            part = content.get(key) or {}
            people = [part, part.get("user") or {}]
            found |= {person.get("email") for person in people}
            found.add(part.get("userEmail"))
            found |= {person["id"] for person in people if "firstName" in person}
            for place in ("shippingAddress", "billingAddress"):
                address = part.get(place) or {}
                found |= {address.get("streetAddress1"), address.get("lastName")}
            for parcel in part.get("fulfillments") or []:
                found.add(parcel.get("trackingNumber"))
    return sorted(name for name in found if name and len(name) > 3)


@needs_recordings
def test_everybody_of_the_recording_is_erased_and_stays_so() -> None:
    wanted = recorded_names()
    assert len(wanted) >= 10
    with fixed_clock(NOW):
        install()
        _post([*range(len(load_deliveries()))])
        before = figures()
        for person in list(Contact.objects.all()):
            contact_erase(contact=person, at=NOW, now=NOW)
        assert traces(*wanted) == []
        for seed in range(5):
            order = [*range(len(load_deliveries()))] * 2
            random.Random(seed).shuffle(order)
            _post(order, again=seed)
            assert traces(*wanted) == [], f"seed {seed}"
            assert not Contact.objects.exists()
            assert not Identity.objects.exists()
            assert not Consent.objects.exists()
    assert figures() == before


def _post(numbers: list[int], again: int | None = None) -> None:
    """Store recorded bodies as a webhook's, or as new ones that say the same."""
    deliveries = load_deliveries()
    for number in numbers:
        body = deliveries[number].body
        if again is not None:
            body = json.dumps({**json.loads(body), "again": again}).encode()
        raw_event_store(
            source=RawEvent.Source.WEBHOOK,
            event_type=deliveries[number].event_type,
            api_url=API_URL,
            body=body,
            now=NOW + timedelta(minutes=1),
        )
    process_all()
