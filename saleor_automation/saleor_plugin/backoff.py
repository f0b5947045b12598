"""How long to wait before trying again.

Pure. Waits for a Studio that cannot be reached (short: one request is a cheap
question), for one that could not be connected, for a row the Studio stumbles over, and
for a row it refuses. None ends: only age and number take a row out.
"""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Final

STUDIO_FIRST: Final = 10.0
STUDIO_LAST: Final = 60.0
CONNECT_FIRST: Final = 60.0
CONNECT_LAST: Final = 30 * 60.0
TROUBLED_FIRST: Final = 30.0
TROUBLED_LAST: Final = 30 * 60.0
REFUSED_FIRST: Final = 60 * 60.0
REFUSED_LAST: Final = 12 * 60 * 60.0


def studio_wait(failures: int) -> timedelta:
    """Return the wait after the Studio failed so often in a row (from 1)."""
    return _wait(failures, STUDIO_FIRST, STUDIO_LAST)


def connect_wait(failures: int) -> timedelta:
    """Return the wait after connecting failed so often in a row (from 1)."""
    return _wait(failures, CONNECT_FIRST, CONNECT_LAST)


def troubled_wait(attempts: int) -> timedelta:
    """Return the wait for a row that met a 5xx so often (from 1)."""
    return _wait(attempts, TROUBLED_FIRST, TROUBLED_LAST)


def refused_wait(attempts: int) -> timedelta:
    """Return the wait for a row that was refused so often (from 1)."""
    return _wait(attempts, REFUSED_FIRST, REFUSED_LAST)


def _wait(count: int, first: float, last: float) -> timedelta:
    # The exponent is bounded: a number of attempts is not.
    seconds = min(last, first * 2 ** min(max(count, 1) - 1, 20))
    # A tenth of chance, so that many shops do not come back in one second.
    return timedelta(seconds=seconds * random.uniform(0.9, 1.0))  # noqa: S311
