"""The body of an event, made by Saleor's own generator from our subscription document.

So a body is what the App's webhook would have sent: same fields, same order, same
JSON. Knows the versions of the generator. Reads the object as it is now; the time the
body says is given by the caller.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any

from saleor.graphql.webhook.subscription_payload import (
    generate_payload_from_subscription,
    initialize_request,
)

from saleor_automation.contract.kinds import DELETION_EVENTS
from saleor_automation.contract.subscriptions import SUBSCRIPTIONS, Subscription

from .events import MODELS, NOTIFYING, WRAPPED_USER
from .rows import saleor_model, saleor_rows
from .shop import saleor_version


class ObjectGone(Exception):
    """What the event is about is not there any more."""


class NoPayload(Exception):
    """Saleor made no body; the words say what to look at."""


@cache
def subscription_for(event: str) -> Subscription:
    """Return the document for an event on this Saleor.

    Saleor before 3.23 has no subscription for a customer that staff deleted; the
    account's own deletion says the same.
    """
    known = {item.event.lower(): item for item in SUBSCRIPTIONS if item.since <= saleor_version()}
    return known[event] if event in known else known["account_deleted"]


def event_sent(event: str) -> str:
    """Return the name an event is sent under on this Saleor."""
    return subscription_for(event).event.lower()


def body_make(
    *,
    app: Any,
    event: str,
    kind: str,
    object_id: str,
    principal: str,
    extra: Mapping[str, Any],
    issued_at: datetime,
) -> tuple[bytes, str]:
    """Return a body and what Saleor complained about in it, "" for nothing.

    Raises ObjectGone or NoPayload.
    """
    subscription = subscription_for(event)
    name = subscription.event.lower()
    found = _object(name, kind, object_id, extra)
    request_fields: dict[str, Any] = {
        "requestor": _requestor(principal),
        "event_type": name,
        "allow_replica": False,
        "request_time": issued_at,
    }
    payload_fields: dict[str, Any] = {
        "event_type": name,
        "subscribable_object": found,
        "subscription_query": subscription.query,
    }
    # The App went from the generator (3.21) to the request (3.22).
    (request_fields if _app_is_of_request() else payload_fields)["app"] = app
    payload = generate_payload_from_subscription(
        **payload_fields, request=initialize_request(**request_fields)
    )
    if not payload:
        raise NoPayload(
            f"Saleor made no body for {name}; its log says why. Look at the versions of Saleor "
            "and of saleor-automation."
        )
    complaint = _complaint(payload)
    if complaint:
        # Saleor also complains of what went meanwhile, as a basket does that becomes an order.
        _object(name, kind, object_id, extra)
    return json.dumps({**payload}).encode(), complaint


@cache
def _app_is_of_request() -> bool:
    return "app" in inspect.signature(initialize_request).parameters


def _object(event: str, kind: str, object_id: str, extra: Mapping[str, Any]) -> Any:
    model = saleor_model(MODELS[kind])
    if event in DELETION_EVENTS:
        found = model(
            pk=int(object_id),
            email=extra.get("email", ""),
            is_staff=bool(extra.get("is_staff")),
        )
    else:
        found = saleor_rows(MODELS[kind]).filter(pk=object_id).first()
        if found is None:
            raise ObjectGone
    if event in WRAPPED_USER:
        return {"user": found}
    if event in NOTIFYING:
        return {"fulfillment": found, "notify_customer": extra.get("notify_customer", True)}
    return found


def _requestor(principal: str) -> Any | None:
    name, _, key = principal.partition(":")
    model = {"user": "account.User", "app": "app.App"}.get(name)
    if model is None:
        return None
    return saleor_rows(model).filter(pk=key).first()


def _complaint(payload: Mapping[str, Any]) -> str:
    errors = payload.get("errors")
    if not errors:
        return ""
    first = errors[0] if isinstance(errors, list) else errors
    words = first.get("message") if isinstance(first, dict) else first
    return str(words)[:300]
