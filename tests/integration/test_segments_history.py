"""Members kept step by step are those the database finds afresh, whatever happened."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase as DjangoTestCase

from saleor_automation.inbox.facts import own_events_record
from saleor_automation.inbox.models import Event, EventKey, RawEvent
from saleor_automation.inbox.services import raw_event_store, raw_events_process
from saleor_automation.people.figures import figures_refresh
from saleor_automation.people.identities import contacts_merge
from saleor_automation.people.models import Contact, Identity
from saleor_automation.people.predicates.finding import people_find
from saleor_automation.people.predicates.language import condition_parse
from saleor_automation.people.segments import filling
from saleor_automation.people.segments.filling import segments_fill, segments_sweep
from saleor_automation.people.segments.keeping import QUIET, memberships_refresh
from saleor_automation.people.segments.merging import merges_collected
from saleor_automation.people.segments.models import Segment, SegmentMember
from saleor_automation.people.segments.services import segment_save
from saleor_automation.people.services import contact_resubscribe, contact_unsubscribe
from saleor_automation.people.standings import standings_refresh
from saleor_automation.people.traits import tag_set, trait_remove, trait_set
from saleor_automation.shop.models import ShopOrder
from tests.integration.test_people_order import ACTIONS, NOW, Shop

START = datetime.fromisoformat("2026-03-02T09:30:00+00:00")
PEOPLE = 4
IN = {"fact": "contact.in_segment", "op": "is_true"}
CONDITIONS: dict[str, Any] = {
    "vip": {"fact": "contact.tagged", "op": "is_true", "of": "vip"},
    "buyers": {"fact": "contact.orders", "op": "gte", "value": 1},
    "lately": {"fact": "contact.orders", "op": "gte", "value": 2, "days": 5},
    "lapsed": {"fact": "contact.days_since_order", "op": "gte", "value": 3},
    "large": {"fact": "contact.number", "op": "gt", "value": 2, "of": "size"},
    "yes": {"fact": "contact.consent", "op": "eq", "value": "yes"},
    "news": {"fact": "contact.consent", "op": "ne", "value": "no", "of": "news"},
    "not-vip": {"not": {"all": [{**IN, "of": "vip"}, {**IN, "of": "buyers"}]}},
    "chain": {"any": [{**IN, "of": "not-vip"}, {**IN, "of": "lapsed"}]},
}
ACTS = (
    *("tag", "untag", "size", "no size", "order", "cancel", "yes", "no", "no news"),
    *("days", "hours", "change", "history", "merge"),
)
STEPS = st.lists(
    st.tuples(st.sampled_from(ACTS), st.integers(0, PEOPLE - 1), st.integers(1, 4)),
    min_size=5,
    max_size=40,
)


def members_check(now: datetime) -> None:
    """Compare every segment's members with those the database finds afresh."""
    for segment in Segment.objects.all():
        found = people_find(condition=condition_parse(segment.condition), now=now)
        kept = SegmentMember.objects.filter(segment=segment)
        wanted = set(found.values_list("pk", flat=True))
        assert set(kept.values_list("contact", flat=True)) == wanted, segment.key


class World:
    """Some people, their segments, and the shop's time."""

    def __init__(self) -> None:
        self.now, self.number = START, 0
        self.people = [Contact.objects.create(created_at=START) for _ in range(PEOPLE)]
        for number, one in enumerate(self.people):
            name = f"p{number}@shop.example"
            Identity.objects.create(kind="email", value=name, contact=one, as_of=START)
        for name, condition in CONDITIONS.items():
            segment_save(name=name, condition=condition, now=self.now)
        segments_fill(now=self.now)

    def step(self, what: str, who: int, amount: int) -> None:
        self.now += timedelta(seconds=1)
        person, now = self.people[who], self.now
        if what in ("tag", "untag"):
            tag_set(contact=person, name="vip", on=what == "tag", at=now, now=now)
        elif what == "size":
            trait_set(contact=person, name="size", value=amount, at=now, source="test", now=now)
        elif what == "no size":
            trait_remove(contact=person, name="size", now=now)
        elif what in ("order", "history"):
            self.number += 1
            ShopOrder.objects.create(
                saleor_id=str(self.number),
                contact=person,
                status="UNFULFILLED",
                placed_at=now - timedelta(days=amount if what == "history" else 0),
                currency="MYR",
                total_gross=Decimal(10),
            )
            self.touch(person)
        elif what == "cancel":
            ShopOrder.objects.filter(contact=person).update(status="CANCELED")
            self.touch(person)
        elif what == "yes":
            contact_resubscribe(contact=person, at=now)
        elif what in ("no", "no news"):
            contact_unsubscribe(contact=person, at=now, topic="news" if " " in what else "")
        elif what in ("days", "hours"):
            self.now += timedelta(**{what: amount})
            segments_sweep(now=self.now)
        elif what == "change":
            condition = {"fact": "contact.number", "op": "lt", "value": amount, "of": "size"}
            large = Segment.objects.get(key="large")
            segment_save(segment=large, name="large", condition=condition, now=now)
            segments_fill(now=now)
        elif what == "merge":
            loser = Contact.objects.create(created_at=now)
            tag_set(contact=loser, name="vip", on=bool(amount % 2), at=now, now=now)
            with merges_collected() as merged:
                contacts_merge(winner=person, loser=loser, now=now)
            # As is done with whom a payload touched, when all of it is done.
            standings_refresh(merged)
            memberships_refresh(merged, now=now, telling=QUIET)

    def touch(self, person: Contact) -> None:
        figures_refresh([person.pk], now=self.now)
        memberships_refresh([person.pk], now=self.now)

    def check(self) -> None:
        """Compare with the database, asked afresh, and the stays with what was told of them."""
        members_check(self.now)
        stays = set(SegmentMember.objects.values_list("pk", flat=True))
        told: dict[str, list[str]] = {}
        for row in Event.objects.filter(source="own").select_related("key").order_by("pk"):
            told.setdefault(row.key.transition, []).append(row.kind)
        for stay, kinds in told.items():
            # Each stay begins and ends once; one that is over has ended.
            assert kinds in (
                ["segment_joined"],
                ["segment_joined", "segment_left"],
                ["segment_left"],
            ), kinds
            if int(stay) in stays:
                assert kinds == ["segment_joined"]


