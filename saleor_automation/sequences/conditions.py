"""Typed conditions over facts: a small language stored as data.

Pure: knows names, types and operators; must not know where a fact comes from
(``facts.py`` loads them) nor the database. A condition is one of
``{"fact": name, "op": op, "value": value}``, ``{"all": [..]}``, ``{"any": [..]}``
and ``{"not": ..}``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import Enum
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from saleor_automation.exceptions import CompileError

#: What a fact may be worth. None means "not known": every comparison is false.
Value = bool | int | Decimal | str | None


class Kind(Enum):
    """Type of a fact's value."""

    BOOL = "bool"
    INT = "int"
    DECIMAL = "decimal"
    TEXT = "text"


NUMBER_OPS = ("eq", "ne", "gt", "gte", "lt", "lte")
OPS: dict[Kind, tuple[str, ...]] = {
    Kind.BOOL: ("is_true", "is_false"),
    Kind.INT: NUMBER_OPS,
    Kind.DECIMAL: NUMBER_OPS,
    Kind.TEXT: ("eq", "ne", "in", "not_in"),
}
OP_WORDS: dict[str, Promise] = {
    "is_true": _("is true"),
    "is_false": _("is not true"),
    "eq": _("is"),
    "ne": _("is not"),
    "gt": _("is more than"),
    "gte": _("is at least"),
    "lt": _("is less than"),
    "lte": _("is at most"),
    "in": _("is one of"),
    "not_in": _("is none of"),
}


@dataclass(frozen=True, kw_only=True)
class FactType:
    """One fact a condition may ask about."""

    name: str
    kind: Kind
    label: Promise
    #: What an enrollment's context must hold for the fact to be known: "", "checkout", "order".
    needs: str = ""

    @property
    def ops(self) -> tuple[str, ...]:
        return OPS[self.kind]


FACTS: dict[str, FactType] = {}


def fact_register(fact: FactType) -> None:
    """Add a fact to the language. Raises ValueError when the name is taken."""
    if fact.name in FACTS:
        raise ValueError(f"The fact {fact.name!r} is registered already.")
    FACTS[fact.name] = fact


for _fact in (
    FactType(name="contact.orders", kind=Kind.INT, label=_("Orders ever placed")),
    FactType(
        name="contact.orders_since_entry",
        kind=Kind.INT,
        label=_("Orders placed since entering the sequence"),
    ),
    FactType(name="contact.has_account", kind=Kind.BOOL, label=_("Has a shop account")),
    FactType(name="contact.subscribed", kind=Kind.BOOL, label=_("Agreed to marketing mail")),
    FactType(name="contact.language", kind=Kind.TEXT, label=_("Language")),
    FactType(name="contact.country", kind=Kind.TEXT, label=_("Country")),
    FactType(
        name="basket.bought",
        kind=Kind.BOOL,
        label=_("Bought since the basket was filled"),
        needs="checkout",
    ),
    FactType(name="basket.items", kind=Kind.INT, label=_("Items in the basket"), needs="checkout"),
    FactType(
        name="basket.deleted", kind=Kind.BOOL, label=_("The basket is gone"), needs="checkout"
    ),
    FactType(
        name="basket.newer",
        kind=Kind.BOOL,
        label=_("Has a newer basket in the same channel"),
        needs="checkout",
    ),
    FactType(
        name="basket.paid", kind=Kind.BOOL, label=_("The basket is being paid"), needs="checkout"
    ),
    FactType(
        name="order.cancelled", kind=Kind.BOOL, label=_("The order was cancelled"), needs="order"
    ),
    FactType(
        name="order.refunded", kind=Kind.BOOL, label=_("The order was refunded"), needs="order"
    ),
    FactType(name="order.total", kind=Kind.DECIMAL, label=_("Order total"), needs="order"),
    FactType(name="order.items", kind=Kind.INT, label=_("Items in the order"), needs="order"),
):
    fact_register(_fact)


@dataclass(frozen=True)
class Compare:
    """``fact op value``; ``value`` has the fact's type, a tuple of texts for in/not_in."""

    fact: str
    op: str
    value: Any


