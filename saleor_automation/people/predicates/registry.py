"""How facts get into the language with what they are worth: ours, later stages', other apps'.

A fact of a person needs both: a loader for some people at once and a finder for the
database. Must not know any of them. ``docs/extending.md`` has a sample.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from django.db.models import Q

from .language import FACTS, Ask, Compare, FactType, Value, fact_register

if TYPE_CHECKING:
    from saleor_automation.people.models import Contact

#: What is true of one person, by ``Ask.key``.
Values = dict[str, Value]
#: ``load(contacts, asks, found, now)`` writes ``found[contact.pk][ask.key]`` for each contact
#: and each ask, in a number of queries that does not grow with either.
Load = Callable[["Collection[Contact]", list[Ask], dict[UUID, Values], datetime], None]
#: ``find(asked, now)`` returns what is certainly true of a contact's row.
Find = Callable[[Compare, datetime], Q]

LOADS: dict[str, Load] = {}
FINDERS: dict[str, Find] = {}


def person_fact_register(fact: FactType, *, load: Load, find: Find) -> None:
    """Add a fact that is known of everybody, from ``AppConfig.ready``.

    ``load`` and ``find`` must agree for every person, operator and value: ``testing`` has a
    check. Raises ValueError when the name is taken, or when the fact is known only inside a
    sequence.
    """
    if not fact.of_everybody:
        raise ValueError(f"{fact.name!r} is not known of everybody: it has “needs” or “inside”.")
    fact_register(fact)
    LOADS[fact.name], FINDERS[fact.name] = load, find


def person_fact_forget(name: str) -> None:
    """Take a fact out again; for tests."""
    for kept in (FACTS, LOADS, FINDERS):
        kept.pop(name, None)
