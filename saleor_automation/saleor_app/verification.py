"""Whether a request with a signed body comes from the installed Saleor, and is for us.

What the webhook and the plugin's report have in common: the body is read up to a
limit, the shop compared, the signature verified over the raw bytes, and the recipient
compared. ``Refused`` says how to answer what fails; whatever may be our own fault is
503, since Saleor never tries again after a 4xx.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db import Error as DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.request import UnreadablePostError

from saleor_automation import clock
from saleor_automation.contract.payloads import recipient_of, unwrap
from saleor_automation.contract.signing import API_URL_HEADER, EVENT_HEADER, SIGNATURE_HEADER
from saleor_automation.contract.values import document
from saleor_automation.exceptions import ContractError

from .installations import installation_current, is_recipient, refusal_count
from .models import Installation, Refusal
from .signatures import KeysUnreachable, UnknownKey, WrongSignature, signature_verify

logger = logging.getLogger(__name__)
Reason = Refusal.Reason


@dataclass(frozen=True)
class Refused(Exception):
    """A request we do not take, and why."""

    status: int
    message: str
    reason: str = ""


@dataclass(frozen=True)
class Verified:
    """A body the installed Saleor signed, made for our app."""

    installation: Installation
    #: What the unsigned header says, lower case.
    event: str
    body: bytes
    #: The decoded event; None when the body is no JSON object, so nobody can say whose it is.
    content: dict[str, Any] | None


def answered(request: HttpRequest, take: Callable[[HttpRequest], HttpResponse]) -> HttpResponse:
    """Answer a POST with what ``take`` returns, or with how it refused.

    Refusals are counted; an error of the database is 503, without its words.
    """
    if request.method != "POST":
        return JsonResponse(
            {"error": {"message": "Send events with POST."}}, status=405, headers={"Allow": "POST"}
        )
    try:
        try:
            return take(request)
        except Refused as refused:
            if refused.reason:
                refusal_count(reason=refused.reason, now=clock.now())
            return answer_error(refused.status, refused.message)
    except DatabaseError as error:
        # Not its words: they may quote the row, which holds the body.
        logger.error("A webhook could not be stored: %s", type(error).__name__)
        return answer_error(503, "The database does not answer; send it again.")


def answer_error(status: int, message: str) -> HttpResponse:
    """Return an answer with words for a person."""
    return JsonResponse({"error": {"message": message}}, status=status)


def request_verify(request: HttpRequest, *, limit: int) -> Verified:
    """Read and verify a request of at most ``limit`` bytes. Raises Refused."""
    body = body_read(request, limit)
    installation = installation_current()
    if installation is None:
        raise Refused(503, "Nothing is installed yet; send it again.", Reason.NOT_INSTALLED)
    if request.headers.get(API_URL_HEADER, "") != installation.api_url:
        raise Refused(403, "This Studio serves another shop.", Reason.SHOP)
    try:
        signature_verify(
            installation=installation, signature=_header(request, SIGNATURE_HEADER), body=body
        )
    except WrongSignature as error:
        raise Refused(401, str(error), Reason.SIGNATURE) from error
    except UnknownKey as error:
        raise Refused(503, str(error), Reason.UNKNOWN_KEY) from error
    except KeysUnreachable as error:
        raise Refused(503, str(error), Reason.KEYS_UNREACHABLE) from error
    event = _header(request, EVENT_HEADER).lower()
    try:
        content = unwrap(document(body))
        recipient = recipient_of(content)
    except ContractError:
        return Verified(installation, event, body, None)
    return Verified(_recipient(installation, recipient), event, body, content)


def _header(request: HttpRequest, name: str) -> str:
    return request.headers.get(name) or request.headers.get(f"X-{name}") or ""


def _recipient(installation: Installation, app_id: str) -> Installation:
    """Return the installation a payload was made for. Raises Refused."""
    if is_recipient(installation, app_id):
        return installation
    # Installed again a moment ago, by another process? 403 would be final.
    latest = installation_current(fresh=True)
    if latest is None:
        raise Refused(503, "Nothing is installed any more; send it again.", Reason.NOT_INSTALLED)
    if not is_recipient(latest, app_id):
        raise Refused(403, "The event was made for another app.", Reason.RECIPIENT)
    return latest


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
