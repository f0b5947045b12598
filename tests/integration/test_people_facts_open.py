"""Facts of other apps: registered with both answers, checked against each other, stood in for."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from django.db.models import Count, IntegerField, OuterRef, Q

from saleor_automation.people.models import Contact, Identity
from saleor_automation.people.predicates.comparing import number_compared, rows_figure
from saleor_automation.people.predicates.finding import people_find
from saleor_automation.people.predicates.language import (
    FACTS,
    Ask,
    Compare,
    FactType,
    Kind,
    condition_parse,
)
from saleor_automation.people.predicates.registry import (
    Values,
    person_fact_forget,
    person_fact_register,
)
from saleor_automation.people.predicates.testing import fact_double, facts_agree
from saleor_automation.people.predicates.values import values_load
from saleor_automation.people.segments.filling import segments_fill
from saleor_automation.people.segments.keeping import memberships_refresh
from saleor_automation.people.segments.models import SegmentMember
from saleor_automation.people.segments.services import segment_save

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
NAMES = FactType(name="our_shop.names", kind=Kind.INT, label="Names", of="kind")  # type: ignore[arg-type]
ASKED = [
    {"fact": "our_shop.names", "op": op, "value": value, "of": "external"}
    for op in NAMES.ops
    for value in (-1, 0, 1, 2)
]


def load(
    contacts: Collection[Contact], asks: list[Ask], found: dict[UUID, Values], now: datetime
) -> None:
    rows = list(Identity.objects.filter(contact__in=contacts).values_list("contact", "kind"))
    for contact in contacts:
        for ask in asks:
            found[contact.pk][ask.key] = rows.count((contact.pk, ask.of))


def find(asked: Compare, now: datetime) -> Q:
    rows = Identity.objects.filter(contact=OuterRef("pk"), kind=asked.of)
    return number_compared(rows_figure(rows, Count("pk"), IntegerField(), 0), asked)


def wrong(asked: Compare, now: datetime) -> Q:
    """Find only those who have a row: who has none is missed when none are asked for."""
    return find(asked, now) & Q(identities__isnull=False)


@pytest.fixture
def people() -> list[Contact]:
    made = [Contact.objects.create(created_at=NOW) for _ in range(3)]
    for number, contact in enumerate(made):
        for nth in range(number):
            Identity.objects.create(
                kind="external", value=f"{number}-{nth}", contact=contact, as_of=NOW
            )
    return made


@pytest.fixture
def _registered() -> Iterator[None]:
    person_fact_register(NAMES, load=load, find=find)
    yield
    person_fact_forget(NAMES.name)


@pytest.mark.usefixtures("_registered")
def test_both_answers_of_another_apps_fact_agree(people: list[Contact]) -> None:
    assert facts_agree(contacts=people, conditions=ASKED, now=NOW) == 24
    with pytest.raises(ValueError, match="registered already"):
        person_fact_register(NAMES, load=load, find=find)


def test_two_answers_that_differ_are_noticed(people: list[Contact]) -> None:
    person_fact_register(NAMES, load=load, find=wrong)
    try:
        with pytest.raises(AssertionError, match="they differ over"):
            facts_agree(contacts=people, conditions=ASKED, now=NOW)
    finally:
        person_fact_forget(NAMES.name)


@pytest.mark.usefixtures("_registered")
def test_a_segment_asks_it_and_follows_it(people: list[Contact]) -> None:
    segment = segment_save(name="Named", condition=ASKED[5], now=NOW)  # ne 0
    segments_fill(now=NOW)
    inside = SegmentMember.objects.filter(segment=segment).values_list("contact", flat=True)
    assert set(inside) == {people[1].pk, people[2].pk}
    Identity.objects.filter(contact=people[1]).delete()
    memberships_refresh([people[1].pk], now=NOW)
    assert set(inside.all()) == {people[2].pk}


def test_what_is_known_in_a_sequence_alone_cannot_be_added() -> None:
    fact = FactType(name="our_shop.x", kind=Kind.INT, label="X", inside=True)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="not known of everybody"):
        person_fact_register(fact, load=load, find=find)
    assert "our_shop.x" not in FACTS


@pytest.mark.parametrize("name", ["our_shop.new", "contact.orders"])
def test_a_stand_in_is_worth_what_it_is_told(people: list[Contact], name: str) -> None:
    def found() -> set[Any]:
        condition = condition_parse({"fact": name, "op": "gte", "value": 3})
        rows = people_find(condition=condition, now=NOW)
        return set(rows.values_list("pk", flat=True))

    before = FACTS.get(name)
    fact = before or FactType(name=name, kind=Kind.INT, label="New")  # type: ignore[arg-type]
    with fact_double(fact, {people[0].pk: 5, people[1].pk: 2}):
        assert found() == {people[0].pk}
        values = values_load(contacts=people, asks=[Ask(name)], now=NOW)
        assert [values[person.pk][name] for person in people] == [5, 2, None]
        conditions = [{"fact": name, "op": op, "value": 2} for op in fact.ops]
        assert facts_agree(contacts=people, conditions=conditions, now=NOW) == 6
    assert FACTS.get(name) is before
    if before is not None:
        assert found() == set()
