"""Finding people by a condition: the same language, asked of the database.

Knows the tables of shop and people, and Django's queries. Each comparison becomes what is
*certainly* true of a row; ``language.condition_positive`` has taken every "not" out before,
so a row that says nothing is never found by it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from django.db.models import (
    Count,
    DecimalField,
    Exists,
    F,
    IntegerField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
    Value,
)
from django.db.models.functions import Coalesce, Lower
from django.db.models.lookups import (
    Exact,
    GreaterThan,
    GreaterThanOrEqual,
    LessThan,
    LessThanOrEqual,
)

from saleor_automation.exceptions import CompileError
from saleor_automation.inbox.models import Event
from saleor_automation.people.figures import NOT_COUNTED
from saleor_automation.people.models import Contact, ContactSpend, Tag, Trait
from saleor_automation.shop.models import OrderLine, ShopOrder

from . import facts as facts
from .language import FACTS, All, AnyOf, Compare, Condition, condition_positive
from .values import TRAIT_COLUMNS
from .windows import DAY, of_name, since

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
_MONEY: Final[DecimalField[Any, Any]] = DecimalField(max_digits=20, decimal_places=4)
_NEVER: Final = Q(pk__in=[])


def people_find(*, condition: Condition, now: datetime) -> QuerySet[Contact]:
    """Return the contacts of whom a condition is certainly true.

    Raises CompileError when it asks what is known inside a sequence alone.
    """
    return Contact.objects.filter(_where(condition_positive(condition), now))


def _where(condition: Condition, now: datetime) -> Q:
    if isinstance(condition, All | AnyOf):
        found = Q()
        for number, part in enumerate(condition.parts):
            where = _where(part, now)
            if number == 0:
                found = where
            else:
                found = found & where if isinstance(condition, All) else found | where
        return found
    assert isinstance(condition, Compare)  # noqa: S101 - "not" is gone
    find = _FINDERS.get(condition.fact)
    if find is None:
        label = FACTS[condition.fact].label
        raise CompileError(f"Nobody can be found by “{label}”: it is known in a sequence alone.")
    return find(condition, now)


def _number(expression: Any, asked: Compare, field: Any = None) -> Q:
    """Compare a number that is always known."""
    value = asked.value
    if not isinstance(value, Decimal):
        value = max(-_MANY, min(_MANY, value))
    if asked.op == "ne":
        return ~Q(Exact(expression, Value(value, output_field=field)))
    return Q(_LOOKUPS[asked.op](expression, Value(value, output_field=field)))


def _text(column: str, asked: Compare) -> Q:
    """Compare a text of the contact; "" says nothing."""
    known = Q(**{f"{column}__gt": ""})
    values = asked.value if asked.op in {"in", "not_in"} else (asked.value,)
    same = Q()
    for value in values:
        same |= Q(Exact(Lower(column), Value(value)))
    return known & (same if asked.op in {"eq", "in"} else ~same)


def _days(column: str, asked: Compare, now: datetime) -> Q:
    """Compare whole days since a moment, which may not be known."""

    def at_least(days: int) -> Q:
        if days <= 0:
            return Q(**{f"{column}__isnull": False})
        if days > _AGES:
            return _NEVER
        return Q(**{f"{column}__lte": now - days * DAY})

    def less_than(days: int) -> Q:
        if days <= 0:
            return _NEVER
        if days > _AGES:
            return Q(**{f"{column}__isnull": False})
        return Q(**{f"{column}__gt": now - days * DAY})

    days = asked.value
    return {
        "gte": lambda: at_least(days),
        "gt": lambda: at_least(days + 1),
        "lt": lambda: less_than(days),
        "lte": lambda: less_than(days + 1),
        "eq": lambda: _NEVER if days < 0 else at_least(days) & less_than(days + 1),
        "ne": lambda: at_least(0) if days < 0 else less_than(days) | at_least(days + 1),
    }[asked.op]()


def _orders(asked: Compare, now: datetime) -> Q:
    start = since(asked.ask, now)
    if start is None:
        return _number(Coalesce(F("figures__orders"), 0), asked)
    return _number(_aggregate(_placed(start), Count("pk"), IntegerField(), 0), asked)


def _placed(start: datetime) -> QuerySet[ShopOrder]:
    orders = ShopOrder.objects.filter(contact=OuterRef("pk"), placed_at__gte=start)
    return orders.exclude(status__in=NOT_COUNTED)


def _aggregate(rows: QuerySet[Any], figure: Any, field: Any, nothing: Any) -> Coalesce:
    grouped = rows.order_by().values("contact").annotate(figure=figure).values("figure")
    return Coalesce(Subquery(grouped, output_field=field), Value(nothing, output_field=field))


def _spent(asked: Compare, now: datetime) -> Q:
    start, currency = since(asked.ask, now), of_name(asked.ask)
    if start is None:
        rows = ContactSpend.objects.filter(contact=OuterRef("pk"), currency=currency)
        spent = Coalesce(
            Subquery(rows.values("gross"), output_field=_MONEY),
            Value(Decimal(0), output_field=_MONEY),
        )
    else:
        figure = Sum(F("total_gross") - F("refunded_gross"), output_field=_MONEY)
        spent = _aggregate(_placed(start).filter(currency=currency), figure, _MONEY, Decimal(0))
    return _number(spent, asked, _MONEY)


def _bought(asked: Compare, now: datetime) -> Q:
    column = "category_slug" if asked.fact == "contact.bought_category" else "product_slug"
    lines = OrderLine.objects.filter(
        order__contact=OuterRef("pk"), **{column: of_name(asked.ask)}
    ).exclude(order__status__in=NOT_COUNTED)
    start = since(asked.ask, now)
    if start is not None:
        lines = lines.filter(order__placed_at__gte=start)
    return _exists(lines, asked)


def _exists(rows: QuerySet[Any], asked: Compare) -> Q:
    return Q(Exists(rows)) if asked.value else ~Q(Exists(rows))


def _did(asked: Compare, now: datetime) -> Q:
    rows = Event.objects.filter(contact=OuterRef("pk"), kind=of_name(asked.ask))
    start = since(asked.ask, now)
    if start is not None:
        rows = rows.filter(occurred_at__gte=start)
    return _number(_aggregate(rows, Count("pk"), IntegerField(), 0), asked)


def _tagged(asked: Compare, now: datetime) -> Q:
    rows = Tag.objects.filter(contact=OuterRef("pk"), name=of_name(asked.ask), on=True)
    return _exists(rows, asked)


def _trait(asked: Compare, now: datetime) -> Q:
    kind = TRAIT_COLUMNS[asked.fact]
    rows = Trait.objects.filter(contact=OuterRef("pk"), type=of_name(asked.ask), type__kind=kind)
    if kind == "flag":
        return Q(Exists(rows.filter(flag=asked.value)))
    if kind == "moment":
        return Q(Exists(rows.filter(_days("moment", asked, now), moment__isnull=False)))
    if kind == "text":
        values = asked.value if asked.op in {"in", "not_in"} else (asked.value,)
        same = Q(folded__in=values)
        return Q(Exists(rows.filter(same if asked.op in {"eq", "in"} else ~same)))
    where = (
        ~Q(number=asked.value)
        if asked.op == "ne"
        else Q(**{f"number__{'exact' if asked.op == 'eq' else asked.op}": asked.value})
    )
    return Q(Exists(rows.filter(where, number__isnull=False)))


_FINDERS: Final[dict[str, Callable[[Compare, datetime], Q]]] = {
    "contact.has_account": lambda asked, now: Q(has_account=asked.value),
    "contact.language": lambda asked, now: _text("language", asked),
    "contact.country": lambda asked, now: _text("country", asked),
    "contact.channel": lambda asked, now: _text("channel", asked),
    "contact.days_known": lambda asked, now: _days("created_at", asked, now),
    "contact.days_unseen": lambda asked, now: _days("figures__last_seen_at", asked, now),
    "contact.days_since_order": lambda asked, now: _days("figures__last_order_at", asked, now),
    "contact.orders": _orders,
    "contact.spent": _spent,
    "contact.bought_category": _bought,
    "contact.bought_product": _bought,
    "contact.did": _did,
    "contact.tagged": _tagged,
    **dict.fromkeys(TRAIT_COLUMNS, _trait),
}
