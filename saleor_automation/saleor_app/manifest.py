"""The manifest Saleor reads once, when the app is installed.

Knows which Saleor version understands what: one unknown field or event refuses the
whole manifest, and it is never read again, so it is made for the version that asks. What
a later release changes in the webhooks, ``own_webhooks`` brings to Saleor.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.templatetags.static import static
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from saleor_automation import __version__
from saleor_automation.conf import conf
from saleor_automation.contract.signing import SCHEMA_VERSION_HEADER
from saleor_automation.contract.subscriptions import Subscription, subscriptions_for

from .extensions import APP_PATH, extensions_for

APP_ID = "saleor.automation"
OLDEST = (3, 21)
IDENTIFIERS_SINCE = (3, 23)

#: What Saleor's own columns hold; one character more refuses the installation.
MAX_NAME = 60
MAX_APP_URL = 200
MAX_TARGET_URL = 255
#: PNG, square, 256 pixels at least: Saleor takes nothing else. Shown in the Dashboard.
LOGO = "saleor_automation/saleor-app.png"
WEBHOOK_PATH = "/saleor/webhooks/"

#: Why each permission is asked for; nothing else is asked.
PERMISSIONS: dict[str, Promise] = {
    "MANAGE_USERS": _("who joined, changed their address or left: customer and account events"),
    "MANAGE_ORDERS": _("who bought, what was shipped, cancelled or refunded: order events"),
    "MANAGE_CHECKOUTS": _("which baskets were left, and whether they still are: checkout events"),
}


def version_parse(header: str) -> tuple[int, int]:
    """Return the Saleor version of a request; the oldest we serve when it does not say."""
    found = re.match(r"\s*(\d{1,4})\.(\d{1,4})", header)
    return max(OLDEST, (int(found[1]), int(found[2]))) if found else OLDEST


def manifest_build(version: tuple[int, int]) -> dict[str, Any]:
    """Build the manifest for one Saleor version."""
    url = conf().public_url
    return {
        "id": APP_ID,
        "name": "Saleor Automation",
        "version": __version__,
        "about": "E-mail automation: welcome, abandoned basket and post-purchase sequences. "
        "Written as pages, decided by rules, sent at most once.",
        "author": "saleor-automation",
        "brand": {"logo": {"default": logo_url()}},
        "requiredSaleorVersion": ">=3.21 <4",
        "permissions": list(PERMISSIONS),
        "appUrl": f"{url}{APP_PATH}",
        "tokenTargetUrl": f"{url}/saleor/register",
        "extensions": extensions_for(version),
        "webhooks": [_webhook(item, version, url) for item in subscriptions_for(version)],
    }


def logo_url() -> str:
    """Return the address of our logo."""
    place = static(LOGO)
    return f"{conf().public_url}{place}" if place.startswith("/") else place


def _webhook(item: Subscription, version: tuple[int, int], url: str) -> dict[str, Any]:
    # One event per webhook: a query that fails blocks no other event, and each can be
    # switched off alone.
    webhook: dict[str, Any] = {
        "name": item.name,
        "targetUrl": f"{url}{WEBHOOK_PATH}",
        "query": item.query,
        "asyncEvents": [item.event],
        "isActive": True,
    }
    if version >= IDENTIFIERS_SINCE:
        webhook["identifier"] = item.identifier
    return webhook


#: A host as Saleor takes it: a name without underscores, or an IP address; then a port of at
#: least two digits (``AppURLValidator``, the same in 3.21 to 3.24).
_LABEL = r"[a-z0-9\u00a1-\uffff](?:[a-z0-9\u00a1-\uffff-]{0,61}[a-z0-9\u00a1-\uffff])?"
_HOST = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9a-f:.]+\])(?::\d{{2,5}})?\Z", re.IGNORECASE)


def address_problems(url: str) -> list[str]:
    """Return why Saleor would refuse an app under this public address; [] when it would not."""
    problems = []
    host = urlsplit(url).netloc.rpartition("@")[2]
    if host and not _HOST.match(host):
        problems.append(
            f"Saleor refuses the address {url}: the name of a host may have letters, digits and "
            "hyphens only, and a port two digits at least."
        )
    for place, limit in (("/studio/", MAX_APP_URL), (WEBHOOK_PATH, MAX_TARGET_URL)):
        if len(f"{url}{place}") > limit:
            problems.append(f"{url}{place} has more than the {limit} characters Saleor keeps.")
    return problems


@require_safe
def manifest_view(request: HttpRequest) -> HttpResponse:
    """Serve the manifest for the Saleor that asks."""
    version = version_parse(request.headers.get(SCHEMA_VERSION_HEADER, ""))
    return JsonResponse(manifest_build(version))
