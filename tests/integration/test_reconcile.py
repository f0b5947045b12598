"""Reconciliation against a shop over real HTTP: found, once, and gone on with."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from saleor_automation import clock
from saleor_automation.demo import bodies, graphql
from saleor_automation.demo.shop import Shop
from saleor_automation.demo.world import Shopper
from saleor_automation.exceptions import (
    SaleorInstallationError,
    SaleorPermissionError,
    SaleorUnreachable,
)
from saleor_automation.inbox.models import Event, RawEvent
from saleor_automation.people.models import Contact
from saleor_automation.saleor_app import paging, watermarks
from saleor_automation.saleor_app.installations import installation_forget
from saleor_automation.saleor_app.models import Installation, Watermark
from saleor_automation.saleor_app.polling import POLLS, Addressee, body_make
from saleor_automation.saleor_app.reconcile import POLL_KINDS, Outcome, reconcile
from saleor_automation.saleor_app.watermarks import standings
from saleor_automation.sequences.models import Enrollment
from saleor_automation.shop.models import Checkout, ShopOrder
from tests.engine import Play, sequence_make
from tests.looking import (
    APP,
    Stop,
    counts,
    keys,
    many,
    pages_asked,
    silently,
    stop_after,
    three_lost,
    understand,
)
from tests.recorded import snapshot_tables

# --- found ---------------------------------------------------------------------------


def test_what_no_webhook_told_is_found(play: Play, shop: Shop) -> None:
    sequence_make("welcome", "joined", [0])
    sequence_make("thanks", "ordered", [0])
    order = three_lost(play)

    outcomes = reconcile()

    assert counts(outcomes) == {
        "deliveries": (0, 0, 0),
        "customers": (1, 1, 0),
        "orders": (1, 1, 0),
        "checkouts": (1, 1, 0),
    }
    understand()
    assert [key[0] for key in keys()] == ["basket_changed", "joined", "ordered"]
    assert set(Event.objects.values_list("source", "backfill")) == {("poll", False)}
    assert Contact.objects.get().email == "aina@shopper.example"
    assert ShopOrder.objects.get().saleor_id == order.id
    assert Checkout.objects.get().quantity == 1
    assert sorted(Enrollment.objects.values_list("entry_key", flat=True)) == sorted(
        [order.shopper.id, order.id]
    )
    assert set(RawEvent.objects.values_list("event_type", "source")) == {
        ("customer_updated", "poll"),
        ("order_updated", "poll"),
        ("checkout_updated", "poll"),
    }


def test_run_twice_changes_nothing(play: Play, shop: Shop) -> None:
    three_lost(play)
    reconcile()
    understand()
    tables, rows = snapshot_tables(), RawEvent.objects.count()
    play.clock.forward(minutes=3)

    again = counts(reconcile())

    assert again == {
        "deliveries": (0, 0, 0),
        "customers": (1, 0, 1),
        "orders": (1, 0, 1),
        "checkouts": (1, 0, 1),
    }
    assert RawEvent.objects.count() == rows
    assert snapshot_tables() == tables


def test_only_what_changed_since_is_asked_for_next_time(
    play: Play, shop: Shop, asked: list[Any]
) -> None:
    three_lost(play)
    reconcile()
    play.clock.forward(hours=1)
    silently(play, lambda: play.basket(play.shopper("ben"), "b"))
    asked.clear()

    assert counts(reconcile()) == {
        "deliveries": (0, 0, 0),
        # What lies in the overlap is looked at again, and known.
        "customers": (2, 1, 1),
        "orders": (1, 0, 1),
        "checkouts": (2, 1, 1),
    }
    [orders] = [variables for text, variables in asked if "orders(" in text]
    reached = play.world.orders["bought"].updated_at
    assert orders["filter"]["updatedAt"]["gte"] == bodies.iso(reached - timedelta(minutes=5))


def test_what_was_committed_late_is_found_within_the_overlap(play: Play, shop: Shop) -> None:
    three_lost(play)
    reconcile()
    # Stamped before the newest we saw, but committed only now.
    late = Shopper("late", "late@shopper.example", "Late", "R")
    play.world.shoppers["late"] = late
    play.world.join(late, play.clock.at - timedelta(minutes=4))
    assert counts(reconcile())["customers"][1] == 1


def test_what_just_changed_is_left_to_its_webhook(play: Play, shop: Shop) -> None:
    three_lost(play)
    assert counts(reconcile(settle=timedelta(minutes=2)))["orders"] == (0, 0, 0)
    play.clock.forward(minutes=2)
    assert counts(reconcile(settle=timedelta(minutes=2)))["orders"] == (1, 1, 0)


def test_since_looks_back_further_and_never_skips(play: Play, shop: Shop, asked: list[Any]) -> None:
    three_lost(play)
    # Later than the last time reached: what lies between must not be skipped.
    reconcile(since=play.clock.at + timedelta(seconds=1))
    assert RawEvent.objects.count() == 3
    asked.clear()
    long_ago = datetime(2026, 1, 1, tzinfo=UTC)

    reconcile(since=long_ago)

    [orders] = [variables for text, variables in asked if "orders(" in text]
    assert orders["filter"]["updatedAt"]["gte"] == bodies.iso(long_ago)
    reached = Watermark.objects.get(kind="orders").reached_at
    assert reached == play.world.orders["bought"].updated_at, "the mark never goes back"


# --- interrupted ---------------------------------------------------------------------


@pytest.mark.parametrize("killed", [False, True])
def test_an_interrupted_run_goes_on_behind_its_last_page(
    play: Play,
    shop: Shop,
    asked: list[Any],
    monkeypatch: pytest.MonkeyPatch,
    killed: bool,
) -> None:
    many(play)
    monkeypatch.setattr(paging, "MAX_PAGE", 2)
    if killed:
        # Nothing runs any more in a process that is killed.
        monkeypatch.setattr("saleor_automation.saleor_app.reconcile._leave_quietly", lambda run: 0)
    with pytest.raises(Stop):
        reconcile(kinds=["customers"], watch=stop_after(2))
    assert RawEvent.objects.count() == 4
    row = Watermark.objects.get(kind="customers")
    assert row.since is not None
    cursor = row.cursor
    assert cursor

    if killed:
        [outcome] = reconcile(kinds=["customers"])
        assert outcome.busy, "its lease has not ended"
        real = clock.wall()
        monkeypatch.setattr(clock, "wall", lambda: real + timedelta(seconds=181))
    asked.clear()
    [outcome] = reconcile(kinds=["customers"])

    assert (outcome.resumed, outcome.finished, outcome.counts.new) == (True, True, 3)
    assert pages_asked(asked)[0] == cursor
    assert RawEvent.objects.count() == 7
    row.refresh_from_db()
    assert (row.since, row.cursor, row.looked_at >= 7) == (None, "", True)


def test_a_process_that_lost_its_run_stops(
    play: Play, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    many(play)
    monkeypatch.setattr(paging, "MAX_PAGE", 2)

    def steal(outcome: Outcome) -> None:
        Watermark.objects.update(claim="5d1c4e9c-0000-0000-0000-000000000000")

    [outcome] = reconcile(kinds=["customers"], watch=steal)

    assert (outcome.busy, outcome.counts.new) == (True, 2)
    assert RawEvent.objects.count() == 2, "what it could not note it did not store"


def test_a_page_and_its_mark_are_stored_together(
    play: Play, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    many(play)

    def fail(**values: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("saleor_automation.saleor_app.reconcile.run_advance", fail)
    with pytest.raises(OSError, match="disk full"):
        reconcile(kinds=["customers"])
    assert not RawEvent.objects.exists()
    assert Watermark.objects.get(kind="customers").reached_at is None


def test_time_that_does_not_do_is_gone_on_with(
    play: Play, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    many(play)
    monkeypatch.setattr(paging, "MAX_PAGE", 2)
    with monkeypatch.context() as patch:
        ticks = itertools.count()
        patch.setattr(paging.Limits, "over", property(lambda self: next(ticks) > 1))
        [outcome] = reconcile(kinds=["customers"], seconds=30)
    assert (outcome.finished, outcome.error) == (False, None)
    assert 0 < RawEvent.objects.count() < 7
    [outcome] = reconcile(kinds=["customers"])
    assert outcome.finished
    assert RawEvent.objects.count() == 7


# --- trouble -------------------------------------------------------------------------


def test_before_the_app_is_installed_it_says_how_to(play: Play, shop: Shop) -> None:
    Installation.objects.all().delete()
    installation_forget()
    with pytest.raises(SaleorInstallationError, match="/saleor/manifest"):
        reconcile()


def test_a_revoked_token_ends_it_with_what_to_do(play: Play, shop: Shop) -> None:
    shop.token = "another"
    with pytest.raises(SaleorInstallationError, match="install it again"):
        reconcile()
    assert "install it again" in Watermark.objects.get(kind="customers").problem


def test_a_missing_permission_stops_its_own_kind_alone(
    play: Play, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    three_lost(play)

    def refuse(*args: Any, **arguments: Any) -> Any:
        raise graphql.QueryError("You need MANAGE_ORDERS", code="PermissionDenied")

    with monkeypatch.context() as patch:
        patch.setattr("saleor_automation.demo.lists.orders", refuse)
        outcomes = {outcome.kind: outcome for outcome in reconcile()}
    assert isinstance(outcomes["orders"].error, SaleorPermissionError)
    assert outcomes["checkouts"].counts.new == 1
    [orders] = [standing for standing in standings(source="poll") if standing.kind == "orders"]
    assert "MANAGE_ORDERS" in orders.problem

    assert counts(reconcile())["orders"][1] == 1
    assert not any(standing.problem for standing in standings(source="poll"))


def test_a_saleor_that_is_down_is_no_end(play: Play, shop: Shop, settings: Any) -> None:
    three_lost(play)
    settings.SALEOR_AUTOMATION = {
        **settings.SALEOR_AUTOMATION,
        "saleor_call_url": "http://127.0.0.1:1/graphql/",
    }
    outcomes = reconcile()
    assert all(isinstance(outcome.error, SaleorUnreachable) for outcome in outcomes)
    settings.SALEOR_AUTOMATION = {**settings.SALEOR_AUTOMATION, "saleor_call_url": ""}
    assert sum(outcome.counts.new for outcome in reconcile()) == 3


def test_the_poll_covers_what_webhooks_cover(play: Play, shop: Shop) -> None:
    assert POLL_KINDS == ("customers", "deliveries", "orders", "checkouts")
    assert watermarks.LEASE_SECONDS > paging.PAGE_BUDGET
    body = json.loads(
        body_make(
            POLLS[0],
            bodies.customer(play.shopper("aina")),
            addressee=Addressee(APP, "3.23.28"),
            read_at=play.clock.at,
        ).body
    )
    webhook = json.loads(
        bodies.body(
            {"user": bodies.customer(play.world.shoppers["aina"])},
            issued_at=play.clock.at,
            app_id=APP,
            name="customer_updated",
        )
    )
    assert set(body) - set(webhook) == {"polledAt"}
    assert set(webhook) <= set(body)
