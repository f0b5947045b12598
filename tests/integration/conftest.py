"""Fixtures of the integration tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from saleor_automation import clock
from saleor_automation.saleor_app.baskets import BasketTruth
from tests.engine import Play, TestClock


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

    def ask(ids: list[str], *, timeout: float = 5.0) -> dict[str, BasketTruth]:
        answers = {}
        for checkout_id in ids:
            basket = made.world.basket_by_id(checkout_id)
            answers[checkout_id] = BasketTruth(
                exists=basket is not None,
                items=sum(basket.goods.values()) if basket else 0,
                ordered=made.world.order_of_basket(checkout_id) is not None,
            )
        return answers

    monkeypatch.setattr("saleor_automation.delivery.truth.baskets_ask", ask)
    return made
