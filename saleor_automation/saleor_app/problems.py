"""Problems that staff see on the app's page in Saleor's Dashboard (3.22 and later).

Knows how to tell Saleor of what is wrong and to take it back: one problem per key,
told once while it lasts, however often it is found; told again only when its words
change, and not more often than ``AGAIN``. One that a person dismisses in the
Dashboard is not told again while it lasts. Must not know what can go wrong: the Studio
does, and hands over the whole list each time.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from saleor_automation import clock
from saleor_automation.exceptions import SaleorAPIError

from .api import graphql_call
from .installations import installation_current, installation_forget
from .manifest import version_parse
from .models import Installation

logger = logging.getLogger(__name__)

SINCE = (3, 22)
#: Mutations in one request; one more takes back what is over.
MOST_AT_ONCE = 3
#: Real time between two tellings of one problem in other words.
AGAIN = timedelta(hours=6)
#: Saleor adds a telling to an open problem of the same key within this many minutes.
AGGREGATION_MINUTES = 365 * 24 * 60
MAX_MESSAGE = 2048

CREATE = "m{n}: appProblemCreate(input: $i{n}) {{ appProblem {{ id }} errors {{ field message }} }}"
DISMISS = "d: appProblemDismiss(input: { byApp: { keys: $keys } }) { errors { field message } }"


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, for the shop's staff."""

    #: 3 to 128 characters, the same as long as it is the same problem.
    key: str
    #: What is wrong and what to do; no numbers that change all the time.
    message: str
    #: Shown as critical at once.
    is_critical: bool = False

    @property
    def digest(self) -> str:
        """What changes when the words do."""
        return hashlib.sha256(self.message.encode()).hexdigest()[:16]


def problems_tell(problems: Iterable[Problem]) -> int:
    """Make what Saleor shows the given problems; return how many tellings it took.

    Asks nothing when nothing changed, at most one request otherwise; what does not fit
    follows the next time. Raises SaleorAPIError.
    """
    installation = installation_current(fresh=True)
    if (
        installation is None
        or not installation.is_active
        or version_parse(installation.saleor_version) < SINCE
    ):
        return 0
    wall = clock.wall()
    told = dict(installation.problems)
    found = {problem.key: problem for problem in problems}
    new = [problem for problem in found.values() if _to_tell(problem, told, wall)][:MOST_AT_ONCE]
    over = sorted(set(told) - set(found))
    if not new and not over:
        return 0
    query, variables = request_make(new, over)
    data = graphql_call(
        api_url=installation.api_url,
        token=installation.token,
        query=query,
        variables=variables,
    )
    _raise_errors(data)
    for key in over:
        del told[key]
    for problem in new:
        told[problem.key] = {"digest": problem.digest, "at": wall.isoformat()}
    Installation.objects.filter(pk=installation.pk, app_id=installation.app_id).update(
        problems=told
    )
    installation_forget()
    return len(new) + len(over)


def request_make(new: Iterable[Problem], over: Iterable[str]) -> tuple[str, dict[str, Any]]:
    """Return the one document that tells problems and takes others back."""
    names: list[str] = []
    fields: list[str] = []
    variables: dict[str, Any] = {}
    for n, problem in enumerate(new):
        names.append(f"$i{n}: AppProblemCreateInput!")
        fields.append(CREATE.format(n=n))
        variables[f"i{n}"] = {
            "key": problem.key,
            "message": problem.message[:MAX_MESSAGE],
            "aggregationPeriod": AGGREGATION_MINUTES,
            **({"criticalThreshold": 1} if problem.is_critical else {}),
        }
    keys = list(over)
    if keys:
        names.append("$keys: [String!]")
        fields.append(DISMISS)
        variables["keys"] = keys
    return f"mutation Problems({', '.join(names)}) {{ {' '.join(fields)} }}", variables


def _to_tell(problem: Problem, told: Mapping[str, Any], wall: datetime) -> bool:
    before = told.get(problem.key)
    if before is None:
        return True
    if before["digest"] == problem.digest:
        return False
    return wall - datetime.fromisoformat(before["at"]) >= AGAIN


def _raise_errors(data: Mapping[str, Any]) -> None:
    words = [
        str(error.get("message"))
        for result in data.values()
        for error in (result or {}).get("errors") or []
    ]
    if words:
        raise SaleorAPIError(f"Saleor did not take a problem report: {'; '.join(words)[:400]}")
