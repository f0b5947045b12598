"""From the Dashboard into the Studio, in a tab of its own.

Two ways, since a page framed by the Dashboard can neither set a cookie nor leave its
frame. Both log in the user linked to the staff member (``staff``) and lead to one of
``places``.

1. The Dashboard's menu posts a form with a token (Saleor 3.22 and later).
2. The app's page asks for a code (``POST /code``, bearer) and has the Dashboard open
   its address; every version can.

| request | answer |
|---|---|
| ``POST /saleor/app/open``, a good token | 303 to the Studio, logged in |
| … its token used before or run out | 303 to the GET below, nobody logged in |
| … not from the Dashboard's origin | 403 |
| … ``next`` not in the list | 400 |
| … any other token | 401, 403, 503: see ``saleor_app.dashboard_tokens`` |
| … the user was deactivated here | 403 |
| ``GET /saleor/app/open`` | 303 to the Studio for somebody who is logged in, else 401 |
| ``POST /saleor/app/code``, bearer | 200 ``{"url": …}`` |
| … refused | 400, 401, 403, 503 as above, ``{"error": {"message": …}}`` |
| ``GET /saleor/app/enter?code=`` | 303 to the Studio, logged in |
| … a code that is unknown, used or run out | 401, or 303 for somebody who is logged in |
| any other method | 405 |

A token is good for one login: the menu keeps one for as long as its page is open, and
a copy of it must not open the Studio for somebody else. Who presses twice is logged in
already, and comes in with that.
"""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlencode

from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from saleor_automation.conf import conf
from saleor_automation.saleor_app.dashboard_tokens import EXPIRED, TokenRefused, token_verify
from saleor_automation.saleor_app.origins import origin_among

from .codes import code_make, code_spend, token_spend
from .headers import dashboard_origins, private
from .models import StaffLink
from .page import bearer, language_of
from .places import place_path
from .roles import ANY_ROLE
from .staff import StaffRefused, staff_link

#: How long a login lasts: roles follow from Saleor, so it must be asked again.
SESSION = timedelta(hours=12)
BACKEND = "django.contrib.auth.backends.ModelBackend"


# The token is the proof, and it is not a cookie.
@csrf_exempt
@sensitive_post_parameters("accessToken")
@require_http_methods(["GET", "HEAD", "POST"])
def open_view(request: HttpRequest) -> HttpResponse:
    """Open the Studio for whom the Dashboard's form vouches."""
    name = request.GET.get("next", "")
    try:
        path = place_path(name)
    except ValueError:
        return closed(request, 400, _("This link leads nowhere in the Studio."))
    if request.method != "POST":
        return _inside(request, path)
    origin = request.headers.get("Origin", "")
    if not origin_among(origin, dashboard_origins()):
        return closed(request, 403, _foreign(origin))
    try:
        staff = token_verify(request.POST.get("accessToken", ""), any_of=ANY_ROLE)
        if not token_spend(staff):
            return _again(name)
        link = staff_link(staff=staff)
    except TokenRefused as error:
        if error.reason == EXPIRED:
            return _again(name)
        return closed(request, error.status, str(error))
    except StaffRefused:
        return closed(request, 403, _deactivated())
    return _enter(request, link, path)


@csrf_exempt
@require_POST
def code_view(request: HttpRequest) -> HttpResponse:
    """Give the app's page an address that opens the Studio once."""
    with translation.override(language_of(request)):
        try:
            path = place_path(request.POST.get("next", ""))
        except ValueError:
            return _error(400, _("This link leads nowhere in the Studio."))
        try:
            link = staff_link(staff=token_verify(bearer(request), any_of=ANY_ROLE))
        except TokenRefused as error:
            return _error(error.status, str(error))
        except StaffRefused:
            return _error(403, _deactivated())
    query = urlencode({"code": code_make(link=link, path=path)})
    url = f"{conf().public_url}{reverse('saleor_automation:dashboard_enter')}?{query}"
    return private(JsonResponse({"url": url}))


@require_safe
def enter_view(request: HttpRequest) -> HttpResponse:
    """Open the Studio for the bearer of a code."""
    code = code_spend(request.GET.get("code", ""))
    if code is None:
        return _inside(request, place_path(""))
    if not code.link.user.is_active:
        return closed(request, 403, _deactivated())
    return _enter(request, code.link, code.path)


def _enter(request: HttpRequest, link: StaffLink, path: str) -> HttpResponse:
    login(request, link.user, backend=BACKEND)
    request.session.set_expiry(SESSION)
    return _see_other(path)


def _again(name: str) -> HttpResponse:
    """Send on to the GET, where a cookie of an earlier login comes along."""
    path = reverse("saleor_automation:dashboard_open")
    return _see_other(f"{path}?{urlencode({'next': name})}" if name else path)


def _inside(request: HttpRequest, path: str) -> HttpResponse:
    """Lead on somebody who is logged in already; say to others how to be."""
    if request.user.is_authenticated and request.user.has_perm("wagtailadmin.access_admin"):
        return _see_other(path)
    return closed(
        request,
        401,
        _(
            "What the Dashboard opened the Studio with is used or has run out: it lasts five "
            "minutes. Reload the Dashboard and open the Studio again."
        ),
        login_url=reverse("wagtailadmin_login"),
    )


def _see_other(path: str) -> HttpResponse:
    response = HttpResponseRedirect(path)
    response.status_code = 303
    return private(response)


def closed(request: HttpRequest, status: int, message: str, login_url: str = "") -> HttpResponse:
    """Say why the Studio does not open, and what to do."""
    response = render(
        request,
        "saleor_automation/dashboard/closed.html",
        {"message": message, "login_url": login_url},
        status=status,
    )
    response["Content-Security-Policy"] = (
        "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )
    return private(response)


def _error(status: int, message: str) -> HttpResponse:
    return private(JsonResponse({"error": {"message": message}}, status=status))


def _foreign(origin: str) -> str:
    return _(
        "The request came from %(origin)s, which is not known as this shop's Dashboard. If it "
        "is, set SALEOR_AUTOMATION_DASHBOARD_ORIGINS to it and restart the Studio."
    ) % {"origin": origin or _("an unnamed place")}


def _deactivated() -> str:
    return _("Your user was deactivated in the Studio. Ask whoever looks after it.")
