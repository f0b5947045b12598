"""The demo's verdict sees what is not as promised; and how it looks for what was lost."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from saleor_automation.demo import script, verdict
from saleor_automation.demo.driver import Driver
from saleor_automation.demo.stage import Stage
from saleor_automation.demo.world import World
from saleor_automation.exceptions import SaleorUnreachable
from saleor_automation.saleor_app import reconcile
from saleor_automation.shop.models import Fulfillment, ShopOrder

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    made = World()
    made.shoppers = script.shoppers()
    made.leave_basket(made.shoppers["ben"], "ben-1", {"mug": 1}, script.START)
    made.buy("ben-1", script.START + timedelta(hours=1))
    made.ship("ben-1", "MY1", script.START + timedelta(hours=2))
    return made


def order_known(world: World, **changes) -> ShopOrder:
    sold = world.orders["ben-1"]
    return ShopOrder.objects.create(saleor_id=sold.id, **{"status": sold.status, **changes})


def parcel_known(world: World, order: ShopOrder, tracking: str) -> None:
    (parcel,) = world.orders["ben-1"].parcels
    Fulfillment.objects.create(saleor_id=parcel.id, order=order, tracking_number=tracking)


def test_an_order_as_the_shop_has_it_is_well(world):
    parcel_known(world, order_known(world), "MY1")
    assert list(verdict._untold(world)) == []


def test_an_unknown_order_is_told(world):
    (trouble,) = verdict._untold(world)
    assert "is not known" in trouble


@pytest.mark.parametrize("tracking", [None, "MY2"])
def test_a_parcel_lost_or_told_wrongly_is_told(world, tracking):
    order = order_known(world)
    if tracking:
        parcel_known(world, order, tracking)
    (trouble,) = verdict._untold(world)
    assert "MY1" in trouble
    assert (tracking or "none") in trouble


def test_an_order_that_moved_on_unheard_is_told(world):
    parcel_known(world, order_known(world, status="UNCONFIRMED"), "MY1")
    (trouble,) = verdict._untold(world)
    assert "is known as UNCONFIRMED" in trouble


def looked(*outcomes: reconcile.Outcome, monkeypatch, patience: float = 5.0) -> list[str]:
    """Let the driver look for what was lost; return its troubles."""
    answers = [[outcome] for outcome in outcomes]
    monkeypatch.setattr(
        reconcile, "reconcile", lambda: answers.pop(0) if len(answers) > 1 else answers[0]
    )
    world = World()
    driver = Driver(
        stage=Stage(world, site="x", app_id="x"),
        shop=None,  # not spoken to
        sink=None,
        stop=threading.Event(),
        patience=patience,
    )
    driver._poll()
    return driver.troubles


DONE = reconcile.Outcome("poll", "orders", finished=True)
BUSY = reconcile.Outcome("poll", "orders", busy=True)


def test_a_worker_that_is_looking_is_waited_for(monkeypatch):
    assert looked(BUSY, DONE, monkeypatch=monkeypatch) == []


def test_a_demo_that_is_ended_does_not_look(monkeypatch):
    monkeypatch.setattr(threading.Event, "is_set", lambda self: True)
    assert looked(BUSY, monkeypatch=monkeypatch) == []


def test_a_look_that_never_ends_is_told(monkeypatch):
    (trouble,) = looked(BUSY, monkeypatch=monkeypatch, patience=0)
    assert "another process is at it" in trouble
    error = reconcile.Outcome("poll", "orders", error=SaleorUnreachable("The shop is away."))
    (trouble,) = looked(error, monkeypatch=monkeypatch, patience=0)
    assert "The shop is away." in trouble
