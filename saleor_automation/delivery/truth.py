"""Asks Saleor itself before money-related mail leaves (rule 2).

Knows baskets and the API. No transaction is open meanwhile. What Saleor says is
worth more than our copy: a basket that is gone, empty or bought is not mailed
about, and when Saleor cannot be asked the mail is held.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from saleor_automation.exceptions import SaleorAPIError
from saleor_automation.saleor_app.baskets import BasketQuestion, baskets_ask
from saleor_automation.shop.models import Checkout

from . import reasons
from .failures import plain
from .gates import HOLD
from .ledger import Closing
from .models import Message

logger = logging.getLogger(__name__)


def truth_refusals(*, messages: Sequence[Message], now: datetime) -> dict[UUID, Closing]:
    """Return which messages about baskets must not go, by message id."""
    about = {
        message.pk: str(message.enrollment.context["checkout"])
        for message in messages
        if message.enrollment is not None
        and message.enrollment.context.get("checkout")
        and not message.enrollment.context.get("order")
    }
    if not about:
        return {}
    begun = dict(
        Checkout.objects.filter(saleor_id__in=set(about.values())).values_list(
            "saleor_id", "created_at"
        )
    )
    questions = {
        about[message.pk]: BasketQuestion(
            about[message.pk],
            message.contact.email if message.contact is not None else message.to_address,
            begun.get(about[message.pk]),
        )
        for message in messages
        if message.pk in about
    }
    try:
        baskets = baskets_ask(list(questions.values()))
    except SaleorAPIError as error:
        logger.warning("Mails about baskets are held: %s", error)
        return {
            message.pk: Closing(
                message,
                Message.State.PLANNED,
                reasons.UNREACHABLE,
                plain(str(error)),
                due_at=now + HOLD,
            )
            for message in messages
            if message.pk in about
        }
    closings: dict[UUID, Closing] = {}
    for message in messages:
        basket = baskets.get(about.get(message.pk, ""))
        if basket is None:
            continue
        reason = (
            "ordered"
            if basket.ordered
            else "basket_deleted"
            if not basket.exists
            else "basket_empty"
            if basket.items == 0
            else ""
        )
        if reason:
            closings[message.pk] = Closing(
                message, Message.State.SKIPPED, f"{reasons.EXIT}:{reason}", leaves=reason
            )
    return closings
