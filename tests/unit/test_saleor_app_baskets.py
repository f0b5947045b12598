"""The questions about baskets are ones every Saleor understands, and answers are read right."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from graphql import parse, validate

from saleor_automation.exceptions import SaleorAPIError
from saleor_automation.saleor_app import asking, baskets, checkouts, orders
from saleor_automation.saleor_app.baskets import BasketQuestion, BasketTruth, baskets_ask
from saleor_automation.saleor_app.checkouts import BasketLook, basket_look, voucher_apply
from saleor_automation.saleor_app.orders import OrderTruth, orders_ask
from tests.shared import SALEOR, needs_schemas, saleor_schema

SINCE = datetime(2026, 11, 2, 9, tzinfo=UTC)
AINA = "aina@shopper.example"
SOLD_OUT = {"__typename": "CheckoutLineProblemInsufficientStock", "availableQuantity": 0}
HIDDEN = {"__typename": "CheckoutLineProblemVariantNotAvailable"}


class Saleor:
    """Answers by hand; keeps what was asked."""

    def __init__(self) -> None:
        self.answer: dict[str, Any] | Callable[[dict[str, Any]], dict[str, Any]] = {}
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def graphql(
        self, *, query: str, variables: dict[str, Any], timeout: float, budget: float
    ) -> Any:
        assert timeout <= budget <= 2 * timeout
        self.asked.append((query, variables))
        return self.answer(variables) if callable(self.answer) else self.answer


@pytest.fixture
def saleor(monkeypatch: pytest.MonkeyPatch) -> Saleor:
    made = Saleor()
    for module in (baskets, orders, checkouts):
        monkeypatch.setattr(module, "graphql", made.graphql)
    return made


def question(
    checkout: str = "c",
    *,
    emails: tuple[str, ...] = (AINA,),
    users: tuple[str, ...] = (),
    since: datetime | None = SINCE,
) -> BasketQuestion:
    return BasketQuestion(checkout, emails, users, since)


def order(
    email: str, created: str, user: str | None = None, status: str = "UNFULFILLED"
) -> dict[str, Any]:
    return {
        "node": {
            "created": created,
            "status": status,
            "userEmail": email,
            "user": {"email": user} if user else None,
        }
    }


def basket(*problems: list[dict[str, Any]], **changes: Any) -> dict[str, Any]:
    lines = [
        {
            "id": f"l{number}",
            "quantity": 2,
            "problems": found,
            "totalPrice": {"gross": {"amount": 20.4}},
        }
        for number, found in enumerate(problems)
    ]
    return {
        "id": "c",
        "created": "2026-11-02T09:00:00+00:00",
        "updatedAt": "2026-11-02T09:00:00+00:00",
        "chargeStatus": "NONE",
        "authorizeStatus": "NONE",
        "totalPrice": {"currency": "MYR", "gross": {"amount": 40.8}},
        "lines": lines,
        **changes,
    }


def said(saleor: Saleor, one: BasketQuestion, **answer: Any) -> BasketTruth:
    nothing: dict[str, Any] = {"orders": {"edges": []}, "o0": {"edges": []}}
    saleor.answer = {**nothing, "c0": basket([]), **answer}
    return baskets_ask([one]).found[one]


@pytest.mark.parametrize(
    ("orders", "ordered"),
    [
        ([], False),
        ([order("Aina@shopper.example", "2026-11-02T09:00:00Z")], True),
        ([order(AINA, "2026-11-02T08:59:59.999999+00:00")], False),
        ([order("not.aina@shopper.example", "2026-11-03T09:00:00+00:00")], False),
        ([order("other@x.example", "2026-11-03T09:00:00+00:00", "AINA@shopper.example")], True),
    ],
)
def test_an_order_of_the_same_person_counts(
    saleor: Saleor, orders: list[Any], ordered: bool
) -> None:
    assert said(saleor, question(), o0={"edges": orders}).ordered is ordered


@pytest.mark.parametrize(
    ("status", "created", "ordered"),
    [
        ("UNFULFILLED", "2026-11-02T09:00:00Z", True),
        ("UNFULFILLED", "2026-11-01T09:00:00Z", False),
        ("DRAFT", "2026-11-02T09:00:00Z", False),
    ],
)
def test_an_account_may_buy_under_another_address(
    saleor: Saleor, status: str, created: str, ordered: bool
) -> None:
    edges = [order("work@elsewhere.example", created, status=status)]
    asked = question(users=("VXNlcjox",))
    assert said(saleor, asked, u0={"orders": {"edges": edges}}).ordered is ordered
    # An account that was deleted since.
    assert said(saleor, asked, u0=None).ordered is False


def test_a_bought_basket_is_gone_and_ordered(saleor: Saleor) -> None:
    bought = {"edges": [{"node": {"checkoutId": "c"}}]}
    assert said(saleor, question(), orders=bought, c0=None) == BasketTruth(ordered=True)


def test_two_people_asked_about_one_basket_get_their_own_answers(saleor: Saleor) -> None:
    hers, his = question(), question(emails=("badrul@shopper.example",))
    saleor.answer = {
        "orders": {"edges": []},
        "c0": basket([]),
        "o0": {"edges": []},
        "o1": {"edges": [order("badrul@shopper.example", "2026-11-02T10:00:00Z")]},
    }
    found = baskets_ask([hers, his]).found
    assert (found[hers].ordered, found[his].ordered) == (False, True)
    assert saleor.asked[0][1]["all"] == ["c"]


@pytest.mark.parametrize(
    ("problems", "available", "sold_out"),
    [
        ([[], []], [None, None], False),
        ([[SOLD_OUT], []], [0, None], False),
        ([[SOLD_OUT], [HIDDEN]], [0, 0], True),
        ([[{**SOLD_OUT, "availableQuantity": 1}], [HIDDEN]], [1, 0], False),
        ([[{**SOLD_OUT, "availableQuantity": -3}]], [0], True),
        ([[{**SOLD_OUT, "availableQuantity": 1}, HIDDEN]], [0], True),
    ],
)
def test_what_can_be_bought(
    saleor: Saleor, problems: list[Any], available: list[int | None], sold_out: bool
) -> None:
    truth = said(saleor, question(), c0=basket(*problems))
    assert truth.basket is not None
    assert [line.available for line in truth.basket.lines] == available
    assert truth.sold_out is sold_out


@pytest.mark.parametrize(
    ("changes", "paid"),
    [
        ({}, False),
        ({"authorizeStatus": "PARTIAL"}, False),
        ({"authorizeStatus": "FULL"}, True),
        ({"chargeStatus": "PARTIAL"}, True),
        # Nothing is to be paid for it: that it is "fully" paid says nothing.
        (
            {
                "chargeStatus": "FULL",
                "authorizeStatus": "FULL",
                "totalPrice": {"currency": "MYR", "gross": {"amount": 0.0}},
            },
            False,
        ),
    ],
)
def test_a_paid_basket(saleor: Saleor, changes: dict[str, Any], paid: bool) -> None:
    assert said(saleor, question(), c0=basket([], **changes)).paid is paid


def everything(variables: dict[str, Any]) -> dict[str, Any]:
    """Answer whatever is asked: baskets that are gone, people who bought nothing."""
    answer: dict[str, Any] = {"orders": {"edges": []}}
    for name in variables:
        answer[name] = None if name[0] == "c" else {"edges": []}
    return answer


def test_many_baskets_take_few_requests(saleor: Saleor) -> None:
    saleor.answer = everything
    asked = [question(f"c{i}", since=None) for i in range(45)]
    answers = baskets_ask(asked)
    assert len(answers.found) == len(answers.asked_at) == 45
    assert [len(variables["all"]) for _, variables in saleor.asked] == [10, 10, 10, 10, 5]
    # One person, however many baskets.
    assert [name for name in saleor.asked[0][1] if name[0] == "o"] == ["o0"]
    assert "created" not in saleor.asked[0][1]["o0"]


def test_one_basket_that_cannot_be_answered_holds_up_no_other(saleor: Saleor) -> None:
    def answer(variables: dict[str, Any]) -> dict[str, Any]:
        if "c7" in variables["all"]:
            raise SaleorAPIError("Saleor refused the query: a variant is broken")
        return everything(variables)

    saleor.answer = answer
    answers = baskets_ask([question(f"c{i}") for i in range(40)])
    assert [item.checkout_id for item in answers.failed] == ["c7"]
    assert len(answers.found) == 39


def test_a_saleor_that_is_down_is_not_asked_for_long(saleor: Saleor) -> None:
    def answer(variables: dict[str, Any]) -> dict[str, Any]:
        raise SaleorAPIError("Saleor cannot be reached")

    saleor.answer = answer
    answers = baskets_ask([question(f"c{i}") for i in range(200)])
    assert (len(answers.failed), len(answers.found)) == (200, 0)
    assert len(saleor.asked) < 10


def test_what_was_answered_in_time_counts(saleor: Saleor, monkeypatch: pytest.MonkeyPatch) -> None:
    hand = [0.0]
    monkeypatch.setattr(asking.time, "monotonic", lambda: hand[0])

    def answer(variables: dict[str, Any]) -> dict[str, Any]:
        hand[0] += 8
        return everything(variables)

    saleor.answer = answer
    answers = baskets_ask([question(f"c{i}") for i in range(40)])
    assert (len(answers.found), len(answers.failed)) == (20, 20)
    assert set(answers.asked_at.values()) == {0.0, 8.0}
    assert "too slowly" in str(next(iter(answers.failed.values())))


def test_half_an_answer_is_no_answer(saleor: Saleor) -> None:
    saleor.answer = {"orders": None, "c0": None, "o0": None}
    (error,) = baskets_ask([question()]).failed.values()
    assert "MANAGE_ORDERS" in str(error)


def test_a_search_that_found_only_others_is_no_answer(saleor: Saleor) -> None:
    """What Saleor does not take for an address it searches for in names, 20 at most."""
    others = [order(f"x{i}@b.example", "2026-11-02T10:00:00Z") for i in range(20)]
    saleor.answer = {"orders": {"edges": []}, "c0": basket([]), "o0": {"edges": others}}
    asked = question(emails=("odd",))
    (error,) = baskets_ask([asked]).failed.values()
    assert "cannot tell" in str(error)
    others[3] = order("odd", "2026-11-02T10:00:00Z")
    assert baskets_ask([asked]).found[asked].ordered


def node(**changes: Any) -> dict[str, Any]:
    return {
        "node": {
            "id": "o1",
            "status": "FULFILLED",
            "chargeStatus": "FULL",
            "totalRefunded": {"amount": 0.0},
            "total": {"gross": {"amount": 40.8}},
            **changes,
        }
    }


@pytest.mark.parametrize(
    ("edges", "undone"),
    [
        ([node()], ""),
        ([node(status="UNCONFIRMED", chargeStatus="NONE")], ""),
        ([node(status="CANCELED")], "cancelled"),
        ([node(status="EXPIRED")], "cancelled"),
        ([node(status="PARTIALLY_RETURNED", totalRefunded={"amount": 10})], ""),
        ([node(status="RETURNED")], "refunded"),
        ([node(totalRefunded={"amount": 40.8})], "refunded"),
        ([node(total={"gross": {"amount": 0}})], ""),
        ([], "order_gone"),
    ],
)
def test_how_an_order_stands(saleor: Saleor, edges: list[Any], undone: str) -> None:
    saleor.answer = {"orders": {"edges": edges}}
    assert orders_ask(["o1"]).found["o1"].undone == undone


def test_orders_are_asked_a_page_at_a_time(saleor: Saleor) -> None:
    saleor.answer = {"orders": {"edges": [node()]}}
    answers = orders_ask([f"o{i}" for i in range(150)] + ["o1"])
    assert [len(variables["ids"]) for _, variables in saleor.asked] == [100, 50]
    assert answers.found["o1"] == OrderTruth(
        True, "FULFILLED", "FULL", Decimal("0.0"), Decimal("40.8")
    )
    saleor.answer = {"orders": None}
    assert "MANAGE_ORDERS" in str(orders_ask(["o1"]).failed["o1"])


def test_a_look_at_one_basket(saleor: Saleor) -> None:
    saleor.answer = {"checkout": None, "orders": {"edges": [{"node": {"id": "o"}}]}}
    assert basket_look("c", timeout=1) == BasketLook(exists=False, ordered=True)
    saleor.answer = {
        "checkout": {"id": "c", "quantity": 2, "voucherCode": None},
        "orders": {"edges": []},
    }
    assert basket_look("c", timeout=1) == BasketLook(exists=True, ordered=False, items=2)
    saleor.answer = {"checkout": {}}
    with pytest.raises(SaleorAPIError, match="not complete"):
        basket_look("c", timeout=1)


def test_a_voucher_is_applied_or_refused(saleor: Saleor) -> None:
    saleor.answer = {"checkoutAddPromoCode": {"errors": []}}
    assert voucher_apply("c", "TEN", timeout=1) == ""
    assert saleor.asked[0][1] == {"id": "c", "code": "TEN"}
    refused = [{"code": "VOUCHER_NOT_APPLICABLE", "message": "No."}]
    saleor.answer = {"checkoutAddPromoCode": {"errors": refused}}
    assert voucher_apply("c", "TEN", timeout=1) == "VOUCHER_NOT_APPLICABLE"


@needs_schemas
def test_they_are_valid_on_every_saleor(saleor: Saleor) -> None:
    from saleor_automation.people import write_back

    saleor.answer = everything
    baskets_ask([question(users=("VXNlcjox",))])
    documents = [
        saleor.asked[0][0],
        orders._QUERY,
        checkouts._LOOK,
        checkouts._APPLY,
        write_back._READ,
        write_back._WRITE % "updateMetadata",
        write_back._WRITE % "updatePrivateMetadata",
    ]
    schemas = sorted((SALEOR / "schema").glob("*.graphql"))
    assert len(schemas) == 4
    for path in schemas:
        schema = saleor_schema(path.stem)
        for document in documents:
            assert validate(schema, parse(document)) == [], (path.name, document)
