"""The track API: what Segment's libraries call, unchanged, with their host set to ours.

``POST /v1/identify``, ``track``, ``page``, ``screen``, ``group``, ``alias`` take one call,
``batch`` and ``import`` many; their first letters do as well, as Segment's script for
browsers has them. The write key is the user of HTTP Basic, or ``writeKey`` in the body.
2xx says that everything accepted is stored. Libraries try again after 408, 429 and 5xx,
and never after another 4xx, so whatever may be our own fault is a 5xx.

==================================================================  ======  =============
what came                                                           status  counted as
==================================================================  ======  =============
calls, new or stored before                                         200     -
a batch of which some are not as Segment writes them (the others    200     malformed
are stored; the answer says which, and why)
calls of a robot, by its user agent, or of a page fetched ahead     200     bot
(not stored)
a preflight from an origin of a browser key                         204     -
no JSON object; no list in a batch; a single call that is no call   400     malformed
no write key; one unknown or revoked                                401     unknown_key
a browser key without an origin, or from one that is not its own    403     origin
a server key in a browser                                           403     origin
a preflight from any other origin                                   403     -
another name behind ``/v1/``                                        404     -
another method than POST (OPTIONS)                                  405     -
more than 500 kB, as it came or unpacked; more than 2,500 calls      413     too_large
another ``Content-Encoding`` than gzip                              415     -
more than the key may bring (with ``Retry-After``)                  429     limit
the database does not answer; the body ended early                  503     -
==================================================================  ======  =============

Nothing is stored on a refusal. An answer says what to do and nothing of anybody.
"""

from __future__ import annotations

import base64
import binascii
import logging
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from django.db import Error as DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from saleor_automation import clock
from saleor_automation.conf import conf
from saleor_automation.contract.values import document
from saleor_automation.exceptions import ContractError
from saleor_automation.saleor_app.origins import origin_among
from saleor_automation.saleor_app.verification import Refused as BodyRefused
from saleor_automation.saleor_app.verification import body_read

from .bots import is_bot
from .calls import EVENT_BYTES, REQUEST_BYTES, REQUEST_CALLS, Call, call_check, items_of, skew_of
from .keys import origin_known, write_key_find, write_key_used
from .limits import limiter, refusals
from .models import TrackRefusal, WriteKey
from .storing import calls_store

logger = logging.getLogger(__name__)
Reason = TrackRefusal.Reason

CALLS: Final = ("identify", "track", "page", "screen", "group", "alias", "batch", "import")
#: Segment's script for browsers writes one letter.
LETTERS: Final = {name[0]: name for name in CALLS if name != "import"}


@dataclass(frozen=True)
class Refused(Exception):
    """A request we do not take, and why."""

    status: int
    code: str
    message: str
    reason: str = ""
    key: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@csrf_exempt
def track_receive(request: HttpRequest, call: str) -> HttpResponse:
    """Take one request. The table in the module's docstring lists every answer."""
    call = LETTERS.get(call, call)
    if call not in CALLS:
        return _error(404, "not_found", f"Call one of {', '.join(CALLS)}.")
    if request.method not in {"POST", "OPTIONS"}:
        found = _error(405, "method_not_allowed", "Send calls with POST.")
        found.headers["Allow"] = "POST, OPTIONS"
        return found
    now = clock.now()
    try:
        if request.method == "OPTIONS":
            return _preflight(request)
        try:
            response = _receive(request, call, now)
        except BodyRefused as refused:
            if refused.status == 413:
                refusals.add(None, Reason.TOO_LARGE)
            code = "too_large" if refused.status == 413 else "unavailable"
            response = _error(refused.status, code, refused.message)
        except Refused as refused:
            response = _refusal(refused)
        refusals.write(now=now)
        return response
    except DatabaseError as error:
        # Not its words: they may quote the row, which holds what people did.
        logger.error("Calls could not be stored: %s", type(error).__name__)
        return _error(503, "unavailable", "The database does not answer; send it again.")


def _error(status: int, code: str, message: str) -> HttpResponse:
    return JsonResponse(
        {"success": False, "code": code, "message": message},
        status=status,
        json_dumps_params={"ensure_ascii": False},
    )


def _refusal(refused: Refused) -> HttpResponse:
    """Count a refusal and answer it."""
    if refused.reason:
        refusals.add(refused.key, refused.reason)
    response = _error(refused.status, refused.code, refused.message)
    for name, value in refused.headers.items():
        response.headers[name] = value
    return response


def _preflight(request: HttpRequest) -> HttpResponse:
    origin = request.headers.get("Origin", "").lower()
    if not origin or not origin_known(origin):
        return _error(403, "origin", "No browser key is for pages of this origin.")
    response = HttpResponse(status=204)
    _cross(response, request)
    response.headers["Access-Control-Allow-Methods"] = "POST"
    response.headers["Access-Control-Allow-Headers"] = "authorization, content-type"
    response.headers["Access-Control-Max-Age"] = "86400"
    return response


def _cross(response: HttpResponse, request: HttpRequest) -> None:
    """Let the page read the answer. Never with its cookies: they mean nothing here."""
    response.headers["Access-Control-Allow-Origin"] = request.headers["Origin"]
    response.headers["Access-Control-Expose-Headers"] = "Retry-After"
    response.headers["Vary"] = "Origin"


def _receive(request: HttpRequest, call: str, now: datetime) -> HttpResponse:
    body = _body(request)
    given = _basic(request)
    content = None if given else _content(body)
    key = _key(given or str((content or {}).get("writeKey") or ""))
    _place_check(request, key)
    try:
        response = _take(request, call, key, body, content, now)
    except Refused as refused:
        response = _refusal(refused)
    if key.kind == WriteKey.Kind.BROWSER:
        _cross(response, request)
    return response


