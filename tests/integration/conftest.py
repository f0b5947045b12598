"""Fixtures of the integration tests."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from saleor_automation import clock
from saleor_automation.demo import bodies
from saleor_automation.demo.shop import Shop
from saleor_automation.saleor_app import api
from saleor_automation.saleor_app.asking import Answers
from saleor_automation.saleor_app.baskets import BasketQuestion, BasketTruth, basket_snapshot
from saleor_automation.saleor_app.installations import installation_forget
from saleor_automation.saleor_app.models import Installation
from saleor_automation.saleor_app.orders import OrderTruth
from saleor_automation.sequences.services import version_graph
from tests.engine import (
    Play,
    TestClock,
    answers,
    basket_sequence,
    sending_open,
    sequence_make,
    settle,
)
from tests.looking import APP
from tests.sending import planned


@pytest.fixture(autouse=True)
def _no_old_versions() -> None:
    """Versions are immutable in a database, but every test has a new one."""
    version_graph.cache_clear()


@pytest.fixture
def test_clock(monkeypatch: pytest.MonkeyPatch) -> TestClock:
    """Freeze the shop's time; real time for leases goes on."""
    frozen = TestClock()
    monkeypatch.setattr(clock, "now", frozen.now)
    return frozen


@pytest.fixture
def play(
    db: None,
    test_clock: TestClock,
    monkeypatch: pytest.MonkeyPatch,
    settings: Any,
    tmp_path: Path,
) -> Play:
    """A shop in miniature whose Saleor answers what is true in it."""
    settings.SALEOR_AUTOMATION = {**settings.SALEOR_AUTOMATION, "state_dir": tmp_path}
    made = Play(test_clock)

    def baskets(
        questions: list[BasketQuestion], **kwargs: Any
    ) -> Answers[BasketQuestion, BasketTruth]:
        return answers({question: _basket_truth(made, question) for question in questions})

    def orders(order_ids: list[str], **kwargs: Any) -> Answers[str, OrderTruth]:
        return answers({order_id: _order_truth(made, order_id) for order_id in order_ids})

    monkeypatch.setattr("saleor_automation.delivery.truth.baskets_ask", baskets)
    monkeypatch.setattr("saleor_automation.delivery.truth.orders_ask", orders)
    return made


def _basket_truth(play: Play, question: BasketQuestion) -> BasketTruth:
    basket = play.world.basket_by_id(question.checkout_id)
    ordered = any(
        order.basket.id == question.checkout_id
        or (
            order.shopper.email in question.emails
            and question.since is not None
            and order.created_at >= question.since
        )
        for order in play.world.orders.values()
    )
    body = bodies.checkout(basket, "http://shop") if basket else None
    return BasketTruth(ordered=ordered, basket=basket_snapshot(body, play.clock.now()))


def _order_truth(play: Play, order_id: str) -> OrderTruth:
    for order in play.world.orders.values():
        if order.id == order_id:
            total = Decimal(10)
            refunded = total if order.refunded else Decimal(0)
            return OrderTruth(True, order.status, order.charge, refunded, total)
    return OrderTruth(exists=False)


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


@pytest.fixture
def welcomed(play: Play) -> Play:
    play.sequence = sequence_make("welcome", "joined", [0, 60])  # type: ignore[attr-defined]
    return planned(play, "aina")


@pytest.fixture
def left_basket(play: Play) -> Play:
    """A basket whose first mail is due in a minute."""
    basket_sequence()
    sending_open()
    play.basket(play.shopper("aina"), "b")
    play.clock.forward(minutes=46)
    settle()
    play.clock.forward(minutes=61)
    return play
