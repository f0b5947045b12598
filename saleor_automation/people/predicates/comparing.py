"""Comparing in the database: what a comparison of the language is as a ``Q``.

Knows Django's expressions. Must not know any fact: ``finding``, later stages and other apps
build theirs of these. Each is certainly true or it is not: what is not known is never found.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from django.db.models import DateTimeField, Exists, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce, Lower
from django.db.models.lookups import (
    Exact,
    GreaterThan,
    GreaterThanOrEqual,
    IsNull,
    LessThan,
    LessThanOrEqual,
)

from .language import Compare
from .windows import DAY

_LOOKUPS: Final = {
    "eq": Exact,
    "gt": GreaterThan,
    "gte": GreaterThanOrEqual,
    "lt": LessThan,
    "lte": LessThanOrEqual,
}
#: More of anything nobody has; the databases' own whole numbers end there.
_MANY: Final = 2**31 - 1
#: Days no moment of ours lies back.
_AGES: Final = 400_000
NEVER: Final = Q(pk__in=[])


def number_compared(expression: Any, asked: Compare, field: Any = None) -> Q:
    """Compare a number that is always known."""
    value = asked.value
    if not isinstance(value, Decimal):
        value = max(-_MANY, min(_MANY, value))
    if asked.op == "ne":
        return ~Q(Exact(expression, Value(value, output_field=field)))
    return Q(_LOOKUPS[asked.op](expression, Value(value, output_field=field)))


def text_compared(column: str, asked: Compare) -> Q:
    """Compare a text of the contact; "" says nothing."""
    known = Q(**{f"{column}__gt": ""})
    values = asked.value if asked.op in {"in", "not_in"} else (asked.value,)
    same = Q()
    for value in values:
        same |= Q(Exact(Lower(column), Value(value)))
    return known & (same if asked.op in {"eq", "in"} else ~same)


def days_compared(column: str, asked: Compare, now: datetime) -> Q:
    """Compare whole days since a moment, which may not be known."""

    def at_least(days: int) -> Q:
        if days <= 0:
            return Q(**{f"{column}__isnull": False})
        if days > _AGES:
            return NEVER
        return Q(**{f"{column}__lte": now - days * DAY})

    def less_than(days: int) -> Q:
        if days <= 0:
            return NEVER
        if days > _AGES:
            return Q(**{f"{column}__isnull": False})
        return Q(**{f"{column}__gt": now - days * DAY})

    return _days(asked, at_least, less_than)


def moment_compared(expression: Any, asked: Compare, now: datetime) -> Q:
    """Compare whole days since a moment that is no column: null when it is not known."""
    field: DateTimeField[Any, Any] = DateTimeField()
    known = Q(IsNull(expression, False))

    def bound(days: int) -> Value:
        return Value(now - days * DAY, output_field=field)

    def at_least(days: int) -> Q:
        if days <= 0:
            return known
        return Q(LessThanOrEqual(expression, bound(days))) if days <= _AGES else NEVER

    def less_than(days: int) -> Q:
        if days <= 0:
            return NEVER
        return Q(GreaterThan(expression, bound(days))) if days <= _AGES else known

    return _days(asked, at_least, less_than)


def _days(asked: Compare, at_least: Callable[[int], Q], less_than: Callable[[int], Q]) -> Q:
    days = asked.value
    return {
        "gte": lambda: at_least(days),
        "gt": lambda: at_least(days + 1),
        "lt": lambda: less_than(days),
        "lte": lambda: less_than(days + 1),
        "eq": lambda: NEVER if days < 0 else at_least(days) & less_than(days + 1),
        "ne": lambda: at_least(0) if days < 0 else less_than(days) | at_least(days + 1),
    }[asked.op]()


def rows_figure(rows: QuerySet[Any], figure: Any, field: Any, nothing: Any) -> Coalesce:
    """Return a figure over some rows per contact, ``nothing`` where there are none.

    ``rows`` are filtered by ``contact=OuterRef("pk")``.
    """
    grouped = rows.order_by().values("contact").annotate(figure=figure).values("figure")
    return Coalesce(Subquery(grouped, output_field=field), Value(nothing, output_field=field))


def rows_exist(rows: QuerySet[Any], asked: Compare) -> Q:
    """Compare yes or no: whether any such row is there."""
    return Q(Exists(rows)) if asked.value else ~Q(Exists(rows))
