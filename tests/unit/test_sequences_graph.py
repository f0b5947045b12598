"""Graphs are checked before anybody enters them, and the walk through one is pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saleor_automation.exceptions import CompileError
from saleor_automation.sequences.graph import Send, graph_digest, graph_parse
from saleor_automation.sequences.interpreter import (
    Leave,
    Mail,
    Position,
    Stay,
    Step,
    advance,
    after_send,
)

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
EMAIL = "0b5f1d5a-6a55-4a57-9e1e-6c2f0f0d0001"
ORDERED = {"fact": "contact.orders_since_entry", "op": "gte", "value": 1}


def graph_of(nodes: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "schema": 1,
        "trigger": {"kind": "joined", "quiet_minutes": 0},
        "purpose": "marketing",
        "topic": "welcome",
        "exits": [],
        "entry": next(iter(nodes), None),
        "nodes": nodes,
        **changes,
    }


WELCOME = graph_of(
    {
        "a": {"type": "send", "email": EMAIL, "next": "b"},
        "b": {"type": "wait", "minutes": 60, "next": "c"},
        "c": {"type": "if", "condition": ORDERED, "then": "d", "otherwise": "e"},
        "d": {"type": "exit", "reason": "bought"},
        "e": {"type": "send", "email": EMAIL, "expires_hours": 12, "next": None},
    }
)


def at(node: str | None, entered: datetime = NOW) -> Position:
    return Position(node, entered)


def test_entering_comes_to_the_first_mail() -> None:
    outcome = advance(graph_parse(WELCOME), at(None), {}, NOW)
    assert outcome == Mail(Send("a", UUID(EMAIL), None, "b"), NOW)


def test_behind_a_mail_the_wait_counts_from_the_mail() -> None:
    assert after_send(graph_parse(WELCOME), "a", NOW) == Stay("b", NOW, NOW + timedelta(hours=1))
    assert after_send(graph_parse(WELCOME), "e", NOW) == Leave("finished", early=False)


def test_a_wait_that_is_not_over_keeps_its_end() -> None:
    outcome = advance(graph_parse(WELCOME), at("b"), {}, NOW + timedelta(minutes=59))
    assert outcome == Stay("b", NOW, NOW + timedelta(hours=1))


def test_a_condition_takes_one_of_two_ways() -> None:
    graph = graph_parse(WELCOME)
    later = NOW + timedelta(hours=1)
    mail = advance(graph, at("b"), {"contact.orders_since_entry": 0}, later)
    assert isinstance(mail, Mail)
    assert mail.send.expires == timedelta(hours=12)
    assert mail.steps == (Step("b", "waited"), Step("c", "otherwise"))
    left = advance(graph, at("b"), {"contact.orders_since_entry": 1}, later)
    assert left == Leave(
        "bought", True, (Step("b", "waited"), Step("c", "then"), Step("d", "exited"))
    )


def test_an_exit_rule_comes_before_everything() -> None:
    graph = graph_parse({**WELCOME, "exits": [{"condition": ORDERED, "reason": "ordered"}]})
    for node in (None, "a", "b", "c", "e"):
        outcome = advance(graph, at(node), {"contact.orders_since_entry": 1}, NOW)
        assert outcome == Leave("ordered", early=True)


def test_an_exit_rule_may_jump_once() -> None:
    rule = {"condition": ORDERED, "reason": "ordered", "goto": "e"}
    graph = graph_parse({**WELCOME, "exits": [rule]})
    outcome = advance(graph, at("b"), {"contact.orders_since_entry": 1}, NOW)
    assert isinstance(outcome, Mail)
    assert outcome.send.id == "e"
    # Behind the target it does not jump back.
    again = advance(graph, at("e"), {"contact.orders_since_entry": 1}, NOW)
    assert isinstance(again, Mail)


def test_two_exit_rules_that_jump_do_not_play_ball_with_a_person() -> None:
    rules = [{"condition": ORDERED, "reason": "x", "goto": node} for node in ("d", "e")]
    graph = graph_parse({**WELCOME, "exits": rules})
    facts = {"contact.orders_since_entry": 1}
    assert isinstance(advance(graph, at("b"), facts, NOW), Leave), (
        "the first rule jumps to the exit"
    )
    mail = advance(graph, at("e"), facts, NOW)
    assert isinstance(mail, Mail)
    assert mail.send.id == "e", "who is at one rule's target is not moved by another"


def test_an_empty_sequence_ends_at_once() -> None:
    graph = graph_parse(graph_of({}, entry=None))
    assert advance(graph, at(None), {}, NOW) == Leave("finished", early=False)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (graph_of({"a": {"type": "send", "email": EMAIL, "next": "z"}}), "does not exist"),
        (graph_of({"a": {"type": "wait", "minutes": 0, "next": None}}), "longer than nothing"),
        (graph_of({"a": {"type": "dance"}}), "no step of type"),
        (graph_of({"a": {"type": "send", "email": "x", "next": None}}), "Step a"),
        (graph_of({}, entry="a"), "starts at or jumps"),
        (graph_of({}, trigger={"kind": "full_moon"}), "no trigger"),
        (graph_of({}, schema=2), "schema"),
        (graph_of({}, purpose="art"), "purpose"),
        (
            graph_of({}, exits=[{"condition": {"fact": "basket.bought", "op": "is_true"}}]),
            "is not known",
        ),
        (
            graph_of(
                {
                    "a": {"type": "wait", "minutes": 1, "next": "b"},
                    "b": {"type": "wait", "minutes": 1, "next": "a"},
                }
            ),
            "circle",
        ),
        (
            graph_of({f"n{i}": {"type": "exit"} for i in range(201)}),
            "may have 200",
        ),
    ],
)
def test_what_is_wrong_is_said(data: dict[str, Any], says: str) -> None:
    with pytest.raises(CompileError, match=says):
        graph_parse(data)


def test_every_problem_is_told_at_once() -> None:
    with pytest.raises(CompileError) as caught:
        graph_parse(graph_of({"a": {"type": "dance"}, "b": {"type": "wait", "minutes": -1}}))
    assert len(caught.value.diagnostics) == 3  # both steps, and the entry that is gone


def test_the_digest_does_not_depend_on_order() -> None:
    shuffled = dict(reversed(list(WELCOME.items())))
    assert graph_digest(shuffled) == graph_digest(WELCOME)
    assert graph_digest({**WELCOME, "topic": "other"}) != graph_digest(WELCOME)


node_ids = st.sampled_from([f"n{i}" for i in range(8)])


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, Any]:
    """Random graphs whose ways lead only forward, so they are acyclic."""
    size = draw(st.integers(1, 8))
    nodes: dict[str, Any] = {}
    for i in range(size):
        ahead = st.sampled_from([None, *(f"n{j}" for j in range(i + 1, size))])
        kind = draw(st.sampled_from(["send", "wait", "if", "exit"]))
        nodes[f"n{i}"] = {
            "send": lambda ahead=ahead: {"type": "send", "email": EMAIL, "next": draw(ahead)},
            "wait": lambda ahead=ahead: {
                "type": "wait",
                "minutes": draw(st.integers(1, 5000)),
                "next": draw(ahead),
            },
            "if": lambda ahead=ahead: {
                "type": "if",
                "condition": ORDERED,
                "then": draw(ahead),
                "otherwise": draw(ahead),
            },
            "exit": lambda: {"type": "exit", "reason": "enough"},
        }[kind]()
    return graph_of(nodes)


@given(graphs(), st.integers(0, 2), st.integers(0, 100_000))
def test_every_walk_ends_and_moves_forward(data: dict[str, Any], orders: int, late: int) -> None:
    graph = graph_parse(data)
    facts = {"contact.orders_since_entry": orders}
    position, now, seen = at(None), NOW, []
    for _ in range(20):
        outcome = advance(graph, position, facts, now)
        assert advance(graph, position, facts, now) == outcome
        if isinstance(outcome, Mail):
            seen.append(outcome.send.id)
            step = after_send(graph, outcome.send.id, now)
            if isinstance(step, Leave):
                break
            outcome = step
        if isinstance(outcome, Leave):
            break
        assert outcome.until >= now
        position, now = at(outcome.node, outcome.node_entered_at), outcome.until
        now += timedelta(minutes=late)
    else:
        pytest.fail("the walk did not end")
    assert seen == sorted(set(seen)), "a mail was sent twice or out of order"
