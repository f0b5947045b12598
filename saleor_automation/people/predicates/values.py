"""Facts of many people at once, in a number of queries that does not grow.

Knows the tables of shop and people. Must not decide anything: ``language`` does. Reads
rows and counts them here; ``finding`` asks the database to. A test holds the two
against each other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from saleor_automation.inbox.models import Event
from saleor_automation.people.consent import consent_states
from saleor_automation.people.figures import NOT_COUNTED
from saleor_automation.people.models import Contact, ContactFigures, Tag, Trait
from saleor_automation.people.standings import said_of
from saleor_automation.shop.models import OrderLine, ShopOrder

from . import facts as facts
from .language import Ask, Value
from .registry import LOADS, Load, Values
from .windows import of_name, since, whole_days


def values_load(
    *, contacts: Iterable[Contact], asks: Iterable[Ask], now: datetime
) -> dict[UUID, Values]:
    """Return what is true of each contact, by the asks' keys. At most a query per kind of fact.

    Asks that are not about a person are left out.
    """
    people = {contact.pk: contact for contact in contacts}
    found: dict[UUID, Values] = {pk: {} for pk in people}
    groups: dict[Load, list[Ask]] = defaultdict(list)
    for ask in sorted(set(asks), key=lambda ask: ask.key):
        if ask.fact in LOADS:
            groups[LOADS[ask.fact]].append(ask)
    if people:
        for load, wanted in groups.items():
            load(people.values(), wanted, found, now)
    return found


def _own(
    people: Collection[Contact], asks: list[Ask], found: dict[UUID, Values], now: datetime
) -> None:
    for contact in people:
        found[contact.pk].update({ask.key: _OWN[ask.fact](contact, now) for ask in asks})


def _figures(
    people: Collection[Contact], asks: list[Ask], found: dict[UUID, Values], now: datetime
) -> None:
    rows = {row.contact_id: row for row in ContactFigures.objects.filter(contact__in=people)}
    for contact in people:
        row = rows.get(contact.pk)
        seen = row.last_seen_at if row else None
        for ask in asks:
            found[contact.pk][ask.key] = whole_days(seen, now) if seen else None


def _orders(
    people: Collection[Contact], asks: list[Ask], found: dict[UUID, Values], now: datetime
) -> None:
    rows: dict[UUID, list[Any]] = defaultdict(list)
    orders = ShopOrder.objects.filter(contact__in=people).exclude(status__in=NOT_COUNTED)
    # Plain rows: making model instances takes longer than reading them.
    for order in orders.values_list(
        "contact_id", "placed_at", "currency", "total_gross", "refunded_gross", named=True
    ):
        rows[order.contact_id].append(order)
    for contact in people:
        for ask in asks:
            found[contact.pk][ask.key] = _order_value(ask, rows[contact.pk], now)


def _order_value(ask: Ask, orders: Collection[Any], now: datetime) -> Value:
    if ask.fact == "contact.days_since_order":
        placed = [order.placed_at for order in orders if order.placed_at]
        return whole_days(max(placed), now) if placed else None
    looked = _within(ask, orders, now, lambda order: order.placed_at)
    if ask.fact == "contact.orders":
        return len(looked)
    spent = [
        order.total_gross - order.refunded_gross
        for order in looked
        if order.currency == of_name(ask)
    ]
    return sum(spent, Decimal(0))


def _within(
    ask: Ask, rows: Iterable[Any], now: datetime, when: Callable[[Any], datetime | None]
) -> list[Any]:
    start = since(ask, now)
    if start is None:
        return list(rows)
    return [row for row in rows if (at := when(row)) is not None and at >= start]


def _lines(
    people: Collection[Contact], asks: list[Ask], found: dict[UUID, Values], now: datetime
) -> None:
    rows: dict[UUID, list[Any]] = defaultdict(list)
    lines = OrderLine.objects.filter(order__contact__in=people)
    for line in lines.exclude(order__status__in=NOT_COUNTED).values(
        "order__contact", "order__placed_at", "category_slug", "product_slug"
    ):
        rows[line["order__contact"]].append(line)
    for contact in people:
        for ask in asks:
            column = "category_slug" if ask.fact == "contact.bought_category" else "product_slug"
            looked = _within(ask, rows[contact.pk], now, lambda line: line["order__placed_at"])
            found[contact.pk][ask.key] = any(line[column] == of_name(ask) for line in looked)


def _events(
    people: Collection[Contact], asks: list[Ask], found: dict[UUID, Values], now: datetime
) -> None:
    rows: dict[UUID, list[Any]] = defaultdict(list)
    kinds = {of_name(ask) for ask in asks}
    for event in Event.objects.filter(contact__in=people, kind__in=kinds).values(
        "contact", "kind", "occurred_at"
    ):
        rows[event["contact"]].append(event)
    for contact in people:
        for ask in asks:
            looked = _within(ask, rows[contact.pk], now, lambda event: event["occurred_at"])
            found[contact.pk][ask.key] = sum(event["kind"] == of_name(ask) for event in looked)


def _tags(
    people: Collection[Contact], asks: list[Ask], found: dict[UUID, Values], now: datetime
) -> None:
    on = set(Tag.objects.filter(contact__in=people, on=True).values_list("contact", "name"))
    for contact in people:
        for ask in asks:
            found[contact.pk][ask.key] = (contact.pk, of_name(ask)) in on


def _traits(
    people: Collection[Contact], asks: list[Ask], found: dict[UUID, Values], now: datetime
) -> None:
    rows = {
        (row.contact_id, row.type_id): row
        for row in Trait.objects.filter(
            contact__in=people, type__in={of_name(ask) for ask in asks}
        ).values_list(
            "contact_id", "type_id", "type__kind", "text", "number", "flag", "moment", named=True
        )
    }
    for contact in people:
        for ask in asks:
            row = rows.get((contact.pk, of_name(ask)))
            column = TRAIT_COLUMNS[ask.fact]
            known = row is not None and row.type__kind == column
            value = getattr(row, column) if known else None
            if isinstance(value, datetime):
                value = whole_days(value, now)
            found[contact.pk][ask.key] = value


def _consent(
    people: Collection[Contact], asks: list[Ask], found: dict[UUID, Values], now: datetime
) -> None:
    # Of the ledger itself; ``finding`` asks what ``standings`` made of it.
    states = consent_states([contact.pk for contact in people])
    for contact in people:
        for ask in asks:
            found[contact.pk][ask.key] = said_of(states[contact.pk], of_name(ask))


#: Read only when it is asked: a send leaves out columns that take long to parse.
_OWN: dict[str, Callable[[Contact, datetime], Value]] = {
    "contact.has_account": lambda contact, now: contact.has_account,
    "contact.language": lambda contact, now: contact.language or None,
    "contact.country": lambda contact, now: contact.country or None,
    "contact.channel": lambda contact, now: contact.channel or None,
    "contact.days_known": lambda contact, now: whole_days(contact.created_at, now),
}
#: The column of a trait a fact looks at, which is the name of its kind too.
TRAIT_COLUMNS = {
    "contact.text": "text",
    "contact.number": "number",
    "contact.flag": "flag",
    "contact.days_since": "moment",
}
LOADS.update(
    {
        **dict.fromkeys(_OWN, _own),
        "contact.days_unseen": _figures,
        "contact.orders": _orders,
        "contact.spent": _orders,
        "contact.days_since_order": _orders,
        "contact.bought_category": _lines,
        "contact.bought_product": _lines,
        "contact.did": _events,
        "contact.tagged": _tags,
        "contact.consent": _consent,
        **dict.fromkeys(TRAIT_COLUMNS, _traits),
    }
)
