"""The address Saleor and our plugin send events to.

Verifies, stores, answers; understanding comes later, in a worker. Saleor never tries
again after a 4xx, and tries six times in five minutes after a 5xx, so whatever may be
our own fault is a 5xx.

=================================================================  ======  ================
what came                                                          status  counted as
=================================================================  ======  ================
a verified body, new or stored before                              202     -
a verified body that is not a JSON object (stored, shown as fault) 202     malformed
``Saleor-Api-Url`` is not the installed shop                       403     shop
made for another app, or for none (``recipient.id``)               403     recipient
another event than the unsigned ``Saleor-Event`` says              403     event
signature missing, of another form, or not of this body            401     signature
signed with a key unknown even after fetching Saleor's keys        503     unknown_key
the same, and the keys were fetched less than a minute ago         503     unknown_key
the same, and the key server cannot be reached                     503     keys_unreachable
nothing installed yet                                              503     not_installed
the database does not answer                                       503     - (it cannot be)
the body ended early                                               503     -
more than ``webhook_max_bytes`` (10 MiB), announced or read        413     too_large
another method than POST                                           405     -
=================================================================  ======  ================

Nothing is stored on a refusal.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from django.db import Error as DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.request import UnreadablePostError
from django.views.decorators.csrf import csrf_exempt

from saleor_automation import clock
from saleor_automation.conf import conf
from saleor_automation.contract.payloads import event_agrees, recipient_of, unwrap
from saleor_automation.contract.signing import (
    API_URL_HEADER,
    EVENT_HEADER,
    SIGNATURE_HEADER,
    SOURCE_HEADER,
)
from saleor_automation.contract.values import document
from saleor_automation.exceptions import ContractError

from .installations import installation_current, refusal_count
from .models import Refusal
from .signatures import KeysUnreachable, UnknownKey, WrongSignature, signature_verify
from .store import store

logger = logging.getLogger(__name__)
Reason = Refusal.Reason


@dataclass(frozen=True)
class Refused(Exception):
    """A request we do not take, and why."""

    status: int
    message: str
    reason: str = ""


@csrf_exempt
def webhook_receive(request: HttpRequest) -> HttpResponse:
    """Take one delivery. The table in the module's docstring lists every answer."""
    if request.method != "POST":
        return JsonResponse(
            {"error": {"message": "Send events with POST."}}, status=405, headers={"Allow": "POST"}
        )
    try:
        try:
            return _receive(request)
        except Refused as refused:
            if refused.reason:
                refusal_count(reason=refused.reason, now=clock.now())
            return _answer(refused.status, refused.message)
    except DatabaseError as error:
        # Not its words: they may quote the row, which holds the body.
        logger.error("A webhook could not be stored: %s", type(error).__name__)
        return _answer(503, "The database does not answer; send it again.")


def _receive(request: HttpRequest) -> HttpResponse:
    body = body_read(request, conf().webhook_max_bytes)
    installation = installation_current()
    if installation is None:
        raise Refused(503, "Nothing is installed yet; send it again.", Reason.NOT_INSTALLED)
    api_url = request.headers.get(API_URL_HEADER, "")
    if api_url != installation.api_url:
        raise Refused(403, "This Studio serves another shop.", Reason.SHOP)
    signature = (
        request.headers.get(SIGNATURE_HEADER) or request.headers.get(f"X-{SIGNATURE_HEADER}") or ""
    )
    try:
        signature_verify(installation=installation, signature=signature, body=body)
    except WrongSignature as error:
        raise Refused(401, str(error), Reason.SIGNATURE) from error
    except UnknownKey as error:
        raise Refused(503, str(error), Reason.UNKNOWN_KEY) from error
    except KeysUnreachable as error:
        raise Refused(503, str(error), Reason.KEYS_UNREACHABLE) from error
    event = request.headers.get(EVENT_HEADER) or request.headers.get(f"X-{EVENT_HEADER}") or ""
    event = event.lower()
    try:
        content = unwrap(document(body))
        recipient, agrees = recipient_of(content), event_agrees(event, content)
    except ContractError:
        # Signed by Saleor all the same: kept and shown as a fault.
        recipient, agrees = None, True
    if recipient is not None and recipient != installation.app_id:
        raise Refused(403, "The event was made for another app.", Reason.RECIPIENT)
    if not agrees:
        raise Refused(403, "The body is of another event than its header says.", Reason.EVENT)
    now = clock.now()
    is_new = store(
        source="relay" if request.headers.get(SOURCE_HEADER) == "relay" else "webhook",
        event_type=event,
        api_url=api_url,
        body=body,
        now=now,
    )
    if recipient is None and is_new:
        refusal_count(reason=Reason.MALFORMED, now=now)
    return JsonResponse({"status": "stored" if is_new else "duplicate"}, status=202)


def body_read(request: HttpRequest, limit: int) -> bytes:
    """Read a body of at most ``limit`` bytes. Raises Refused.

    ``request.body`` is not used: its own limit answers 400, which Saleor takes as final.
    """
    announced = request.META.get("CONTENT_LENGTH") or ""
    length = int(announced) if announced.isdecimal() and len(announced) < 20 else None
    too_large = Refused(413, f"A body may have {limit} bytes at most.", Reason.TOO_LARGE)
    if length is not None and length > limit:
        raise too_large
    # Without a length (chunked) the server itself must say where the body ends.
    source: Any = request if length is not None else request.META.get("wsgi.input")
    if length is None and not request.META.get("wsgi.input_terminated"):
        return b""
    pieces, size = [], 0
    try:
        while piece := source.read(min(65536, limit + 1 - size)):
            pieces.append(piece)
            size += len(piece)
            if size > limit:
                raise too_large
    except (UnreadablePostError, OSError) as error:
        raise Refused(503, "The body could not be read; send it again.") from error
    if length is not None and size < length:
        raise Refused(503, "The body ended early; send it again.")
    return b"".join(pieces)


def _answer(status: int, message: str) -> HttpResponse:
    return JsonResponse({"error": {"message": message}}, status=status)