class TestHistories(DjangoTestCase):
    """Each example in a transaction of its own."""

    @settings(max_examples=60)
    @given(STEPS)
    def test_kept_members_are_the_found_ones(self, steps: list[tuple[str, int, int]]) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(filling, "MOVING_EVERY", timedelta(0))
            patch.setattr(filling, "PORTION", 3)
            world = World()
            clock = "saleor_automation.people.segments.keeping.clock.now"
            patch.setattr(clock, lambda: world.now)
            for step in steps:
                world.step(*step)
                segments_sweep(now=world.now)
                world.check()


#: What payloads may change of somebody.
OF_PAYLOADS: dict[str, Any] = {
    "account": {"fact": "contact.has_account", "op": "is_true"},
    "malay": {"fact": "contact.language", "op": "eq", "value": "ms"},
    "one": {"fact": "contact.channel", "op": "eq", "value": "channel-1"},
    "ordered": {"fact": "contact.orders", "op": "gte", "value": 1},
    "often": {"fact": "contact.did", "op": "gte", "value": 2, "of": "ordered"},
    "looked": {"fact": "contact.did", "op": "gte", "value": 1, "of": "basket_changed"},
    "guests": {"all": [{"not": {**IN, "of": "account"}}, {**IN, "of": "ordered"}]},
    "unsaid": {"fact": "contact.consent", "op": "eq", "value": "unsaid"},
}


def deliver(event: str, content: dict[str, Any]) -> None:
    """Let the shop's payload be understood."""
    raw_event_store(
        source="webhook",
        event_type=event,
        api_url="https://shop.example/graphql/",
        body=json.dumps(content).encode(),
        now=NOW,
    )
    waiting = RawEvent.objects.filter(state=RawEvent.State.PENDING)
    raw_events_process(ids=list(waiting.values_list("pk", flat=True)), now=NOW)


def test_an_address_that_changes_hands_takes_its_orders_along(db: None) -> None:
    shop = Shop(deletions=False)
    # U0 has an address under which a guest orders, and gives it up; U1 takes it.
    for action in (("join", 0, 1), ("order", 2, 1), ("move", 0, 0), ("join", 1, 1)):
        shop.play(*action)
    segment_save(name="ordered", condition=OF_PAYLOADS["ordered"], now=NOW)
    segments_fill(now=NOW)
    for event, content in shop.sent:
        deliver(event, content)
        members_check(NOW)
    [member] = SegmentMember.objects.select_related("contact")
    assert member.contact.email == "ben@x.example"
    told = Event.objects.filter(source="own").order_by("pk").values_list("kind", "backfill")
    # Who ordered came in aloud; the handing over starts nothing.
    assert list(told) == [
        ("segment_joined", False),
        ("segment_left", True),
        ("segment_joined", True),
    ]


class TestPayloads(DjangoTestCase):
    """What the shop sends, in any order: merges, addresses that change hands, erasures."""

    @settings(max_examples=40, phases=[Phase.explicit, Phase.reuse, Phase.generate])
    @given(actions=ACTIONS, deletions=st.booleans(), data=st.data())
    def test_every_payload_leaves_members_right(
        self, actions: list[tuple[str, int, int]], deletions: bool, data: st.DataObject
    ) -> None:
        shop = Shop(deletions=deletions)
        for action in actions:
            shop.play(*action)
        for name, condition in OF_PAYLOADS.items():
            segment_save(name=name, condition=condition, now=NOW)
        segments_fill(now=NOW)
        for event, content in data.draw(st.permutations(shop.sent)):
            deliver(event, content)
            members_check(NOW)
        assert not RawEvent.objects.exclude(state=RawEvent.State.DONE).exists()
        # Nobody who is gone is named by the keys of these Events.
        assert not EventKey.objects.filter(
            kind__startswith="segment_", event__contact__isnull=True
        ).exists()


def test_a_key_that_was_used_is_not_told_again(db: None) -> None:
    from saleor_automation.contract.snapshots import Fact

    person = Contact.objects.create(created_at=START)
    fact = Fact("segment_joined", str(person.pk), "1", START, {"segment": "vip"})
    both = [
        own_events_record(facts=[(fact, person.pk)], now=START, late=False, backfill=False)
        for _ in range(2)
    ]
    assert [len(events) for events in both] == [1, 0]
    assert EventKey.objects.count() == Event.objects.count() == 1
    assert Event.objects.get().source == RawEvent.Source.OWN
