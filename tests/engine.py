"""Runs the engine in one process: the real lanes, without the queue in between.

``Play`` is a shop in miniature: shoppers act, Saleor's bodies are made of it and
processed, and ``settle`` works off what is due. The clock is the test's.
"""

from __future__ import annotations

import itertools
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from saleor_automation import clock
from saleor_automation.conf import conf
from saleor_automation.delivery.control import sending_bind
from saleor_automation.delivery.models import Message, SendingControl
from saleor_automation.demo import bodies
from saleor_automation.demo.world import Basket, Order, Parcel, Shopper, World
from saleor_automation.emails.models import Brand, EmailVersion
from saleor_automation.exceptions import SaleorAPIError
from saleor_automation.inbox.models import RawEvent
from saleor_automation.inbox.services import raw_event_store, raw_events_process
from saleor_automation.saleor_app.asking import Answers
from saleor_automation.sequences.services import sequence_publish, sequence_switch
from saleor_automation.sequences.worker import LANES, rescue

START = datetime(2026, 11, 2, 9, tzinfo=UTC)
BASKET_EXITS = [
    {"condition": {"fact": "basket.bought", "op": "is_true"}, "reason": "ordered"},
    {"condition": {"fact": "basket.items", "op": "eq", "value": 0}, "reason": "basket_empty"},
    {"condition": {"fact": "basket.deleted", "op": "is_true"}, "reason": "basket_deleted"},
    {"condition": {"fact": "basket.newer", "op": "is_true"}, "reason": "basket_newer"},
]


class TestClock:
    """A clock that stands still until it is moved."""

    __test__ = False

    def __init__(self, at: datetime = START) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def forward(self, **delta: float) -> datetime:
        self.at += timedelta(**delta)
        return self.at


def answers(found: dict[Any, Any]) -> Answers[Any, Any]:
    """Return what Saleor would say if it were asked this moment."""
    return Answers(found=found, asked_at=dict.fromkeys(found, time.monotonic()))


def saleor_away(questions: list[Any], **kwargs: Any) -> Answers[Any, Any]:
    """Answer as a Saleor that cannot be reached."""
    return Answers(failed=dict.fromkeys(questions, SaleorAPIError("Saleor does not answer.")))


def settle(limit: int = 100) -> int:
    """Work every lane until nothing is due. Returns how many rows were claimed."""
    total = 0
    for _ in range(limit):
        claimed = 0
        for lane in list(LANES.values()):
            token = uuid.uuid4()
            rows = lane.claim(token, clock.now(), clock.wall(), lane.batch())
            if rows:
                lane.run(claim=token, ids=[str(row.pk) for row in rows], now=clock.now())
            claimed += len(rows)
        claimed += rescue()
        total += claimed
        if not claimed:
            return total
    raise AssertionError("the engine does not come to rest")


def email_make(name: str, text: str = "Hai {{ contact.first_name }}") -> uuid.UUID:
    """Publish an email by its version alone; returns its key."""
    key = uuid.uuid5(uuid.NAMESPACE_URL, name)
    EmailVersion.objects.create(
        email_key=key,
        language="en",
        number=1,
        digest=name,
        status=EmailVersion.Status.READY,
        is_current=True,
        title=name,
        subject=name,
        html=f"<p>{text}</p><a href='{{{{ links.unsubscribe }}}}'>no</a>",
        text=text,
        created_at=START,
    )
    return key


def sending_open(policy: str = SendingControl.Policy.SOFT_OPT_IN) -> None:
    """Let mail leave: a sender, a policy, a binding."""
    Brand.objects.update_or_create(
        channel="",
        defaults={
            "name": "Kedai",
            "from_email": "halo@kedai.example",
            "postal_address": "12 Jalan Kenanga",
            "website_url": "https://kedai.example",
            "basket_url": "https://kedai.example/checkout?checkout={checkout_id}",
        },
    )
    sending_bind(now=clock.now())
    SendingControl.objects.update(consent_policy=policy)


