"""What an answer of Saleor's GraphQL API means.

Knows Saleor's error codes and how it counts the cost of a query. Must not know HTTP
beyond the status, nor who asked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from saleor_automation.exceptions import (
    SaleorAPIError,
    SaleorInstallationError,
    SaleorNotFound,
    SaleorObjectError,
    SaleorPermissionError,
    SaleorTooMuch,
    SaleorUnreachable,
)

from .transport import Reply

#: Saleor's words for an exception it does not show.
INTERNAL = "Internal Server Error"
TOKEN_CODES = frozenset(
    {"InvalidTokenError", "DecodeError", "InvalidSignatureError", "ExpiredSignatureError"}
)
INSTALL_ADVICE = (
    "In Saleor's Dashboard look under Extensions whether the app is there and active; when it "
    "is not, install it again from the Studio's manifest."
)
_WORD = re.compile(r'#[^\n]*|"""(?:\\"""|.)*?"""|"(?:\\.|[^"\\])*"|[{}]|\w+', re.DOTALL)


@dataclass(frozen=True)
class Answer:
    """An answer without errors."""

    data: Mapping[str, Any] = field(repr=False)
    #: What the query cost, and may cost; None when Saleor does not say.
    cost: int | None = None
    maximum: int | None = None


def is_query(document: str) -> bool:
    """Whether a document only asks: then sending it twice changes nothing."""
    depth = 0
    for word in _WORD.findall(document):
        if word in "{}":
            depth += 1 if word == "{" else -1
        elif depth == 0 and word in {"mutation", "subscription"}:
            return False
    return True


def answer_read(reply: Reply) -> Answer:
    """Return what an answer holds.

    Raises the SaleorAPIError that says what is wrong and what to do.
    """
    if reply.status == 429:
        raise SaleorUnreachable(
            "Saleor, or a proxy before it, asks us to call less often.",
            retry_after=reply.retry_after,
        )
    if reply.status >= 500:
        raise SaleorUnreachable(
            f"Saleor answered {reply.status} at {reply.url}: it, or a proxy before it, is down "
            "or overloaded. It is asked again later.",
            retry_after=reply.retry_after,
        )
    content = json_read(reply)
    errors = [item for item in content.get("errors") or [] if isinstance(item, dict)]
    if errors or reply.status in {401, 403}:
        raise _error(reply, errors)
    data = content.get("data")
    if reply.status != 200 or not isinstance(data, dict):
        raise SaleorAPIError(f"Saleor answered {reply.status} without data at {reply.url}.")
    cost = _cost(content)
    return Answer(data, *cost)


def json_read(reply: Reply) -> dict[str, Any]:
    """Decode an answer to a JSON object. Raises SaleorAPIError."""
    try:
        content = json.loads(reply.content)
    except (ValueError, RecursionError) as error:
        kind = SaleorNotFound if reply.status == 404 else SaleorAPIError
        raise kind(
            f"{reply.url} answered {reply.status} and no JSON. Is it Saleor's GraphQL URL?"
        ) from error
    if not isinstance(content, dict):
        raise SaleorAPIError(f"{reply.url} answered JSON of another form.")
    return content


def _error(reply: Reply, errors: list[dict[str, Any]]) -> SaleorAPIError:
    words = "; ".join(str(item.get("message", "")) for item in errors)[:500] or "no reason given"
    codes = set(_codes(errors))
    if reply.status == 401 or codes & TOKEN_CODES:
        return SaleorInstallationError(f"Saleor does not accept our token. {INSTALL_ADVICE}")
    for item in errors:
        cost, maximum = _cost(item)
        if "QueryCostError" in codes or (cost and maximum and cost > maximum):
            return SaleorTooMuch(
                f"Saleor refused the query for its cost: {words}", cost=cost, maximum=maximum
            )
    if reply.status == 403 or "PermissionDenied" in codes:
        return SaleorPermissionError(
            f"Our app may not ask this: {words.rstrip('.')}. Grant it the permission in Saleor's "
            "Dashboard, under Extensions."
        )
    if any(
        str(item.get("message", "")).startswith(("Couldn't resolve to a node", "Invalid ID"))
        for item in errors
    ):
        return SaleorNotFound(f"Saleor has no such object: {words}")
    if reply.status == 200:
        if all(item.get("message") == INTERNAL and not item.get("path") for item in errors):
            return SaleorUnreachable(f"Saleor met an error of its own: {words}")
        return SaleorObjectError(f"Saleor cannot tell of an object: {words}")
    return SaleorAPIError(f"Saleor refused the query: {words}")


def _codes(errors: list[dict[str, Any]]) -> Iterator[str]:
    for item in errors:
        extensions = item.get("extensions")
        exception = extensions.get("exception") if isinstance(extensions, dict) else None
        if isinstance(exception, dict) and exception.get("code"):
            yield str(exception["code"])


def _cost(content: Mapping[str, Any]) -> tuple[int | None, int | None]:
    extensions = content.get("extensions")
    cost = extensions.get("cost") if isinstance(extensions, dict) else None
    if not isinstance(cost, dict):
        return None, None
    values = (cost.get("requestedQueryCost"), cost.get("maximumAvailable"))
    one, two = (value if isinstance(value, int) else None for value in values)
    return one, two
