"""Keeps the app's webhooks in Saleor as this release wants them.

Saleor reads the manifest once, at the installation, and never again. So the app compares
the webhooks it has there with those the manifest would ask for now, and creates, updates
and deletes its own with its own token (no permission is needed for that). Knows
which webhooks are ours: those with one of our identifiers, or aimed at our address. A
webhook that somebody switched off stays off, and a new one is made on or off as most of
the others are: in "plugin only" all are off.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from saleor_automation import clock
from saleor_automation.contract.subscriptions import SUBSCRIPTIONS
from saleor_automation.exceptions import SaleorAPIError

from .api import graphql_call
from .installations import installation_forget
from .manifest import IDENTIFIERS_SINCE, WEBHOOK_PATH, manifest_build
from .models import Installation

logger = logging.getLogger(__name__)

#: Saleor's GRAPHQL_MUTATION_COUNT_LIMIT.
MUTATIONS_PER_REQUEST = 4
#: Names of our events, to know our webhooks of any release by.
_IDENTIFIERS = frozenset(item.identifier for item in SUBSCRIPTIONS)


@dataclass(frozen=True)
class OwnWebhook:
    """One webhook of our app, as Saleor has it."""

    id: str
    name: str
    identifier: str
    is_active: bool
    target_url: str
    query: str
    events: tuple[str, ...]

    @property
    def is_ours(self) -> bool:
        """Whether we made it; others (made by hand for this app) are left alone."""
        return self.identifier in _IDENTIFIERS or urlsplit(self.target_url).path == WEBHOOK_PATH


@dataclass(frozen=True)
class Plan:
    """What to change so that Saleor has what this release wants."""

    create: tuple[dict[str, Any], ...] = ()
    #: Webhook ids with the fields that differ.
    update: tuple[tuple[str, dict[str, Any]], ...] = ()
    delete: tuple[str, ...] = ()
    #: Of ours: switched on, switched off, after the plan.
    active: int = 0
    inactive: int = 0

    @property
    def size(self) -> int:
        """How many mutations it takes."""
        return len(self.create) + len(self.update) + len(self.delete)


def wanted(schema: tuple[int, int]) -> list[dict[str, Any]]:
    """Return the webhooks a Saleor of that version should have, as the API's input."""
    return [
        {key: value for key, value in webhook.items() if key != "isActive"}
        for webhook in manifest_build(schema)["webhooks"]
    ]


def wanted_digest(schema: tuple[int, int]) -> str:
    """Return what changes when a release, Saleor or our address wants other webhooks."""
    return hashlib.sha256(json.dumps(wanted(schema), sort_keys=True).encode()).hexdigest()


def plan_make(needed: Sequence[Mapping[str, Any]], present: Sequence[OwnWebhook]) -> Plan:
    """Compare what is needed with what is there. Pure; the same again plans nothing."""
    ours = [webhook for webhook in present if webhook.is_ours]
    left = list(ours)
    active = sum(webhook.is_active for webhook in ours)
    start_active = active * 2 >= len(ours)
    create, update = [], []
    for want in needed:
        found = _find(want, left)
        if found is None:
            create.append({**want, "isActive": start_active})
            active += start_active
            continue
        left.remove(found)
        changes = {key: value for key, value in want.items() if _value(found, key) != value}
        if changes:
            update.append((found.id, changes))
    # What is left is of an earlier release, or there twice.
    active -= sum(webhook.is_active for webhook in left)
    total = len(ours) + len(create) - len(left)
    return Plan(
        tuple(create),
        tuple(update),
        tuple(webhook.id for webhook in left),
        active,
        total - active,
    )


def _find(want: Mapping[str, Any], left: Sequence[OwnWebhook]) -> OwnWebhook | None:
    identifier = want.get("identifier")
    if identifier:
        for webhook in left:
            if webhook.identifier == identifier:
                return webhook
    for webhook in left:
        # Made before Saleor knew identifiers.
        if not webhook.identifier and list(webhook.events) == want["asyncEvents"]:
            return webhook
    return None


def _value(webhook: OwnWebhook, key: str) -> Any:
    return {
        "name": webhook.name,
        "identifier": webhook.identifier,
        "targetUrl": webhook.target_url,
        "query": webhook.query,
        "asyncEvents": list(webhook.events),
    }[key]


