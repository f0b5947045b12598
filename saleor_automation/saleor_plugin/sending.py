"""One POST to the Studio, and what its answer means.

====================================  =========  =======================================
answer                                result     what the relay does
====================================  =========  =======================================
2xx                                   TAKEN      removes the row
400, 401, 403, 413, 422               REFUSED    keeps the row aside, tries again in hours
5xx                                   TROUBLED   tries the row again, ever more slowly
no answer, 3xx, 404, 405, 429, others UNREACHED  stops, tries the Studio again soon
====================================  =========  =======================================

Knows HTTP and Saleor's key; must not know rows.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

import requests
from saleor.core.jwt_manager import get_jwt_manager
from urllib3.exceptions import HTTPError, ReadTimeoutError

from saleor_automation.contract.signing import (
    API_URL_HEADER,
    EVENT_HEADER,
    SIGNATURE_HEADER,
    SOURCE_HEADER,
)

from .shop import api_url, domain

WEBHOOK_PATH: Final = "/saleor/webhooks/"
#: Seconds to connect, and to wait for the answer.
TIMEOUT: Final = (3.05, 10)
REFUSALS: Final = frozenset({400, 401, 403, 413, 422})


class Result(Enum):
    TAKEN = "taken"
    REFUSED = "refused"
    TROUBLED = "troubled"
    UNREACHED = "unreached"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    result: Result
    #: HTTP status; 0 when there was no answer.
    status: int = 0
    #: For a person: what happened and what to do.
    words: str = ""


class Sender:
    """Keeps one connection to a Studio; closes it at the end of ``with``."""

    def __init__(self, studio_url: str) -> None:
        self.studio_url = studio_url
        self._session = requests.Session()
        self._jwt = get_jwt_manager()
        self._about_us = {
            "Content-Type": "application/json",
            "Saleor-Domain": domain(),
            API_URL_HEADER: api_url(),
            SOURCE_HEADER: "relay",
        }

    def __enter__(self) -> Sender:
        return self

    def __exit__(self, *args: Any) -> None:
        self._session.close()

    def send(self, *, path: str, event: str, body: bytes) -> Answer:
        """Sign a body as Saleor signs a webhook's and send it."""
        headers = {
            **self._about_us,
            EVENT_HEADER: event,
            SIGNATURE_HEADER: self._jwt.jws_encode(body),
        }
        try:
            with self._session.post(
                f"{self.studio_url}{path}",
                data=body,
                headers=headers,
                timeout=TIMEOUT,
                allow_redirects=False,
                stream=True,
            ) as response:
                # Read a little, so that the connection can be used again.
                said = response.raw.read(2048, decode_content=True)
                return answer_read(response.status_code, said, self.studio_url)
        except (requests.RequestException, HTTPError) as error:
            return Answer(Result.UNREACHED, 0, unreached_words(self.studio_url, error))


def answer_read(status: int, said: bytes, studio_url: str) -> Answer:
    """Understand an answer; the table is in the module's docstring."""
    if 200 <= status < 300:
        return Answer(Result.TAKEN, status)
    words = f"The Studio answered {status}{_quote(said)}."
    if status in REFUSALS:
        return Answer(Result.REFUSED, status, words)
    if status >= 500:
        return Answer(Result.TROUBLED, status, words)
    return Answer(
        Result.UNREACHED,
        status,
        f"{words} Check that {studio_url} is the Studio's own address.",
    )


def unreached_words(studio_url: str, error: Exception) -> str:
    """Say why nothing answered."""
    if isinstance(error, requests.exceptions.SSLError):
        return f"The certificate of {studio_url} is not trusted by Saleor's machine; repair it."
    if isinstance(error, requests.Timeout | ReadTimeoutError):
        return f"{studio_url} does not answer in time. Look whether the Studio is overloaded."
    return f"{studio_url} cannot be reached. Start the Studio, or check the network."


def _quote(said: bytes) -> str:
    """Return the Studio's own words, if it has any."""

    try:
        message = json.loads(said)["error"]["message"]
    except (ValueError, KeyError, TypeError):
        return ""
    return f": {str(message)[:200].rstrip('.')}"
