"""From an editor's steps to the graph the engine runs."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from saleor_automation.exceptions import CompileError
from saleor_automation.sequences.graph import graph_parse
from saleor_automation.studio.compile import EmailInfo, sequence_compile
from saleor_automation.studio.starter.content import SEQUENCES

HELLO = EmailInfo(key=uuid.UUID(int=1), title="Hello", ready=True)
DRAFT = EmailInfo(key=uuid.UUID(int=2), title="Half written", ready=False)
BASKET = EmailInfo(
    key=uuid.UUID(int=3), title="Basket", ready=True, uses=frozenset({"contact", "basket"})
)
LOYALTY = EmailInfo(key=uuid.UUID(int=4), title="Loyal", ready=True, uses=frozenset({"loyalty"}))
EMAILS = {4: LOYALTY, 1: HELLO, 2: DRAFT, 3: BASKET}


def send(step: str, email: int | None = 1, expires: int | None = None) -> dict[str, Any]:
    return {"id": step, "type": "send", "value": {"email": email, "expires_hours": expires}}


def wait(step: str, amount: int | None = 2, unit: str = "days") -> dict[str, Any]:
    return {"id": step, "type": "wait", "value": {"amount": amount, "unit": unit}}


def leave(step: str, reason: str = "done") -> dict[str, Any]:
    return {"id": step, "type": "exit", "value": {"reason": reason}}


def when(
    step: str,
    then: list[dict[str, Any]],
    otherwise: list[dict[str, Any]],
    test: tuple[str, str, str] = ("contact.orders", "gte", "2"),
) -> dict[str, Any]:
    fact, op, value = test
    return {
        "id": step,
        "type": "if",
        "value": {"fact": fact, "op": op, "value": value, "then": then, "otherwise": otherwise},
    }


def rule(fact: str, op: str, value: str = "", reason: str = "") -> dict[str, Any]:
    value_ = {"fact": fact, "op": op, "value": value, "reason": reason}
    return {"id": f"rule-{fact}", "type": "rule", "value": value_}


def compiled(steps: list[dict[str, Any]], **changes: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "trigger": "joined",
        "quiet_minutes": 0,
        "purpose": "marketing",
        "topic": "welcome",
        "exits": [],
        "steps": steps,
        "emails": EMAILS,
    }
    return sequence_compile(**{**given, **changes})


def problems(steps: list[dict[str, Any]], **changes: Any) -> list[str]:
    with pytest.raises(CompileError) as caught:
        compiled(steps, **changes)
    return [str(problem) for problem in caught.value.diagnostics]


def test_steps_follow_each_other_and_units_become_minutes() -> None:
    graph = compiled([send("a"), wait("b", 3, "hours"), send("c", expires=12)])
    assert graph["entry"] == "a"
    assert graph["nodes"]["a"] == {
        "type": "send",
        "email": str(HELLO.key),
        "expires_hours": None,
        "next": "b",
    }
    assert graph["nodes"]["b"] == {"type": "wait", "minutes": 180, "next": "c"}
    assert graph["nodes"]["c"]["expires_hours"] == 12
    assert graph["nodes"]["c"]["next"] is None
    graph_parse(graph)


def test_branches_meet_again_at_the_next_sibling() -> None:
    graph = compiled(
        [
            when("if", [wait("t1"), send("t2")], []),
            send("after"),
        ]
    )
    node = graph["nodes"]["if"]
    assert (node["then"], node["otherwise"]) == ("t1", "after")
    assert graph["nodes"]["t2"]["next"] == "after"
    assert node["condition"] == {"fact": "contact.orders", "op": "gte", "value": "2"}


def test_three_levels_of_branches_compile() -> None:
    inner = when("i3", [send("x")], [leave("y")])
    graph = compiled([when("i1", [when("i2", [inner], [])], []), send("end")])
    assert graph["nodes"]["x"]["next"] == "end"
    assert graph["nodes"]["i2"]["otherwise"] == "end"
    assert set(graph["nodes"]) == {"i1", "i2", "i3", "x", "y", "end"}


def test_exit_rules_take_their_reason_from_the_fact() -> None:
    graph = compiled(
        [send("a", 3)],
        trigger="basket_changed",
        quiet_minutes=45,
        exits=[
            rule("basket.bought", "is_true"),
            rule("basket.items", "eq", "0", "nothing_left"),
        ],
    )
    assert graph["trigger"] == {"kind": "basket_changed", "quiet_minutes": 45}
    assert [(exit_["reason"], exit_["condition"]) for exit_ in graph["exits"]] == [
        ("ordered", {"fact": "basket.bought", "op": "is_true"}),
        ("nothing_left", {"fact": "basket.items", "op": "eq", "value": "0"}),
    ]


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ([], "Add at least one step"),
        ([send("a", None)], "Step 1 (Send): Choose an email"),
        ([send("a", 99)], "Step 1 (Send): Choose an email"),
        ([send("a", 2)], "“Half written” is not published in the default language"),
        ([send("a"), wait("b", None)], "Step 2 (Wait): Say how long"),
        ([wait("b", 0)], "Say how long"),
        ([send("a", 3)], "“Basket” shows a basket"),
        ([send("a", 4)], "“Loyal” shows “loyalty”"),
        ([leave("a"), send("b")], "Step 2 (Send): Nobody ever comes here"),
        ([when("i", [leave("a")], [leave("b")]), send("c")], "Nobody ever comes here"),
        ([send("")], "has no id"),
        ([send("a"), send("a")], "has no id"),
        ([{"id": "a", "type": "fax", "value": {}}], "does not know this kind of step"),
        ([when("i", [], [], ("contact.orders", "in", "2"))], "can be compared with"),
        ([when("i", [], [], ("contact.orders", "gte", "many"))], "number"),
        ([when("i", [], [], ("basket.items", "gte", "1"))], "is not known in a sequence"),
        ([when("i", [], [], ("", "gte", "1"))], "Say what to look at"),
        ([when("i", [send("a", 2)], [])], "Step 1, then 1 (Send)"),
    ],
)
def test_each_mistake_is_named_with_its_step(steps: list[dict[str, Any]], words: str) -> None:
    assert any(words in problem for problem in problems(steps))


def test_problems_come_in_reading_order() -> None:
    found = problems([send("a", None), wait("b", 0), send("c", 2)])
    assert [problem.split(" (")[0] for problem in found] == ["Step 1", "Step 2", "Step 3"]


def test_an_unknown_trigger_is_refused() -> None:
    assert problems([send("a")], trigger="full_moon") == ["Choose what starts the sequence."]


def test_starter_mails_leave_when_the_shop_was_promised() -> None:
    hours = {}
    for content in SEQUENCES:
        total, times = 0, []
        for step in content.steps:
            total += step.wait
            times.append(total / 60)
        hours[content.slug] = times
    assert hours == {
        "welcome": [0, 48, 120, 216, 312],
        "basket": [1, 24, 72],
        "after-purchase": [24, 168, 504],
    }


def test_a_voucher_needs_a_basket_and_is_there_only_when_given() -> None:
    step = send("s", 3)
    step["value"]["voucher_code"] = "  Selamat10 "
    graph = compiled([step], trigger="basket_changed")
    assert graph["nodes"]["s"]["voucher"] == "Selamat10"
    node = graph_parse(graph).nodes["s"]
    assert getattr(node, "voucher", None) == "Selamat10"
    # Sequences of before compile to the very same graph.
    assert "voucher" not in compiled([send("s", 3)], trigger="basket_changed")["nodes"]["s"]
    step["value"]["email"] = 1
    with pytest.raises(CompileError, match="applied to a basket"):
        compiled([step])
