"""The language of conditions."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saleor_automation.exceptions import CompileError
from saleor_automation.people.predicates.language import condition_positive
from saleor_automation.sequences.conditions import (
    FACTS,
    Kind,
    condition_asks,
    condition_facts,
    condition_holds,
    condition_parse,
)


def holds(data: object, **facts: object) -> bool:
    named = {name.replace("__", "."): value for name, value in facts.items()}
    return condition_holds(condition_parse(data), named)


@pytest.mark.parametrize(
    ("op", "value", "fact", "expected"),
    [
        ("eq", 2, 2, True),
        ("eq", "2", 2, True),
        ("ne", 2, 3, True),
        ("gt", 2, 2, False),
        ("gte", 2, 2, True),
        ("lt", 2, 1, True),
        ("lte", 2, 3, False),
    ],
)
def test_numbers(op: str, value: object, fact: int, expected: bool) -> None:
    assert holds({"fact": "contact.orders", "op": op, "value": value}, contact__orders=fact) is (
        expected
    )


def test_texts_ignore_case_and_lists_may_be_written_with_commas() -> None:
    condition = {"fact": "contact.language", "op": "in", "value": "MS, en"}
    assert holds(condition, contact__language="en")
    assert not holds(condition, contact__language="de")
    assert holds(
        {"fact": "contact.country", "op": "not_in", "value": ["MY"]}, contact__country="SG"
    )


def test_money_is_compared_as_decimal() -> None:
    condition = {"fact": "order.total", "op": "gte", "value": "0.30"}
    assert holds(condition, order__total=Decimal("0.1") + Decimal("0.2"))


@given(st.sampled_from(sorted(FACTS)), st.data())
def test_nothing_is_concluded_from_not_knowing(name: str, data: st.DataObject) -> None:
    fact = FACTS[name]
    op = data.draw(st.sampled_from(fact.ops))
    value: object = [*fact.words, "x"][0] if fact.kind is Kind.TEXT else 1
    data_asked = {"fact": name, "op": op, "value": value, "of": "x" if fact.of else ""}
    condition = condition_parse(data_asked)
    [ask] = condition_asks(condition)
    negated = condition_parse({"not": data_asked})
    for asked in (condition, negated, condition_positive(negated)):
        assert condition_holds(asked, {}) is False
        assert condition_holds(asked, {ask.key: None}) is False


def test_what_is_asked_of_one_thing_has_a_value_of_its_own() -> None:
    tagged = {"fact": "contact.tagged", "op": "is_true"}
    condition = condition_parse({"all": [{**tagged, "of": "VIP"}, {**tagged, "of": "new"}]})
    keys = sorted(ask.key for ask in condition_asks(condition))
    assert keys == ["contact.tagged(VIP, None)", "contact.tagged(new, None)"]
    assert condition_holds(condition, dict.fromkeys(keys, True))
    assert not condition_holds(condition, {keys[0]: True, keys[1]: False})
    recent = condition_parse({"fact": "contact.orders", "op": "gte", "value": 1, "days": 30})
    assert not condition_holds(recent, {"contact.orders": 5})
    assert condition_holds(recent, {"contact.orders(, 30)": 1})


def test_groups() -> None:
    has_account = {"fact": "contact.has_account", "op": "is_true"}
    ordered = {"fact": "contact.orders", "op": "gte", "value": 1}
    facts = {"contact__has_account": True, "contact__orders": 0}
    assert not holds({"all": [has_account, ordered]}, **facts)
    assert holds({"any": [has_account, ordered]}, **facts)
    assert holds({"not": ordered}, **facts)
    unknown = {"fact": "contact.country", "op": "eq", "value": "my"}
    assert holds({"any": [unknown, has_account]}, **facts)
    assert not holds({"not": {"all": [unknown, has_account]}}, **facts)
    assert holds({"not": {"all": [unknown, ordered]}}, **facts)
    parsed = condition_parse({"all": [has_account, {"not": ordered}]})
    assert condition_facts(parsed) == {"contact.has_account", "contact.orders"}


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({"fact": "contact.shoe_size", "op": "eq", "value": 1}, "no fact"),
        ({"fact": "contact.orders", "op": "is_true"}, "cannot be compared"),
        ({"fact": "contact.orders", "op": "eq", "value": "many"}, "a number"),
        ({"fact": "contact.language", "op": "in", "value": " , "}, "at least one"),
        ({"all": []}, "at least one"),
        ("contact.orders > 1", "must be an object"),
    ],
)
def test_what_is_wrong_is_said(data: object, says: str) -> None:
    with pytest.raises(CompileError, match=says):
        condition_parse(data)


def test_nesting_ends() -> None:
    data: dict[str, object] = {"fact": "contact.orders", "op": "eq", "value": 1}
    for _ in range(12):
        data = {"not": data}
    with pytest.raises(CompileError, match="ten times"):
        condition_parse(data)
