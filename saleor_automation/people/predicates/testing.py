"""For tests of those who add facts: a check that both answers agree, and a stand-in.

Not used by the product.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q

from saleor_automation.people.models import Contact

from .finding import people_find
from .language import (
    FACTS,
    Ask,
    Compare,
    FactType,
    condition_asks,
    condition_holds,
    condition_parse,
)
from .registry import FINDERS, LOADS, Values, person_fact_forget, person_fact_register
from .values import values_load


def facts_agree(
    *, contacts: Collection[Contact], conditions: Iterable[Mapping[str, Any]], now: datetime
) -> int:
    """Ask conditions of rows in memory and of the database; return how many were asked.

    Raises AssertionError naming the first condition over which the two differ. ``contacts``
    must be everybody in the database.
    """
    count = 0
    for data in conditions:
        condition = condition_parse(data)
        values = values_load(contacts=contacts, asks=condition_asks(condition), now=now)
        held = {pk for pk, row in values.items() if condition_holds(condition, row)}
        found = set(people_find(condition=condition, now=now).values_list("pk", flat=True))
        if held != found:
            raise AssertionError(
                f"{data}: in memory {len(held)} people, in the database {len(found)}; "
                f"they differ over {sorted(held ^ found, key=str)[:5]}."
            )
        count += 1
    return count


@contextmanager
def fact_double(fact: FactType, values: Mapping[UUID, Any]) -> Iterator[None]:
    """Let a fact be worth what ``values`` says of each contact, for as long as this lasts.

    Stands in for a fact that is registered, and for one that is not. Who is not in ``values``
    has a value that is not known. What it is asked of and how far back make no difference.
    """

    def load(
        contacts: Collection[Contact], asks: list[Ask], found: dict[UUID, Values], now: datetime
    ) -> None:
        for contact in contacts:
            for ask in asks:
                found[contact.pk][ask.key] = values.get(contact.pk)

    def find(asked: Compare, now: datetime) -> Q:
        held = [
            pk for pk, value in values.items() if condition_holds(asked, {asked.ask.key: value})
        ]
        return Q(pk__in=held)

    real = {kept: table.get(fact.name) for kept, table in _TABLES.items()}
    person_fact_forget(fact.name)
    person_fact_register(fact, load=load, find=find)
    try:
        yield
    finally:
        person_fact_forget(fact.name)
        for kept, table in _TABLES.items():
            if real[kept] is not None:
                table[fact.name] = real[kept]


_TABLES: dict[str, dict[str, Any]] = {"facts": FACTS, "loads": LOADS, "finders": FINDERS}
