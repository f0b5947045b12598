"""The question about baskets is one every Saleor understands, and its answer is read right."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from graphql import build_schema, parse, validate

from saleor_automation.exceptions import SaleorAPIError
from saleor_automation.saleor_app import baskets
from saleor_automation.saleor_app.baskets import BasketQuestion, BasketTruth, baskets_ask
from tests.shared import SALEOR, needs_schemas

SINCE = datetime(2026, 11, 2, 9, tzinfo=UTC)


@pytest.fixture
def saleor(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Answers by hand; keeps the last question."""
    state: dict[str, Any] = {"answer": {}, "asked": []}

    def graphql(*, query: str, variables: dict[str, Any], timeout: float) -> Any:
        state["asked"].append((query, variables))
        return state["answer"]

    monkeypatch.setattr(baskets, "graphql", graphql)
    return state


def order(email: str, created: str, user: str | None = None) -> dict[str, Any]:
    return {
        "node": {
            "created": created,
            "userEmail": email,
            "user": {"email": user} if user else None,
        }
    }


@pytest.mark.parametrize(
    ("orders", "ordered"),
    [
        ([], False),
        ([order("Aina@shopper.example", "2026-11-02T09:00:00Z")], True),
        ([order("aina@shopper.example", "2026-11-02T08:59:59.999999+00:00")], False),
        ([order("not.aina@shopper.example", "2026-11-03T09:00:00+00:00")], False),
        ([order("other@x.example", "2026-11-03T09:00:00+00:00", "AINA@shopper.example")], True),
    ],
)
def test_an_order_of_the_same_person_counts(
    saleor: dict[str, Any], orders: list[Any], ordered: bool
) -> None:
    saleor["answer"] = {
        "orders": {"edges": []},
        "c0": {"id": "c", "quantity": 2},
        "o0": {"edges": orders},
    }
    (answer,) = baskets_ask([BasketQuestion("c", "aina@shopper.example", SINCE)]).values()
    assert answer == BasketTruth(exists=True, items=2, ordered=ordered)


def test_a_bought_basket_is_gone_and_ordered(saleor: dict[str, Any]) -> None:
    saleor["answer"] = {
        "orders": {"edges": [{"node": {"checkoutId": "c"}}]},
        "c0": None,
        "o0": {"edges": []},
    }
    answers = baskets_ask([BasketQuestion("c", "aina@shopper.example", SINCE)])
    assert answers == {"c": BasketTruth(exists=False, items=0, ordered=True)}


def test_many_baskets_take_few_requests(saleor: dict[str, Any]) -> None:
    saleor["answer"] = {
        "orders": {"edges": []},
        **{f"c{i}": None for i in range(20)},
        **{f"o{i}": {"edges": []} for i in range(20)},
    }
    questions = [BasketQuestion(f"c{i}", "a@b.example", None) for i in range(45)]
    assert len(baskets_ask(questions)) == 45
    assert [len(variables["all"]) for _, variables in saleor["asked"]] == [20, 20, 5]
    assert "created" not in saleor["asked"][0][1]["o0"]


def test_half_an_answer_is_no_answer(saleor: dict[str, Any]) -> None:
    saleor["answer"] = {"orders": None, "c0": None, "o0": None}
    with pytest.raises(SaleorAPIError, match="MANAGE_ORDERS"):
        baskets_ask([BasketQuestion("c", "aina@shopper.example", SINCE)])


@needs_schemas
def test_it_is_valid_on_every_saleor(saleor: dict[str, Any]) -> None:
    saleor["answer"] = {"orders": {"edges": []}, "c0": None, "o0": {"edges": []}}
    baskets_ask([BasketQuestion("c", "aina@shopper.example", SINCE)])
    ((query, _),) = saleor["asked"]
    schemas = sorted((SALEOR / "schema").glob("*.graphql"))
    assert len(schemas) == 4
    for path in schemas:
        schema = build_schema(path.read_text(), assume_valid_sdl=True)
        assert validate(schema, parse(query)) == []
