"""What the tests of looking through Saleor share: what was lost, and what was found."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from saleor_automation import clock
from saleor_automation.demo.shop import Shop
from saleor_automation.demo.world import Order
from saleor_automation.inbox.models import Event, RawEvent
from saleor_automation.inbox.services import raw_events_process
from saleor_automation.saleor_app.models import Watermark
from saleor_automation.saleor_app.reconcile import Outcome
from tests.engine import Play

APP = "QXBwOjE="


def silently(play: Play, act: Callable[[], Any]) -> Any:
    """Let something happen of which no webhook tells."""
    play.holding = True
    made = act()
    play.holding = None
    play.held.clear()
    return made


def understand() -> None:
    waiting = RawEvent.objects.filter(state=RawEvent.State.PENDING).order_by("pk")
    raw_events_process(ids=list(waiting.values_list("pk", flat=True)), now=clock.now())
    assert not RawEvent.objects.filter(state=RawEvent.State.FAULT).exists()


def counts(outcomes: list[Outcome]) -> dict[str, tuple[int, int, int]]:
    """Return (looked at, new, known) per kind."""
    assert [(outcome.error, outcome.busy) for outcome in outcomes] == [(None, False)] * len(
        outcomes
    )
    return {
        outcome.kind: (outcome.counts.looked_at, outcome.counts.new, outcome.counts.known)
        for outcome in outcomes
    }


def keys() -> list[tuple[str, str, str]]:
    return sorted(Event.objects.values_list("key__kind", "key__object_id", "key__transition"))


def three_lost(play: Play) -> Order:
    """A customer joins, leaves a basket, and buys another; nothing is told."""

    def act() -> Order:
        aina = play.shopper("aina")
        play.basket(aina, "left")
        play.basket(aina, "bought")
        play.clock.forward(minutes=1)
        return play.buy("bought")

    return silently(play, act)


def many(play: Play, count: int = 7) -> None:
    for number in range(count):
        play.clock.forward(seconds=10)
        silently(play, lambda number=number: play.shopper(f"s{number}"))
    Watermark.objects.create(source="poll", kind="customers", page_size=2)


class Stop(BaseException):
    """Ctrl-C, or the end of a process."""


def stop_after(pages: int) -> Callable[[Outcome], None]:
    left = itertools.count(pages - 1, -1)

    def watch(outcome: Outcome) -> None:
        if next(left) == 0:
            raise Stop

    return watch


def pages_asked(asked: list[tuple[str, dict[str, Any]]]) -> list[str | None]:
    return [variables["after"] for text, variables in asked if "customers(" in text]


def subscribe(shop: Shop, *events: str) -> None:
    """Give the shop's app webhooks, as installing it does."""
    shop.registered = [
        {"id": event, "asyncEvents": [{"eventType": event.upper()}]} for event in events
    ]
