"""The installed Saleor, and the refusals counted beside it.

Knows rows. A webhook must not read the installation from the database each time,
so it is kept in the process for a few seconds of real time; whoever would refuse
something for what is kept reads the row again first.
"""

from __future__ import annotations

import time
from datetime import datetime

from django.db.models import F
from django.utils.translation import gettext as _

from saleor_automation import clock
from saleor_automation.conf import conf

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


def is_recipient(installation: Installation, app_id: str) -> bool:
    """Whether something made for the app with this id was made for us."""
    if not app_id:
        return False
    if app_id == installation.app_id:
        return True
    until = installation.previous_until
    return app_id == installation.previous_app_id and until is not None and clock.wall() < until


def inactive_words(installation: Installation | None) -> str:
    """Say why Saleor cannot be asked anything, and what to do."""
    manifest = f"{conf().public_url}/saleor/manifest"
    reasons = Installation.Inactive
    if installation is not None and not installation.is_active:
        if installation.inactive_reason == reasons.SWITCHED_OFF:
            return _(
                "The app is switched off in Saleor. Switch it on in Saleor's Dashboard under "
                "Extensions."
            )
        if installation.inactive_reason == reasons.UNKNOWN:
            return _(
                "Saleor does not know the app any more: it was switched off or removed there. "
                "Switch it on in Saleor's Dashboard, or install it again from %(manifest)s."
            ) % {"manifest": manifest}
    if Installation.objects.filter(inactive_reason=reasons.REMOVED).exists():
        return _(
            "The app was removed from Saleor. Install it again in Saleor's Dashboard from "
            "%(manifest)s; everything here is kept."
        ) % {"manifest": manifest}
    return _("No Saleor is installed. Install the app in Saleor's Dashboard from %(manifest)s.") % {
        "manifest": manifest
    }


def token_doubt(installation: Installation) -> None:
    """Note that Saleor refused the token something, so that it is asked what is wrong."""
    Installation.objects.filter(pk=installation.pk, doubted_at=None).update(doubted_at=clock.wall())


def refusal_count(*, reason: str, now: datetime) -> None:
    """Count a refused webhook under its day and reason."""
    row = Refusal.objects.filter(day=now.date(), reason=reason)
    if not row.update(count=F("count") + 1, last_at=now):
        Refusal.objects.bulk_create(
            [Refusal(day=now.date(), reason=reason, count=0, last_at=now)], ignore_conflicts=True
        )
        row.update(count=F("count") + 1, last_at=now)
