"""Two workers at once, on PostgreSQL: no member, and no word about one, is lost or doubled."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection

from saleor_automation.inbox.models import Event
from saleor_automation.people.models import Contact
from saleor_automation.people.predicates.finding import people_find
from saleor_automation.people.predicates.language import condition_parse
from saleor_automation.people.segments import filling, keeping
from saleor_automation.people.segments.filling import segments_fill, segments_sweep
from saleor_automation.people.segments.keeping import memberships_refresh
from saleor_automation.people.segments.models import Segment, SegmentMember
from saleor_automation.people.segments.services import segment_delete, segment_save
from saleor_automation.people.traits import tag_set

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
VIP = {"fact": "contact.tagged", "op": "is_true", "of": "vip"}
pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite has one writer"),
]


@pytest.fixture(autouse=True)
def _slow(monkeypatch: Any) -> None:
    """Let others come between what was read and what is written of it."""
    load, write = keeping.values_load, filling._members_set

    def slow_load(**kwargs: Any) -> Any:
        found = load(**kwargs)
        time.sleep(random.random() / 100)
        return found

    def slow_write(*args: Any) -> None:
        time.sleep(random.random() / 100)
        write(*args)

    monkeypatch.setattr(keeping, "values_load", slow_load)
    monkeypatch.setattr(filling, "_members_set", slow_write)


def together(*works: Callable[[], Any]) -> None:
    """Run all at once, each on a connection of its own; raise what one of them raised."""
    errors: list[BaseException] = []
    gate = threading.Barrier(len(works))

    def run(work: Callable[[], Any]) -> None:
        try:
            gate.wait()
            work()
        except BaseException as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[work]) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def again(work: Callable[[], Any]) -> None:
    """Do it until the database lets it: a deadlock is given back, as the worker does."""
    for _ in range(20):
        try:
            work()
        except OperationalError:
            continue
        return
    raise AssertionError("never done")


def agrees() -> None:
    for segment in Segment.objects.all():
        found = people_find(condition=condition_parse(segment.condition), now=NOW)
        kept = SegmentMember.objects.filter(segment=segment)
        assert set(kept.values_list("contact", flat=True)) == set(
            found.values_list("pk", flat=True)
        )


def people_make(count: int) -> list[Contact]:
    return [Contact.objects.create(created_at=NOW) for _ in range(count)]


def tags_turn(people: list[Contact], seed: int, turns: int) -> None:
    chance = random.Random(seed)
    for turn in range(turns):
        at = NOW + timedelta(seconds=turn * 10 + seed)
        who, on = chance.choice(people), chance.random() < 0.5
        again(lambda at=at, who=who, on=on: tag_set(contact=who, name="vip", on=on, at=at, now=NOW))


def test_two_who_change_the_same_people() -> None:
    people = people_make(3)
    segment_save(name="VIP", condition=VIP, now=NOW)
    segment_save(
        name="Other",
        condition={"fact": "contact.in_segment", "op": "is_false", "of": "vip"},
        now=NOW,
    )
    segments_fill(now=NOW)
    everybody = [person.pk for person in people]

    def looks() -> None:
        for _ in range(40):
            again(lambda: memberships_refresh(everybody, now=NOW))

    together(lambda: tags_turn(people, 1, 40), lambda: tags_turn(people, 2, 40), looks, looks)
    agrees()
    told: dict[tuple[str, str], Counter[str]] = {}
    for row in Event.objects.select_related("key"):
        told.setdefault((row.key.object_id, row.data["segment"]), Counter())[row.kind] += 1
    inside = set(SegmentMember.objects.values_list("contact", "segment__key"))
    for pk in everybody:
        came = told.get((str(pk), "vip"), Counter())
        # Everybody began outside, so each who is in came once more than they left.
        assert came["segment_joined"] - came["segment_left"] == ((pk, "vip") in inside)
        came = told.get((str(pk), "other"), Counter())
        assert came["segment_left"] - came["segment_joined"] == ((pk, "other") not in inside)


class Between:
    """Does something in another thread and waits for it, but not for ever.

    Whoever holds the person's lock makes the other wait, and goes on first.
    """

    def __init__(self, work: Callable[[], Any]) -> None:
        self.thread = threading.Thread(target=self._run, args=[work])

    def _run(self, work: Callable[[], Any]) -> None:
        try:
            work()
        finally:
            connection.close()

    def begin(self) -> None:
        self.thread.start()
        self.thread.join(timeout=0.7)


def test_nobody_comes_between_what_is_read_and_what_is_written(monkeypatch: Any) -> None:
    [person] = people_make(1)
    segment_save(name="VIP", condition=VIP, now=NOW)
    segments_fill(now=NOW)
    me, load = threading.current_thread(), keeping.values_load
    turns = [
        Between(
            lambda at=NOW + timedelta(seconds=n), on=on: tag_set(  # type: ignore[misc]
                contact=person, name="vip", on=on, at=at, now=NOW
            )
        )
        for n, on in enumerate((True, False))
    ]

    def load_between(**kwargs: Any) -> Any:
        if threading.current_thread() is not me:
            return load(**kwargs)
        turns[0].begin()
        found = load(**kwargs)
        turns[1].begin()
        return found

    monkeypatch.setattr(keeping, "values_load", load_between)
    memberships_refresh([person.pk], now=NOW)
    for turn in turns:
        turn.thread.join()
    agrees()


def test_nobody_comes_between_a_fillings_answer_and_its_members(monkeypatch: Any) -> None:
    [person] = people_make(1)
    segment_save(name="VIP", condition=VIP, now=NOW)
    write = filling._members_set
    turn = Between(lambda: tag_set(contact=person, name="vip", on=True, at=NOW, now=NOW))

    def write_after(*args: Any) -> None:
        turn.begin()
        write(*args)

    monkeypatch.setattr(filling, "_members_set", write_after)
    segments_fill(now=NOW)
    turn.thread.join()
    agrees()
    assert SegmentMember.objects.count() == 1


def test_a_filling_beside_workers_and_another_filling(monkeypatch: Any) -> None:
    monkeypatch.setattr(filling, "PORTION", 7)
    people = people_make(60)
    for number, person in enumerate(people):
        tag_set(contact=person, name="vip", on=number % 3 == 0, at=NOW - timedelta(days=1), now=NOW)
    segment_save(name="VIP", condition=VIP, now=NOW)

    def fills() -> None:
        again(lambda: segments_fill(now=NOW))

    together(fills, fills, lambda: tags_turn(people, 1, 60), lambda: tags_turn(people, 2, 60))
    agrees()
    segment = Segment.objects.get()
    assert (segment.state, segment.filled) == ("ready", 60)


def test_two_sweeps_tell_of_each_once() -> None:
    people_make(30)
    segment_save(
        name="Old", condition={"fact": "contact.days_known", "op": "gte", "value": 1}, now=NOW
    )
    segments_fill(now=NOW)
    later = NOW + timedelta(days=1)
    sweep = lambda: again(lambda: segments_sweep(now=later))  # noqa: E731
    together(sweep, sweep, sweep)
    assert SegmentMember.objects.count() == Event.objects.count() == 30


def test_a_segment_that_is_deleted_while_people_come_in() -> None:
    for _ in range(5):
        people = people_make(5)
        segment = segment_save(name="VIP", condition=VIP, now=NOW)
        segments_fill(now=NOW)
        together(
            lambda people=people: tags_turn(people, 1, 20),
            lambda people=people: tags_turn(people, 2, 20),
            lambda segment=segment: again(lambda: segment_delete(segment=segment)),
        )
        assert not Segment.objects.exists()
        assert not SegmentMember.objects.exists()
