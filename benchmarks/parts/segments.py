"""How long it takes to keep segments while people change, and to fill one.

The shop of ``predicates``. Twenty segments of one to three conditions over figures, orders,
lines, traits, tags, consent and each other. An event is what the worker does once a payload
is understood: its person is looked at again under their lock, in the transaction that
understands it, whose commit is counted with the payload. Every second event moves somebody
(a tag put on or taken off), the others change nothing.
"""

from __future__ import annotations

import random
import time
from datetime import timedelta
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from django.db import transaction

from benchmarks import seed
from benchmarks.parts.predicates import shop_make
from saleor_automation.inbox.models import Event
from saleor_automation.people.models import Contact, Tag
from saleor_automation.people.segments.filling import segments_fill, segments_sweep
from saleor_automation.people.segments.keeping import memberships_refresh
from saleor_automation.people.segments.models import Segment, SegmentMember
from saleor_automation.people.segments.services import segment_preview, segment_save
from saleor_automation.people.standings import standings_refresh


def condition(fact: str, op: str, value: Any = None, **more: Any) -> dict[str, Any]:
    return {"fact": fact, "op": op, "value": value, **more}


MANY = condition("contact.orders", "gte", 3)
RICH = condition("contact.spent", "gt", 200, of="EUR")
RECENT = condition("contact.days_since_order", "lte", 180)
YEAR = condition("contact.orders", "gte", 2, days=365)
SCORE = condition("contact.number", "gte", 500, of="score")
WHOLESALE = condition("contact.tagged", "is_true", of="wholesale")
VIP = condition("contact.tagged", "is_true", of="vip")
AGREED = condition("contact.consent", "eq", "yes")
SEGMENTS: dict[str, Any] = {
    "many": MANY,
    "rich": RICH,
    "recent": {"all": [MANY, RECENT]},
    "lapsed": {"all": [MANY, {"not": RECENT}, AGREED]},
    "year": YEAR,
    "quarter": condition("contact.orders", "gte", 1, days=90),
    "spent this year": condition("contact.spent", "gte", 100, of="EUR", days=365),
    "score": SCORE,
    "low score": {"all": [{"not": SCORE}, YEAR]},
    "wholesale": WHOLESALE,
    "retail": {"all": [{"not": WHOLESALE}, MANY, AGREED]},
    "vip": VIP,
    "vip or rich": {"any": [VIP, {"all": [RICH, RECENT]}]},
    "agreed": AGREED,
    "speaks english": condition("contact.language", "eq", "en"),
    "old": condition("contact.days_known", "gte", 1000),
    "bought pens": condition("contact.bought_category", "is_true", of="pens"),
    "basket lately": condition("contact.did", "gte", 1, of="basket_changed", days=30),
    "best": {"all": [condition("contact.in_segment", "is_true", of="rich"), RECENT, AGREED]},
    "not best": {"all": [condition("contact.in_segment", "is_false", of="best"), MANY]},
}


def measure(*, contacts: int, events: int, folder: Path) -> dict[str, object]:
    """Return ms per event and per unchanged one, and seconds of filling and of a sweep."""
    now = shop_make(contacts)
    people = list(Contact.objects.order_by("pk").values_list("pk", flat=True))
    for start in range(0, len(people), 5000):
        standings_refresh(people[start : start + 5000])
    seed.statistics_refresh()
    started = time.perf_counter()
    for name, data in SEGMENTS.items():
        segment_save(name=name, condition=data, now=now)
    while not segments_fill(now=now):
        pass
    filled = time.perf_counter() - started
    seed.statistics_refresh()
    chance = random.Random(1)
    took: dict[bool, list[float]] = {True: [], False: []}
    for number in range(events):
        who, moves = chance.choice(people), number % 2 == 0
        if moves:
            Tag.objects.update_or_create(
                contact_id=who, name="vip", defaults={"on": chance.random() < 0.8, "at": now}
            )
        with transaction.atomic():
            started = time.perf_counter()
            memberships_refresh([who], now=now)
            took[moves].append((time.perf_counter() - started) * 1000)
    if not Event.objects.filter(kind="segment_joined").exists():
        raise RuntimeError("Nobody moved: it measures nothing.")
    members = SegmentMember.objects.count()
    started = time.perf_counter()
    previewed = segment_preview(condition={"all": [MANY, RICH, RECENT]}, now=now)
    preview = time.perf_counter() - started
    if not 0 < previewed.count < contacts:
        raise RuntimeError("The preview found nobody, or everybody.")
    # Nothing differs a moment later, and some do a day later.
    Segment.objects.update(checked_at=None)
    started = time.perf_counter()
    segments_sweep(now=now + timedelta(seconds=1), seconds=3600)
    idle = time.perf_counter() - started
    started = time.perf_counter()
    moved = segments_sweep(now=now + timedelta(days=1), seconds=3600)
    day = time.perf_counter() - started
    everything = took[True] + took[False]
    return {
        "event_ms": median(everything),
        "event_p99_ms": quantiles(everything, n=100)[98],
        "moving_ms": median(took[True]),
        "fill_seconds": filled,
        "members": members,
        "preview_seconds": preview,
        "sweep_seconds": idle,
        "day_seconds": day,
        "day_people": moved,
    }
