"""Webhook, relay and poll tell of one thing in three ways, and it counts once."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from saleor_automation.demo import bodies
from saleor_automation.demo.world import Shopper
from saleor_automation.inbox.models import Event
from saleor_automation.inbox.services import raw_event_store
from saleor_automation.people.models import Contact, Identity
from saleor_automation.saleor_app.polling import POLLS, Addressee, body_make
from saleor_automation.sequences.models import Enrollment
from saleor_automation.shop.models import Checkout, ShopOrder
from tests.engine import Play, sequence_make
from tests.looking import APP, understand

# --- all ways meet -------------------------------------------------------------------


def told_three_ways(play: Play) -> list[tuple[str, str, bytes]]:
    """Return (source, event, body) of what webhooks, relay and poll tell of one play."""
    world, at = play.world, play.clock
    polls = {poll.name: poll for poll in POLLS}
    us = Addressee(APP, "3.23.28")
    sent: list[tuple[str, str, bytes]] = []

    def tell(event: str, name: str, node: dict[str, Any], **more: Any) -> None:
        at.forward(milliseconds=300)
        for source, delay in (("webhook", 0), ("relay", 40)):
            issued = at.at + timedelta(milliseconds=delay)
            content = bodies.body({name: node, **more}, issued_at=issued, app_id=APP, name=event)
            sent.append((source, event, content))
        body = body_make(polls[name], node, addressee=us, read_at=at.at + timedelta(minutes=3))
        sent.append(("poll", body.event_type, body.body))

    aina = Shopper("aina", "aina@shopper.example", "Aina", "R", agreed=True)
    world.shoppers["aina"] = aina
    world.join(aina, at.at)
    tell("customer_created", "user", bodies.customer(aina))
    at.forward(minutes=1)
    aina.confirmed, aina.updated_at = True, at.at
    tell("account_confirmed", "user", bodies.customer(aina))
    guest = Shopper("gus", "gus@shopper.example", "Gus", "R")
    for key, shopper in (("a", aina), ("g", guest)):
        basket = world.leave_basket(shopper, key, {"mug": 1}, at.forward(minutes=5))
        tell("checkout_created", "checkout", bodies.checkout(basket, "http://shop"))
        basket.goods, basket.updated_at = {"mug": 2}, at.forward(minutes=1)
        tell("checkout_updated", "checkout", bodies.checkout(basket, "http://shop"))
    sold = world.buy("a", at.forward(minutes=10))
    tell("order_created", "order", bodies.order(sold, "http://shop"))
    sold.status, sold.updated_at = "UNFULFILLED", at.forward(seconds=1)
    tell("order_confirmed", "order", bodies.order(sold, "http://shop"))
    sold.charge, sold.updated_at = "FULL", at.forward(seconds=1)
    tell("order_fully_paid", "order", bodies.order(sold, "http://shop"))
    parcel = world.ship("a", "MY77", at.forward(hours=1))
    tell(
        "fulfillment_created",
        "order",
        bodies.order(sold, "http://shop"),
        fulfillment=bodies.fulfillment(sold, parcel, "http://shop"),
        notifyCustomer=True,
    )
    return sent


def outcome_of(sent: list[tuple[str, str, bytes]], now: datetime) -> dict[str, Any]:
    """Understand bodies in this order; return what came of it, leaving nothing behind."""
    point = transaction.savepoint()
    for source, event, body in sent:
        raw_event_store(source=source, event_type=event, api_url="https://x/", body=body, now=now)
        understand()
    people = {
        row.contact_id: row.value for row in Identity.objects.filter(kind=Identity.Kind.EMAIL)
    }
    found = {
        "events": [(key, people.get(event.contact_id)) for key, event in _events()],
        "enrollments": sorted(
            (row.sequence.hex, row.entry_key, people[row.contact_id])
            for row in Enrollment.objects.all()
        ),
        "orders": list(ShopOrder.objects.values("saleor_id", "status", "charge_status", "email")),
        "baskets": sorted(Checkout.objects.values_list("saleor_id", "quantity")),
        "contacts": sorted(Contact.objects.values_list("email", "has_account", "language")),
    }
    transaction.savepoint_rollback(point)
    return found


def _events() -> list[tuple[tuple[str, str, str], Event]]:
    rows = Event.objects.select_related("key")
    return sorted(
        (((e.key.kind, e.key.object_id, e.key.transition), e) for e in rows),
        key=lambda item: item[0],
    )


class Told:
    """One play, told three ways. No dataclass: hypothesis would print all of it."""

    def __init__(self, sent: list[tuple[str, str, bytes]], now: datetime) -> None:
        self.sent, self.now = sent, now

    def by(self, source: str) -> list[tuple[str, str, bytes]]:
        return [item for item in self.sent if item[0] == source]


@pytest.fixture
def told(play: Play) -> Told:
    for name, trigger in (
        ("welcome", "joined"),
        ("basket", "basket_changed"),
        ("thanks", "ordered"),
        ("parcel", "shipped"),
    ):
        sequence_make(name, trigger, [60])
    return Told(told_three_ways(play), play.clock.forward(minutes=5))


@settings(
    max_examples=12,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_webhook_relay_and_poll_in_any_order_are_one(told: Told, data: st.DataObject) -> None:
    expected = outcome_of(told.by("webhook"), told.now)
    assert len(expected["enrollments"]) == 5
    assert len(expected["events"]) == 3 + 4 + 5, "of the account, the baskets, the order"
    order = data.draw(st.permutations(range(len(told.sent))))
    assert outcome_of([told.sent[number] for number in order], told.now) == expected


def test_the_poll_alone_finds_what_webhooks_would_have_told(told: Told) -> None:
    expected = outcome_of(told.by("webhook"), told.now)
    assert outcome_of(told.by("poll"), told.now) == expected
