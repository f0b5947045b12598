"""Reconciliation against a shop over real HTTP: found, once, and gone on with."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from saleor_automation import clock
from saleor_automation.demo import bodies, graphql
from saleor_automation.demo.shop import Shop
from saleor_automation.demo.world import Order, Shopper
from saleor_automation.exceptions import (
    SaleorInstallationError,
    SaleorPermissionError,
    SaleorUnreachable,
)
from saleor_automation.inbox.models import Event, RawEvent
from saleor_automation.inbox.services import raw_event_store, raw_events_process
from saleor_automation.people.models import Contact, Identity
from saleor_automation.people.services import contact_subscribed
from saleor_automation.saleor_app import api, paging, watermarks
from saleor_automation.saleor_app.installations import installation_forget
from saleor_automation.saleor_app.models import Installation, Watermark
from saleor_automation.saleor_app.polling import POLLS, Addressee, body_make
from saleor_automation.saleor_app.reconcile import BACKFILL, POLL_KINDS, Outcome, reconcile
from saleor_automation.saleor_app.watermarks import standings
from saleor_automation.sequences.models import Enrollment
from saleor_automation.shop.models import Checkout, ShopOrder
from tests.engine import Play, basket_sequence, mails, sending_open, sequence_make, settle
from tests.recorded import snapshot_tables

APP = "QXBwOjE="


@pytest.fixture
def shop(play: Play, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """The play's world behind Saleor's API, with the Studio installed in it an hour ago."""
    made = Shop(play.world)
    made.app_id, made.token = APP, "secret"
    made.start()
    settings.SALEOR_AUTOMATION = {**settings.SALEOR_AUTOMATION, "saleor_api_url": made.api_url}
    monkeypatch.setattr(api, "FIRST_PAUSE", 0.01)
    Installation.objects.create(
        api_url=made.api_url,
        app_id=APP,
        token="secret",
        saleor_version="3.23.28",
        installed_at=clock.now() - timedelta(hours=1),
    )
    installation_forget()
    yield made
    installation_forget()
    made.stop()


@pytest.fixture
def asked(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """Every question Saleor was asked: its document and variables."""
    kept: list[tuple[str, dict[str, Any]]] = []
    answer = shop.answer

    def listen(text: str, variables: dict[str, Any], token: str) -> dict[str, Any]:
        kept.append((text, variables))
        return answer(text, variables, token)

    monkeypatch.setattr(shop, "answer", listen)
    return kept


def silently(play: Play, act: Callable[[], Any]) -> Any:
    """Let something happen of which no webhook tells."""
    play.holding = True
    made = act()
    play.holding = None
    play.held.clear()
    return made


def understand() -> None:
    waiting = RawEvent.objects.filter(state=RawEvent.State.PENDING).order_by("pk")
    raw_events_process(ids=list(waiting.values_list("pk", flat=True)), now=clock.now())
    assert not RawEvent.objects.filter(state=RawEvent.State.FAULT).exists()


def counts(outcomes: list[Outcome]) -> dict[str, tuple[int, int, int]]:
    """Return (looked at, new, known) per kind."""
    assert [(outcome.error, outcome.busy) for outcome in outcomes] == [(None, False)] * len(
        outcomes
    )
    return {
        outcome.kind: (outcome.counts.looked_at, outcome.counts.new, outcome.counts.known)
        for outcome in outcomes
    }


def keys() -> list[tuple[str, str, str]]:
    return sorted(Event.objects.values_list("key__kind", "key__object_id", "key__transition"))


def three_lost(play: Play) -> Order:
    """A customer joins, leaves a basket, and buys another; nothing is told."""

    def act() -> Order:
        aina = play.shopper("aina")
        play.basket(aina, "left")
        play.basket(aina, "bought")
        play.clock.forward(minutes=1)
        return play.buy("bought")

    return silently(play, act)


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


def many(play: Play, count: int = 7) -> None:
    for number in range(count):
        play.clock.forward(seconds=10)
        silently(play, lambda number=number: play.shopper(f"s{number}"))
    Watermark.objects.create(source="poll", kind="customers", page_size=2)


class Stop(BaseException):
    """Ctrl-C, or the end of a process."""


def stop_after(pages: int) -> Callable[[Outcome], None]:
    left = itertools.count(pages - 1, -1)

    def watch(outcome: Outcome) -> None:
        if next(left) == 0:
            raise Stop

    return watch


def pages_asked(asked: list[tuple[str, dict[str, Any]]]) -> list[str | None]:
    return [variables["after"] for text, variables in asked if "customers(" in text]


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


# --- failed deliveries ---------------------------------------------------------------


def subscribe(shop: Shop, *events: str) -> None:
    """Give the shop's app webhooks, as installing it does."""
    shop.registered = [
        {"id": event, "asyncEvents": [{"eventType": event.upper()}]} for event in events
    ]


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
    play.clock.forward(minutes=10)

    reconcile()

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
