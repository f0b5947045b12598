"""The read-only field of the form: how things are, and what to do next.

Pure: words from values. The first trouble found is named, since one thing at a time
can be mended; what runs well is said after it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from .configuration import Configuration
from .studio import manifest_url

#: Without a relay for so long, beat or the worker is not running.
RELAY_LATE: Final = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Standing:
    """What the words are made from."""

    configuration: Configuration
    now: datetime
    is_migrated: bool = True
    has_broker: bool = True
    #: "none", "connected", "failed"; and why, for which address, since when.
    connection: str = "none"
    connection_words: str = ""
    studio_url: str = ""
    connected_at: datetime | None = None
    has_app: bool = False
    app_is_active: bool = False
    webhooks_active: bool = False
    capturing: bool = False
    relay_at: datetime | None = None
    pending: int = 0
    oldest_age: timedelta = timedelta(0)
    refused: int = 0
    dropped: int = 0
    last_error: str = ""
    payload_error: str = ""


def status_words(standing: Standing) -> str:
    """Return the text of the field."""
    trouble = _setup(standing) or _connection(standing)
    if trouble:
        return trouble
    said = [_trouble(standing) or _flow(standing), _waiting(standing), _dropped(standing)]
    return " ".join(words for words in said if words)


def _setup(standing: Standing) -> str:
    if not standing.is_migrated:
        return _(
            "Not ready: the plugin's tables are missing. Run “manage.py migrate” in Saleor, then "
            "restart it. The shop runs as before meanwhile."
        )
    if not standing.configuration.active:
        return _("Switched off. Switch the plugin on to use it.")
    if not standing.configuration.studio_url:
        return _("Not set up yet. Enter the address of your Studio above and save.")
    if not standing.has_broker:
        return _(
            "Saleor runs without a Celery broker, so nothing can be done in the background. Set "
            "CELERY_BROKER_URL, start a Celery worker with beat, and save again."
        )
    return ""


def _connection(standing: Standing) -> str:
    is_for_this = standing.studio_url == standing.configuration.studio_url
    if standing.connection == "connected" and is_for_this:
        if not standing.has_app:
            return _(
                "The App was removed. Save again to install it, or install it yourself from "
                "%(url)s."
            ) % {"url": manifest_url(standing.configuration.studio_url)}
        if not standing.app_is_active:
            return _("The App is switched off. Activate it under Extensions.")
        return ""
    if standing.connection == "failed" and is_for_this:
        return _("%(why)s Or wait: it is tried again by itself, every half hour at least.") % {
            "why": standing.connection_words
        }
    return _(
        "Connecting to the Studio. Reload this page in a moment; if this stays, no Celery worker "
        "is running."
    )


def _trouble(standing: Standing) -> str:
    if standing.last_error:
        return _("The Studio does not take events now: %(why)s They wait and are sent again.") % {
            "why": standing.last_error
        }
    if standing.configuration.capture and _relay_is_late(standing):
        return _(
            "Events are written down but not sent: the relay has not run lately. Start Celery "
            "beat and a worker."
        )
    if standing.payload_error:
        return _(
            "Saleor left something out of what it sends: %(why)s Give the App the permissions its "
            "manifest asks for."
        ) % {"why": standing.payload_error}
    return ""


def _relay_is_late(standing: Standing) -> bool:
    since = standing.relay_at or standing.connected_at
    return since is None or standing.now - since > RELAY_LATE


def _flow(standing: Standing) -> str:
    if standing.capturing and standing.webhooks_active:
        return _("Connected. Events reach the Studio from this plugin and by Saleor's webhooks.")
    if standing.capturing:
        return _("Connected. Events reach the Studio from this plugin; webhooks are off.")
    if standing.webhooks_active:
        return _(
            "Connected. Events reach the Studio by Saleor's webhooks. Switch capture on, and none "
            "is lost while the Studio is down."
        )
    return _("Connected, but nothing is sent. Switch on capture, webhooks, or both.")


def _waiting(standing: Standing) -> str:
    if not standing.pending:
        return ""
    said = ngettext(
        "%(count)d event waits, for %(time)s.",
        "%(count)d events wait, the oldest for %(time)s.",
        standing.pending,
    ) % {"count": standing.pending, "time": age_words(standing.oldest_age)}
    if standing.refused:
        said += " " + ngettext(
            "%(count)d of them was refused by the Studio, whose log says why.",
            "%(count)d of them were refused by the Studio, whose log says why.",
            standing.refused,
        ) % {"count": standing.refused}
    return said


def _dropped(standing: Standing) -> str:
    if not standing.dropped:
        return ""
    return ngettext(
        "%(count)d event was given up because it waited too long: run “saleor-automation "
        "reconcile” in the Studio.",
        "%(count)d events were given up because they waited too long: run “saleor-automation "
        "reconcile” in the Studio.",
        standing.dropped,
    ) % {"count": standing.dropped}


def age_words(age: timedelta) -> str:
    """Return a length of time in one unit, for reading."""
    seconds = int(age.total_seconds())
    for size, one, many in (
        (86400, "%(count)d day", "%(count)d days"),
        (3600, "%(count)d hour", "%(count)d hours"),
        (60, "%(count)d minute", "%(count)d minutes"),
    ):
        if seconds >= size:
            count = seconds // size
            return ngettext(one, many, count) % {"count": count}
    return ngettext("%(count)d second", "%(count)d seconds", seconds) % {"count": seconds}
