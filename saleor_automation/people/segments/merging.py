"""Whom a merge or a hand-over touched, to be looked at when all of it is done.

While one is going on, later stages have not moved their rows yet, and a person looked at
then would leave a segment and come again. What follows from it is no doing of theirs, so
nothing starts by it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from uuid import UUID

_touched: ContextVar[set[UUID] | None] = ContextVar("saleor_automation_merged", default=None)


@contextmanager
def merges_collected() -> Iterator[set[UUID]]:
    """Collect whom merges and hand-overs touch meanwhile; whoever asks looks at them after."""
    touched: set[UUID] = set()
    token = _touched.set(touched)
    try:
        yield touched
    finally:
        _touched.reset(token)


def merge_note(*contact_ids: UUID) -> None:
    """Note people to be looked at; where nobody collects, the daily sweep finds them."""
    touched = _touched.get()
    if touched is not None:
        touched.update(contact_ids)
