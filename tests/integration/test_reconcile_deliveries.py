"""What Saleor gave up delivering is read back as it was sent."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from saleor_automation import clock
from saleor_automation.demo import bodies
from saleor_automation.demo.shop import Shop
from saleor_automation.demo.world import Shopper
from saleor_automation.inbox.models import Event, RawEvent
from saleor_automation.inbox.services import raw_events_process
from saleor_automation.people.models import Contact
from saleor_automation.people.services import contact_subscribed
from saleor_automation.saleor_app.models import Watermark
from saleor_automation.saleor_app.reconcile import reconcile
from tests.engine import Play, sequence_make
from tests.looking import (
    APP,
    Stop,
    silently,
    stop_after,
    subscribe,
    three_lost,
    understand,
)


def test_what_saleor_gave_up_on_is_read_back_as_it_was_sent(play: Play, shop: Shop) -> None:
    sequence_make("parcel", "shipped", [0])
    order = three_lost(play)
    play.clock.forward(minutes=1)
    parcel = play.world.ship("bought", "MY1", play.clock.at)
    content = {
        "notifyCustomer": False,
        "fulfillment": bodies.fulfillment(order, parcel, shop.site),
        "order": bodies.order(order, shop.site),
    }
    sent = bodies.body(content, issued_at=play.clock.at, app_id=APP, name="fulfillment_created")
    others = bodies.body(
        content, issued_at=play.clock.at, app_id="QXBwOjk=", name="fulfillment_created"
    )
    subscribe(shop, "fulfillment_created", "order_created")
    shop.failed = [("fulfillment_created", sent), ("fulfillment_created", others)]

    outcomes = reconcile()

    [read] = [outcome for outcome in outcomes if outcome.kind == "deliveries"]
    assert (read.counts.new, read.counts.faults) == (1, 1)
    raw = RawEvent.objects.get(event_type="fulfillment_created")
    assert bytes(raw.body) == sent
    others_say = RawEvent.objects.filter(event_type__in=["order_updated", "checkout_updated"])
    assert raw.pk < min(others_say.values_list("pk", flat=True)), "it says most"
    understand()
    assert Event.objects.get(kind="shipped").data["notify"] is False
    play.clock.forward(hours=1)
    assert sum(outcome.counts.new for outcome in reconcile()) == 0


def test_a_no_is_known_before_the_joining_that_failed_with_it(play: Play, shop: Shop) -> None:
    """Seen on Saleor 3.23: who said no while the Studio was away was welcomed afterwards."""
    sequence_make("welcome", "joined", [0])
    aina = silently(play, lambda: play.shopper("aina"))
    sent = bodies.body(
        {"user": bodies.customer(aina)},
        issued_at=play.clock.at,
        app_id=APP,
        name="customer_created",
    )
    subscribe(shop, "customer_created")
    shop.failed = [("customer_created", sent)]
    aina.metadata["paper.marketing_opt_in"] = "false"
    # However shortly ago, and though others are left to their webhooks so long.
    play.clock.forward(seconds=10)

    reconcile(settle=timedelta(minutes=2))

    # Bodies are understood in their order, while others are still being read.
    first = RawEvent.objects.order_by("pk")[0]
    raw_events_process(ids=[first.pk], now=clock.now())
    assert Event.objects.get().key.kind == "joined"
    [contact] = Contact.objects.all()
    assert contact_subscribed(contact=contact) is False
    understand()
    assert Event.objects.filter(kind="joined").count() == 1


def test_a_long_list_of_failed_deliveries_is_read_page_by_page(
    play: Play, shop: Shop, asked: list[Any]
) -> None:
    Watermark.objects.create(source="poll", kind="deliveries", page_size=3)
    events = ("customer_created", "customer_updated")
    subscribe(shop, *events)
    for number in range(20):
        shopper = Shopper(f"s{number}", f"s{number}@shopper.example", "S", "R", account=number + 1)
        shopper.joined_at = shopper.updated_at = play.clock.forward(seconds=1)
        event = events[number % 2]
        values = {"user": bodies.customer(shopper)}
        made = bodies.body(values, issued_at=play.clock.at, app_id=APP, name=event)
        shop.failed.append((event, made))

    [outcome] = reconcile(kinds=["deliveries"])
    assert (outcome.counts.looked_at, outcome.counts.new, outcome.finished) == (20, 20, True)
    assert len(asked) == 1 + 4 + 4

    # Read to the end once, only what failed lately is asked for.
    asked.clear()
    play.clock.forward(days=1)
    Watermark.objects.update(reached_at=play.clock.at)
    [outcome] = reconcile(kinds=["deliveries"])
    assert (outcome.counts.looked_at, outcome.finished, len(asked)) == (0, True, 1)


def test_reading_failed_deliveries_is_gone_on_with(
    play: Play, shop: Shop, asked: list[Any]
) -> None:
    test_a_long_list_of_failed_deliveries_is_read_page_by_page(play, shop, asked)
    RawEvent.objects.all().delete()
    Watermark.objects.all().delete()
    Watermark.objects.create(source="poll", kind="deliveries", page_size=3)
    with pytest.raises(Stop):
        reconcile(kinds=["deliveries"], watch=stop_after(5))
    [outcome] = reconcile(kinds=["deliveries"])
    assert outcome.resumed
    assert RawEvent.objects.count() == 20
