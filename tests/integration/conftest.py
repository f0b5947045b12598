"""Fixtures of the integration tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from saleor_automation import clock
from saleor_automation.saleor_app.baskets import BasketQuestion, BasketTruth
from saleor_automation.sequences.services import version_graph
from tests.engine import Play, TestClock


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

    def ask(questions: list[BasketQuestion], *, timeout: float = 5.0) -> dict[str, BasketTruth]:
        answers = {}
        for question in questions:
            basket = made.world.basket_by_id(question.checkout_id)
            answers[question.checkout_id] = BasketTruth(
                exists=basket is not None,
                items=sum(basket.goods.values()) if basket else 0,
                ordered=any(
                    order.basket.id == question.checkout_id
                    or (
                        order.shopper.email == question.email
                        and question.since is not None
                        and order.created_at >= question.since
                    )
                    for order in made.world.orders.values()
                ),
            )
        return answers

    monkeypatch.setattr("saleor_automation.delivery.truth.baskets_ask", ask)
    return made
