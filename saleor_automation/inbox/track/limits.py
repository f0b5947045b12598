"""How many calls a key may bring, and how many of what were refused.

Knows counters of this process: each web process counts for itself, so a key may bring so
many times as many as there are processes. Must not know requests.
"""

from __future__ import annotations

import math
import threading
import time
from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from django.db.models import F

from .models import TrackRefusal

#: Seconds' worth of calls a key may bring at once.
BURST_SECONDS = 10
#: Seconds refusals are gathered before they are written.
GATHER_SECONDS = 1.0


@dataclass
class Bucket:
    """What is left of one key's calls. May be overdrawn by one request, never begun empty."""

    tokens: float
    at: float

    def refill(self, rate: float, at: float) -> None:
        self.tokens = min(rate * BURST_SECONDS, self.tokens + (at - self.at) * rate)
        self.at = at


class Limiter:
    """Buckets by key. ``rate`` is calls a second; 0 means any number."""

    def __init__(self) -> None:
        self._buckets: dict[int, Bucket] = {}
        self._lock = threading.Lock()

    def wait_seconds(self, key: int, rate: float, at: float) -> int:
        """Return after how many seconds a key may come again; 0: now."""
        if rate <= 0:
            return 0
        with self._lock:
            bucket = self._buckets.setdefault(key, Bucket(rate * BURST_SECONDS, at))
            bucket.refill(rate, at)
            return 0 if bucket.tokens > 0 else max(1, math.ceil((1 - bucket.tokens) / rate))

    def take(self, key: int, count: int) -> None:
        """Note calls that were let in."""
        with self._lock:
            if key in self._buckets:
                self._buckets[key].tokens -= count

    def clear(self) -> None:
        with self._lock:
            self._buckets.clear()


class Refusals:
    """Counts refusals, and writes them once a second: a flood must not become one of writes."""

    def __init__(self) -> None:
        self._waiting: Counter[tuple[int | None, str]] = Counter()
        self._lock = threading.Lock()
        self._written_at = -math.inf

    def add(self, key: int | None, reason: str, count: int = 1) -> None:
        with self._lock:
            self._waiting[key, reason] += count

    def clear(self) -> None:
        """Forget what waits, so that the next is written at once."""
        with self._lock:
            self._waiting.clear()
            self._written_at = -math.inf

    def write(self, *, now: datetime, force: bool = False) -> None:
        """Write what waits, unless that was done a moment ago."""
        at = time.monotonic()
        with self._lock:
            if not self._waiting or (not force and at - self._written_at < GATHER_SECONDS):
                return
            found, self._waiting = self._waiting, Counter()
            self._written_at = at
        for (key, reason), count in sorted(found.items(), key=str):
            row = TrackRefusal.objects.filter(key=key, day=now.date(), reason=reason)
            if not row.update(count=F("count") + count, last_at=now):
                TrackRefusal.objects.bulk_create(
                    [TrackRefusal(key_id=key, day=now.date(), reason=reason, count=0, last_at=now)],
                    ignore_conflicts=True,
                )
                row.update(count=F("count") + count, last_at=now)


limiter = Limiter()
refusals = Refusals()
