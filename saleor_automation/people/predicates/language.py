"""Typed conditions over facts: a small language stored as data.

Pure: knows names, types and operators; must not know where a fact comes from nor the
database. A condition is one of ``{"fact": name, "op": op, "value": value}``,
``{"all": [..]}``, ``{"any": [..]}`` and ``{"not": ..}``. Beside a fact may stand what it
is asked of (``"of": "wholesale"``) and how many days back it looks (``"days": 90``).

Facts of a person are registered by ``facts`` and hold for everybody; those that need a
basket or an order by ``sequences``, and are known inside a sequence alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
    #: Known inside a sequence alone, though it needs no basket or order.
    inside: bool = False
    #: What it must be asked of, in a word for a person: a tag, a currency. None: of nothing.
    of: Promise | None = None
    #: Whether ``of`` may be left out: then it is asked of all of them together.
    of_optional: bool = False
    #: What it may be asked of, as (value, words), where that is a closed list.
    of_choices: Callable[[], Sequence[tuple[str, str]]] | None = None
    #: Whether it may look back a number of days instead of for ever.
    windowed: bool = False
    #: Whether it becomes another one by the passing of time alone.
    moves: bool = False
    #: The texts it may be compared with; empty: any.
    words: tuple[str, ...] = ()

    @property
    def ops(self) -> tuple[str, ...]:
        return OPS[self.kind]

    @property
    def of_everybody(self) -> bool:
        """Whether it is known of everybody, so that people can be found by it."""
        return not (self.inside or self.needs)


FACTS: dict[str, FactType] = {}
#: Days a condition may look back: ten years.
LONGEST = 3660


def fact_register(fact: FactType) -> None:
    """Add a fact to the language. Raises ValueError when the name is taken."""
    if fact.name in FACTS:
        raise ValueError(f"The fact {fact.name!r} is registered already.")
    FACTS[fact.name] = fact


@dataclass(frozen=True, order=True)
class Ask:
    """One fact, of what, and how far back: what has one value for one person."""

    fact: str
    of: str = ""
    days: int | None = None

    @property
    def key(self) -> str:
        """Return the name its value is found under; the fact's own when it asks no more."""
        if not self.of and self.days is None:
            return self.fact
        return f"{self.fact}({self.of}, {self.days})"


@dataclass(frozen=True)
class Compare:
    """``fact op value``; ``value`` has the fact's type, a tuple of texts for in/not_in."""

    fact: str
    op: str
    value: Any
    of: str = ""
    days: int | None = None

    @property
    def ask(self) -> Ask:
        return Ask(self.fact, self.of, self.days)


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
    value = _value(fact, op, data.get("value"))
    return Compare(name, op, value, _of(fact, data.get("of")), _days(fact, data.get("days")))


def _decimal(fact: FactType, value: Decimal) -> Decimal:
    """Return a number a database can compare exactly: four places, fourteen before them."""
    if not value.is_finite() or abs(value) >= Decimal(10) ** 14:
        raise ValueError(value)
    if value != round(value, 4):
        raise CompileError(f"{fact.label} is compared with four places at most, not {value}.")
    return value


def _of(fact: FactType, value: object) -> str:
    text = " ".join(str(value or "").replace("\x00", "").split())
    if fact.of is None:
        if text:
            raise CompileError(f"{fact.label} is asked of nothing; leave {text!r} out.")
        return ""
    if not text and not fact.of_optional:
        raise CompileError(f"{fact.label}: say which {fact.of}.")
    return text


def _days(fact: FactType, value: object) -> int | None:
    if value in (None, ""):
        return None
    if not fact.windowed:
        raise CompileError(f"{fact.label} cannot look back a number of days.")
    try:
        days = int(str(value))
    except ValueError:
        raise CompileError(f"Days are a whole number, not {value!r}.") from None
    if not 0 < days <= LONGEST:
        raise CompileError(f"Days are a number from 1 to {LONGEST}, not {days}.")
    return days


def _value(fact: FactType, op: str, value: object) -> object:
    if fact.kind is Kind.BOOL:
        return op == "is_true"
    try:
        if fact.kind is Kind.INT:
            return int(str(value))
        if fact.kind is Kind.DECIMAL:
            return _decimal(fact, Decimal(str(value)))
    except (ValueError, InvalidOperation):
        raise CompileError(f"{fact.label} is compared with a number, not {value!r}.") from None
    if op in {"in", "not_in"}:
        texts = value if isinstance(value, list) else str(value or "").split(",")
        cleaned = tuple(str(text).strip().lower() for text in texts if str(text).strip())
        if not cleaned:
            raise CompileError(f"{fact.label} needs at least one value.")
        return tuple(_word(fact, text) for text in cleaned)
    if not isinstance(value, str):
        raise CompileError(f"{fact.label} is compared with a text, not {value!r}.")
    return _word(fact, value.strip().lower())


def _word(fact: FactType, text: str) -> str:
    if fact.words and text not in fact.words:
        raise CompileError(f"{fact.label} is one of: {', '.join(fact.words)}; not {text!r}.")
    return text


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
    value = facts.get(condition.ask.key)
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


def condition_asks(condition: Condition) -> frozenset[Ask]:
    """Return everything ``condition`` asks."""
    if isinstance(condition, All | AnyOf):
        return frozenset().union(*(condition_asks(part) for part in condition.parts))
    if isinstance(condition, Not):
        return condition_asks(condition.part)
    return frozenset({condition.ask})


def condition_moves(condition: Condition) -> bool:
    """Return whether time alone can make ``condition`` true or false of somebody."""
    return any(ask.days is not None or FACTS[ask.fact].moves for ask in condition_asks(condition))


_OPPOSITE = {
    "is_true": "is_false",
    "is_false": "is_true",
    "eq": "ne",
    "ne": "eq",
    "gt": "lte",
    "lte": "gt",
    "gte": "lt",
    "lt": "gte",
    "in": "not_in",
    "not_in": "in",
}


def condition_positive(condition: Condition, *, negated: bool = False) -> Condition:
    """Return the same condition without “not”: pushed down to the comparisons.

    A comparison and its opposite are both unknown of a fact that is not known, so what is
    certainly true stays certainly true and nothing else becomes it. A database, whose own
    “not” may see a row that says nothing as true, can be asked the result.
    """
    if isinstance(condition, Not):
        return condition_positive(condition.part, negated=not negated)
    if isinstance(condition, All | AnyOf):
        parts = tuple(condition_positive(part, negated=negated) for part in condition.parts)
        return All(parts) if isinstance(condition, All) is not negated else AnyOf(parts)
    if not negated:
        return condition
    op = _OPPOSITE[condition.op]
    value = op == "is_true" if condition.op.startswith("is_") else condition.value
    return Compare(condition.fact, op, value, condition.of, condition.days)
