"""What Saleor gave up delivering is read back as it was sent."""

from __future__ import annotations

from typing import Any

import pytest

from saleor_automation.demo import bodies
from saleor_automation.demo.shop import Shop
from saleor_automation.demo.world import Shopper
from saleor_automation.inbox.models import Event, RawEvent
from saleor_automation.saleor_app.models import Watermark
from saleor_automation.saleor_app.reconcile import reconcile
from tests.engine import Play, sequence_make
from tests.looking import APP, Stop, stop_after, subscribe, three_lost, understand


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

    assert outcomes[0].kind == "deliveries"
    assert (outcomes[0].counts.new, outcomes[0].counts.faults) == (1, 1)
    raw = RawEvent.objects.get(event_type="fulfillment_created")
    assert bytes(raw.body) == sent
    assert raw.pk == min(RawEvent.objects.values_list("pk", flat=True)), "it says most"
    understand()
    assert Event.objects.get(kind="shipped").data["notify"] is False
    play.clock.forward(hours=1)
    assert reconcile()[0].counts.new == 0


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
