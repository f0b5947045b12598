"""The install handshake: Saleor hands us a token, we make sure it is real.

Knows that the request is not signed: anyone can send it. So only the configured
Saleor is called back, never an address from the request, and nothing is kept before
that Saleor has recognised the token as our app's, not only as some app's.

200 installed · 400 not Saleor's form · 403 another shop · 405 not POST ·
502 Saleor did not confirm the token. Saleor shows ``error.message`` to the
administrator and removes the half-installed app on anything but a 2xx.
"""

from __future__ import annotations

import json
import logging
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt

from saleor_automation import clock
from saleor_automation.conf import conf
from saleor_automation.contract.signing import API_URL_HEADER, SCHEMA_VERSION_HEADER
from saleor_automation.exceptions import SaleorAPIError

from .api import graphql_call, jwks_fetch
from .installations import installation_forget
from .manifest import APP_ID
from .models import Installation

logger = logging.getLogger(__name__)

APP_QUERY = "{ app { id identifier } }"
MAX_BYTES = 64 * 1024


@csrf_exempt
def register_view(request: HttpRequest) -> HttpResponse:
    """Take the token of a new installation."""
    if request.method != "POST":
        return _error(405, _("Saleor sends the token with POST."))
    token = _token(request)
    if token is None:
        return _error(400, _("The request holds no auth_token. Install the app from Saleor."))
    api_url = request.headers.get(API_URL_HEADER, "")
    problem = _shop_problem(api_url)
    if problem:
        return _error(403, problem)
    try:
        installation_register(
            api_url=api_url,
            token=token,
            schema_version=request.headers.get(SCHEMA_VERSION_HEADER, ""),
        )
    except SaleorAPIError as error:
        logger.warning("Installation refused: %s", error)
        return _error(502, str(error))
    return JsonResponse({"success": True})


def installation_register(*, api_url: str, token: str, schema_version: str = "") -> Installation:
    """Prove a token by using it, fetch Saleor's public keys, keep both.

    Raises SaleorAPIError when Saleor does not confirm the token.
    """
    data = graphql_call(api_url=api_url, token=token, query=APP_QUERY)
    app = data.get("app")
    if not isinstance(app, dict) or not app.get("id"):
        raise SaleorAPIError(
            _(
                "Saleor did not recognise the token it sent. Install the app as active, and "
                "check that SALEOR_AUTOMATION_SALEOR_CALL_URL leads to the same Saleor."
            )
        )
    if app.get("identifier") != APP_ID:
        raise SaleorAPIError(
            _(
                "The token is another app's. Install saleor-automation from its manifest; when "
                "the app is created by hand, give it the identifier “%(id)s”."
            )
            % {"id": APP_ID}
        )
    jwks = jwks_fetch(api_url)
    shop = _shop(api_url, token)
    installation, _created = Installation.objects.update_or_create(
        api_url=api_url,
        defaults={
            "app_id": str(app["id"])[:64],
            "token": token,
            "jwks": jwks,
            "jwks_fetched_at": clock.wall(),
            "saleor_version": (str(shop.get("version") or "") or schema_version)[:32],
            "shop_name": str(shop.get("name") or "")[:255],
            "is_active": True,
            "installed_at": clock.now(),
        },
    )
    installation_forget()
    return installation


def _shop(api_url: str, token: str) -> dict[str, Any]:
    """Return the shop's name and version, or nothing: neither is needed to install."""
    try:
        data = graphql_call(api_url=api_url, token=token, query="{ shop { name version } }")
    except SaleorAPIError:
        return {}
    shop = data.get("shop")
    return shop if isinstance(shop, dict) else {}


def _token(request: HttpRequest) -> str | None:
    try:
        content = json.loads(request.read(MAX_BYTES))
    except (ValueError, OSError, RecursionError):
        return None
    token = content.get("auth_token") if isinstance(content, dict) else None
    if not isinstance(token, str) or not 0 < len(token) <= 255 or not token.isprintable():
        return None
    return token


def _shop_problem(api_url: str) -> str:
    allowed = conf().saleor_api_url
    if not allowed:
        return _(
            "This Studio does not know its shop yet. Set SALEOR_AUTOMATION_SALEOR_API_URL to "
            "your shop's GraphQL address, start the Studio again, and install the app once more."
        )
    if api_url != allowed:
        return _(
            "This Studio serves another shop. If it should serve this one, set "
            "SALEOR_AUTOMATION_SALEOR_API_URL to the address Saleor calls itself by "
            "(its PUBLIC_URL and /graphql/), start the Studio again, and install once more."
        )
    other = Installation.objects.exclude(api_url=api_url).exists()
    if other:
        return _(
            "This Studio was installed in another shop before, and its data belongs to that "
            "shop. Use an empty database for this one."
        )
    return ""


def _error(status: int, message: str) -> HttpResponse:
    return JsonResponse({"error": {"message": message}}, status=status)
