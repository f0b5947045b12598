"""The link back to a basket: a redirect that looks first.

A checkout's id is a key to it (whoever holds it reads the address in it and changes
what is in it), so mails hold a signed link to here instead, and no log ever sees the
id. Where it leads is the brand's template and nothing of the request.

| request | answer |
|---|---|
| GET of a link whose basket is open, or Saleor cannot be asked | 302 to the shop |
| HEAD of such a link | 302, without a look at Saleor and without the voucher |
| the basket was bought | 200, a page that says so |
| the basket is gone or empty, or the mail is about none | 410, a page with a way to the shop |
| a mail or person that is gone | 410, the same page |
| a link whose signature or form is wrong | 404 |
| any other method | 405 |
"""

from __future__ import annotations

import logging
import time

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import translation
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from saleor_automation.emails.brands import basket_address, brand_for, brand_values
from saleor_automation.exceptions import SaleorAPIError
from saleor_automation.saleor_app.checkouts import BasketLook, basket_look, voucher_apply
from saleor_automation.shop.models import Checkout, ShopOrder

from .links import token_read
from .models import Message, MessageContent

logger = logging.getLogger(__name__)

#: Seconds a shopper waits for each of the two questions, at most.
PATIENCE = 2.0
#: Seconds during which a Saleor that did not answer is not asked again: nobody waits twice.
SILENCE = 15.0

_silent_until = 0.0


@never_cache
@require_http_methods(["GET", "HEAD"])
def basket_link(request: HttpRequest, token: str, rest: str = "") -> HttpResponse:
    """Lead the reader of a mail back to the basket it was about. ``rest`` is not looked at."""
    link = token_read(token)
    if link is None:
        return _page(request, "broken", 404)
    # The signature says the link was made for this message; its person may have merged since.
    message = (
        Message.objects.select_related("contact", "enrollment")
        .filter(pk=link.message_id, contact__isnull=False)
        .first()
    )
    if message is None or message.contact is None or message.enrollment is None:
        return _page(request, "gone", 410, channel=message.channel if message else "")
    with translation.override(message.contact.language or None):
        checkout_id = str(message.enrollment.context.get("checkout") or "")
        basket = Checkout.objects.filter(saleor_id=checkout_id).first() if checkout_id else None
        if basket is None:
            return _page(request, "gone", 410, channel=message.channel)
        if _bought(checkout_id):
            return _page(request, "bought", 200, channel=message.channel)
        if request.method == "GET":
            look = _look(checkout_id)
            if look is not None and look.ordered:
                return _page(request, "bought", 200, channel=message.channel)
            if look is not None and not look.items:
                return _page(request, "gone", 410, channel=message.channel)
            if look is not None and not _prefetch(request):
                _voucher(message, checkout_id, look)
        return _redirect(request, message, basket)


def _bought(checkout_id: str) -> bool:
    return ShopOrder.objects.filter(checkout_id=checkout_id).exclude(status="DRAFT").exists()


def _look(checkout_id: str) -> BasketLook | None:
    """Ask Saleor; None when it cannot be asked, which must not keep anybody from the shop."""
    global _silent_until
    if time.monotonic() < _silent_until:
        return None
    try:
        return basket_look(checkout_id, timeout=PATIENCE)
    except SaleorAPIError as error:
        _silent_until = time.monotonic() + SILENCE
        logger.warning("A link to a basket was followed without asking Saleor: %s", error)
        return None


def _prefetch(request: HttpRequest) -> bool:
    """Whether a browser only prepares for a click that may never come."""
    headers = (request.headers.get(name, "") for name in ("Sec-Purpose", "Purpose", "X-Moz"))
    return any("prefetch" in value for value in headers)


def _voucher(message: Message, checkout_id: str, look: BasketLook) -> None:
    """Apply the code the mail promised. Whatever becomes of it, the shopper goes on.

    A code that is there already stays: the shopper may have a better one.
    """
    content = MessageContent.objects.filter(message=message).only("context").first()
    code = str(((content.context if content else {}).get("basket") or {}).get("voucher_code") or "")
    if not code or look.voucher:
        return
    try:
        refused = voucher_apply(checkout_id, code, timeout=PATIENCE)
    except SaleorAPIError as error:
        refused = str(error)
    if refused:
        # Step and sequence say whose code it is; ids of baskets are kept out of logs.
        logger.warning(
            "The voucher of step %s of sequence %s was not applied: %s",
            message.node,
            message.sequence,
            refused,
        )


def _redirect(request: HttpRequest, message: Message, basket: Checkout) -> HttpResponse:
    brand = brand_for(message.channel or basket.channel)
    contact = message.contact
    address = basket_address(
        brand,
        checkout_id=basket.saleor_id,
        token=basket.token,
        channel=basket.channel,
        language=(contact.language if contact else "") or basket.language,
    )
    target = address or brand_values(brand)["url"]
    if not target:
        return _page(request, "gone", 410, channel=message.channel)
    return _private(HttpResponseRedirect(target))


def _page(request: HttpRequest, step: str, status: int, *, channel: str = "") -> HttpResponse:
    response = render(
        request,
        "saleor_automation/public/basket.html",
        {"step": step, "brand": brand_values(brand_for(channel))},
        status=status,
    )
    response["Content-Security-Policy"] = (
        "default-src 'none'; style-src 'unsafe-inline'; img-src https: http:; form-action 'none'"
    )
    return _private(response)


def _private(response: HttpResponse) -> HttpResponse:
    """Keep the link out of other sites' logs and out of search engines."""
    response["Referrer-Policy"] = "no-referrer"
    response["X-Robots-Tag"] = "noindex"
    return response
