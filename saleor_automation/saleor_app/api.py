"""Calling Saleor's GraphQL API as the installed app.

Knows addresses, the token and time-outs. Must not log the token or what a query
returned. Redirects are not followed: the token would go along.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import requests

from saleor_automation.conf import conf
from saleor_automation.exceptions import SaleorAccessError, SaleorAPIError

from .installations import inactive_words, installation_current, token_doubt

CONNECT_TIMEOUT = 3.0
#: A public key document is under a kilobyte; an answer never needs more than this.
MAX_ANSWER_BYTES = 20 * 1024 * 1024
#: Saleor's codes for a token it does not know or that may not do this.
ACCESS_CODES = frozenset({"PermissionDenied", "InvalidTokenError", "ExpiredSignatureError"})


def graphql(
    *, query: str, variables: Mapping[str, Any] | None = None, timeout: float = 5.0
) -> dict[str, Any]:
    """Run a query as the installed app and return its ``data``.

    ``timeout`` is in seconds, per read. Raises SaleorAPIError when nothing is
    installed, Saleor does not answer, or it answers with errors.
    """
    installation = installation_current()
    if installation is None or not installation.is_active:
        raise SaleorAPIError(inactive_words(installation))
    try:
        return graphql_call(
            api_url=installation.api_url,
            token=installation.token,
            query=query,
            variables=variables,
            timeout=timeout,
        )
    except SaleorAccessError:
        # Perhaps the app was removed: before 3.23 nothing else tells us.
        token_doubt(installation)
        raise


def graphql_call(
    *,
    api_url: str,
    token: str,
    query: str,
    variables: Mapping[str, Any] | None = None,
    timeout: float = 5.0,
) -> dict[str, Any]:
    """Run a query with a given token; see ``graphql``."""
    url = call_url(api_url)
    try:
        answer = requests.post(
            url,
            json={"query": query, "variables": dict(variables or {})},
            headers={"Authorization": f"Bearer {token}"},
            timeout=(CONNECT_TIMEOUT, timeout),
            allow_redirects=False,
        )
    except requests.RequestException as error:
        raise SaleorAPIError(_unreachable(url, error)) from error
    content = _json(url, answer)
    errors = content.get("errors")
    if errors:
        words = "; ".join(str(item.get("message", "")) for item in errors if isinstance(item, dict))
        kind = SaleorAccessError if _codes(errors) & ACCESS_CODES else SaleorAPIError
        raise kind(f"Saleor refused the query: {words[:500] or 'no reason given'}")
    data = content.get("data")
    if answer.status_code != 200 or not isinstance(data, dict):
        raise SaleorAPIError(f"Saleor answered {answer.status_code} without data at {url}.")
    return data


def jwks_fetch(api_url: str, timeout: float = 5.0) -> dict[str, Any]:
    """Fetch Saleor's public keys, a JWKS document.

    Raises SaleorAPIError when they cannot be had.
    """
    parts = urlsplit(call_url(api_url))
    url = urlunsplit((parts.scheme, parts.netloc, "/.well-known/jwks.json", "", ""))
    try:
        answer = requests.get(url, timeout=(CONNECT_TIMEOUT, timeout), allow_redirects=False)
    except requests.RequestException as error:
        raise SaleorAPIError(_unreachable(url, error)) from error
    content = _json(url, answer)
    if answer.status_code != 200 or not isinstance(content.get("keys"), list):
        raise SaleorAPIError(f"{url} answered {answer.status_code} and no keys.")
    return content


def call_url(api_url: str) -> str:
    """Return where to call a Saleor: its own URL, or the one configured instead."""
    return conf().saleor_call_url or api_url


def _json(url: str, answer: requests.Response) -> dict[str, Any]:
    if len(answer.content) > MAX_ANSWER_BYTES:
        raise SaleorAPIError(f"{url} answered more than {MAX_ANSWER_BYTES} bytes.")
    try:
        content = answer.json()
    except ValueError as error:
        raise SaleorAPIError(
            f"{url} answered {answer.status_code} and no JSON. Is it Saleor's GraphQL URL?"
        ) from error
    if not isinstance(content, dict):
        raise SaleorAPIError(f"{url} answered JSON of another form.")
    return content


def _codes(errors: Any) -> set[str]:
    """Return the codes of GraphQL errors: ``extensions.exception.code``."""
    codes = set()
    for error in errors if isinstance(errors, list) else ():
        found: Any = error
        for name in ("extensions", "exception", "code"):
            found = found.get(name) if isinstance(found, dict) else None
        if isinstance(found, str):
            codes.add(found)
    return codes


def _unreachable(url: str, error: Exception) -> str:
    return (
        f"Saleor cannot be reached at {url} ({type(error).__name__}). Check that it runs; when "
        "the Studio must call it under another address, set SALEOR_AUTOMATION_SALEOR_CALL_URL."
    )
