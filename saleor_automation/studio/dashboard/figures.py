"""Figures of the app's page: sequences, and mails per day for a week.

Asks in a constant number of queries, and names nobody.
"""

from __future__ import annotations

from collections.abc import Sequence as Rows
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db.models import Count
from django.db.models.functions import TruncDate
from django.utils.formats import date_format
from django.utils.timezone import localtime

from saleor_automation.delivery.models import Message
from saleor_automation.sequences.models import SequenceSwitch
from saleor_automation.studio.selectors import SENT, Standing, standings
from saleor_automation.studio.sequences import Sequence

State = SequenceSwitch.State
DAYS = 7
#: Of the drawing, in its own units.
BAR, GAP, HEIGHT, SHORTEST = 20, 10, 56, 2


@dataclass(frozen=True)
class Row:
    """One sequence."""

    name: str
    standing: Standing


@dataclass(frozen=True)
class Bar:
    """One day's mails, and where its bar is drawn."""

    day: date
    mails: int
    x: int
    y: int
    height: int

    @property
    def day_words(self) -> str:
        """The day of the week, short."""
        return str(date_format(self.day, "D"))


def rows(*, now: datetime) -> list[Row]:
    """Return every sequence, those that run first."""
    counts = standings(now=now)
    found = [
        Row(name, counts.get(key, Standing()))
        for key, name in Sequence.objects.values_list("key", "name")
    ]
    order: list[str] = [State.ON, State.PAUSED, State.OFF]
    return sorted(found, key=lambda row: (order.index(row.standing.state), row.name.lower()))


def mails_per_day(*, now: datetime) -> list[tuple[date, int]]:
    """Return the mails that left on each of the last seven days, today last.

    A day is one of the report zone.
    """
    today = localtime(now).date()
    days = [today - timedelta(days=number) for number in reversed(range(DAYS))]
    counts = dict(
        Message.objects.filter(state__in=SENT, handed_over_at__gte=now - timedelta(days=DAYS))
        .annotate(day=TruncDate("handed_over_at"))
        .values_list("day")
        .annotate(mails=Count("pk"))
        .order_by()
    )
    return [(day, counts.get(day, 0)) for day in days]


def bars(days: Rows[tuple[date, int]]) -> list[Bar]:
    """Lay the days out as bars: the most is as high as the drawing, none is a line."""
    most = max((mails for _day, mails in days), default=0)
    made = []
    for number, (day, mails) in enumerate(days):
        height = max(SHORTEST, round(HEIGHT * mails / most)) if mails else SHORTEST
        made.append(Bar(day, mails, number * (BAR + GAP), HEIGHT - height, height))
    return made
