"""How much the outbox may hold, and for how long.

Knows the limits and how to read them: a Django setting, an environment variable of the
same name, or the default. A limit that is no number counts as not given.
"""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings

logger = logging.getLogger(__name__)

MAX_ROWS: Final = 500_000
#: As long as Saleor itself keeps a delivery that failed.
MAX_AGE_DAYS: Final = 14
#: With no relay for so long nothing would ever empty the outbox: capture stops.
ABANDONED_HOURS: Final = 48


@dataclass(frozen=True, slots=True)
class Bounds:
    """The limits that hold."""

    rows: int
    age: timedelta


def bounds_current() -> Bounds:
    """Return the limits of this shop."""
    return Bounds(
        rows=_limit("SALEOR_AUTOMATION_OUTBOX_MAX_ROWS", MAX_ROWS),
        age=timedelta(days=_limit("SALEOR_AUTOMATION_OUTBOX_MAX_AGE_DAYS", MAX_AGE_DAYS)),
    )


def is_abandoned(relay_at: datetime | None, now: datetime) -> bool:
    """Tell whether no relay has run for so long that capturing makes no sense."""
    return relay_at is None or now - relay_at > timedelta(hours=ABANDONED_HOURS)


def _limit(name: str, default: int) -> int:
    given = getattr(settings, name, None) or os.environ.get(name)
    if not given:
        return default
    try:
        value = int(given)
    except (TypeError, ValueError):
        value = 0
    if value < 1:
        logger.warning("%s must be a whole number from 1; %s is used.", name, default)
        return default
    return value