def webhooks_read(
    *, installation: Installation, schema: tuple[int, int], timeout: float = 10.0
) -> list[OwnWebhook]:
    """Ask Saleor for the app's webhooks. Raises SaleorAPIError."""
    data = graphql_call(
        api_url=installation.api_url,
        token=installation.token,
        query=webhooks_query(schema),
        timeout=timeout,
    )
    app = data.get("app")
    if not isinstance(app, dict):
        raise SaleorAPIError("Saleor does not know the app any more.")
    return [
        OwnWebhook(
            id=str(item["id"]),
            name=str(item.get("name") or ""),
            identifier=str(item.get("identifier") or ""),
            is_active=bool(item["isActive"]),
            target_url=str(item["targetUrl"]),
            query=str(item.get("subscriptionQuery") or ""),
            events=tuple(str(event["eventType"]) for event in item["asyncEvents"]),
        )
        for item in app.get("webhooks") or []
    ]


def webhooks_query(schema: tuple[int, int]) -> str:
    """Return the query for the app's webhooks that this version understands."""
    identifier = "identifier " if schema >= IDENTIFIERS_SINCE else ""
    return (
        f"{{ app {{ id webhooks {{ id name {identifier}isActive targetUrl subscriptionQuery "
        "asyncEvents { eventType } } } }"
    )


def plan_requests(plan: Plan) -> list[tuple[str, dict[str, Any]]]:
    """Return a plan as requests, each a document and its variables.

    What is created comes first, then changes, then deletions: cut short, nothing is lost.
    """
    steps: list[tuple[str, str, dict[str, Any]]] = []
    for values in plan.create:
        steps.append(
            (
                "$i{n}: WebhookCreateInput!",
                "m{n}: webhookCreate(input: $i{n}) {{ errors {{ field message }} }}",
                {"i": values},
            )
        )
    for pk, values in plan.update:
        steps.append(
            (
                "$d{n}: ID!, $i{n}: WebhookUpdateInput!",
                "m{n}: webhookUpdate(id: $d{n}, input: $i{n}) {{ errors {{ field message }} }}",
                {"d": pk, "i": values},
            )
        )
    for pk in plan.delete:
        steps.append(
            (
                "$d{n}: ID!",
                "m{n}: webhookDelete(id: $d{n}) {{ errors {{ field message }} }}",
                {"d": pk},
            )
        )
    requests = []
    for start in range(0, len(steps), MUTATIONS_PER_REQUEST):
        part = list(enumerate(steps[start : start + MUTATIONS_PER_REQUEST]))
        names = ", ".join(step[0].format(n=n) for n, step in part)
        fields = " ".join(step[1].format(n=n) for n, step in part)
        variables = {f"{key}{n}": value for n, step in part for key, value in step[2].items()}
        requests.append((f"mutation OwnWebhooks({names}) {{ {fields} }}", variables))
    return requests


def webhooks_upgrade(
    *, installation: Installation, schema: tuple[int, int], timeout: float = 10.0
) -> Plan:
    """Make Saleor's webhooks those this release wants; return what was changed.

    ``timeout`` is in seconds, per request. Raises SaleorAPIError, in words, with what
    Saleor refused; what succeeded before stays, and the next time goes on from there.
    """
    try:
        present = webhooks_read(installation=installation, schema=schema, timeout=timeout)
        plan = plan_make(wanted(schema), present)
        for query, variables in plan_requests(plan):
            data = graphql_call(
                api_url=installation.api_url,
                token=installation.token,
                query=query,
                variables=variables,
                timeout=timeout,
            )
            _raise_errors(data)
    except SaleorAPIError as error:
        _keep(installation, {**installation.webhooks, "error": str(error)[:500]})
        raise
    if plan.size:
        logger.warning(
            "The app's webhooks in Saleor were brought up to date: %s created, %s changed, "
            "%s deleted.",
            len(plan.create),
            len(plan.update),
            len(plan.delete),
        )
    _keep(
        installation,
        {
            "digest": wanted_digest(schema),
            "active": plan.active,
            "inactive": plan.inactive,
            "error": "",
        },
    )
    return plan


def _raise_errors(data: Mapping[str, Any]) -> None:
    words = [
        f"{name.rstrip('0123456789')} {error.get('field') or ''}: {error.get('message')}"
        for name, result in data.items()
        for error in (result or {}).get("errors") or []
    ]
    if words:
        raise SaleorAPIError(
            f"Saleor refused to change the app's webhooks: {'; '.join(words)[:400]}"
        )


def _keep(installation: Installation, values: dict[str, Any]) -> None:
    Installation.objects.filter(pk=installation.pk, app_id=installation.app_id).update(
        webhooks=values, webhooks_at=clock.wall()
    )
    installation_forget()
