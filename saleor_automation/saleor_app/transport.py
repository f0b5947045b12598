"""One HTTP exchange with Saleor, within limits of time and size.

Knows sockets and seconds. Must not know GraphQL, nor log or repeat the token: it is
handed over as ``auth``, which also keeps a ``.netrc`` from replacing it. Redirects are
not followed: the token would go along.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import requests
from urllib3.exceptions import HTTPError

from saleor_automation.exceptions import SaleorTooMuch, SaleorUnreachable

CONNECT_TIMEOUT = 3.0
#: A page of a hundred orders is under two megabytes; no answer needs more than this.
MAX_ANSWER_BYTES = 20 * 1024 * 1024
CHUNK = 64 * 1024

_local = threading.local()


@dataclass(frozen=True)
class Reply:
    """What came back."""

    url: str
    status: int
    content: bytes
    #: Seconds Saleor asks us to wait; None when it does not.
    retry_after: float | None = None


class _Bearer(requests.auth.AuthBase):
    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def exchange(
    method: str,
    url: str,
    *,
    timeout: float,
    deadline: float,
    token: str = "",
    json: Mapping[str, Any] | None = None,
    keep: bool = True,
    limit: int = MAX_ANSWER_BYTES,
) -> Reply:
    """Send one request and read the whole answer.

    ``timeout`` is in seconds, per read; ``deadline`` is the monotonic time by which the
    answer must have been read. ``keep`` uses a connection that is kept open; what must
    never be sent twice takes a new one, since a kept one may be dead already. Raises
    SaleorUnreachable, or SaleorTooMuch when the answer has more than ``limit`` bytes.
    """
    session = _session() if keep else requests.Session()
    left = max(deadline - time.monotonic(), 0.1)
    try:
        with closing(
            session.request(
                method,
                url,
                json=json,
                auth=_Bearer(token) if token else None,
                timeout=(min(CONNECT_TIMEOUT, left), min(timeout, left)),
                allow_redirects=False,
                stream=True,
            )
        ) as answer:
            content = _read(answer, url, deadline, limit)
            return Reply(url, answer.status_code, content, _retry_after(answer))
    except (requests.RequestException, HTTPError, OSError) as error:
        raise SaleorUnreachable(unreachable_words(url, type(error).__name__)) from error
    finally:
        if not keep:
            session.close()


def unreachable_words(url: str, what: str) -> str:
    """Say that Saleor cannot be reached, and what to do."""
    return (
        f"Saleor cannot be reached at {url} ({what}). Check that it runs; when "
        "the Studio must call it under another address, set SALEOR_AUTOMATION_SALEOR_CALL_URL."
    )


def _read(answer: requests.Response, url: str, deadline: float, limit: int) -> bytes:
    pieces: list[bytes] = []
    size = 0
    # read1 returns what is there, so an answer that drips is noticed at the deadline.
    while piece := answer.raw.read1(CHUNK, decode_content=True):
        pieces.append(piece)
        size += len(piece)
        if size > limit:
            raise SaleorTooMuch(f"{url} answered more than {limit} bytes.")
        if time.monotonic() > deadline:
            raise SaleorUnreachable(unreachable_words(url, "it answers too slowly"))
    return b"".join(pieces)


def _session() -> requests.Session:
    """Return this thread's session. A forked process has none of its parent's sockets."""
    if getattr(_local, "pid", None) != os.getpid():
        _local.pid, _local.session = os.getpid(), requests.Session()
    found: requests.Session = _local.session
    return found


def _retry_after(answer: requests.Response) -> float | None:
    """Read ``Retry-After``: seconds, or a date (RFC 9110)."""
    text = answer.headers.get("Retry-After", "").strip()
    if text.isdecimal():
        return float(text[:9])
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max((at - datetime.now(UTC)).total_seconds(), 0.0)
