"""Figures of those who were known before there were any."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from saleor_automation.people import figures
from saleor_automation.people.models import Contact, ContactFigures, ContactSpend
from saleor_automation.sequences.worker import CHORES
from saleor_automation.shop.models import ShopOrder

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


def people_make(count: int) -> list[Contact]:
    people = [Contact.objects.create(created_at=NOW, country="MY") for _ in range(count)]
    for number, person in enumerate(people):
        for nth in range(number):
            ShopOrder.objects.create(
                saleor_id=f"{number}-{nth}",
                contact=person,
                placed_at=NOW,
                currency="MYR",
                total_gross=Decimal(10),
                status="EXPIRED" if nth == 2 else "FULFILLED",
            )
    return people


def test_everybody_gets_figures_in_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "PORTION", 2)
    people = people_make(5)
    assert figures.figures_fill(now=NOW) == 5
    orders = dict(ContactFigures.objects.values_list("contact", "orders"))
    assert [orders[person.pk] for person in people] == [0, 1, 2, 2, 3]
    assert set(ContactFigures.objects.values_list("zone", flat=True)) == {"Asia/Kuala_Lumpur"}
    assert ContactSpend.objects.get(contact=people[4]).gross == 30
    # Those who have some are not computed again.
    assert figures.figures_fill(now=NOW) == 0


def test_it_goes_on_where_its_time_was_up() -> None:
    people_make(3)
    assert figures.figures_fill(now=NOW, seconds=0) == 0
    assert figures.figures_fill(now=NOW) == 3


def test_the_worker_does_it_when_it_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    chore: Any = CHORES["figures_fill"]
    assert chore.at_start
    people_make(1)
    chore.run()
    assert ContactFigures.objects.count() == 1
