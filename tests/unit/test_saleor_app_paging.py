"""Pages: as large as Saleor allows, past what it cannot tell, and nothing skipped or repeated."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from graphql import parse, validate
from hypothesis import given, settings
from hypothesis import strategies as st

from saleor_automation.contract.payloads import parse as parse_body
from saleor_automation.demo import bodies
from saleor_automation.demo.graphql import QueryError
from saleor_automation.demo.lists import paged
from saleor_automation.demo.world import Shopper, World
from saleor_automation.exceptions import (
    ContractError,
    SaleorAPIError,
    SaleorObjectError,
    SaleorTooMuch,
    SaleorUnreachable,
)
from saleor_automation.people.vanished import ACCOUNTS_QUERY, SOMEBODY_QUERY
from saleor_automation.saleor_app import paging
from saleor_automation.saleor_app.answers import Answer
from saleor_automation.saleor_app.failed_deliveries import (
    DELIVERIES_QUERY,
    WEBHOOKS_QUERY,
    body_read,
)
from saleor_automation.saleor_app.paging import Limits, Pager, smaller
from saleor_automation.saleor_app.polling import CHECKOUTS, ORDERS, POLLS, Addressee, body_make
from tests.shared import needs_schemas, saleor_schema

START = datetime(2026, 11, 2, 9, tzinfo=UTC)
US = Addressee("QXBwOjE=", "3.23.28")


@dataclass
class Fake:
    """Saleor's lists, with their limits and whims."""

    nodes: list[dict[str, Any]]
    rotten: set[str] = field(default_factory=set)
    per_row: int = 14
    maximum: int = 50_000
    #: Pages larger than this take too long.
    quick: int = 100
    sizes: list[int] = field(default_factory=list)
    light: int = 0

    def ask(self, *, query: str, variables: dict[str, Any], timeout: float, budget: float) -> Any:
        first, after = variables["first"], variables["after"]
        full = "Parts" in query
        self.sizes.append(first)
        self.light += not full
        cost = self.per_row * first
        if full and cost > self.maximum:
            raise SaleorTooMuch("too dear", cost=cost, maximum=self.maximum)
        if full and first > self.quick:
            raise SaleorUnreachable("too slow")
        try:
            found = paged(self.nodes, "updatedAt", first=first, after=after)
        except QueryError as error:
            raise SaleorObjectError(str(error)) from error
        if full and any(edge["node"]["id"] in self.rotten for edge in found["edges"]):
            raise SaleorObjectError("'' is not a valid OrderOriginEnum")
        return Answer({"found": found}, cost, self.maximum)


def node(number: int) -> dict[str, Any]:
    at = (START + timedelta(minutes=number)).isoformat()
    return {"id": f"O{number:04}", "updatedAt": at, "created": at, "number": str(number)}


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Fake:
    made = Fake([node(number) for number in range(230)])
    monkeypatch.setattr(paging, "graphql_ask", made.ask)
    return made


def pager(**changes: Any) -> Pager:
    values = {
        "poll": ORDERS,
        "since": START,
        "until": START + timedelta(days=1),
        "addressee": US,
        "limits": Limits(),
        "size": 50,
    }
    return Pager(**{**values, **changes})


def told(pages: Iterator[paging.Page]) -> list[str]:
    """Return the ids of all objects on the pages, in order."""
    return [json.loads(body.body)["order"]["id"] for page in pages for body in page.bodies]


def clock() -> datetime:
    return START + timedelta(days=2)


def test_every_object_comes_once_and_pages_grow_to_the_largest(fake: Fake) -> None:
    assert told(pager().pages("", clock)) == [f"O{number:04}" for number in range(230)]
    assert fake.sizes == [50, 100, 100]


def test_a_query_refused_for_its_cost_is_asked_smaller_by_what_saleor_says(fake: Fake) -> None:
    fake.per_row = 2000
    assert len(told(pager().pages("", clock))) == 230
    assert fake.sizes[:2] == [50, 12], "half of 50,000 buys 12 rows"
    assert set(fake.sizes[1:]) == {12}


