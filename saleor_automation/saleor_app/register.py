"""The install handshake: Saleor hands us a token, we make sure it is real.

Knows that the request is not signed: anyone can send it. So only the configured
Saleor is called back, never an address from the request (its other headers are not
read), and nothing is kept before that Saleor has recognised the token as our app's, not
only as some app's. The token before it stays until then.

==================================================================  ======
what came                                                           status
==================================================================  ======
a token that this shop's Saleor knows as our app's                  200
no JSON with ``auth_token``, or one that is no token                400
``Saleor-Api-Url`` is not the configured shop, or none is           403
the database belongs to another shop                                403
another method than POST                                            405
Saleor does not know the token: another app's, another Saleor's,    502
or the app is installed switched off
Saleor or its keys cannot be reached                                502
the database does not answer                                        503
==================================================================  ======

Saleor shows ``error.message`` to the administrator and removes the half-installed app
on anything but a 2xx. An app that is installed switched off (``install_app`` without
``--activate``) cannot prove its token before it is switched on, since Saleor treats the
token as nobody's, so it is refused with what to do.
"""

from __future__ import annotations

import json
import logging
from datetime import timedelta

from django.db import Error as DatabaseError
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt

from saleor_automation import clock
from saleor_automation.conf import conf
from saleor_automation.contract.signing import API_URL_HEADER, SCHEMA_VERSION_HEADER
from saleor_automation.exceptions import SaleorAPIError

from .api import jwks_fetch
from .installations import installation_forget
from .lifecycle import AppState, state_ask
from .manifest import APP_ID
from .models import Installation

logger = logging.getLogger(__name__)

MAX_BYTES = 64 * 1024
#: Saleor tries to deliver for 310 seconds, six times at most 20 seconds each.
RETRY_WINDOW = timedelta(seconds=310 + 6 * 20)
#: Registrations that meet each other prove their tokens again, so often at most.
MAX_TURNS = 3


@csrf_exempt
def register_view(request: HttpRequest) -> HttpResponse:
    """Take the token of a new installation."""
    if request.method != "POST":
        response = _error(405, _("Saleor sends the token with POST."))
        response.headers["Allow"] = "POST"
        return response
    token = _token(request)
    if token is None:
        return _error(400, _("The request holds no auth_token. Install the app from Saleor."))
    api_url = request.headers.get(API_URL_HEADER, "")
    try:
        problem = _shop_problem(api_url)
        if problem:
            return _error(403, problem)
        installation_register(
            api_url=api_url,
            token=token,
            schema_version=request.headers.get(SCHEMA_VERSION_HEADER, ""),
        )
    except SaleorAPIError as error:
        logger.warning("Installation refused: %s", error)
        return _error(502, str(error))
    except DatabaseError as error:
        logger.error("An installation could not be stored: %s", type(error).__name__)
        return _error(503, _("The Studio's database does not answer. Install the app again."))
    return JsonResponse({"success": True})


def installation_register(*, api_url: str, token: str, schema_version: str = "") -> Installation:
    """Prove a token by using it, fetch Saleor's public keys, keep both.

    Of registrations at the same time the one whose token is still good last wins: each
    proves its token after it has seen what the other wrote. Raises SaleorAPIError when
    Saleor does not confirm the token.
    """
    for _turn in range(MAX_TURNS):
        before = Installation.objects.filter(api_url=api_url).first()
        state = _prove(api_url, token)
        jwks = jwks_fetch(api_url)
        if _keep(before, api_url, token, state, jwks, schema_version):
            installation_forget()
            return Installation.objects.get(api_url=api_url)
    raise SaleorAPIError(_("The app is being installed more than once. Wait, then try again."))


def _prove(api_url: str, token: str) -> AppState:
    state = state_ask(api_url=api_url, token=token)
    if not state.is_known:
        raise SaleorAPIError(
            _(
                "Saleor did not recognise the token it sent. Install the app as active "
                "(install_app --activate), and check that SALEOR_AUTOMATION_SALEOR_CALL_URL, if "
                "it is set, leads to the same Saleor."
            )
        )
    if state.identifier != APP_ID:
        raise SaleorAPIError(
            _(
                "The token is another app's. Install saleor-automation from its manifest; when "
                "the app is created by hand, give it the identifier “%(id)s”."
            )
            % {"id": APP_ID}
        )
    return state


def _keep(
    before: Installation | None,
    api_url: str,
    token: str,
    state: AppState,
    jwks: dict[str, object],
    schema_version: str,
) -> bool:
    """Write the installation; False when another registration wrote it meanwhile."""
    wall = clock.wall()
    values: dict[str, object] = {
        "app_id": state.app_id,
        "token": token,
        "jwks": jwks,
        "jwks_fetched_at": wall,
        "saleor_version": state.saleor_version or schema_version[:32],
        "shop_name": state.shop_name,
        "is_active": True,
        "inactive_reason": "",
        "doubted_at": None,
        "asked_at": wall,
        "app_version": state.version,
        "permissions": list(state.permissions),
    }
    if before is None:
        try:
            with transaction.atomic():
                Installation.objects.create(api_url=api_url, installed_at=clock.now(), **values)
        except IntegrityError:
            return False
        return True
    if before.app_id != state.app_id:
        # Another App row in Saleor: with webhooks and problems of its own.
        values |= {
            "installed_at": clock.now(),
            "news_at": None,
            "webhooks": {},
            "webhooks_at": None,
            "problems": {},
            "previous_app_id": before.app_id,
            "previous_until": wall + RETRY_WINDOW,
        }
    unchanged = Installation.objects.filter(pk=before.pk, token=before.token, app_id=before.app_id)
    return bool(unchanged.update(**values))


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
    if api_url.rstrip("/") != allowed.rstrip("/"):
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
