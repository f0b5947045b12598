"""The pages where people ask about their own data, and confirm that it was them.

| request | answer |
|---|---|
| GET, HEAD of the request page | 200, a form |
| POST of an address, known or not, once or too often for that address | 200, the same words |
| POST of something that is no address, or of another kind of request | 400, the form |
| POST too often from one place | 429 |
| GET, HEAD of a link in the mail | 200, a page that asks; nothing changes (scanners follow links) |
| POST of such a link | 200, confirmed; a second time the same page |
| POST of its data page, after it was confirmed | 200, the data as a file |
| the same before that, or for a request to be erased | 409 |
| a link that was used up, declined or is too old, or whose person is gone | 410 |
| a link whose signature or form is wrong | 404 |
| any other method | 405 |

No cookie is set, and nothing of the answer depends on who is known.
"""

from __future__ import annotations

import json
from typing import Any, Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import translation
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from saleor_automation import clock
from saleor_automation.delivery.links import token_read
from saleor_automation.delivery.pages import public_page
from saleor_automation.delivery.signup import client_address
from saleor_automation.emails.brands import brand_for
from saleor_automation.people.models import Contact
from saleor_automation.people.subscribing.defence import HOUR, origins
from saleor_automation.people.subscribing.limits import count_add
from saleor_automation.people.verification.syntax import address_parse

from .dossier import dossier_of
from .models import DataRequest
from .paper import paper_render
from .requests import request_confirm, request_make, request_open

Kind = DataRequest.Kind
State = DataRequest.State

#: Requests from one place in an hour.
PER_PLACE: Final = 20


# Anybody may ask for anybody: a foreign page that posts here does no more than that, and
# the mail decides.
@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def ask(request: HttpRequest) -> HttpResponse:
    """Take a request about an address."""
    if request.method != "POST":
        return _page(request, "form", kind=request.GET.get("kind", ""))
    kind = request.POST.get("kind", "")
    address = request.POST.get("address", "").strip()
    if kind not in Kind.values or not address_parse(address).domain:
        return _page(request, "form", status=400, kind=kind, address=address, wrong=True)
    if _too_often(request):
        return _page(request, "too_often", status=429)
    # A robot fills in every field; it is told the same as everybody.
    if not request.POST.get("website"):
        request_make(address=address, kind=kind, now=clock.now())
    return _page(request, "asked", address=address)


@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def answer(request: HttpRequest, token: str) -> HttpResponse:
    """Show what the link in a mail is for; confirm it on POST."""
    found = _found(token)
    if found is None:
        return _page(request, "broken", status=404)
    if not request_open(found, now=clock.now()):
        return _page(request, "over", status=410)
    contact = found.contact
    with translation.override((contact.language if contact else "") or None):
        if request.method == "POST":
            found = request_confirm(request=found, now=clock.now())
        return _page(request, _step(found), found=found, token=token, channel=_channel(contact))


@csrf_exempt
@never_cache
@require_POST
def data(request: HttpRequest, token: str) -> HttpResponse:
    """Hand out a person's data to who confirmed the request for it."""
    found = _found(token)
    if found is None:
        return _page(request, "broken", status=404)
    if not request_open(found, now=clock.now()) or found.contact is None:
        return _page(request, "over", status=410)
    if found.kind != Kind.ACCESS or found.state != State.DONE:
        return _page(request, "early", status=409, token=token)
    with translation.override(found.contact.language or None):
        return dossier_response(found.contact, form=request.POST.get("form", ""))


def dossier_response(contact: Contact, *, form: str) -> HttpResponse:
    """Return a person's data as a file: JSON, or for any other ``form`` a page."""
    dossier = dossier_of(contact, now=clock.now())
    if form == "json":
        response = HttpResponse(
            json.dumps(dossier, ensure_ascii=False, indent=1), content_type="application/json"
        )
    else:
        response = HttpResponse(
            paper_render(
                dossier,
                shop=brand_for(contact.channel).name,
                language=translation.get_language() or settings.LANGUAGE_CODE,
            )
        )
    name = "data.json" if form == "json" else "data.html"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "no-store"
    return response


def _found(token: str) -> DataRequest | None:
    link = token_read(token)
    if link is None:
        return None
    return DataRequest.objects.select_related("contact").filter(message=link.message_id).first()


def _step(found: DataRequest) -> str:
    if found.state == State.ASKED:
        return f"confirm_{found.kind}"
    if found.kind == Kind.ACCESS:
        return "ready"
    return "erased" if found.state == State.DONE else "waiting"


def _channel(contact: Contact | None) -> str:
    return contact.channel if contact is not None else ""


def _too_often(request: HttpRequest) -> bool:
    """Count a request from a place; return whether there were too many within an hour.

    Who cannot be told from others is not counted: the limits per person and in all hold.
    """
    found = origins(client_address(request))
    if found is None:
        return False
    return count_add(scope="privacy", value=found[0], now=clock.now(), every=HOUR) > PER_PLACE


def _page(
    request: HttpRequest, step: str, *, status: int = 200, channel: str = "", **values: Any
) -> HttpResponse:
    values = {"step": step, "kinds": Kind, **values}
    return public_page(request, "privacy", values, status=status, channel=channel)
