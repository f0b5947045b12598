"""Signing up: a form a shop may link, frame or copy, and the page its confirmation opens.

``/subscribe/``

| request | answer |
|---|---|
| GET, HEAD | 200, the form; nothing changes |
| POST of an address | 200, always the same page, whoever is known and whatever follows |
| POST with the hidden field filled | 200, the same page; nothing is kept |
| POST without an address, or of something that is none | 400, the form again |
| POST from a host or network that sent too many within the hour | 429, with Retry-After |
| any other method | 405 |

Topics and channels it does not know are left out.

``/subscribe/confirm/<token>/``

| request | answer |
|---|---|
| GET, HEAD | 200, the question; nothing changes (scanners follow links) |
| POST | 200, subscribed; again 200, subscribed already |
| a link that is too old, or whose person or address is gone | 410 |
| a link whose signature or form is wrong | 404 |
| any other method | 405 |
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from django.conf import settings
from django.core.signing import BadSignature, Signer
from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils import translation
from django.utils.translation import get_language_from_request
from django.views.decorators.cache import never_cache
from django.views.decorators.clickjacking import xframe_options_exempt
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from saleor_automation import clock
from saleor_automation.conf import conf
from saleor_automation.people.preferences.topics import topics_offered
from saleor_automation.people.subscribing.defence import (
    HOST_LIMITS,
    HOUR,
    NETWORK_LIMITS,
    Signal,
    origins,
    stamp_signal,
)
from saleor_automation.people.subscribing.limits import count_add
from saleor_automation.people.subscribing.models import SubscriptionRequest
from saleor_automation.people.subscribing.services import (
    Outcome,
    request_add,
    request_confirm,
    request_outcome,
)
from saleor_automation.people.subscribing.wording import wording_current, wording_read
from saleor_automation.people.verification.syntax import address_parse
from saleor_automation.shop.models import Channel

from .confirming import confirm_message, confirm_read, mails_release
from .pages import address_masked, public_page

_STAMP: Final = "saleor_automation.signup"
#: What robots fill in and people do not see.
TRAP: Final = "website"


# A shop's own page sends the form: there is no session of ours a foreign page could abuse.
@csrf_exempt
@never_cache
@xframe_options_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def subscribe(request: HttpRequest) -> HttpResponse:
    """Show the form on GET, take a wish down on POST."""
    data = request.POST if request.method == "POST" else request.GET
    channel, language = channel_of(data), language_of(request, data)
    with translation.override(language):
        if request.method != "POST":
            return _form(request, channel, language)
        if data.get(TRAP):
            return _page(request, {"step": "received"}, channel=channel)
        now, wall = clock.now(), clock.wall()
        found, refused = origin_signals(request, now)
        if refused:
            response = _page(request, {"step": "too_many"}, channel=channel, status=429)
            response["Retry-After"] = str(int(HOUR.total_seconds()))
            return response
        address = data.get("email", "").strip()
        if not address_parse(address).is_address or len(address) > 254:
            return _form(request, channel, language, address=address[:254], status=400)
        stamp = stamp_signal(stamp_age(data.get("stamp", ""), wall))
        topics = {topic.key for topic in topics_offered(language)}
        wording = wording_read(data.get("wording", ""))
        request_add(
            address=address,
            channel=channel,
            language=language,
            topics=[key for key in data.getlist("topic") if key in topics],
            wording=str(wording) if wording is not None else "",
            found=found | ({stamp} if stamp is not None else set()),
            now=now,
        )
        return _page(request, {"step": "received"}, channel=channel)


def _form(
    request: HttpRequest, channel: str, language: str, *, address: str = "", status: int = 200
) -> HttpResponse:
    wording = wording_current(language)
    context = {
        "step": "form",
        "channel": channel,
        "language": language,
        "topics": topics_offered(language),
        "wording": wording,
        "stamp": stamp_make(clock.wall()),
        "address": address,
        "wrong": status != 200,
        "trap": TRAP,
    }
    return _page(request, context, channel=channel, status=status)


def _page(
    request: HttpRequest, context: Mapping[str, Any], *, channel: str, status: int = 200
) -> HttpResponse:
    return public_page(request, "subscribe", context, channel=channel, status=status, framed=True)


def channel_of(data: QueryDict) -> str:
    """Return the sales channel a form names; "" when the shop has none of that name."""
    slug = data.get("channel", "")[:255]
    known = bool(slug) and "\x00" not in slug and Channel.objects.filter(slug=slug).exists()
    return slug if known else ""


def language_of(request: HttpRequest, data: QueryDict) -> str:
    """Return the language a form names, else the browser's, of those there are."""
    said = data.get("language", "").lower()
    return said if said in dict(settings.LANGUAGES) else get_language_from_request(request)


