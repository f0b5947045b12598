"""Webhooks Saleor gave up on, read back with the app's own token.

Saleor keeps a delivery that failed six times for 14 days, with the body as it was sent,
and an app may read its own without any permission. What is read came over an
authenticated call, so there is no signature; whom it was made for and which event it
is are verified as a webhook's are. Valid on 3.21 to 3.24. Must not know rows.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from saleor_automation.conf import conf
from saleor_automation.contract.kinds import EVENT_TYPES
from saleor_automation.contract.payloads import event_agrees, recipient_of, unwrap
from saleor_automation.contract.values import document, moment_needed
from saleor_automation.exceptions import (
    ContractError,
    SaleorAPIError,
    SaleorInstallationError,
    SaleorTooMuch,
    SaleorUnreachable,
)

from .answers import INSTALL_ADVICE
from .api import graphql
from .paging import PAGE_TIMEOUT, CursorLost, Limits, Page, smaller
from .polling import Body

_FAILED = "filter: { status: FAILED }, sortBy: { field: CREATED_AT, direction: DESC }"
WEBHOOKS_QUERY: Final = (
    "query SaleorAutomationWebhooks { app { webhooks { id "
    f"eventDeliveries(first: 1, {_FAILED}) {{ edges {{ node {{ createdAt }} }} }} }} }} }}"
)
DELIVERIES_QUERY: Final = (
    "query SaleorAutomationFailed($webhook: ID!, $first: Int!, $after: String) "
    f"{{ webhook(id: $webhook) {{ eventDeliveries(first: $first, after: $after, {_FAILED}) "
    "{ pageInfo { hasNextPage } "
    "edges { cursor node { createdAt eventType payload } } } } }"
)


@dataclass
class FailedDeliveries:
    """Asks for what failed since a time, webhook by webhook, the newest first."""

    since: datetime
    app_id: str
    limits: Limits
    size: int

    def pages(self, cursor: str) -> Generator[Page]:
        """Yield the pages behind ``cursor``, which names a webhook and a place in its list.

        Raises SaleorAPIError.
        """
        done, _, after = cursor.partition(" ")
        webhooks = [one for one in self._webhooks() if one >= done]
        for number, webhook in enumerate(webhooks):
            after = after if webhook == done else ""
            last = number == len(webhooks) - 1
            while True:
                try:
                    page, after = self._page(webhook, after)
                except CursorLost:
                    after = ""
                    continue
                place = f"{webhook} {after}" if after else ""
                if not after and not last:
                    place = f"{webhooks[number + 1]} "
                yield Page(
                    bodies=page.bodies,
                    looked_at=page.looked_at,
                    faults=page.faults,
                    cursor=place,
                    newest_at=page.newest_at,
                    size=self.size,
                )
                if not after:
                    break
        if not webhooks:
            yield Page(size=self.size)

    def _webhooks(self) -> list[str]:
        """Return the ids of our webhooks that failed since."""
        app = self._ask(WEBHOOKS_QUERY).get("app")
        if not isinstance(app, dict):
            raise SaleorInstallationError(f"Saleor does not know our app. {INSTALL_ADVICE}")
        found = []
        for webhook in app.get("webhooks") or []:
            edges = (webhook.get("eventDeliveries") or {}).get("edges") or []
            if any(moment_needed(edge["node"], "createdAt") >= self.since for edge in edges):
                found.append(str(webhook["id"]))
        return sorted(found)

    def _page(self, webhook: str, after: str) -> tuple[Page, str]:
        while True:
            variables = {"webhook": webhook, "first": self.size, "after": after or None}
            try:
                found = self._ask(DELIVERIES_QUERY, variables).get("webhook")
            except SaleorTooMuch as error:
                if self.size == 1:
                    raise
                self.size = smaller(self.size, error.cost, error.maximum)
                continue
            break
        # Between the two questions the webhook may have been replaced by an upgrade.
        deliveries = (found or {}).get("eventDeliveries") or {}
        edges = deliveries.get("edges") or []
        bodies, faults, times = [], 0, []
        for edge in edges:
            at = moment_needed(edge["node"], "createdAt")
            if at < self.since:
                break
            times.append(at)
            try:
                body = body_read(edge["node"], app_id=self.app_id)
            except ContractError:
                faults += 1
                continue
            if body is not None:
                bodies.append(body)
        more = len(times) == len(edges) > 0 and (deliveries.get("pageInfo") or {}).get(
            "hasNextPage"
        )
        page = Page(
            bodies=tuple(bodies),
            looked_at=len(times),
            faults=faults,
            newest_at=max(times, default=None),
        )
        return page, str(edges[-1]["cursor"]) if more else ""

    def _ask(self, query: str, variables: Mapping[str, Any] | None = None) -> dict[str, Any]:
        left = self.limits.left()
        if left <= 0:
            raise SaleorUnreachable("Saleor answers too slowly; it is asked again later.")
        try:
            return graphql(
                query=query, variables=variables, timeout=min(PAGE_TIMEOUT, left), budget=left
            )
        except SaleorAPIError as error:
            if variables and variables["after"] and "cursor is invalid" in str(error):
                raise CursorLost(str(error)) from error
            raise


def body_read(node: Mapping[str, Any], *, app_id: str) -> Body | None:
    """Return the body of a failed delivery; None when there is nothing in it for us.

    Saleor writes some payloads only when it sends them; when the object was gone by then
    there is none. Raises ContractError when it is not what its event promises.
    """
    event = str(node.get("eventType") or "").lower()
    payload = node.get("payload")
    if event not in EVENT_TYPES or not payload:
        return None
    body = str(payload).encode()
    if len(body) > conf().webhook_max_bytes:
        raise ContractError("The body is too large.")
    content = unwrap(document(body))
    if recipient_of(content) != app_id or not event_agrees(event, content):
        raise ContractError("The body is of another event or for another app.")
    return Body(event, body)
