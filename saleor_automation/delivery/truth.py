"""Asks Saleor itself before money-related mail leaves (rule 2).

Knows which mails are about a basket or an order, and what Saleor's answer means for
them. No transaction is open while it asks. What Saleor says is worth more than our
copy: the copy is brought up to it, so that the mail shows what is true now, and the
sequence's own exits are asked again where it changed. When Saleor cannot be asked the
mail is held. How old the answer is decides too: ``Truth.age``.
"""

from __future__ import annotations

import logging
import math
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction

from saleor_automation.contract import kinds
from saleor_automation.exceptions import SaleorAPIError
from saleor_automation.people.models import Identity
from saleor_automation.saleor_app.baskets import BasketQuestion, BasketTruth, baskets_ask
from saleor_automation.saleor_app.orders import OrderTruth, orders_ask
from saleor_automation.sequences.advancing import exit_reasons
from saleor_automation.sequences.services import version_graph
from saleor_automation.shop.models import Checkout, ShopOrder
from saleor_automation.shop.projection import checkouts_refresh

from . import reasons
from .failures import plain
from .gates import HOLD
from .ledger import Closing
from .models import Message

logger = logging.getLogger(__name__)

#: A held mail is asked about once more so long before it makes no sense any more.
LAST_LOOK = timedelta(seconds=30)
#: What starts a sequence that is about an order being undone: its mails go all the same.
UNDOING = frozenset({kinds.CANCELLED, kinds.REFUNDED, kinds.EXPIRED})


@dataclass
class Truth:
    """What Saleor said about a batch."""

    closings: dict[UUID, Closing] = field(default_factory=dict)
    #: Monotonic time at which Saleor was asked, by message id.
    asked_at: dict[UUID, float] = field(default_factory=dict)

    def age(self, message_id: UUID) -> float | None:
        """Return how many seconds old the answer is; None when nothing had to be asked."""
        asked = self.asked_at.get(message_id)
        return None if asked is None else time.monotonic() - asked

    def age_whole(self, message_id: UUID) -> int | None:
        """Return the age in whole seconds, never too young."""
        age = self.age(message_id)
        return None if age is None else math.ceil(age)

    def too_old(self, message_id: UUID, limit: float) -> bool:
        """Whether Saleor must be asked again before this mail may go."""
        age = self.age(message_id)
        return age is not None and age > limit


def truth_ask(*, messages: Sequence[Message], now: datetime) -> Truth:
    """Ask Saleor about every basket and order the messages are about."""
    truth = Truth()
    about_order = [message for message in messages if _about(message, "order")]
    about_basket = [
        message
        for message in messages
        if _about(message, "checkout") and not _about(message, "order")
    ]
    changed = _baskets(about_basket, truth, now) | _orders(about_order, truth, now)
    _exits(
        [
            message
            for message in (*about_basket, *about_order)
            if message.pk not in truth.closings
            and (_about(message, "order") or _about(message, "checkout")) in changed
        ],
        truth,
        now,
    )
    return truth


def _about(message: Message, what: str) -> str:
    """Return Saleor's id of the "checkout" or "order" a message is about, or ""."""
    enrollment = message.enrollment
    return str(enrollment.context.get(what) or "") if enrollment is not None else ""


def _baskets(messages: Sequence[Message], truth: Truth, now: datetime) -> set[str]:
    """Ask about baskets; return the ids of those we knew differently."""
    if not messages:
        return set()
    questions = _questions(messages)
    answers = baskets_ask(list(questions.values()))
    for message in messages:
        question = questions[message.pk]
        if (error := answers.failed.get(question)) is not None:
            truth.closings[message.pk] = _held(message, error, now)
            continue
        truth.asked_at[message.pk] = answers.asked_at[question]
        if closing := _basket_closing(message, answers.found[question]):
            truth.closings[message.pk] = closing
    _warn(answers.failed.values())
    there = {answer.basket.id: answer.basket for answer in answers.found.values() if answer.basket}
    gone = {
        question.checkout_id
        for question, answer in answers.found.items()
        if answer.basket is None and not answer.ordered
    }
    with transaction.atomic():
        changed = checkouts_refresh(list(there.values()))
        Checkout.objects.filter(saleor_id__in=gone, deleted=False).update(deleted=True)
    return changed