def stamp_make(wall: datetime) -> str:
    """Return the mark of when a form was shown."""
    return Signer(salt=_STAMP, sep=".").sign(str(int(wall.timestamp() * 10)))


def stamp_age(text: str, wall: datetime) -> float | None:
    """Return how old a form is, in seconds; None when it has no mark of ours."""
    try:
        tenths = Signer(salt=_STAMP, sep=".").unsign(text)
        return max(wall.timestamp() - int(tenths) / 10, 0)
    except (BadSignature, ValueError):
        return None


def origin_signals(request: HttpRequest, now: datetime) -> tuple[set[Signal], bool]:
    """Count where a sign-up comes from; return what that says, and whether it is too much."""
    found = origins(client_address(request))
    if found is None:
        return {Signal.UNKNOWN_ORIGIN}, False
    host = count_add(scope="host", value=found[0], now=now, every=HOUR)
    network = count_add(scope="network", value=found[1], now=now, every=HOUR)
    busy = host > HOST_LIMITS[0] or network > NETWORK_LIMITS[0]
    refused = host > HOST_LIMITS[1] or network > NETWORK_LIMITS[1]
    return {Signal.BUSY_ORIGIN} if busy else set(), refused


def client_address(request: HttpRequest) -> str:
    """Return the IP address somebody comes from; "" when it cannot be told.

    Only what the shop's own proxies added to X-Forwarded-For is believed. A proxy that was not
    told of makes everybody look alike: better not to count by it than to shut everybody out.
    """
    said = request.headers.get("X-Forwarded-For", "")
    if conf().proxies <= 0:
        return "" if said else request.META.get("REMOTE_ADDR", "")
    hops = [hop.strip() for hop in said.split(",") if hop.strip()]
    return hops[-conf().proxies] if len(hops) >= conf().proxies else ""


# The token in the link is the proof: there is no session a foreign page could abuse.
@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def confirm(request: HttpRequest, token: str) -> HttpResponse:
    """Ask on GET, subscribe on POST."""
    request_id = confirm_read(token)
    if request_id is None:
        return public_page(request, "confirm", {"step": "broken"}, status=404)
    now = clock.now()
    wish = SubscriptionRequest.objects.select_related("contact").filter(pk=request_id).first()
    outcome = request_outcome(wish, now=now)
    language = (wish.language or (wish.contact.language if wish.contact else "")) if wish else ""
    with translation.override(language or None):
        step = "ask" if outcome is Outcome.CONFIRMED else outcome.value
        if request.method == "POST" and outcome is Outcome.CONFIRMED:
            outcome = request_confirm(request_id=request_id, note=_note(request_id), now=now)
            step = outcome.value
            if outcome is Outcome.CONFIRMED and wish is not None and wish.contact is not None:
                mails_release(contact=wish.contact, now=now)
        names = {topic.key: topic.name for topic in topics_offered(language)}
        return public_page(
            request,
            "confirm",
            {
                "step": step,
                "address": address_masked(wish.address) if wish is not None else "",
                "topics": [names.get(key, key) for key in wish.topics] if wish is not None else [],
                # Without its version, which is for the ledger.
                "wording": wish.wording.rpartition(" (")[0] if wish is not None else "",
            },
            status=410 if outcome in (Outcome.EXPIRED, Outcome.GONE) else 200,
            channel=wish.channel if wish is not None else "",
        )


def _note(request_id: Any) -> str:
    """Name the mail that asked, for the ledger."""
    message = confirm_message(request_id)
    version = message.email_version if message is not None else None
    if version is None:
        return ""
    return f"Confirmed by “{version.title}” ({version.language}, version {version.number})."
