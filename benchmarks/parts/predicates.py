"""How long it takes to find and count the people of whom three conditions hold.

A shop of its own: everybody ordered zero to eleven times over three years, has a trait,
and every seventh a tag. Each condition is asked of the database alone, cold once and then
again; the median is of the later ones.
"""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import Any

from django.db import connection

from benchmarks import seed
from saleor_automation.people.figures import figures_refresh
from saleor_automation.people.models import Contact, Tag, Trait, TraitType
from saleor_automation.people.predicates.finding import people_find
from saleor_automation.people.predicates.language import (
    condition_asks,
    condition_holds,
    condition_parse,
)
from saleor_automation.people.predicates.values import values_load
from saleor_automation.shop.models import ShopOrder

CONDITIONS: dict[str, dict[str, Any]] = {
    "figures": {
        "all": [
            {"fact": "contact.orders", "op": "gte", "value": 3},
            {"fact": "contact.spent", "op": "gt", "value": 200, "of": "EUR"},
            {"fact": "contact.days_since_order", "op": "lte", "value": 180},
        ]
    },
    "rows": {
        "all": [
            {"fact": "contact.orders", "op": "gte", "value": 2, "days": 365},
            {"fact": "contact.number", "op": "gte", "value": 500, "of": "score"},
            {"not": {"fact": "contact.tagged", "op": "is_true", "of": "wholesale"}},
        ]
    },
}
#: Orders of somebody are 0 to this many.
ORDERS = 11
#: People whose conditions are asked at a step together.
BATCH = 200


def measure(*, contacts: int, rounds: int, folder: Path) -> dict[str, object]:
    """Return seconds per condition group, how many it found, and ms per person at a step."""
    now = shop_make(contacts, figures=False)
    people = list(Contact.objects.values_list("pk", flat=True))
    started = time.perf_counter()
    for start in range(0, len(people), 5000):
        figures_refresh(people[start : start + 5000], now=now)
    refreshed = contacts / (time.perf_counter() - started)
    seed.statistics_refresh()
    found: dict[str, object] = {"figures_per_second": refreshed}
    for name, data in CONDITIONS.items():
        condition = condition_parse(data)
        took = []
        for _ in range(rounds + 1):
            started = time.perf_counter()
            count = people_find(condition=condition, now=now).count()
            took.append(time.perf_counter() - started)
        if not 0 < count < contacts:
            raise RuntimeError(f"{name} found {count} of {contacts}: it measures nothing.")
        found[f"{name}_seconds"] = median(took[1:])
        found[f"{name}_share"] = count / contacts
        asks = condition_asks(condition)
        batch = list(Contact.objects.order_by("pk")[:BATCH])
        took = []
        for _ in range(rounds + 1):
            started = time.perf_counter()
            values = values_load(contacts=batch, asks=asks, now=now)
            for row in values.values():
                condition_holds(condition, row)
            took.append((time.perf_counter() - started) * 1000 / BATCH)
        found[f"{name}_step_ms"] = median(took[1:])
    return found


def shop_make(contacts: int, *, figures: bool = True) -> Any:
    """Make the shop; return the time it was made for."""
    now = seed.database_prepare()
    seed.contacts_make(first=1, last=contacts, now=now - timedelta(days=1200))
    for number in range(ORDERS):
        # The first has none, the second one, and so on.
        seed.rows_multiply(
            ShopOrder(status="FULFILLED", currency="EUR", total_gross="49.9000"),
            first=1,
            last=contacts,
            saleor_id=f"'order{number}-' || i",
            contact_id=_buyer(number),
            placed_at=_ago(now, number),
        )
    ShopOrder.objects.filter(contact=None).delete()
    kind = TraitType.objects.create(name="score", kind=TraitType.Kind.NUMBER)
    seed.rows_multiply(
        Trait(type=kind, source="benchmark", at=now),
        first=1,
        last=contacts,
        contact_id=seed.uuid_sql("contact"),
        number="(i * 7919) %% 1000",
    )
    seed.rows_multiply(
        Tag(name="wholesale", at=now), first=1, last=contacts // 7, contact_id=_seventh()
    )
    people = list(Contact.objects.values_list("pk", flat=True))
    for start in range(0, len(people) if figures else 0, 5000):
        figures_refresh(people[start : start + 5000], now=now)
    return now


def _buyer(number: int) -> str:
    """Return SQL for the contact of row ``i``, when they ordered more than ``number`` times."""
    return f"CASE WHEN i %% {ORDERS + 1} > {number} THEN {seed.uuid_sql('contact')} END"


def _seventh() -> str:
    """Return SQL for the contact seven times as far as row ``i``."""
    one = seed.uuid_sql("contact")
    return one.replace("|| i", "|| (i * 7)").replace(", i)", ", (i * 7))")


def _ago(now: Any, number: int) -> str:
    """Return SQL for a moment within three years before ``now``."""
    days = f"((i * 31 + {number} * 97) %% 1095)"
    if connection.vendor == "postgresql":
        return f"timestamptz '{now.isoformat()}' - {days} * interval '1 day'"
    moment = now.strftime("%Y-%m-%d %H:%M:%S")
    return f"strftime('%Y-%m-%d %H:%M:%S', '{moment}', '-' || {days} || ' days') || '.000000'"