def test_one_object_too_dear_for_saleor_is_an_error(fake: Fake) -> None:
    fake.per_row = 60_000
    with pytest.raises(SaleorTooMuch):
        told(pager().pages("", clock))
    assert fake.sizes[-1] == 1


def test_pages_that_take_too_long_are_made_smaller(
    fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "HASTY_SECONDS", 0)
    fake.quick = 15
    assert len(told(pager().pages("", clock))) == 230
    assert fake.sizes[:2] == [50, 12]


def test_a_saleor_that_is_down_is_not_asked_for_ever(
    fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.quick = 0
    with pytest.raises(SaleorUnreachable):
        told(pager().pages("", clock))
    assert fake.sizes == [50], "it failed at once: no smaller page would do better"

    fake.sizes.clear()
    monkeypatch.setattr(paging, "HASTY_SECONDS", 0)
    with pytest.raises(SaleorUnreachable):
        told(pager().pages("", clock))
    assert fake.sizes == [50, 12, 10]


@settings(max_examples=40)
@given(rotten=st.sets(st.integers(0, 229), max_size=8), size=st.integers(1, 100))
def test_what_saleor_cannot_tell_is_left_out_alone(rotten: set[int], size: int) -> None:
    fake = Fake([node(number) for number in range(230)])
    fake.rotten = {f"O{number:04}" for number in rotten}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paging, "graphql_ask", fake.ask)
        pages = list(pager(size=size).pages("", clock))
    assert told(iter(pages)) == [f"O{number:04}" for number in range(230) if number not in rotten]
    assert sum(page.faults for page in pages) == len(rotten)
    assert sum(page.looked_at for page in pages) == 230


def test_when_nothing_can_be_told_it_is_not_the_objects_fault(fake: Fake) -> None:
    fake.rotten = {each["id"] for each in fake.nodes}
    with pytest.raises(SaleorAPIError, match="20 orders in a row"):
        list(pager().pages("", clock))


def test_rows_that_move_while_pages_are_read_are_not_lost(fake: Fake) -> None:
    pages = pager(size=50).pages("", clock)
    first = told(iter([next(pages)]))
    # The first order on the page behind is changed: it moves to the end.
    moved = next(each for each in fake.nodes if each["id"] == "O0050")
    moved["updatedAt"] = (START + timedelta(hours=20)).isoformat()
    # And one already read is changed again.
    again = next(each for each in fake.nodes if each["id"] == "O0003")
    again["updatedAt"] = (START + timedelta(hours=21)).isoformat()
    rest = told(pages)
    assert sorted(first + rest) == sorted([f"O{number:04}" for number in range(230)] + ["O0003"])


def test_a_cursor_saleor_forgot_begins_anew(fake: Fake) -> None:
    assert len(told(pager().pages("bm90aGluZw==", clock))) == 230


def test_of_baskets_only_pages_with_news_are_asked_for_whole(fake: Fake) -> None:
    late = pager(poll=CHECKOUTS, since=START + timedelta(minutes=225), sparing=True, size=100)
    pages = list(late.pages("", clock))
    assert [len(page.bodies) for page in pages] == [0, 0, 5]
    assert (fake.light, len(fake.sizes)) == (3, 4)
    assert pages[-1].newest_at == START + timedelta(minutes=229)


@pytest.mark.parametrize(
    ("size", "cost", "maximum", "expected"),
    [(50, 70_000, 50_000, 17), (50, 51_000, 50_000, 24), (50, None, None, 25), (2, 10**9, 5, 1)],
)
def test_smaller_pages(size: int, cost: int | None, maximum: int | None, expected: int) -> None:
    assert smaller(size, cost, maximum) == expected


