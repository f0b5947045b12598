"""The pages Saleor's Dashboard shows in a frame, and the data they ask for.

A page is an empty shell: it holds no data, sets no cookie and may be had by anybody
the browser lets frame it. Its script (``static/…/dashboard.js``) gets a token from the
Dashboard and asks for the content with it. So nothing depends on cookies, which
browsers keep from pages framed by another site.

| below ``/saleor/app`` | needs, in Saleor | answer to GET |
|---|---|---|
| nothing, ``/home``, ``/customer``, ``/order`` | nothing | 200, a shell |
| ``/overview``, ``/home/data`` | MANAGE_ORDERS, _USERS, _SETTINGS or _APPS | 200, HTML |
| ``/customer/mails?id=`` | MANAGE_USERS | 200, HTML |
| ``/order/mails?id=`` | MANAGE_ORDERS | 200, HTML |

What needs something takes the token as ``Authorization: Bearer``. One that does not do
is answered 401, 403 or 503 with the reason in words (``saleor_app.dashboard_tokens``);
another method 405.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe
from django.views.generic import View

from saleor_automation import clock
from saleor_automation.saleor_app.dashboard_tokens import Staff, TokenRefused, token_verify
from saleor_automation.saleor_app.installations import installation_current

from . import figures, health
from .headers import dashboard_origins, embeddable, private
from .recipients import contact_of_customer, contact_of_order, record_for
from .roles import ANY_ROLE

THEMES = ("light", "dark")


def shell_words() -> dict[str, dict[str, str]]:
    """Return what the script says by itself, in every language: it learns later which."""
    words = {}
    for code, _name in settings.LANGUAGES:
        with translation.override(code):
            words[code] = {
                "outside": _(
                    "This page belongs into Saleor's Dashboard. Open it there, under Customers."
                ),
                "silent": _(
                    "The Dashboard does not answer. If it is at an address of its own, name that "
                    "in SALEOR_AUTOMATION_DASHBOARD_ORIGINS."
                ),
                "unreachable": _("The Studio cannot be reached. Trying again in a minute."),
                "failed": _("Something went wrong. Trying again in a minute."),
            }
    return words


@require_safe
@embeddable
def shell(request: HttpRequest, kind: str, source: str) -> HttpResponse:
    """Serve the shell that shows ``source`` as ``kind``: page or box."""
    theme = request.GET.get("theme", "")
    return render(
        request,
        "saleor_automation/dashboard/shell.html",
        {
            "kind": kind,
            "theme": theme if theme in THEMES else "",
            "source": reverse(f"saleor_automation:{source}"),
            "code": reverse("saleor_automation:dashboard_code"),
            "origins": " ".join(dashboard_origins()),
            "words": shell_words(),
        },
    )


def bearer(request: HttpRequest) -> str:
    """Return the token of the Authorization header, "" for none."""
    scheme, _space, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def language_of(request: HttpRequest) -> str:
    """Return the language to answer in: the Dashboard's when it is one of ours.

    Saleor's Dashboard knows no Malay, so otherwise the browser's own wish counts, which
    LocaleMiddleware has read, and in the end English.
    """
    try:
        return translation.get_supported_language_variant(request.GET.get("locale", ""))
    except LookupError:
        return translation.get_language() or settings.LANGUAGE_CODE


class Fragment(View, ABC):
    """A piece of HTML for the bearer of a token who has one of ``any_of`` in Saleor."""

    http_method_names = ["get", "head", "options"]
    any_of: Collection[str] = ANY_ROLE
    template_name = ""

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        language = language_of(request)
        with translation.override(language):
            try:
                staff = token_verify(bearer(request), any_of=self.any_of)
            except TokenRefused as error:
                response = refused(request, error)
            else:
                response = render(request, self.template_name, self.context(staff))
        response["Content-Language"] = language
        return private(response)

    @abstractmethod
    def context(self, staff: Staff) -> dict[str, Any]:
        """Return what the template shows to ``staff``."""


def refused(request: HttpRequest, error: TokenRefused) -> HttpResponse:
    """Say in words why a token does not do."""
    response = render(
        request,
        "saleor_automation/dashboard/refused.html",
        {"reason": error.reason, "message": str(error)},
        status=error.status,
    )
    if error.status == 401:
        response["WWW-Authenticate"] = "Bearer"
    return response


class Overview(Fragment):
    """What runs, what it sent, what is wrong, and what to do first."""

    template_name = "saleor_automation/dashboard/overview.html"

    def context(self, staff: Staff) -> dict[str, Any]:
        now = clock.now()
        installation = installation_current()
        rows = figures.rows(now=now)
        days = figures.mails_per_day(now=now)
        steps = health.steps(any_on=any(row.standing.state == "on" for row in rows))
        signs = health.signs(installation=installation, now=now, steps=steps)
        return {
            "shop": installation.shop_name if installation else "",
            "rows": rows,
            "running": sum(row.standing.state == "on" for row in rows),
            "inside": sum(row.standing.inside for row in rows),
            "bars": figures.bars(days),
            "week": sum(row.standing.sent_week for row in rows),
            "steps": [] if all(step.done for step in steps) else steps,
            "bad": [sign for sign in signs if sign.level != health.OK],
            "good": [sign for sign in signs if sign.level == health.OK],
        }


class Home(Overview):
    """The same in a box: figures and what is wrong."""

    template_name = "saleor_automation/dashboard/home.html"


class CustomerMails(Fragment):
    """Mails to a customer."""

    any_of = frozenset({"MANAGE_USERS"})
    template_name = "saleor_automation/dashboard/mails.html"

    def context(self, staff: Staff) -> dict[str, Any]:
        return {"record": record_for(contact_of_customer(self.request.GET.get("id", "")))}


class OrderMails(CustomerMails):
    """Mails to the person of an order, guests included."""

    any_of = frozenset({"MANAGE_ORDERS"})

    def context(self, staff: Staff) -> dict[str, Any]:
        order = self.request.GET.get("id", "")
        return {"record": record_for(contact_of_order(order), order=order)}
