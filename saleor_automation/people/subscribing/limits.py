"""Counts in the database, so that every web process and worker sees the same ones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django.db.models import F
from django.utils.crypto import salted_hmac

from .defence import DAY
from .models import SignupCount

_SALT = "saleor_automation.signup."


def count_add(*, scope: str, value: str, now: datetime, every: timedelta) -> int:
    """Count something once more and return how often it was seen in this window of time."""
    digest = salted_hmac(_SALT + scope, value, algorithm="sha256").hexdigest()
    place = {"scope": scope, "digest": digest, "window": window_of(now, every)}
    SignupCount.objects.bulk_create([SignupCount(**place)], ignore_conflicts=True)
    # The row's own lock makes two at once come one after the other.
    SignupCount.objects.filter(**place).update(count=F("count") + 1)
    return SignupCount.objects.values_list("count", flat=True).get(**place)


def window_of(now: datetime, every: timedelta) -> datetime:
    """Return when the window began that ``now`` is in."""
    seconds = every.total_seconds()
    return datetime.fromtimestamp(now.timestamp() // seconds * seconds, UTC)


def counts_prune(*, now: datetime) -> int:
    """Delete counts of windows that are over."""
    deleted, _ = SignupCount.objects.filter(window__lt=now - 2 * DAY).delete()
    return deleted
