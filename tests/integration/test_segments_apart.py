"""Segments where something else changes people: lists, merges, and what cannot be read."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db.models import Q

from saleor_automation import signals
from saleor_automation.people.identities import contacts_merge
from saleor_automation.people.models import Consent, ConsentStanding, Contact, Tag
from saleor_automation.people.predicates.language import FactType, Kind
from saleor_automation.people.predicates.registry import person_fact_forget, person_fact_register
from saleor_automation.people.segments.filling import segments_sweep
from saleor_automation.people.segments.keeping import memberships_refresh
from saleor_automation.people.segments.models import Segment
from saleor_automation.people.segments.services import segment_save
from saleor_automation.people.traits import tag_set

from .test_segments import NOW, VIP, made, members, person, tag, told

pytestmark = pytest.mark.django_db


def test_who_asks_about_one_that_cannot_be_read_is_left_alone_too() -> None:
    one, first = person(), made()
    second = made("B", {"fact": "contact.in_segment", "op": "is_true", "of": "vip"})
    tag(one, True, minutes=1)
    assert members(second) == {one.pk}
    Segment.objects.filter(pk=first.pk).update(condition={"fact": "gone.fact", "op": "is_true"})
    tag_set(contact=one, name="else", on=True, at=NOW, now=NOW + timedelta(minutes=3))
    assert members(first) == members(second) == {one.pk}


def test_what_was_written_past_us_starts_nothing_when_it_is_found() -> None:
    vip = made()
    people = Contact.objects.bulk_create(Contact(created_at=NOW) for _ in range(5))
    Tag.objects.bulk_create(Tag(contact=one, name="vip", on=True, at=NOW) for one in people)
    segments_sweep(now=NOW + timedelta(days=1, minutes=1))
    assert members(vip) == {one.pk for one in people}
    assert told(backfill=False) == []


def test_what_people_said_is_known_before_a_segment_about_it_is_filled() -> None:
    one = person(email="a@shop.example")
    Consent.objects.create(contact=one, state="granted", source="form", at=NOW)
    ConsentStanding.objects.all().delete()
    yes = made("yes", {"fact": "contact.consent", "op": "eq", "value": "yes"})
    silent = made("silent", {"fact": "contact.consent", "op": "eq", "value": "unsaid"})
    assert (members(yes), members(silent)) == ({one.pk}, set())


@pytest.fixture
def mailed() -> Iterator[set[UUID]]:
    """A fact of a later stage, whose rows follow a merge after the people's own."""
    rows: set[UUID] = set()

    def load(
        contacts: Collection[Contact], asks: Any, found: dict[UUID, Any], now: datetime
    ) -> None:
        for contact in contacts:
            for ask in asks:
                found[contact.pk][ask.key] = contact.pk in rows

    def find(asked: Any, now: datetime) -> Q:
        here = Q(pk__in=list(rows))
        return here if asked.value else ~here

    def move(*, winner: Contact, loser: Contact, **kwargs: Any) -> None:
        if loser.pk in rows:
            rows.discard(loser.pk)
            rows.add(winner.pk)

    person_fact_register(
        FactType(name="later.mailed", kind=Kind.BOOL, label="Mailed"), load=load, find=find
    )
    signals.contact_merged.connect(move)
    yield rows
    signals.contact_merged.disconnect(move)
    person_fact_forget("later.mailed")


def test_a_merge_keeps_what_later_stages_know(mailed: set[UUID]) -> None:
    winner, loser = person(), person()
    segment = made("M", {"fact": "later.mailed", "op": "is_true"})
    mailed.add(loser.pk)
    memberships_refresh([loser.pk], now=NOW)
    before = told()
    contacts_merge(winner=winner, loser=loser, now=NOW)
    memberships_refresh([winner.pk], now=NOW)
    assert members(segment) == {winner.pk}
    assert told() == before


def test_a_key_is_written_as_conditions_write_it() -> None:
    segment = segment_save(name="x", key="VIP People", condition=VIP, now=NOW)
    asking = {"fact": "contact.in_segment", "op": "is_true", "of": "VIP-People"}
    segment_save(name="y", condition=asking, now=NOW)
    assert segment.key == "vip-people"
