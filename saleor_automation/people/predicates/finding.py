"""Finding people by a condition: the same language, asked of the database.

Knows the tables of shop and people, and Django's queries. Each comparison becomes what is
*certainly* true of a row; ``language.condition_positive`` has taken every "not" out before,
so a row that says nothing is never found by it.
"""

from __future__ import annotations

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
from django.db.models.functions import Coalesce
from django.db.models.lookups import In

from saleor_automation.exceptions import CompileError
from saleor_automation.inbox.models import Event
from saleor_automation.people.figures import NOT_COUNTED
from saleor_automation.people.models import ConsentStanding, Contact, ContactSpend, Tag, Trait
from saleor_automation.people.standings import UNSAID
from saleor_automation.shop.models import OrderLine, ShopOrder

from . import facts as facts
from .comparing import days_compared, number_compared, rows_exist, rows_figure, text_compared
from .language import FACTS, All, AnyOf, Compare, Condition, condition_positive
from .registry import FINDERS
from .values import TRAIT_COLUMNS
from .windows import of_name, since

_MONEY: Final[DecimalField[Any, Any]] = DecimalField(max_digits=20, decimal_places=4)


def people_find(*, condition: Condition, now: datetime) -> QuerySet[Contact]:
    """Return the people of whom a condition is certainly true; a visitor nobody knows is none.

    Raises CompileError when it asks what is known inside a sequence alone.
    """
    return Contact.objects.filter(condition_q(condition, now=now), is_anonymous=False)


def condition_q(condition: Condition, *, now: datetime) -> Q:
    """Return what is certainly true of a contact's row. Raises as ``people_find`` does."""
    return _where(condition_positive(condition), now)


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
    find = FINDERS.get(condition.fact)
    if find is None:
        label = FACTS[condition.fact].label
        raise CompileError(f"Nobody can be found by “{label}”: it is known in a sequence alone.")
    return find(condition, now)


def _orders(asked: Compare, now: datetime) -> Q:
    start = since(asked.ask, now)
    if start is None:
        return number_compared(Coalesce(F("figures__orders"), 0), asked)
    return number_compared(rows_figure(_placed(start), Count("pk"), IntegerField(), 0), asked)


def _placed(start: datetime) -> QuerySet[ShopOrder]:
    orders = ShopOrder.objects.filter(contact=OuterRef("pk"), placed_at__gte=start)
    return orders.exclude(status__in=NOT_COUNTED)


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
        spent = rows_figure(_placed(start).filter(currency=currency), figure, _MONEY, Decimal(0))
    return number_compared(spent, asked, _MONEY)


def _bought(asked: Compare, now: datetime) -> Q:
    column = "category_slug" if asked.fact == "contact.bought_category" else "product_slug"
    lines = OrderLine.objects.filter(
        order__contact=OuterRef("pk"), **{column: of_name(asked.ask)}
    ).exclude(order__status__in=NOT_COUNTED)
    start = since(asked.ask, now)
    if start is not None:
        lines = lines.filter(order__placed_at__gte=start)
    return rows_exist(lines, asked)


def _did(asked: Compare, now: datetime) -> Q:
    rows = Event.objects.filter(contact=OuterRef("pk"), kind=of_name(asked.ask))
    start = since(asked.ask, now)
    if start is not None:
        rows = rows.filter(occurred_at__gte=start)
    return number_compared(rows_figure(rows, Count("pk"), IntegerField(), 0), asked)


def _tagged(asked: Compare, now: datetime) -> Q:
    rows = Tag.objects.filter(contact=OuterRef("pk"), name=of_name(asked.ask), on=True)
    return rows_exist(rows, asked)


def _consent(asked: Compare, now: datetime) -> Q:
    rows = ConsentStanding.objects.filter(contact=OuterRef("pk"))
    of_all = Subquery(rows.filter(topic="").values("said"))
    topic = of_name(asked.ask)
    said = Subquery(rows.filter(topic=topic).values("said")) if topic else of_all
    values = asked.value if asked.op in {"in", "not_in"} else (asked.value,)
    same = Q(In(Coalesce(said, of_all, Value(UNSAID)), list(values)))
    return same if asked.op in {"eq", "in"} else ~same


def _trait(asked: Compare, now: datetime) -> Q:
    kind = TRAIT_COLUMNS[asked.fact]
    rows = Trait.objects.filter(contact=OuterRef("pk"), type=of_name(asked.ask), type__kind=kind)
    if kind == "flag":
        return Q(Exists(rows.filter(flag=asked.value)))
    if kind == "moment":
        return Q(Exists(rows.filter(days_compared("moment", asked, now), moment__isnull=False)))
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


FINDERS.update(
    {
        "contact.has_account": lambda asked, now: Q(has_account=asked.value),
        "contact.language": lambda asked, now: text_compared("language", asked),
        "contact.country": lambda asked, now: text_compared("country", asked),
        "contact.channel": lambda asked, now: text_compared("channel", asked),
        "contact.days_known": lambda asked, now: days_compared("created_at", asked, now),
        "contact.days_unseen": lambda asked, now: days_compared(
            "figures__last_seen_at", asked, now
        ),
        "contact.days_since_order": lambda asked, now: days_compared(
            "figures__last_order_at", asked, now
        ),
        "contact.orders": _orders,
        "contact.spent": _spent,
        "contact.bought_category": _bought,
        "contact.bought_product": _bought,
        "contact.did": _did,
        "contact.tagged": _tagged,
        "contact.consent": _consent,
        **dict.fromkeys(TRAIT_COLUMNS, _trait),
    }
)
