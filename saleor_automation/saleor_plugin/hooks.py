"""The methods Saleor's plugin manager calls, each one row in the outbox.

Saleor calls them after its transaction was committed, in the shopper's request: an
exception here would answer the shopper with an error although the order is placed.
Names and arguments are Saleor's; arguments we do not know are let through.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from saleor_automation.contract.kinds import DELETION_EVENTS

from .capture import capture
from .events import HOOKS, NOTIFYING
from .signals import was_captured

logger = logging.getLogger(__name__)


def _hook(name: str) -> Callable[..., Any]:
    event = HOOKS[name]

    def hook(
        self: Any, instance: Any, *args: Any, previous_value: Any = None, **kwargs: Any
    ) -> Any:
        try:
            _note(self, event, instance, args, kwargs)
        except Exception as error:
            # ``capture`` raises nothing; this is for what an instance may do when asked.
            logger.error("Saleor Automation missed %s: %s", event, type(error).__name__)
        return previous_value

    hook.__name__ = name
    hook.__qualname__ = f"CaptureHooks.{name}"
    hook.__doc__ = f"Write down {event}."
    return hook


def _note(
    plugin: Any, event: str, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    if not plugin.active or instance.pk is None or was_captured(instance, event):
        return
    extra: dict[str, Any] = {}
    if event in DELETION_EVENTS:
        # Gone from the database: nothing can be read later.
        extra = {"email": instance.email, "is_staff": bool(instance.is_staff)}
    elif event in NOTIFYING:
        wish = kwargs["notify_customer"] if "notify_customer" in kwargs else (*args, True)[0]
        extra = {"notify_customer": wish if wish is None else bool(wish)}
    capture(event, instance.pk, principal=_principal(plugin.requestor), extra=extra)


def _principal(requestor: Any) -> str:
    """Return who did it, so that the Studio can tell its own doing from a shopper's."""
    if not requestor or getattr(requestor, "pk", None) is None:
        return ""
    return f"{requestor._meta.model_name}:{requestor.pk}"


class CaptureHooks:
    """Every hook we listen to."""

    customer_created = _hook("customer_created")
    customer_updated = _hook("customer_updated")
    customer_deleted = _hook("customer_deleted")
    customer_metadata_updated = _hook("customer_metadata_updated")
    account_confirmed = _hook("account_confirmed")
    account_email_changed = _hook("account_email_changed")
    account_deleted = _hook("account_deleted")
    checkout_created = _hook("checkout_created")
    checkout_updated = _hook("checkout_updated")
    checkout_fully_paid = _hook("checkout_fully_paid")
    checkout_metadata_updated = _hook("checkout_metadata_updated")
    order_created = _hook("order_created")
    order_confirmed = _hook("order_confirmed")
    order_updated = _hook("order_updated")
    order_metadata_updated = _hook("order_metadata_updated")
    order_paid = _hook("order_paid")
    order_fully_paid = _hook("order_fully_paid")
    order_fulfilled = _hook("order_fulfilled")
    order_cancelled = _hook("order_cancelled")
    order_expired = _hook("order_expired")
    order_refunded = _hook("order_refunded")
    order_fully_refunded = _hook("order_fully_refunded")
    fulfillment_created = _hook("fulfillment_created")
    fulfillment_approved = _hook("fulfillment_approved")
    tracking_number_updated = _hook("tracking_number_updated")
