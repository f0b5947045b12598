"""The installed Saleor, and the refusals counted beside it.

Knows rows. A webhook must not read the installation from the database each time,
so it is kept in the process for a few seconds of real time.
"""

from __future__ import annotations

import time
from datetime import datetime

from django.db.models import F

from .models import Installation, Refusal

#: Seconds a process may work with an installation that another process changed.
CACHE_SECONDS = 5.0

_cached: tuple[float, Installation] | None = None


def installation_current(*, fresh: bool = False) -> Installation | None:
    """Return the installed Saleor, or None. ``fresh`` reads the database."""
    global _cached
    at = time.monotonic()
    if not fresh and _cached is not None and at - _cached[0] < CACHE_SECONDS:
        return _cached[1]
    found = Installation.objects.exclude(token="").order_by("pk").first()
    # Nothing installed is not kept: the first delivery may follow within a moment.
    _cached = (at, found) if found is not None else None
    return found


def installation_forget() -> None:
    """Drop what this process keeps, after a change."""
    global _cached
    _cached = None


def refusal_count(*, reason: str, now: datetime) -> None:
    """Count a refused webhook under its day and reason."""
    row = Refusal.objects.filter(day=now.date(), reason=reason)
    if not row.update(count=F("count") + 1, last_at=now):
        Refusal.objects.bulk_create(
            [Refusal(day=now.date(), reason=reason, count=0, last_at=now)], ignore_conflicts=True
        )
        row.update(count=F("count") + 1, last_at=now)