@dataclass(frozen=True)
class All:
    parts: tuple[Condition, ...]


@dataclass(frozen=True)
class AnyOf:
    parts: tuple[Condition, ...]


@dataclass(frozen=True)
class Not:
    part: Condition


Condition = Compare | All | AnyOf | Not

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda a, b: a == b,
    "ne": lambda a, b: a != b,
    "gt": lambda a, b: a > b,
    "gte": lambda a, b: a >= b,
    "lt": lambda a, b: a < b,
    "lte": lambda a, b: a <= b,
    "in": lambda a, b: a in b,
    "not_in": lambda a, b: a not in b,
}


def condition_parse(data: object, *, depth: int = 0) -> Condition:
    """Return the condition written in ``data``.

    Raises CompileError saying what is wrong: unknown fact or operator, a value of
    the wrong type, nesting over 10.
    """
    if depth > 10:
        raise CompileError("A condition may not be nested more than ten times.")
    if not isinstance(data, Mapping):
        raise CompileError(f"A condition must be an object, not {data!r}.")
    for word, kind in (("all", All), ("any", AnyOf)):
        if word in data:
            parts = data[word]
            if not isinstance(parts, list) or not parts:
                raise CompileError(f"“{word}” needs at least one condition.")
            return kind(tuple(condition_parse(part, depth=depth + 1) for part in parts))
    if "not" in data:
        return Not(condition_parse(data["not"], depth=depth + 1))
    name, op = str(data.get("fact", "")), str(data.get("op", ""))
    fact = FACTS.get(name)
    if fact is None:
        raise CompileError(f"There is no fact {name!r}. Known facts: {', '.join(sorted(FACTS))}.")
    if op not in fact.ops:
        raise CompileError(f"{fact.label} cannot be compared with {op!r}. Use {fact.ops}.")
    return Compare(name, op, _value(fact, op, data.get("value")))


def _value(fact: FactType, op: str, value: object) -> object:
    if fact.kind is Kind.BOOL:
        return op == "is_true"
    try:
        if fact.kind is Kind.INT:
            return int(str(value))
        if fact.kind is Kind.DECIMAL:
            return Decimal(str(value))
    except (ValueError, InvalidOperation):
        raise CompileError(f"{fact.label} is compared with a number, not {value!r}.") from None
    if op in {"in", "not_in"}:
        texts = value if isinstance(value, list) else str(value or "").split(",")
        cleaned = tuple(str(text).strip().lower() for text in texts if str(text).strip())
        if not cleaned:
            raise CompileError(f"{fact.label} needs at least one value.")
        return cleaned
    if not isinstance(value, str):
        raise CompileError(f"{fact.label} is compared with a text, not {value!r}.")
    return value.strip().lower()


def condition_holds(condition: Condition, facts: Mapping[str, Value]) -> bool:
    """Return whether ``condition`` is certainly true of ``facts``.

    A fact that is missing or None makes its comparison unknown, by Kleene's
    three-valued logic, and unknown is not true: nothing is ever concluded from not
    knowing, not even by ``not``.
    """
    return _truth(condition, facts) is True


def _truth(condition: Condition, facts: Mapping[str, Value]) -> bool | None:
    if isinstance(condition, All):
        truths = [_truth(part, facts) for part in condition.parts]
        return False if False in truths else None if None in truths else True
    if isinstance(condition, AnyOf):
        truths = [_truth(part, facts) for part in condition.parts]
        return True if True in truths else None if None in truths else False
    if isinstance(condition, Not):
        truth = _truth(condition.part, facts)
        return None if truth is None else not truth
    value = facts.get(condition.fact)
    if value is None:
        return None
    if condition.op in {"is_true", "is_false"}:
        return bool(value) is condition.value
    if isinstance(value, str):
        value = value.lower()
    return _COMPARE[condition.op](value, condition.value)


def condition_facts(condition: Condition) -> frozenset[str]:
    """Return the names of the facts ``condition`` asks about."""
    if isinstance(condition, All | AnyOf):
        return frozenset().union(*(condition_facts(part) for part in condition.parts))
    if isinstance(condition, Not):
        return condition_facts(condition.part)
    return frozenset({condition.fact})