def sequence_make(
    name: str,
    trigger: str,
    waits: list[int],
    *,
    quiet_minutes: int = 0,
    of: str = "",
    exits: list[dict[str, Any]] | None = None,
    **changes: Any,
) -> uuid.UUID:
    """Publish and switch on a sequence: for each wait (minutes, 0 for none) a mail."""
    nodes: dict[str, Any] = {}
    names: list[str] = []
    for number, minutes in enumerate(waits, 1):
        if minutes:
            names.append(f"w{number}")
            nodes[f"w{number}"] = {"type": "wait", "minutes": minutes, "next": None}
        names.append(f"m{number}")
        email = email_make(f"{name} {number}")
        nodes[f"m{number}"] = {"type": "send", "email": str(email), "next": None}
    for one, following in itertools.pairwise(names):
        nodes[one]["next"] = following
    key = uuid.uuid5(uuid.NAMESPACE_DNS, name)
    graph = {
        "schema": 1,
        "trigger": {
            "kind": trigger,
            "quiet_minutes": quiet_minutes,
            **({"of": of} if of else {}),
        },
        "purpose": "marketing",
        "topic": name,
        "exits": exits or [],
        "entry": names[0] if names else None,
        "nodes": nodes,
        **changes,
    }
    sequence_publish(sequence=key, name=name, graph=graph, now=clock.now())
    sequence_switch(sequence=key, state="on", now=clock.now())
    return key


def basket_sequence() -> uuid.UUID:
    """Publish the abandoned basket: 45 minutes of quiet, then 1 h, 24 h and 72 h."""
    return sequence_make(
        "basket",
        "basket_changed",
        [60, 1380, 2880],
        quiet_minutes=45,
        exits=BASKET_EXITS,
    )


@dataclass
class Play:
    """A shop whose events are handed to the inbox by the test."""

    clock: TestClock
    world: World = field(default_factory=World)
    #: Bodies made and not delivered yet.
    held: list[tuple[str, bytes]] = field(default_factory=list)

    def shopper(self, key: str = "aina", *, account: bool = True, **more: Any) -> Shopper:
        shopper = Shopper(key, f"{key}@shopper.example", key.title(), "R", **more)
        self.world.shoppers[key] = shopper
        if account:
            self.world.join(shopper, self.clock.at)
            self.tell("customer_created", {"user": bodies.customer(shopper)})
        return shopper

    def basket(self, shopper: Shopper, key: str, goods: dict[str, int] | None = None) -> Basket:
        basket = self.world.leave_basket(shopper, key, goods or {"arabica": 1}, self.clock.at)
        self.tell("checkout_created", {"checkout": bodies.checkout(basket, "http://shop")})
        return basket

    def touch(self, basket: Basket, goods: dict[str, int] | None = None) -> None:
        basket.updated_at = self.clock.at
        if goods is not None:
            basket.goods = goods
        self.tell("checkout_updated", {"checkout": bodies.checkout(basket, "http://shop")})

    def buy(self, key: str) -> Order:
        order = self.world.buy(key, self.clock.at)
        self.tell("order_created", {"order": bodies.order(order, "http://shop")})
        return order

    def ship(self, order: Order, parcel: Parcel, event: str) -> None:
        site = "http://shop"
        content = {
            "fulfillment": bodies.fulfillment(order, parcel, site),
            "order": bodies.order(order, site),
        }
        self.tell(event, content)

    def tell(self, event: str, values: dict[str, Any]) -> None:
        """Deliver an event now, or keep it when ``hold`` was asked for."""
        body = bodies.body(values, issued_at=self.clock.at, app_id="QXBwOjE=")
        if self.holding is None:
            self.deliver(event, body)
        else:
            self.held.append((event, body))

    #: None: deliver at once; a list: keep.
    holding: bool | None = None

    def deliver(self, event: str, body: bytes) -> None:
        raw_event_store(
            source=RawEvent.Source.WEBHOOK,
            event_type=event,
            api_url=conf().saleor_api_url,
            body=body,
            now=clock.now(),
        )
        pending = RawEvent.objects.filter(state=RawEvent.State.PENDING)
        raw_events_process(ids=list(pending.values_list("pk", flat=True)), now=clock.now())
        faults = list(
            RawEvent.objects.filter(state=RawEvent.State.FAULT).values_list("fault", flat=True)
        )
        assert faults == []


def mails() -> list[tuple[str, str, str, str]]:
    """Return (address, subject of the email, state, reason) of every message, oldest first."""
    titles = dict(EmailVersion.objects.values_list("email_key", "title"))
    return [
        (message.to_address, titles[message.email_key], message.state, message.reason)
        for message in Message.objects.order_by("planned_at", "key")
    ]


PlayMaker = Callable[[], Play]
