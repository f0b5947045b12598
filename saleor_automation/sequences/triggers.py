"""What may start a sequence: a registry from a kind of Event to an entry.

Pure: knows which object an entry is about and what a mail started by it may
show. Must not know enrollments.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from saleor_automation.contract import kinds


@dataclass(frozen=True, kw_only=True)
class TriggerType:
    """One kind of start."""

    #: Kind of Event that starts it.
    kind: str
    label: Promise
    #: Key of the Event's data that names what the entry is about: "user",
    #: "checkout", "order" or "membership". One entry per value.
    subject: str
    #: Minutes of quiet the editor is offered.
    quiet_minutes: int = 0
    #: Which of several it is asked of, in a word for a person, and the key of the Event's
    #: data that says so. None: of nothing.
    of: Promise | None = None
    of_key: str = ""

    @property
    def provides(self) -> frozenset[str]:
        """Objects conditions and mails may use: a subset of {"checkout", "order"}."""
        return frozenset({self.subject} & {"checkout", "order"})


TRIGGERS: dict[str, TriggerType] = {}


def trigger_register(trigger: TriggerType) -> None:
    """Add a trigger. Raises ValueError when its kind is taken."""
    if trigger.kind in TRIGGERS:
        raise ValueError(f"A trigger for {trigger.kind!r} is registered already.")
    TRIGGERS[trigger.kind] = trigger


for _trigger in (
    TriggerType(kind=kinds.JOINED, label=_("Someone creates an account"), subject="user"),
    TriggerType(
        kind=kinds.BASKET_CHANGED,
        label=_("A basket is left"),
        subject="checkout",
        quiet_minutes=45,
    ),
    TriggerType(kind=kinds.ORDERED, label=_("Someone places an order"), subject="order"),
    TriggerType(kind=kinds.PAID, label=_("An order is paid"), subject="order"),
    TriggerType(kind=kinds.SHIPPED, label=_("An order is shipped"), subject="order"),
    TriggerType(kind=kinds.CANCELLED, label=_("An order is cancelled"), subject="order"),
    # Once per person and segment, however often they come and go.
    TriggerType(
        kind=kinds.SEGMENT_JOINED,
        label=_("Someone comes into a segment"),
        subject="membership",
        of=_("segment"),
        of_key="segment",
    ),
    TriggerType(
        kind=kinds.SEGMENT_LEFT,
        label=_("Someone goes out of a segment"),
        subject="membership",
        of=_("segment"),
        of_key="segment",
    ),
):
    trigger_register(_trigger)


def entry_key(trigger: TriggerType, data: Mapping[str, object]) -> str:
    """Return the key under which an Event's data enters once, or "" when it cannot."""
    return str(data.get(trigger.subject) or "")


def entry_context(data: Mapping[str, object]) -> dict[str, str]:
    """Return what an enrollment remembers of the Event that started it: ids only."""
    wanted = ("checkout", "order", "fulfillment", "user", "channel")
    return {name: str(data[name]) for name in wanted if data.get(name)}
