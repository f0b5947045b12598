"""The manifest Saleor reads once, when the app is installed.

Knows which Saleor version understands what: one unknown field or event refuses the
whole manifest, and it is never read again, so it is made for the version that asks.
"""

from __future__ import annotations

import re
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from saleor_automation import __version__
from saleor_automation.conf import conf
from saleor_automation.contract.signing import SCHEMA_VERSION_HEADER
from saleor_automation.contract.subscriptions import Subscription, subscriptions_for

from .extensions import APP_PATH, extensions_for

APP_ID = "saleor.automation"
OLDEST = (3, 21)
IDENTIFIERS_SINCE = (3, 23)

#: Why each permission is asked for; nothing else is asked.
PERMISSIONS = {
    "MANAGE_USERS": "who joined, changed their address or left: customer and account events",
    "MANAGE_ORDERS": "who bought, what was shipped, cancelled or refunded: order events",
    "MANAGE_CHECKOUTS": "which baskets were left, and whether they still are: checkout events",
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
        "about": "E-mail automation: welcome, abandoned basket and post-purchase sequences.",
        "author": "saleor-automation",
        "requiredSaleorVersion": ">=3.21 <4",
        "permissions": list(PERMISSIONS),
        "appUrl": f"{url}{APP_PATH}",
        "tokenTargetUrl": f"{url}/saleor/register",
        "extensions": extensions_for(version),
        "webhooks": [_webhook(item, version, url) for item in subscriptions_for(version)],
    }


def _webhook(item: Subscription, version: tuple[int, int], url: str) -> dict[str, Any]:
    # One event per webhook: a query that fails blocks no other event, and each can be
    # switched off alone.
    webhook: dict[str, Any] = {
        "name": item.name,
        "targetUrl": f"{url}/saleor/webhooks/",
        "query": item.query,
        "asyncEvents": [item.event],
        "isActive": True,
    }
    if version >= IDENTIFIERS_SINCE:
        webhook["identifier"] = item.identifier
    return webhook


@require_safe
def manifest_view(request: HttpRequest) -> HttpResponse:
    """Serve the manifest for the Saleor that asks."""
    version = version_parse(request.headers.get(SCHEMA_VERSION_HEADER, ""))
    return JsonResponse(manifest_build(version))
