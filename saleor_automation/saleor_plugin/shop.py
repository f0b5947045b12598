"""What Saleor knows about our App and about itself.

Knows Saleor's App, Webhook and PluginConfiguration rows, and reads the primary
database. Loads in Saleor only.
"""

from __future__ import annotations

import base64
from typing import Any

from django.urls import reverse
from saleor import __version__ as SALEOR_VERSION
from saleor.core.utils import build_absolute_uri, get_domain

from .configuration import APP_ID
from .rows import saleor_rows


def saleor_version() -> tuple[int, int]:
    """Return major and minor; (3, 21) when the version is written unlike any we know."""
    try:
        major, minor = SALEOR_VERSION.split(".")[:2]
        return int(major), int(minor)
    except ValueError:
        return (3, 21)


def schema_version() -> str:
    """Return the version as Saleor sends it when it asks for a manifest: "3.23"."""
    return "{}.{}".format(*saleor_version())


def domain() -> str:
    """Return the host Saleor calls itself by."""
    return str(get_domain())


def api_url() -> str:
    """Return the address of the API, by which the Studio knows its shop."""
    return str(build_absolute_uri(reverse("api"), get_domain()))


def app_current() -> Any | None:
    """Return our App, or None when it is not installed."""
    rows = saleor_rows("app.App")
    rows = rows.filter(identifier=APP_ID, removed_at__isnull=True, is_installed=True)
    return rows.order_by("pk").first()


def app_global_id(app: Any) -> str:
    """Return the App's id as payloads write it."""
    return base64.b64encode(f"App:{app.pk}".encode()).decode("ascii")


def webhooks_active(app: Any) -> bool:
    """Tell whether any of the App's webhooks sends."""
    return bool(app.is_active and _webhooks(app).filter(is_active=True).exists())


def webhooks_switch(app: Any, *, on: bool) -> int:
    """Switch all of the App's webhooks; return how many changed."""
    return int(_webhooks(app).exclude(is_active=on).update(is_active=on))


def _webhooks(app: Any) -> Any:
    rows = saleor_rows("webhook.Webhook")
    return rows.filter(app_id=app.pk)
