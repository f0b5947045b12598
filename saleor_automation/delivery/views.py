"""What the links in a mail open: unsubscribe, and the mail in the browser.

| request | answer |
|---|---|
| GET, HEAD of a link | 200, a page; nothing changes (scanners follow links) |
| POST of the unsubscribe link, form or RFC 8058 one-click | 200, unsubscribed |
| a link whose signature or form is wrong | 404 |
| a mail or person that is gone | 410 |
| any other method | 405 |
"""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.utils import translation
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from saleor_automation import clock
from saleor_automation.exceptions import RenderError
from saleor_automation.people.consent import suppressed
from saleor_automation.people.models import Contact, Suppression
from saleor_automation.people.services import contact_unsubscribe

from .links import preferences_address, token_read
from .models import Message
from .pages import head_emptied, link_owner, public_page
from .services import message_rendered


# The token in the link is the proof; a mail program's one-click POST has no cookie.
@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """Show the question on GET, unsubscribe on POST."""
    link = token_read(token)
    if link is None:
        return _page(request, "broken", 404)
    message, contact = link_owner(link)
    if contact is None:
        return _page(request, "gone", 410)
    with translation.override(contact.language or None):
        if request.method == "POST":
            contact_unsubscribe(contact=contact, at=clock.now(), source="unsubscribe_link")
            step = "done"
        else:
            step = "already" if has_unsubscribed(contact) else "ask"
        return public_page(
            request,
            "unsubscribe",
            {
                "step": step,
                "email": contact.email,
                # Its own signature: this page's link does not open the other's mail.
                "preferences": preferences_address(link),
            },
            channel=message.channel if message else "",
        )


def has_unsubscribed(contact: Contact) -> bool:
    """Say whether the person's own "no" to everything stands."""
    return any(
        row.reason == Suppression.Reason.UNSUBSCRIBED and not row.channel and not row.topic
        for row in suppressed([contact])[contact.pk]
    )


def _page(request: HttpRequest, step: str, status: int) -> HttpResponse:
    return public_page(request, "unsubscribe", {"step": step}, status=status)


@never_cache
@require_http_methods(["GET", "HEAD"])
def view_mail(request: HttpRequest, token: str) -> HttpResponse:
    """Show a mail in the browser, as it was sent."""
    link = token_read(token)
    if link is None:
        return _page(request, "broken", 404)
    # The signature says the link was made for this message; its person may have merged since.
    message = Message.objects.filter(pk=link.message_id, contact__isnull=False).first()
    if message is None:
        return _page(request, "not_kept", 410)
    try:
        rendered = message_rendered(message)
    except RenderError:
        return _page(request, "not_kept", 410)
    response = HttpResponse(rendered.html)
    # The mail is an editor's; whatever it holds must not run here.
    response["Content-Security-Policy"] = (
        "default-src 'none'; img-src https: http: data:; style-src 'unsafe-inline'; "
        # What its links open is a page like any other: without the escape the unsubscribe
        # form would be sandboxed too, and so would a shop's basket.
        "font-src https:; sandbox allow-popups allow-popups-to-escape-sandbox "
        "allow-top-navigation-by-user-activation"
    )
    # Browsers refuse what a sandboxed page opens when it asks for an opener of its own.
    response["Cross-Origin-Opener-Policy"] = "unsafe-none"
    response["Referrer-Policy"] = "no-referrer"
    response["X-Robots-Tag"] = "noindex"
    return head_emptied(request, response)
