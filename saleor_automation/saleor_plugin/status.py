"""The read-only field of the form: how things are, and what to do next.

Pure: words from values. The first trouble found is named, since one thing at a time
can be mended. English, as all of Saleor's plugin forms: Saleor sets no language for a
request to its API, and loads no catalogue of ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

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
    #: Where the App was installed from; "" when it is not known.
    app_manifest_url: str = ""
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
        return (
            "Not ready: the plugin's tables are missing. Run “manage.py migrate” in Saleor, then "
            "restart it. The shop runs as before meanwhile."
        )
    if not standing.configuration.active:
        return "Switched off. Switch the plugin on to use it."
    if not standing.configuration.studio_url:
        return "Not set up yet. Enter the address of your Studio above and save."
    if not standing.has_broker:
        return (
            "Saleor runs without a Celery broker, so nothing can be done in the background. Set "
            "CELERY_BROKER_URL, start a Celery worker with beat, and save again."
        )
    return ""


def _connection(standing: Standing) -> str:
    is_for_this = standing.studio_url == standing.configuration.studio_url
    if standing.connection == "connected" and is_for_this:
        if not standing.has_app:
            url = manifest_url(standing.configuration.studio_url)
            return (
                "The App was removed. Save again to install it, or install it yourself from "
                f"{url} under Extensions."
            )
        if not standing.app_is_active:
            return "The App is switched off. Activate it under Extensions."
        return ""
    if standing.connection == "failed" and is_for_this:
        return (
            f"{standing.connection_words} Or wait: it is tried again by itself, every half hour "
            "at least."
        )
    return (
        "Connecting to the Studio. Reload this page in a moment; if this stays, no Celery worker "
        "is running."
    )


def _trouble(standing: Standing) -> str:
    if standing.last_error:
        said = (
            f"The Studio does not take events now: {standing.last_error} They wait and are sent "
            "again."
        )
        url = manifest_url(standing.studio_url)
        if standing.app_manifest_url and standing.app_manifest_url != url:
            said += (
                f" The App was installed from {standing.app_manifest_url}. If the Studio moved, "
                "remove the App under Extensions and save here again."
            )
        return said
    if standing.configuration.capture and _relay_is_late(standing):
        return (
            "Events are written down but not sent: the relay has not run lately. Start Celery "
            "beat and a worker."
        )
    if standing.payload_error:
        return (
            f"Saleor left something out of what it sends: {standing.payload_error} Give the App "
            "the permissions its manifest asks for."
        )
    return ""


def _relay_is_late(standing: Standing) -> bool:
    since = standing.relay_at or standing.connected_at
    return since is None or standing.now - since > RELAY_LATE


def _flow(standing: Standing) -> str:
    if standing.capturing and standing.webhooks_active:
        return "Connected. Events reach the Studio from this plugin and by Saleor's webhooks."
    if standing.capturing:
        return "Connected. Events reach the Studio from this plugin; webhooks are off."
    if standing.webhooks_active:
        return (
            "Connected. Events reach the Studio by Saleor's webhooks. Switch capture on, and none "
            "is lost while the Studio is down."
        )
    return "Connected, but nothing is sent. Switch on capture, webhooks, or both."


def _waiting(standing: Standing) -> str:
    if not standing.pending:
        return ""
    wait = "waits" if standing.pending == 1 else "wait, the oldest"
    said = f"{count_words(standing.pending, 'event')} {wait} for {age_words(standing.oldest_age)}."
    if standing.refused:
        said += f" The Studio refused {standing.refused} of them; its log says why."
    return said


def _dropped(standing: Standing) -> str:
    if not standing.dropped:
        return ""
    return (
        f"Given up because of age or number: {count_words(standing.dropped, 'event')}. Run "
        "“saleor-automation reconcile” in the Studio to find what they were about."
    )


def age_words(age: timedelta) -> str:
    """Return a length of time in one unit, for reading."""
    seconds = int(age.total_seconds())
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            return count_words(seconds // size, unit)
    return count_words(seconds, "second")


def count_words(count: int, unit: str) -> str:
    """Return "1 day", "2 days"."""
    return f"{count} {unit}" if count == 1 else f"{count} {unit}s"
