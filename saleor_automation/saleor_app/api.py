"""Calling Saleor's GraphQL API as the installed app: the one place that does.

Knows time-outs, repeats and who we are. Must not log the token, what was asked for or
what a query returned.

===========================================  =======================  ==========
what happened                                error                    repeated
===========================================  =======================  ==========
no connection, time-out, 5xx, 429            SaleorUnreachable        queries
not installed, token revoked, app inactive   SaleorInstallationError  -
a permission is missing                      SaleorPermissionError    -
cost above Saleor's limit, answer too long   SaleorTooMuch            -
no such object, no Saleor at the address     SaleorNotFound           -
one object breaks the answer                 SaleorObjectError        -
anything else                                SaleorAPIError           -
===========================================  =======================  ==========

Each is a SaleorAPIError whose words say what to do.
"""

from __future__ import annotations

import itertools
import logging
import random
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from saleor_automation.conf import conf
from saleor_automation.exceptions import (
    SaleorAccessError,
    SaleorAPIError,
    SaleorInstallationError,
    SaleorUnreachable,
)

from .answers import INSTALL_ADVICE, Answer, answer_read, is_query, json_read
from .installations import inactive_words, installation_current, token_doubt
from .models import Installation
from .transport import exchange

logger = logging.getLogger(__name__)

#: Tries of a question in all.
ATTEMPTS = 4
#: Seconds a call may take in all, tries and pauses included, unless the caller says.
BUDGET_SECONDS = 15.0
#: Seconds before the second try; doubled before each further one, less up to a half.
FIRST_PAUSE = 0.3
#: Rows Saleor gives in one page at most.
MAX_PAGE = 100

_WHO = "{ app { id } }"


def graphql(
    *,
    query: str,
    variables: Mapping[str, Any] | None = None,
    timeout: float = 5.0,
    budget: float = BUDGET_SECONDS,
    repeatable: bool | None = None,
) -> dict[str, Any]:
    """Run a query as the installed app and return its ``data``.

    ``timeout`` is in seconds per read, ``budget`` in seconds for everything. Queries are
    tried again when Saleor cannot be reached; mutations only with ``repeatable=True``,
    which the caller may say of one that changes nothing the second time. Raises
    SaleorAPIError when nothing is installed, Saleor does not answer, or it answers
    with errors.
    """
    answer = graphql_ask(
        query=query, variables=variables, timeout=timeout, budget=budget, repeatable=repeatable
    )
    return dict(answer.data)


def graphql_ask(
    *,
    query: str,
    variables: Mapping[str, Any] | None = None,
    timeout: float = 5.0,
    budget: float = BUDGET_SECONDS,
    repeatable: bool | None = None,
) -> Answer:
    """Run a query as the installed app and return data and cost; see ``graphql``."""
    installation = installation_needed()
    try:
        return _ask(
            installation.api_url,
            installation.token,
            query,
            variables,
            timeout=timeout,
            budget=budget,
            repeatable=repeatable,
        )
    except SaleorAccessError as error:
        # Perhaps the app was removed: before 3.23 nothing else tells us.
        token_doubt(installation)
        # A revoked token is answered like a missing permission; one question tells.
        if isinstance(error, SaleorInstallationError) or _known(installation, timeout):
            raise
        raise SaleorInstallationError(
            f"Saleor does not know our app any more, or it is not active. {INSTALL_ADVICE}"
        ) from None


def graphql_call(
    *,
    api_url: str,
    token: str,
    query: str,
    variables: Mapping[str, Any] | None = None,
    timeout: float = 5.0,
    budget: float = BUDGET_SECONDS,
    repeatable: bool | None = None,
) -> dict[str, Any]:
    """Run a query with a given token; see ``graphql``."""
    answer = _ask(
        api_url, token, query, variables, timeout=timeout, budget=budget, repeatable=repeatable
    )
    return dict(answer.data)


def installation_needed() -> Installation:
    """Return the installed Saleor. Raises SaleorInstallationError when there is none."""
    installation = installation_current()
    if installation is None or not installation.is_active:
        raise SaleorInstallationError(inactive_words(installation))
    return installation


def jwks_fetch(api_url: str, timeout: float = 5.0) -> dict[str, Any]:
    """Fetch Saleor's public keys, a JWKS document.

    Tried once: a delivery waits for it. Raises SaleorAPIError when they cannot be had.
    """
    parts = urlsplit(call_url(api_url))
    url = urlunsplit((parts.scheme, parts.netloc, "/.well-known/jwks.json", "", ""))
    deadline = time.monotonic() + 2 * timeout
    reply = exchange("GET", url, timeout=timeout, deadline=deadline, keep=False)
    content = json_read(reply)
    if reply.status != 200 or not isinstance(content.get("keys"), list):
        raise SaleorAPIError(f"{url} answered {reply.status} and no keys.")
    return content


def call_url(api_url: str) -> str:
    """Return where to call a Saleor: its own URL, or the one configured instead."""
    return conf().saleor_call_url or api_url


def pause_before(attempt: int) -> float:
    """Return the seconds to wait before try number ``attempt`` (from 2), with jitter.

    From half of the exponential pause to all of it, so that many who failed together
    do not come back together.
    """
    whole = FIRST_PAUSE * 2 ** (attempt - 2)
    return whole / 2 + random.uniform(0, whole / 2)  # noqa: S311 - no secret


def _ask(
    api_url: str,
    token: str,
    query: str,
    variables: Mapping[str, Any] | None,
    *,
    timeout: float,
    budget: float,
    repeatable: bool | None,
) -> Answer:
    url = call_url(api_url)
    if repeatable is None:
        repeatable = is_query(query)
    deadline = time.monotonic() + budget
    content = {"query": query, "variables": dict(variables or {})}
    for attempt in itertools.count(2):
        try:
            return answer_read(
                exchange(
                    "POST",
                    url,
                    timeout=timeout,
                    deadline=deadline,
                    token=token,
                    json=content,
                    keep=repeatable,
                )
            )
        except SaleorUnreachable as error:
            pause = max(pause_before(attempt), error.retry_after or 0)
            if not repeatable or attempt > ATTEMPTS or time.monotonic() + pause >= deadline:
                raise
            logger.info("Saleor did not answer; asking again in %.1f s", pause)
            time.sleep(pause)
    raise AssertionError  # pragma: no cover - count() does not end


def _known(installation: Installation, timeout: float) -> bool:
    """Whether Saleor still knows the app by this token; True when it cannot be asked."""
    try:
        answer = _ask(
            installation.api_url,
            installation.token,
            _WHO,
            None,
            timeout=timeout,
            budget=2 * timeout,
            repeatable=False,
        )
    except SaleorAPIError:
        return True
    return bool(answer.data.get("app"))
