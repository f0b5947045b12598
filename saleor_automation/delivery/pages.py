"""What the pages behind a mail's links share: whom a link is for, and how a page goes out.

Knows tokens, brands and headers. Must not know what any page does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from saleor_automation.emails.brands import brand_for, brand_values
from saleor_automation.people.models import Contact

from .links import LinkToken
from .models import Message

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src https: http:; form-action 'self'"


def link_owner(link: LinkToken) -> tuple[Message | None, Contact | None]:
    """Return the mail a link was in and the person it is for; None where they are gone."""
    message = Message.objects.select_related("contact").filter(pk=link.message_id).first()
    contact = Contact.objects.filter(pk=link.contact_id).first()
    if contact is None and message is not None:
        # A guest whose account took over: what they say is that person's word all the same.
        contact = message.contact
    return message, contact


def public_page(
    request: HttpRequest,
    template: str,
    context: Mapping[str, Any],
    *,
    status: int = 200,
    channel: str = "",
    framed: bool = False,
) -> HttpResponse:
    """Return a page for shoppers: the brand's, without script, not for search engines.

    ``framed``: a shop may show it inside its own pages.
    """
    response = render(
        request,
        f"saleor_automation/public/{template}.html",
        {**context, "brand": brand_values(brand_for(channel))},
        status=status,
    )
    unframed = "" if framed else "; frame-ancestors 'none'"
    response["Content-Security-Policy"] = _POLICY + unframed
    response["Referrer-Policy"] = "no-referrer"
    response["X-Robots-Tag"] = "noindex"
    return head_emptied(request, response)


def head_emptied(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """Return an answer to HEAD without its body: the server warns of each that has one."""
    if request.method == "HEAD":
        length = len(response.content)
        response.content = b""
        response["Content-Length"] = str(length)
    return response


def address_masked(address: str) -> str:
    """Return an address its owner knows again and nobody else can write to: ``a•••@shop.example``.

    Mails are forwarded, with their links.
    """
    local, at, domain = address.rpartition("@")
    return f"{local[:1]}•••@{domain}" if at and local else ""
