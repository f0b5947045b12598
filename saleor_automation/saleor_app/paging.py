"""Asking Saleor page after page, as large as its limits allow.

Knows pages, costs and time. A page that is refused for its cost, is too long or takes
too long is asked for again, smaller; an object that Saleor cannot tell of is closed in
on and left out alone. Must not know rows.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from saleor_automation.contract.values import moment_needed
from saleor_automation.exceptions import (
    ContractError,
    SaleorAPIError,
    SaleorObjectError,
    SaleorTooMuch,
    SaleorUnreachable,
)

from .answers import Answer
from .api import MAX_PAGE, graphql_ask
from .polling import Addressee, Body, Poll, body_make

#: Seconds one page may take per read, and in all.
PAGE_TIMEOUT = 30.0
PAGE_BUDGET = 60.0
#: A page that takes Saleor longer than this is made smaller.
SLOW_SECONDS = 8.0
#: What fails sooner than this failed for another reason than the page's size.
HASTY_SECONDS = 3.0
#: Pages are not made smaller than this for being slow.
SMALL = 10
#: Part of Saleor's cost limit one page may use.
COST_SHARE = 0.5
#: Objects in a row that Saleor cannot tell of, after which something else must be wrong.
MAX_SKIPPED = 20


@dataclass(frozen=True)
class Page:
    """One page of answers."""

    bodies: tuple[Body, ...] = ()
    looked_at: int = 0
    faults: int = 0
    #: Where the next page begins; "" after the last.
    cursor: str = ""
    #: The newest change on it.
    newest_at: datetime | None = None
    #: How many rows to ask for next time.
    size: int = MAX_PAGE
    #: How many there are in all; None when that was not asked.
    total: int | None = None


@dataclass(frozen=True)
class Limits:
    """When a process must be done; monotonic time, None for whenever."""

    deadline: float | None = None

    def left(self) -> float:
        """Return the seconds that are left for one page."""
        if self.deadline is None:
            return PAGE_BUDGET
        return min(PAGE_BUDGET, self.deadline - time.monotonic())

    @property
    def over(self) -> bool:
        return self.left() <= 0


class CursorLost(SaleorAPIError):
    """Saleor does not take the cursor of the last page any more."""


@dataclass
class Pager:
    """Asks for one kind of object; ``pages`` are read one at a time."""

    poll: Poll
    since: datetime
    until: datetime
    addressee: Addressee
    limits: Limits
    size: int
    #: Ask how many there are, with the first page.
    counted: bool = False
    #: Look first whether anything on a page changed at all, before asking for it whole.
    sparing: bool = False
    _skipped: int = 0

    def pages(self, cursor: str, now: Callable[[], datetime]) -> Generator[Page]:
        """Yield the pages behind ``cursor`` to the end; ``now`` is the shop's clock.

        Raises SaleorAPIError.
        """
        while True:
            try:
                page = self._page(cursor, now)
            except CursorLost:
                # What was stored before is known again, and costs no more rows.
                cursor = ""
                continue
            self.counted = False
            yield page
            cursor = page.cursor
            if not cursor:
                return

    def _page(self, cursor: str, now: Callable[[], datetime]) -> Page:
        if self.sparing:
            found = self._ask(cursor, self.size, full=False).data["found"]
            if not any(self._changed_at(edge["node"]) for edge in found["edges"]):
                return self._passed(found)
        size = self.size
        while True:
            # The state is at least as new as the moment before it was asked for.
            read_at, started = now(), time.monotonic()
            try:
                answer = self._ask(cursor, size, full=True)
            except SaleorObjectError:
                if size == 1:
                    return self._skip(cursor)
                size = max(size // 4, 1)
                continue
            except SaleorTooMuch as error:
                if size == 1:
                    raise
                self.size = size = smaller(size, error.cost, error.maximum)
                continue
            except SaleorUnreachable:
                # It may be the size that takes Saleor too long, unless it failed at once.
                hasty = time.monotonic() - started < HASTY_SECONDS
                if hasty or size <= SMALL or self.limits.over:
                    raise
                self.size = size = max(size // 4, SMALL)
                continue
            if size == self.size:
                self._fit(answer, size, time.monotonic() - started)
            self._skipped = 0
            return self._read(answer.data["found"], read_at)

    def _ask(self, cursor: str, size: int, *, full: bool) -> Answer:
        left = self.limits.left()
        if left <= 0:
            raise SaleorUnreachable("Saleor answers too slowly; it is asked again later.")
        try:
            answer = graphql_ask(
                query=self.poll.query(full=full, counted=self.counted),
                variables={
                    "first": size,
                    "after": cursor or None,
                    "filter": self.poll.filter(self.since, self.until),
                },
                timeout=min(PAGE_TIMEOUT, left),
                budget=left,
            )
        except SaleorAPIError as error:
            if cursor and "cursor is invalid" in str(error):
                raise CursorLost(str(error)) from error
            raise
        found = answer.data.get("found")
        if not isinstance(found, dict) or not isinstance(found.get("edges"), list):
            raise SaleorAPIError(f"Saleor's answer about {self.poll.field} holds none of them.")
        return answer

    def _fit(self, answer: Answer, size: int, seconds: float) -> None:
        """Choose the next page's size by what this one cost and how long it took."""
        fitting = MAX_PAGE
        if answer.cost and answer.maximum:
            fitting = max(int(COST_SHARE * answer.maximum * size / answer.cost), 1)
        if seconds > SLOW_SECONDS:
            fitting = min(fitting, max(size // 2, SMALL))
        self.size = min(fitting, 2 * size, MAX_PAGE)

    def _changed_at(self, node: Mapping[str, Any]) -> datetime | None:
        """Return when an object changed last, if that is in the time looked at."""
        at = moment_needed(node, "updatedAt")
        return at if self.since <= at <= self.until else None

    def _read(self, found: Mapping[str, Any], read_at: datetime) -> Page:
        bodies, times, faults = [], [], 0
        for edge in found["edges"]:
            node = edge["node"]
            try:
                at = self._changed_at(node)
            except ContractError:
                faults += 1
                continue
            if at is not None:
                times.append(at)
                bodies.append(body_make(self.poll, node, addressee=self.addressee, read_at=read_at))
        return self._passed(
            found, bodies=tuple(bodies), faults=faults, newest_at=max(times, default=None)
        )

    def _skip(self, cursor: str) -> Page:
        """Go past one object that Saleor cannot tell of."""
        self._skipped += 1
        if self._skipped > MAX_SKIPPED:
            raise SaleorAPIError(
                f"Saleor cannot tell of {MAX_SKIPPED} {self.poll.field} in a row. Look at "
                "Saleor's log for the cause."
            )
        return self._passed(self._ask(cursor, 1, full=False).data["found"], faults=1)

    def _passed(
        self,
        found: Mapping[str, Any],
        *,
        bodies: tuple[Body, ...] = (),
        faults: int = 0,
        newest_at: datetime | None = None,
    ) -> Page:
        edges = found["edges"]
        more = bool(edges) and bool((found.get("pageInfo") or {}).get("hasNextPage"))
        return Page(
            bodies=bodies,
            looked_at=len(edges),
            faults=faults,
            cursor=str(edges[-1]["cursor"]) if more else "",
            newest_at=newest_at,
            size=self.size,
            total=found.get("totalCount"),
        )


def smaller(size: int, cost: int | None, maximum: int | None) -> int:
    """Return a page size that Saleor's cost limit allows: at most half of ``size``."""
    if cost and maximum:
        return max(min(int(size * COST_SHARE * maximum / cost), size // 2), 1)
    return max(size // 2, 1)
