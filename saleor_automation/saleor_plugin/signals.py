"""Rows that come to be: written down in the very transaction that makes them.

A hook runs after the commit, and a process that dies between the two loses it; a row
written here is there if and only if the order is. Knows creations only: changes come
by hooks, since Saleor makes most of them without any signal.
"""

from __future__ import annotations

import logging
from typing import Any

from django.db.models.signals import post_save

from .capture import capture
from .events import CHECKOUT, MODELS, ORDER, USER
from .rows import saleor_model

logger = logging.getLogger(__name__)

#: Attribute on an instance: the event written down when it was made.
MARK = "_saleor_automation_captured"

CREATED = {USER: "customer_created", CHECKOUT: "checkout_created", ORDER: "order_created"}


def connect() -> None:
    """Listen to Saleor's models; twice is as good as once."""
    for kind in CREATED:
        post_save.connect(
            RECEIVERS[kind],
            sender=saleor_model(MODELS[kind]),
            weak=False,
            dispatch_uid=f"saleor_automation_{kind}",
        )


def was_captured(instance: Any, event: str) -> bool:
    """Tell whether this very instance was written down for that event when it was made.

    Then the hook, which comes after the commit, need not write a second row.
    """
    return bool(getattr(instance, MARK, None) == event)


def _created(kind: str, instance: Any, created: bool, raw: bool) -> None:
    try:
        if not created or raw or _is_not_news(kind, instance):
            return
        if capture(CREATED[kind], instance.pk):
            setattr(instance, MARK, CREATED[kind])
    except Exception as error:
        logger.error("Saleor Automation missed a new %s: %s", kind, type(error).__name__)


def _is_not_news(kind: str, instance: Any) -> bool:
    if kind == USER:
        return bool(instance.is_staff)
    # A draft is no order yet; Saleor calls ``order_created`` when it is completed.
    return kind == ORDER and instance.status == "draft"


def user_saved(
    sender: Any, instance: Any, created: bool = False, raw: bool = False, **kwargs: Any
) -> None:
    """Note a new customer."""
    _created(USER, instance, created, raw)


def checkout_saved(
    sender: Any, instance: Any, created: bool = False, raw: bool = False, **kwargs: Any
) -> None:
    """Note a new basket."""
    _created(CHECKOUT, instance, created, raw)


def order_saved(
    sender: Any, instance: Any, created: bool = False, raw: bool = False, **kwargs: Any
) -> None:
    """Note a new order."""
    _created(ORDER, instance, created, raw)


RECEIVERS = {USER: user_saved, CHECKOUT: checkout_saved, ORDER: order_saved}
