"""The one place that reads the clock.

``now()`` is the time of the shop: what is due, when something happened. In demo
mode it is a database row that only the demo's driver moves, so web, worker and
shop agree. ``wall()`` is always real time: leases and heartbeats use it, since a
crashed worker must be noticed even when the demo's clock stands still.

Pure packages must not import this module; they take ``now`` as an argument.
"""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.utils import timezone

from .conf import conf


class DemoClock(models.Model):
    """The demo's time: one row, moved by the driver alone."""

    at = models.DateTimeField()

    def __str__(self) -> str:
        return self.at.isoformat()


def now() -> datetime:
    """Return the shop's time, aware, in UTC."""
    if conf().demo:
        row = DemoClock.objects.filter(pk=1).first()
        if row is not None:
            return row.at
    return timezone.now()


def wall() -> datetime:
    """Return real time, aware, in UTC."""
    return timezone.now()


def demo_clock_set(at: datetime) -> None:
    """Move the demo's clock to ``at`` (aware). Only the demo's driver may."""
    DemoClock.objects.update_or_create(pk=1, defaults={"at": at})
