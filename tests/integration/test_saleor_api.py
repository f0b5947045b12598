"""Calling a Saleor that misbehaves in each way it can: time-outs, repeats, limits, words."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from saleor_automation import clock
from saleor_automation.exceptions import (
    SaleorAccessError,
    SaleorAPIError,
    SaleorInstallationError,
    SaleorNotFound,
    SaleorObjectError,
    SaleorPermissionError,
    SaleorTooMuch,
    SaleorUnreachable,
)
from saleor_automation.saleor_app import api, transport
from saleor_automation.saleor_app.answers import is_query
from saleor_automation.saleor_app.api import graphql, graphql_ask, graphql_call, pause_before
from saleor_automation.saleor_app.installations import installation_forget
from saleor_automation.saleor_app.models import Installation
from tests.shared import TinySaleor, answers, drips, hangs_up, sleeps

ASK = "{ app { id } }"
CHANGE = "mutation { checkoutAddPromoCode { errors { code } } }"
SECRET = "good-token"
DENIED = {
    "data": {"orders": None},
    "errors": [
        {
            "message": "To access this path, you need one of the following permissions: "
            "MANAGE_ORDERS",
            "extensions": {"exception": {"code": "PermissionDenied"}},
            "path": ["orders"],
        }
    ],
}


def failing(message: str, code: str = "GraphQLError", **more: Any) -> dict[str, Any]:
    return {"errors": [{"message": message, "extensions": {"exception": {"code": code}}, **more}]}


@pytest.fixture(scope="module")
def shared_saleor() -> Iterator[TinySaleor]:
    saleor = TinySaleor()
    yield saleor
    saleor.close()


@pytest.fixture
def saleor(shared_saleor: TinySaleor, settings: Any, monkeypatch: pytest.MonkeyPatch) -> TinySaleor:
    """A Saleor that does what ``moods`` says, then behaves."""
    shared_saleor.asked.clear()
    shared_saleor.moods.clear()
    settings.SALEOR_AUTOMATION = {
        "public_url": "https://studio.example",
        "saleor_api_url": shared_saleor.url,
    }
    monkeypatch.setattr(api, "FIRST_PAUSE", 0.02)
    return shared_saleor


@pytest.fixture
def installed(saleor: TinySaleor, db: None) -> Iterator[TinySaleor]:
    installation_forget()
    Installation.objects.create(
        api_url=saleor.url, app_id="QXBwOjE=", token=SECRET, installed_at=clock.now()
    )
    yield saleor
    installation_forget()


def call(saleor: TinySaleor, query: str = ASK, **more: Any) -> dict[str, Any]:
    return graphql_call(api_url=saleor.url, token=SECRET, query=query, **more)


@pytest.mark.parametrize(
    "moods",
    [
        [hangs_up],
        [hangs_up, hangs_up, hangs_up],
        [answers(500, b"<h1>oh</h1>"), answers(502, b"bad gateway"), answers(503, {})],
        [answers(429, {}, Retry_After="0")],
        [answers(200, failing("Internal Server Error", "OperationalError"))],
    ],
)
def test_a_question_is_asked_again_until_it_is_answered(
    saleor: TinySaleor, moods: list[Any]
) -> None:
    saleor.moods += moods
    assert call(saleor)["app"]["id"] == "QXBwOjE="
    assert len(saleor.asked) == len(moods) + 1


@pytest.mark.parametrize("mood", [hangs_up, answers(503, {}), answers(429, {}, Retry_After="0")])
def test_a_change_is_never_sent_twice(saleor: TinySaleor, mood: Any) -> None:
    saleor.moods.append(mood)
    with pytest.raises(SaleorUnreachable):
        call(saleor, CHANGE)
    assert len(saleor.asked) == 1


def test_a_change_is_not_sent_on_a_connection_that_may_be_dead(
    saleor: TinySaleor, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[bool] = []

    def exchange(*args: Any, keep: bool, **more: Any) -> Any:
        kept.append(keep)
        return transport.exchange(*args, keep=keep, **more)

    monkeypatch.setattr(api, "exchange", exchange)
    call(saleor)
    call(saleor, CHANGE)
    assert kept == [True, False]


def test_a_change_that_may_be_repeated_is(saleor: TinySaleor) -> None:
    saleor.moods += [hangs_up, answers(503, {})]
    assert call(saleor, CHANGE, repeatable=True)["app"]
    assert len(saleor.asked) == 3


def test_it_gives_up_after_four_tries_and_says_what_to_check(saleor: TinySaleor) -> None:
    saleor.moods += [hangs_up] * 9
    with pytest.raises(SaleorUnreachable, match="SALEOR_AUTOMATION_SALEOR_CALL_URL"):
        call(saleor)
    assert len(saleor.asked) == api.ATTEMPTS


def test_a_saleor_that_asks_for_a_long_pause_is_not_waited_for(saleor: TinySaleor) -> None:
    saleor.moods.append(answers(429, {}, Retry_After="120"))
    started = time.monotonic()
    with pytest.raises(SaleorUnreachable, match="less often") as caught:
        call(saleor, budget=5)
    assert time.monotonic() - started < 5
    assert caught.value.retry_after == 120
    assert len(saleor.asked) == 1


def test_a_pause_may_be_written_as_a_date(saleor: TinySaleor) -> None:
    saleor.moods.append(answers(429, {}, Retry_After="Fri, 31 Dec 2100 23:59:59 GMT"))
    with pytest.raises(SaleorUnreachable) as caught:
        call(saleor)
    assert caught.value.retry_after > 1e9


@pytest.mark.parametrize("mood", [sleeps(3), drips(0.1)])
def test_a_slow_answer_ends_with_the_budget(saleor: TinySaleor, mood: Any) -> None:
    saleor.moods += [mood] * 4
    started = time.monotonic()
    with pytest.raises(SaleorUnreachable):
        call(saleor, timeout=0.5, budget=1.0)
    assert time.monotonic() - started < 2.5


def test_an_answer_without_end_is_cut(saleor: TinySaleor, monkeypatch: pytest.MonkeyPatch) -> None:
    saleor.moods.append(answers(200, b" " * 300_000))
    monkeypatch.setattr(
        transport.exchange,
        "__kwdefaults__",
        {**transport.exchange.__kwdefaults__, "limit": 100_000},
    )
    with pytest.raises(SaleorTooMuch, match="more than 100000 bytes"):
        call(saleor)
    assert len(saleor.asked) == 1


def test_a_redirect_is_not_followed(saleor: TinySaleor) -> None:
    stranger = TinySaleor()
    try:
        saleor.moods.append(answers(302, b"", Location=stranger.url))
        with pytest.raises(SaleorAPIError, match=r"302 and no JSON.*GraphQL URL"):
            call(saleor)
    finally:
        stranger.close()
    assert stranger.asked == []


@pytest.mark.parametrize(
    ("mood", "kind", "words"),
    [
        (answers(404, b"<h1>Not Found</h1>"), SaleorNotFound, "Is it Saleor's GraphQL URL"),
        (answers(200, b"<h1>Hello</h1>"), SaleorAPIError, "Is it Saleor's GraphQL URL"),
        (answers(200, []), SaleorAPIError, "another form"),
        (answers(200, {"data": None}), SaleorAPIError, "without data"),
        (answers(400, failing('Cannot query field "x".')), SaleorAPIError, "refused the query"),
        (answers(200, DENIED), SaleorPermissionError, r"MANAGE_ORDERS.*Extensions"),
        (answers(401, {}), SaleorInstallationError, "install it again"),
        (
            answers(400, failing("Signature has expired", "ExpiredSignatureError")),
            SaleorInstallationError,
            "does not accept our token",
        ),
        (
            answers(200, failing("Couldn't resolve to a node: X", path=["order"])),
            SaleorNotFound,
            "no such object",
        ),
        (
            answers(
                200, {"data": {"orders": None}, **failing("'' is not OrderOriginEnum", path=[1])}
            ),
            SaleorObjectError,
            "OrderOriginEnum",
        ),
    ],
)
def test_each_refusal_has_a_kind_and_words(
    saleor: TinySaleor, mood: Any, kind: type[SaleorAPIError], words: str
) -> None:
    saleor.moods.append(mood)
    with pytest.raises(SaleorAPIError, match=f"(?s){words}") as caught:
        call(saleor)
    assert type(caught.value) is kind
    assert len(saleor.asked) == 1, "asking again would not help"
    assert SECRET not in str(caught.value)


def test_a_cost_above_the_limit_comes_with_its_figures(saleor: TinySaleor) -> None:
    error = {
        "message": "The query exceeds the maximum cost of 50000. Actual cost is 70000",
        "extensions": {
            "cost": {"requestedQueryCost": 70000, "maximumAvailable": 50000},
            "exception": {"code": "QueryCostError"},
        },
    }
    saleor.moods.append(answers(400, {"errors": [error]}))
    with pytest.raises(SaleorTooMuch) as caught:
        call(saleor)
    assert (caught.value.cost, caught.value.maximum) == (70000, 50000)


def test_an_answer_says_what_it_cost(installed: TinySaleor) -> None:
    cost = {"cost": {"requestedQueryCost": 700, "maximumAvailable": 50000}}
    installed.moods.append(answers(200, {"data": {}, "extensions": cost}))
    answer = graphql_ask(query=ASK)
    assert (answer.cost, answer.maximum) == (700, 50000)
    assert graphql_ask(query=ASK).cost is None


def test_a_revoked_token_is_told_from_a_missing_permission(installed: TinySaleor) -> None:
    installed.moods.append(answers(200, DENIED))
    with pytest.raises(SaleorPermissionError):
        graphql(query=ASK)

    installed.moods += [answers(200, DENIED), answers(200, {"data": {"app": None}})]
    with pytest.raises(SaleorInstallationError, match="not active"):
        graphql(query=ASK)
    assert issubclass(SaleorInstallationError, SaleorAccessError)


def test_the_token_is_in_no_log_and_netrc_does_not_replace_it(
    saleor: TinySaleor,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Any,
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    caplog.set_level(logging.DEBUG)
    saleor.moods.append(hangs_up)
    assert call(saleor)["app"]["id"] == "QXBwOjE=", "the token arrived"
    assert caplog.text
    assert SECRET not in caplog.text
    assert SECRET not in repr(requests.Request("POST", auth=transport._Bearer(SECRET)).__dict__)


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ("{ app { id } }", True),
        ("query mutation($a: Int) { x }", False),
        ("query A { mutation: app { id } } fragment F on App { id }", True),
        ('# mutation\nquery { app(id: "mutation { }") { id } }', True),
        ('{ a(b: """ } mutation { """) }', True),
        ("mutation { a }", False),
        ("  mutation A($b: C) { a }", False),
        ("fragment F on App { id } mutation { a { ...F } }", False),
    ],
)
def test_what_only_asks_is_told_from_what_changes(document: str, expected: bool) -> None:
    # A query that is named "mutation" is taken for a change: it is only not repeated.
    assert is_query(document) is expected


def test_pauses_grow_and_differ() -> None:
    for attempt, longest in ((2, 0.3), (3, 0.6), (4, 1.2)):
        pauses = {pause_before(attempt) for _ in range(50)}
        assert len(pauses) > 40
        assert longest / 2 <= min(pauses) <= max(pauses) <= longest