def test_a_body_is_issued_when_its_object_changed_and_read_when_it_was() -> None:
    world = World()
    shopper = Shopper("aina", "aina@shopper.example", "Aina", "R")
    world.shoppers["aina"] = shopper
    world.leave_basket(shopper, "one", {"mug": 1}, START)
    order = bodies.order(world.buy("one", START + timedelta(hours=1)), "http://shop")
    read_at = START + timedelta(days=3)

    body = body_make(ORDERS, order, addressee=US, read_at=read_at)

    parsed = parse_body(body.event_type, body.body)
    assert parsed.envelope.issued_at == START + timedelta(hours=1)
    assert parsed.envelope.recipient_id == US.app_id
    assert parsed.snapshot is not None
    assert parsed.snapshot.issued_at == read_at
    [ordered] = [fact for fact in parsed.facts if fact.kind == "ordered"]
    assert ordered.occurred_at == START + timedelta(hours=1)


def test_an_object_that_did_not_change_is_the_same_whenever_it_is_read() -> None:
    one = {"id": "O1", "updatedAt": START.isoformat(), "lines": [{"thumbnail": {"url": "a"}}]}
    two = {**one, "lines": [{"thumbnail": {"url": "https://media.example/a?signature=2"}}]}
    three = {**one, "status": "FULFILLED"}
    made = [
        body_make(ORDERS, each, addressee=US, read_at=START + timedelta(hours=number))
        for number, each in enumerate((one, two, three))
    ]
    assert made[0].same == made[1].same != made[2].same
    assert made[0].body != made[1].body


FAILED = {
    "__typename": "CustomerUpdated",
    "issuedAt": START.isoformat(),
    "recipient": {"id": "QXBwOjE="},
    "user": {"id": "VXNlcjox"},
}


def test_a_failed_delivery_is_its_body_as_it_was_sent() -> None:
    text = json.dumps(FAILED, indent=1)
    read = body_read({"eventType": "CUSTOMER_UPDATED", "payload": text}, app_id="QXBwOjE=")
    assert read is not None
    assert (read.event_type, read.body, read.same) == ("customer_updated", text.encode(), None)


@pytest.mark.parametrize(
    "values",
    [
        {"payload": None},
        {"payload": ""},
        {"eventType": "PRODUCT_UPDATED"},
        {"eventType": None},
    ],
)
def test_a_delivery_with_nothing_in_it_for_us(values: dict[str, Any]) -> None:
    made = {"eventType": "CUSTOMER_UPDATED", "payload": json.dumps(FAILED), **values}
    assert body_read(made, app_id="QXBwOjE=") is None


@pytest.mark.parametrize(
    "values",
    [
        {"payload": "[]"},
        {"payload": "{"},
        {"eventType": "CUSTOMER_DELETED"},
        {"payload": json.dumps({**FAILED, "recipient": {"id": "QXBwOjI="}})},
        {"payload": json.dumps({**FAILED, "recipient": None})},
        {"payload": json.dumps({**FAILED, "filler": "x" * 10_500_000})},
    ],
)
def test_a_delivery_that_is_not_what_its_event_promises(values: dict[str, Any]) -> None:
    made = {"eventType": "CUSTOMER_UPDATED", "payload": json.dumps(FAILED), **values}
    with pytest.raises(ContractError):
        body_read(made, app_id="QXBwOjE=")


@needs_schemas
@pytest.mark.parametrize("version", ["3.21", "3.22", "3.23", "3.24-alpha"])
def test_every_question_is_valid_on_every_saleor(version: str) -> None:
    schema = saleor_schema(version)
    documents = [WEBHOOKS_QUERY, DELIVERIES_QUERY, ACCOUNTS_QUERY, SOMEBODY_QUERY]
    documents += [
        poll.query(full=full, counted=counted)
        for poll in POLLS
        for full in (True, False)
        for counted in (True, False)
    ]
    assert len(documents) == 16
    for document in documents:
        assert validate(schema, parse(document)) == [], document
        assert "origin" not in document, "old orders break the page"