def _questions(messages: Sequence[Message]) -> dict[UUID, BasketQuestion]:
    """Return what to ask per message: its basket, and its person under every name."""
    rows = {
        row.saleor_id: row
        for row in Checkout.objects.filter(
            saleor_id__in={_about(message, "checkout") for message in messages}
        ).only("saleor_id", "created_at", "email", "user_id")
    }
    accounts: dict[UUID | None, set[str]] = defaultdict(set)
    for contact_id, user_id in Identity.objects.filter(
        contact__in={message.contact_id for message in messages if message.contact_id},
        kind=Identity.Kind.SALEOR_USER,
    ).values_list("contact_id", "value"):
        accounts[contact_id].add(user_id)
    questions = {}
    for message in messages:
        checkout_id = _about(message, "checkout")
        row = rows.get(checkout_id)
        address = message.contact.email if message.contact is not None else message.to_address
        emails = {address.lower(), row.email if row else ""} - {""}
        users = accounts[message.contact_id] | ({row.user_id} if row else set()) - {""}
        questions[message.pk] = BasketQuestion(
            checkout_id,
            tuple(sorted(emails)),
            tuple(sorted(users)),
            row.created_at if row else None,
        )
    return questions


def _basket_closing(message: Message, said: BasketTruth) -> Closing | None:
    reason = (
        "ordered"
        if said.ordered
        else "basket_deleted"
        if said.basket is None
        else "basket_empty"
        if not said.basket.quantity
        else "basket_paid"
        if said.paid
        else ""
    )
    if reason:
        return _leaving(message, reason)
    if said.sold_out:
        # It may be there again when the next mail is due: the person stays.
        return Closing(message, Message.State.SKIPPED, reasons.SOLD_OUT)
    return None


def _orders(messages: Sequence[Message], truth: Truth, now: datetime) -> set[str]:
    """Ask about orders; return the ids of those we knew differently."""
    if not messages:
        return set()
    answers = orders_ask([_about(message, "order") for message in messages])
    for message in messages:
        order_id = _about(message, "order")
        if (error := answers.failed.get(order_id)) is not None:
            truth.closings[message.pk] = _held(message, error, now)
            continue
        truth.asked_at[message.pk] = answers.asked_at[order_id]
        undone = answers.found[order_id].undone
        if undone and not _undoing(message):
            truth.closings[message.pk] = _leaving(message, undone)
    _warn(answers.failed.values())
    return _orders_refresh({key: said for key, said in answers.found.items() if said.exists})


def _undoing(message: Message) -> bool:
    enrollment = message.enrollment
    return enrollment is not None and version_graph(enrollment.version_id).trigger in UNDOING


def _orders_refresh(said: Mapping[str, OrderTruth]) -> set[str]:
    """Note how orders stand where we knew it differently; the rest comes with the next event."""
    changed = set()
    for row in ShopOrder.objects.filter(saleor_id__in=list(said)).only(
        "saleor_id", "status", "charge_status", "refunded_gross"
    ):
        now = said[row.saleor_id]
        stands = (now.status, now.charge_status, now.refunded)
        if (row.status, row.charge_status, row.refunded_gross) != stands:
            ShopOrder.objects.filter(pk=row.pk).update(
                status=now.status, charge_status=now.charge_status, refunded_gross=now.refunded
            )
            changed.add(row.saleor_id)
    return changed


def _exits(messages: Sequence[Message], truth: Truth, now: datetime) -> None:
    """Ask the exits again of those whose basket or order was not what we knew."""
    enrollments = []
    for message in messages:
        if message.enrollment is not None and message.contact is not None:
            message.enrollment.contact = message.contact
            enrollments.append(message.enrollment)
    found = exit_reasons(enrollments=enrollments, now=now) if enrollments else {}
    for message in messages:
        reason = found.get(message.enrollment_id) if message.enrollment_id else None
        if reason is not None:
            truth.closings[message.pk] = _leaving(message, reason)


def _leaving(message: Message, reason: str) -> Closing:
    return Closing(message, Message.State.SKIPPED, f"{reasons.EXIT}:{reason}"[:64], leaves=reason)


def _held(message: Message, error: SaleorAPIError, now: datetime) -> Closing:
    """Hold a mail; not past the moment at which it can still be asked about once more."""
    due_at = now + HOLD
    if message.expires_at is not None and now < message.expires_at - LAST_LOOK:
        due_at = min(due_at, message.expires_at - LAST_LOOK)
    return Closing(
        message, Message.State.PLANNED, reasons.UNREACHABLE, plain(str(error)), due_at=due_at
    )


def _warn(errors: Iterable[SaleorAPIError]) -> None:
    texts = [str(error) for error in errors]
    if texts:
        logger.warning("%s mails are held: %s", len(texts), texts[0])