def _take(
    request: HttpRequest,
    call: str,
    key: WriteKey,
    body: bytes,
    content: dict[str, Any] | None,
    now: datetime,
) -> HttpResponse:
    browser = key.kind == WriteKey.Kind.BROWSER
    rate = conf().track_browser_rate if browser else conf().track_server_rate
    if seconds := limiter.wait_seconds(key.pk, rate, time.monotonic()):
        raise Refused(
            429,
            "limit",
            f"More than {rate} calls a second; try again in {seconds} s.",
            Reason.LIMIT,
            key.pk,
            {"Retry-After": str(seconds)},
        )
    if content is None:
        content = _content(body, key)
    try:
        items = items_of(call, content)
    except ContractError as error:
        raise Refused(400, "malformed", str(error), Reason.MALFORMED, key.pk) from error
    if len(items) > REQUEST_CALLS:
        raise Refused(
            413,
            "too_large",
            f"A batch may hold {REQUEST_CALLS} calls at most.",
            Reason.TOO_LARGE,
            key.pk,
        )
    limiter.take(key.pk, max(1, len(items)))
    if browser and _is_robot(request):
        refusals.add(key.pk, Reason.BOT, max(1, len(items)))
        return _answer(0, [])
    calls, problems = _calls(key, items, content, now, large=len(body) > EVENT_BYTES)
    if problems:
        refusals.add(key.pk, Reason.MALFORMED, len(problems))
        if call not in {"batch", "import"}:
            return _error(400, "malformed", problems[0]["message"])
    if calls:
        calls_store(key=key, calls=calls, history=call == "import", now=now)
        write_key_used(key=key, now=now)
    return _answer(len(calls), problems)


def _answer(accepted: int, problems: list[dict[str, Any]]) -> HttpResponse:
    found: dict[str, Any] = {"success": True, "accepted": accepted}
    if problems:
        found["malformed"] = problems
    return JsonResponse(found, json_dumps_params={"ensure_ascii": False})


def _calls(
    key: WriteKey, items: list[Any], content: dict[str, Any], now: datetime, *, large: bool
) -> tuple[list[Call], list[dict[str, Any]]]:
    """Return the calls that are well, and what is wrong with the others."""
    skew = skew_of(content, received_at=now)
    found: list[Call] = []
    problems: list[dict[str, Any]] = []
    for number, item in enumerate(items):
        if _told_by_robot(item):
            refusals.add(key.pk, Reason.BOT)
            continue
        try:
            found.append(call_check(item, received_at=now, skew=skew, large=large))
        except ContractError as error:
            problems.append({"index": number, "message": str(error)})
    return found, problems


def _body(request: HttpRequest) -> bytes:
    """Return the body, unpacked."""
    body = body_read(request, REQUEST_BYTES)
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding in {"", "identity"}:
        return body
    if encoding != "gzip":
        raise Refused(415, "encoding", "A body is plain or packed with gzip.")
    unpack = zlib.decompressobj(wbits=31)
    try:
        found = unpack.decompress(body, REQUEST_BYTES + 1)
    except zlib.error as error:
        raise Refused(400, "malformed", "The body is not gzip.", Reason.MALFORMED) from error
    if len(found) > REQUEST_BYTES:
        raise BodyRefused(413, f"A body may have {REQUEST_BYTES} bytes at most.")
    return found


def _basic(request: HttpRequest) -> str:
    """Return the user of HTTP Basic; "" when there is none."""
    scheme, _space, words = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(words, validate=True).decode().partition(":")[0]
    except (binascii.Error, ValueError):
        return ""


def _content(body: bytes, key: WriteKey | None = None) -> dict[str, Any]:
    try:
        return document(body)
    except ContractError as error:
        raise Refused(
            400, "malformed", str(error), Reason.MALFORMED, key.pk if key else None
        ) from error


def _key(given: str) -> WriteKey:
    found = write_key_find(given) if given else None
    if found is None:
        raise Refused(
            401,
            "unknown_key",
            "This write key is unknown or revoked. Keys are made in the Studio under "
            "Automation, Tracking.",
            Reason.UNKNOWN_KEY,
        )
    return found


def _place_check(request: HttpRequest, key: WriteKey) -> None:
    """Refuse a key in the wrong place. Keeps honest pages apart; anybody may forge an origin."""
    origin = request.headers.get("Origin", "").lower()
    if key.kind == WriteKey.Kind.SERVER:
        if origin:
            raise Refused(
                403,
                "origin",
                "A server key is a secret and must not be used in a browser: revoke it, and use "
                "a browser key there.",
                Reason.ORIGIN,
                key.pk,
            )
    elif not origin or not origin_among(origin, key.origins):
        raise Refused(
            403, "origin", "This write key is not for pages of this origin.", Reason.ORIGIN, key.pk
        )


def _is_robot(request: HttpRequest) -> bool:
    ahead = request.headers.get("Sec-Purpose", "") + request.headers.get("Purpose", "")
    return "prefetch" in ahead.lower() or is_bot(request.headers.get("User-Agent", ""))


def _told_by_robot(item: Any) -> bool:
    """Say whether a server tells of a robot that looked at its pages."""
    context = item.get("context") if isinstance(item, dict) else None
    agent = context.get("userAgent") if isinstance(context, dict) else None
    return isinstance(agent, str) and agent != "" and is_bot(agent)
