"""The list of people as a table: a line each, with whether marketing mail may go to them.

Knows the tables of people. Reads some hundred at a time, so the list may be larger than
memory.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final
from uuid import UUID

from .consent import consent_states, suppressed
from .models import Contact, ContactFigures, ContactSpend, Suppression, Tag

BATCH: Final = 500
#: What a spreadsheet takes for the beginning of a formula.
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
HEADER: Final = (
    "email",
    "first_name",
    "last_name",
    "language",
    "country",
    "channel",
    "account",
    "known_since",
    "orders",
    "last_order",
    "spent",
    "tags",
    "marketing",
    "marketing_since",
    "blocked",
)


class _Echo:
    """A file that hands back what is written to it."""

    def write(self, text: str) -> str:
        return text


def cell_safe(text: str) -> str:
    """Return a cell no spreadsheet takes for a formula (OWASP, CSV injection)."""
    return f"'{text}" if text.startswith(FORMULA) else text


def csv_lines(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Return rows as lines of CSV; the first begins with the mark that says UTF-8 to Excel."""
    writer = csv.writer(_Echo())
    mark = "\ufeff"
    for row in rows:
        # csv hands on what its file returns.
        line: Any = writer.writerow([cell_safe(cell) for cell in row])
        yield mark + line
        mark = ""


def people_rows(ids: Sequence[UUID]) -> Iterator[list[str]]:
    """Return the header, then a row per person, in the order of ``ids``."""
    yield list(HEADER)
    for start in range(0, len(ids), BATCH):
        yield from _batch(ids[start : start + BATCH])


def _batch(ids: Sequence[UUID]) -> Iterator[list[str]]:
    people = Contact.objects.defer("field_versions").in_bulk(list(ids))
    states, blocks = consent_states(ids), suppressed(people.values())
    figures = ContactFigures.objects.in_bulk(list(ids))
    spends: dict[UUID, list[str]] = defaultdict(list)
    for spend in ContactSpend.objects.filter(contact__in=ids).order_by("currency"):
        spends[spend.contact_id].append(f"{spend.gross:.2f} {spend.currency}")
    tags: dict[UUID, list[str]] = defaultdict(list)
    for tag in Tag.objects.filter(contact__in=ids, on=True).order_by("name"):
        tags[tag.contact_id].append(tag.name)
    for pk in ids:
        person = people.get(pk)
        if person is None:
            # Erased since the list was made.
            continue
        word = states[pk].newest("", "")
        reasons = sorted({block.reason for block in blocks[pk] if not block.topic})
        said = "" if word is None else "yes" if word.granted else "no"
        if reasons:
            said = "no"
        figure = figures.get(pk)
        last = figure.last_order_at if figure else None
        yield [
            person.email,
            person.first_name,
            person.last_name,
            person.language,
            person.country,
            person.channel,
            "yes" if person.has_account else "no",
            person.created_at.isoformat(),
            str(figure.orders if figure else 0),
            last.isoformat() if last else "",
            "; ".join(spends[pk]),
            "; ".join(tags[pk]),
            said,
            word.at.isoformat() if word else "",
            "; ".join(str(Suppression.Reason(reason)) for reason in reasons),
        ]
