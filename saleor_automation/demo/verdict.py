"""What must be true after a play, checked against the shop and the mail sink.

Knows the promises: nobody is mailed about a basket they bought, no mail leaves
twice, no step is lost. The shop's memory and the received mails are the truth, the
Studio's tables are what is judged.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from django.utils import timezone

from saleor_automation.delivery.models import Message
from saleor_automation.inbox.models import RawEvent
from saleor_automation.saleor_app.models import Refusal
from saleor_automation.sequences.models import Enrollment
from saleor_automation.shop.models import ShopOrder

from .quiet import WAITING, day
from .sink import Mail, Sink
from .world import World

#: States a mail can be in for good. Unclear ones are settled by event or after a day.
ENDED = (
    Message.State.ACCEPTED,
    Message.State.AMBIGUOUS,
    Message.State.FAILED,
    Message.State.SKIPPED,
    Message.State.EXPIRED,
)
_UUID = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}")


def message_id_of(mail: Mail) -> UUID | None:
    """Return the Message's id from a received mail's Message-ID."""
    found = _UUID.search(mail.message_id)
    return UUID(found[0]) if found else None


def broken(world: World, sink: Sink, now: datetime) -> list[str]:
    """Return what is not as promised, in words; empty when all is well."""
    if not sink.mails:
        return ["No mail left the house."]
    return [
        *_twice(sink),
        *_bought(world, sink),
        *_unknown(sink),
        *_lost(now),
        *_inbox(),
        *_untold(world),
    ]


def _when(at: datetime | None) -> str:
    return f"{timezone.localtime(at):%d %b %H:%M}" if at else "no time"


def _twice(sink: Sink) -> Iterator[str]:
    for message_id in sink.twice():
        yield f"{message_id} left the house more than once."


def _bought(world: World, sink: Sink) -> Iterator[str]:
    baskets = dict(
        Message.objects.filter(enrollment__context__has_key="checkout").values_list(
            "pk", "enrollment__context__checkout"
        )
    )
    orders_about = set(
        Message.objects.filter(enrollment__context__has_key="order").values_list("pk", flat=True)
    )
    for mail in sink.mails:
        pk = message_id_of(mail)
        if pk is None or pk in orders_about or pk not in baskets:
            continue
        sold = world.order_of_basket(baskets[pk])
        if sold is not None and sold.created_at <= mail.at:
            yield (
                f"{', '.join(mail.recipients)} was written to about a basket at "
                f"{_when(mail.at)} that was bought at {_when(sold.created_at)}."
            )


def _unknown(sink: Sink) -> Iterator[str]:
    known = dict(Message.objects.values_list("pk", "state"))
    for mail in sink.mails:
        state = known.get(message_id_of(mail))  # type: ignore[arg-type]
        if state is None:
            yield f"{mail.message_id} arrived, but the ledger does not know it."
        elif state not in {Message.State.ACCEPTED, Message.State.AMBIGUOUS}:
            yield f"{mail.message_id} arrived, but the ledger calls it {state}."
    arrived = {message_id_of(mail) for mail in sink.mails}
    for pk, state in known.items():
        if state == Message.State.ACCEPTED and pk not in arrived:
            yield f"{pk} is called sent, but never arrived."


def _lost(now: datetime) -> Iterator[str]:
    due = Message.objects.exclude(state__in=ENDED).filter(due_at__lte=now)
    for message in due:
        yield f"{message.key} was due at {_when(message.due_at)} and is still {message.state}."
    for enrollment in Enrollment.objects.filter(state__in=WAITING, due_at__lte=now):
        yield f"{enrollment.entry_key} was due at {_when(enrollment.due_at)} and stands still."
    standing = Enrollment.objects.filter(state=Enrollment.State.SENDING).exclude(
        messages__state=Message.State.PLANNED
    )
    for enrollment in standing:
        yield f"{enrollment.entry_key} waits for a mail that is not planned."
    unclear = Message.objects.filter(state=Message.State.AMBIGUOUS, settled_at=None)
    for message in unclear.filter(handed_over_at__lte=now - day()):
        yield f"{message.key} is unclear for more than a day and was not settled."
    for enrollment in Enrollment.objects.filter(state=Enrollment.State.ERROR):
        yield f"{enrollment.entry_key} was stopped by an error: {enrollment.reason}."
    # A send step and its mail are written in one transaction.
    for enrollment in Enrollment.objects.filter(mails__gt=0):
        planned = Message.objects.filter(enrollment=enrollment).count()
        if planned != enrollment.mails:
            yield f"{enrollment.entry_key} came to {enrollment.mails} mails, {planned} are known."


def _inbox() -> Iterator[str]:
    for raw in RawEvent.objects.filter(state=RawEvent.State.FAULT):
        yield f"{raw.event_type} was not understood: {raw.fault}"
    for refusal in Refusal.objects.all():
        yield f"{refusal.count} webhooks were refused: {refusal.reason}."


def _untold(world: World) -> Iterator[str]:
    known = {order.saleor_id: order for order in ShopOrder.objects.prefetch_related("fulfillments")}
    with world.lock:
        orders = list(world.orders.values())
    for sold in orders:
        order = known.get(sold.id)
        if order is None:
            yield f"Order {sold.number} is not known."
            continue
        told = {parcel.saleor_id: parcel.tracking_number for parcel in order.fulfillments.all()}
        true = {parcel.id: parcel.tracking for parcel in sold.parcels}
        if (order.status, told) != (sold.status, true):
            yield (
                f"Order {sold.number} is {sold.status} with parcels {true or 'none'}, "
                f"but is known as {order.status} with {told or 'none'}."
            )
