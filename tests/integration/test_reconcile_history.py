"""The history from before the install: imported once, and it starts nothing."""

from __future__ import annotations

from typing import Any

import pytest

from saleor_automation.demo import bodies
from saleor_automation.demo.shop import Shop
from saleor_automation.demo.world import Order
from saleor_automation.inbox.models import Event, RawEvent
from saleor_automation.people.models import Contact
from saleor_automation.saleor_app import paging
from saleor_automation.saleor_app.installations import installation_forget
from saleor_automation.saleor_app.models import Installation, Watermark
from saleor_automation.saleor_app.reconcile import BACKFILL, reconcile
from saleor_automation.sequences.models import Enrollment
from saleor_automation.shop.models import ShopOrder
from tests.engine import Play, basket_sequence, mails, sending_open, sequence_make, settle
from tests.looking import (
    Stop,
    counts,
    many,
    pages_asked,
    silently,
    stop_after,
    three_lost,
    understand,
)

# --- history -------------------------------------------------------------------------


@pytest.fixture
def history(play: Play, shop: Shop) -> Order:
    """An order, a customer and a basket from before the app was installed."""
    order = three_lost(play)
    play.clock.forward(minutes=30)
    Installation.objects.update(installed_at=play.clock.at)
    installation_forget()
    return order


def test_history_starts_nothing_and_counts(play: Play, shop: Shop, history: Order) -> None:
    sending_open()
    sequence_make("welcome", "joined", [0])
    sequence_make("thanks", "ordered", [0])
    basket_sequence()

    assert counts(reconcile(source=BACKFILL)) == {
        "customers": (1, 1, 0),
        "orders": (1, 1, 0),
        "checkouts": (1, 1, 0),
    }

    understand()
    settle()
    assert set(Event.objects.values_list("source", "backfill")) == {("backfill", True)}
    assert not Enrollment.objects.exists()
    assert ShopOrder.objects.get().contact == Contact.objects.get()

    # A webhook of the same facts comes later all the same: still nothing.
    order = bodies.order(history, shop.site)
    play.tell("order_updated", {"order": order})
    play.tell("customer_updated", {"user": bodies.customer(history.shopper)})
    settle()
    assert not Enrollment.objects.exists()
    assert (mails(), Event.objects.filter(kind="ordered").count()) == ([], 1)

    # What happens from now on does start something.
    play.clock.forward(minutes=1)
    play.touch(play.world.baskets["left"], {"mug": 3})
    assert Enrollment.objects.get().entry_key == play.world.baskets["left"].id


def test_an_imported_order_ends_the_sequence_of_its_basket(play: Play, shop: Shop) -> None:
    sending_open()
    basket_sequence()
    ben = play.shopper("ben")
    play.basket(ben, "b")
    play.clock.forward(minutes=50)
    settle()
    assert Enrollment.objects.get().state == Enrollment.State.ACTIVE

    silently(play, lambda: play.buy("b"))
    play.clock.forward(minutes=1)
    Installation.objects.update(installed_at=play.clock.at)
    installation_forget()
    reconcile(source=BACKFILL)
    understand()
    settle()

    enrollment = Enrollment.objects.get()
    assert (enrollment.state, enrollment.reason) == (Enrollment.State.EXITED, "ordered")
    assert mails() == []


def test_history_ends_where_webhooks_begin(play: Play, shop: Shop, history: Order) -> None:
    sequence_make("thanks", "ordered", [0])
    # After the install, and its webhook is lost: the poll's business, not history.
    silently(play, lambda: play.basket(play.world.shoppers["aina"], "new"))
    play.clock.forward(minutes=10)
    sold = silently(play, lambda: play.buy("new"))

    assert counts(reconcile(source=BACKFILL))["orders"] == (1, 1, 0)
    understand()
    assert not Enrollment.objects.exists()
    assert counts(reconcile())["orders"][1] == 1
    understand()
    assert Enrollment.objects.get().entry_key == sold.id


def test_after_a_second_install_the_poll_comes_first(play: Play, shop: Shop) -> None:
    sequence_make("thanks", "ordered", [0])
    reconcile()
    three_lost(play)
    reconcile(kinds=["customers", "orders"])
    play.clock.forward(hours=2)
    silently(play, lambda: play.basket(play.world.shoppers["aina"], "gap"))
    sold = silently(play, lambda: play.buy("gap"))
    play.clock.forward(hours=1)
    Installation.objects.update(installed_at=play.clock.at)  # installed again
    installation_forget()

    reconcile(source=BACKFILL)
    reconcile()
    understand()

    assert Enrollment.objects.filter(entry_key=sold.id).exists(), "it is no history"


def test_history_is_gone_on_with_and_run_twice_changes_nothing(
    play: Play, shop: Shop, asked: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    many(play)
    Watermark.objects.create(source="backfill", kind="customers", page_size=2)
    monkeypatch.setattr(paging, "MAX_PAGE", 2)
    play.clock.forward(minutes=1)
    Installation.objects.update(installed_at=play.clock.at)
    installation_forget()
    with pytest.raises(Stop):
        reconcile(source=BACKFILL, kinds=["customers"], watch=stop_after(2))
    cursor = Watermark.objects.get(source="backfill").cursor
    asked.clear()

    [outcome] = reconcile(source=BACKFILL, kinds=["customers"])

    assert pages_asked(asked)[0] == cursor
    assert (outcome.counts.new, RawEvent.objects.count()) == (3, 7)
    [outcome] = reconcile(source=BACKFILL, kinds=["customers"])
    assert (outcome.counts.new, outcome.counts.known) == (0, 7)
