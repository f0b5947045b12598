"""Accounts deleted without a word are found, and nothing else ever looks like a deletion."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from saleor_automation import clock
from saleor_automation.demo import graphql, lists
from saleor_automation.demo.shop import Shop
from saleor_automation.exceptions import SaleorAPIError, SaleorPermissionError, SaleorUnreachable
from saleor_automation.inbox.models import RawEvent
from saleor_automation.people import vanished
from saleor_automation.people.models import Contact, Identity, Tombstone
from saleor_automation.people.vanished import SweepDoubted, vanished_sweep
from saleor_automation.saleor_app import api
from saleor_automation.saleor_app.installations import installation_forget
from saleor_automation.saleor_app.models import Installation, Watermark
from tests.engine import Play, TestClock
from tests.integration.test_reconcile import understand

APP = "QXBwOjE="


@pytest.fixture
def days(test_clock: TestClock, monkeypatch: pytest.MonkeyPatch) -> TestClock:
    """Real time goes with the shop's, so that a day can pass."""
    monkeypatch.setattr(clock, "wall", test_clock.now)
    return test_clock


@pytest.fixture
def shop(play: Play, days: TestClock, settings: Any, monkeypatch: Any) -> Iterator[Shop]:
    made = Shop(play.world)
    made.app_id, made.token = APP, "secret"
    made.start()
    settings.SALEOR_AUTOMATION = {**settings.SALEOR_AUTOMATION, "saleor_api_url": made.api_url}
    monkeypatch.setattr(api, "FIRST_PAUSE", 0.01)
    Installation.objects.create(
        api_url=made.api_url, app_id=APP, token="secret", installed_at=clock.now()
    )
    installation_forget()
    yield made
    installation_forget()
    made.stop()


@pytest.fixture
def three(play: Play, shop: Shop) -> Play:
    """Three accounts we know, a day old."""
    for key in ("aina", "ben", "chloe"):
        play.shopper(key)
    play.clock.forward(days=1)
    return play


def over_after(batches: int) -> property:
    """Return an ``over`` that lets so many batches be asked."""
    left = itertools.count(batches, -1)
    return property(lambda self: next(left) <= 0)


def sweep_days(play: Play, days: int) -> int:
    """Sweep once a day; return how many deletions were stored."""
    for _ in range(days):
        assert vanished_sweep()
        play.clock.forward(days=1)
    return RawEvent.objects.filter(event_type="customer_deleted").count()


def test_an_account_deleted_without_a_word_is_found_in_two_sweeps(three: Play) -> None:
    ben = three.world.shoppers["ben"]
    ben.gone = True
    assert sweep_days(three, 1) == 0, "once proves nothing"
    assert sweep_days(three, 1) == 1
    raw = RawEvent.objects.get(event_type="customer_deleted")
    assert raw.source == "poll"
    understand()
    assert sorted(Contact.objects.values_list("email", flat=True)) == [
        "aina@shopper.example",
        "chloe@shopper.example",
    ]
    assert Tombstone.objects.filter(kind="saleor_user").count() == 1
    assert sweep_days(three, 2) == 1, "who is erased is not asked for again"


def test_nobody_is_missing_and_nothing_happens(three: Play) -> None:
    assert sweep_days(three, 3) == 0
    row = Watermark.objects.get(kind="vanished")
    assert (row.looked_at, row.known, row.new, row.problem) == (3, 3, 0, "")


def test_it_is_done_once_a_day(three: Play, shop: Shop) -> None:
    vanished_sweep()
    questions = shop.questions
    three.clock.forward(hours=19)
    assert vanished_sweep(), "it is not due, which is as good as done"
    assert shop.questions == questions


def test_who_comes_back_between_two_sweeps_stays(three: Play) -> None:
    ben = three.world.shoppers["ben"]
    ben.gone = True
    sweep_days(three, 1)
    ben.gone = False
    sweep_days(three, 1)
    ben.gone = True
    assert sweep_days(three, 1) == 0, "missing twice, but not twice in a row"


def test_a_lost_permission_is_no_deletion(three: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **arguments: Any) -> Any:
        raise graphql.QueryError("You need MANAGE_USERS", code="PermissionDenied")

    monkeypatch.setattr(lists, "customers", refuse)
    for _ in range(3):
        with pytest.raises(SaleorPermissionError):
            vanished_sweep()
        three.clock.forward(days=1)
    assert Contact.objects.count() == 3
    assert "MANAGE_USERS" in Watermark.objects.get(kind="vanished").problem


@pytest.mark.parametrize("kept", [0, 1])
def test_a_saleor_that_shows_less_than_it_has_is_not_believed(
    three: Play, monkeypatch: pytest.MonkeyPatch, kept: int
) -> None:
    """None at all, or only an account of the first question, but not those asked for."""
    real = lists.customers

    def hide(*args: Any, **arguments: Any) -> Any:
        page = real(*args, **arguments)
        first_question = "ids" not in (arguments.get("filter") or {})
        page["edges"] = page["edges"][: kept if first_question else 0]
        return page

    monkeypatch.setattr(lists, "customers", hide)
    for _ in range(3):
        with pytest.raises(SweepDoubted):
            vanished_sweep()
        three.clock.forward(days=1)
    assert Contact.objects.count() == 3


def test_an_unreachable_saleor_is_no_deletion(three: Play, settings: Any) -> None:
    settings.SALEOR_AUTOMATION = {
        **settings.SALEOR_AUTOMATION,
        "saleor_call_url": "http://127.0.0.1:1/graphql/",
    }
    with pytest.raises(SaleorUnreachable):
        vanished_sweep()
    assert Watermark.objects.get(kind="vanished").finished_at is None


def test_a_shop_whose_accounts_are_all_others_is_a_persons_business(
    three: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vanished, "MOST", 1)
    three.world.shoppers["ben"].gone = three.world.shoppers["chloe"].gone = True
    for _ in range(3):
        with pytest.raises(SweepDoubted, match="2 of 3 accounts"):
            vanished_sweep()
        three.clock.forward(days=1)
    assert Contact.objects.count() == 3
    assert "empty Studio" in Watermark.objects.get(kind="vanished").problem


def test_staff_and_the_very_new_are_not_asked_for(three: Play, shop: Shop) -> None:
    three.shopper("new")  # a replica may not have it yet
    boss = three.shopper("boss", staff=True)
    three.world.shoppers["new"].gone = True
    vanished_sweep()
    row = Watermark.objects.get(kind="vanished")
    assert row.looked_at == 3
    assert boss.id not in row.memory["before"]


def test_many_accounts_are_asked_for_in_pieces_and_gone_on_with(
    play: Play, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vanished, "MAX_PAGE", 3)
    for number in range(7):
        play.shopper(f"s{number}")
    play.clock.forward(days=1)
    play.world.shoppers["s5"].gone = True
    for _ in range(2):
        assert vanished_sweep(seconds=0) is False
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(vanished.Limits, "over", over_after(2))
            assert vanished_sweep(seconds=9) is False
        row = Watermark.objects.get(kind="vanished")
        assert (row.looked_at, row.since is None) == (4, False)
        assert vanished_sweep()
        row.refresh_from_db()
        assert (row.looked_at, row.since) == (7, None)
        play.clock.forward(days=1)
    understand()
    assert not Identity.objects.filter(value="s5@shopper.example").exists()
    assert Contact.objects.count() == 6


def test_half_an_answer_is_no_answer(three: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vanished, "graphql", lambda **question: {"customers": None})
    with pytest.raises(SaleorAPIError, match="holds none"):
        vanished_sweep()
