"""Traits and tags: typed by their first value, the newest standing whatever comes first."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from saleor_automation.people.identities import contacts_merge
from saleor_automation.people.models import Contact, Tag, Trait, TraitType
from saleor_automation.people.traits import TraitError, tag_set, trait_set, traits_of

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


def person() -> Contact:
    return Contact.objects.create(created_at=NOW)


def note(contact: Contact, name: str, value: Any, hours: int = 0) -> bool:
    return trait_set(
        contact=contact, name=name, value=value, at=NOW + timedelta(hours=hours), source="test"
    )


@pytest.mark.parametrize(
    ("first", "kind", "kept"),
    [
        (True, "flag", True),
        (3, "number", Decimal(3)),
        (0.1, "number", Decimal("0.1")),
        (Decimal("1.5"), "number", Decimal("1.5")),
        (NOW, "moment", NOW),
        (NOW.date(), "moment", datetime(2026, 3, 2, tzinfo=UTC)),
        ("  gold ", "text", "gold"),
        ("12", "text", "12"),
        ("nul\x00l", "text", "null"),
    ],
)
def test_the_first_value_decides_the_kind(first: Any, kind: str, kept: Any) -> None:
    contact = person()
    assert note(contact, "level", first)
    assert TraitType.objects.get().kind == kind
    assert traits_of(contact) == {"level": kept}
    assert type(Trait.objects.get().value) is type(kept)


@pytest.mark.parametrize(
    ("first", "then", "kept"),
    [
        (1, "2.50", Decimal("2.5")),
        (True, "no", False),
        (NOW, "2026-04-01", datetime(2026, 4, 1, tzinfo=UTC)),
        (NOW, "2026-04-01T08:00:00+08:00", datetime(2026, 4, 1, tzinfo=UTC)),
        ("gold", 7, "7"),
    ],
)
def test_a_later_value_is_read_as_that_kind(first: Any, then: Any, kept: Any) -> None:
    contact = person()
    note(contact, "x", first)
    assert note(contact, "x", then, hours=1)
    assert traits_of(contact) == {"x": kept}


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (1, "many"),
        (1, True),
        (1, "NaN"),
        (1, "Infinity"),
        (1, "1e30"),
        (True, "perhaps"),
        (True, 1),
        (NOW, "soon"),
        (NOW, "2026-02-30"),
        ("gold", "g" * 256),
    ],
)
def test_what_does_not_fit_is_refused_and_changes_nothing(first: Any, then: Any) -> None:
    contact = person()
    note(contact, "x", first)
    before = traits_of(contact)
    with pytest.raises(TraitError):
        note(contact, "x", then, hours=1)
    assert traits_of(contact) == before


@pytest.mark.parametrize("name", ["", "Level", "1st", "two words", "a" * 65, "läuft", "a-b"])
def test_a_name_is_one_a_condition_can_say(name: str) -> None:
    with pytest.raises(TraitError, match="small letters"):
        note(person(), name, 1)


def test_the_newest_stands_in_any_order() -> None:
    said = [("silver", 0), ("gold", 1), ("bronze", 2), ("amber", 2)]
    for order in itertools.permutations(said):
        contact = person()
        for value, hours in order:
            note(contact, "level", value, hours)
        assert traits_of(contact) == {"level": "bronze"}, order


def test_a_tag_comes_off_and_stays_off_in_any_order() -> None:
    said = [(True, 0), (False, 1), (True, 1)]
    for order in itertools.permutations(said):
        contact = person()
        for on, hours in order:
            tag_set(
                contact=contact, name="  Big   Spender ", on=on, at=NOW + timedelta(hours=hours)
            )
        assert Tag.objects.get(contact=contact).on is False, order
        assert Tag.objects.get(contact=contact).name == "big spender"


@pytest.mark.parametrize("name", ["", "   ", "x" * 65, "\x00"])
def test_a_tag_has_a_name(name: str) -> None:
    with pytest.raises(TraitError, match="64 letters"):
        tag_set(contact=person(), name=name, on=True, at=NOW)


def test_of_two_who_are_one_the_newest_stands() -> None:
    for older_wins in (True, False):
        winner, loser = person(), person()
        note(winner, "level", "gold", hours=1 if older_wins else 0)
        note(loser, "level", "silver", hours=0 if older_wins else 1)
        note(loser, "shoe", 42)
        tag_set(contact=loser, name="vip", on=True, at=NOW)
        contacts_merge(winner=winner, loser=loser, now=NOW)
        level = "gold" if older_wins else "silver"
        assert traits_of(winner) == {"level": level, "shoe": Decimal(42)}
        assert Tag.objects.get(contact=winner).name == "vip"
        assert not Trait.objects.exclude(contact=winner).exists()
        Contact.objects.all().delete()
        TraitType.objects.all().delete()
