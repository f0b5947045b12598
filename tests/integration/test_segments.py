"""Segments: who is in, who came and went, and what is told of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from saleor_automation.conf import conf
from saleor_automation.contract import kinds
from saleor_automation.exceptions import CompileError, UsageError
from saleor_automation.inbox.models import Event, EventKey, RawEvent
from saleor_automation.inbox.services import raw_event_store, raw_events_process
from saleor_automation.people.identities import contacts_merge
from saleor_automation.people.models import Consent, Contact, Identity
from saleor_automation.people.segments import filling
from saleor_automation.people.segments.filling import segments_fill, segments_sweep
from saleor_automation.people.segments.keeping import QUIET, memberships_refresh
from saleor_automation.people.segments.merging import merges_collected
from saleor_automation.people.segments.models import Segment, SegmentMember
from saleor_automation.people.segments.services import (
    segment_delete,
    segment_preview,
    segment_save,
    segments_asking,
)
from saleor_automation.people.services import (
    contact_erase,
    contact_resubscribe,
    contact_unsubscribe,
)
from saleor_automation.people.standings import standings_fill
from saleor_automation.people.traits import tag_set, trait_remove, trait_set
from saleor_automation.sequences import segmenting
from saleor_automation.sequences.models import Enrollment, Heartbeat
from saleor_automation.sequences.services import sequences_asking
from saleor_automation.sequences.worker import CHORES, EARLY
from tests.engine import Play, sequence_make

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
VIP = {"fact": "contact.tagged", "op": "is_true", "of": "vip"}


def person(**changes: Any) -> Contact:
    return Contact.objects.create(**{"created_at": NOW, **changes})


def made(name: str = "VIP", condition: dict[str, Any] = VIP, *, fill: bool = True) -> Segment:
    segment = segment_save(name=name, condition=condition, now=NOW)
    if fill:
        assert segments_fill(now=NOW)
    return segment


def members(segment: Segment) -> set[Any]:
    return set(SegmentMember.objects.filter(segment=segment.pk).values_list("contact", flat=True))


def told(**where: Any) -> list[tuple[str, str]]:
    rows = Event.objects.filter(source="own", **where).order_by("pk")
    return [(row.kind, row.data["segment"]) for row in rows]


def tag(contact: Contact, on: bool, *, minutes: int) -> None:
    at = NOW + timedelta(minutes=minutes)
    tag_set(contact=contact, name="vip", on=on, at=at, now=at)


def test_the_first_filling_takes_people_in_and_tells_nobody() -> None:
    one, _other = person(), person()
    tag(one, True, minutes=0)
    segment = made()
    segment.refresh_from_db()
    assert members(segment) == {one.pk}
    assert (segment.state, segment.filled, segment.key) == ("ready", 2, "vip")
    assert told() == []


def test_who_comes_and_goes_is_told_once_for_each_stay() -> None:
    one, segment = person(), made()
    for minutes, on in enumerate((True, True, False, False, True), 1):
        tag(one, on, minutes=minutes)
    joined, left = ("segment_joined", "vip"), ("segment_left", "vip")
    assert told(contact=one, backfill=False) == [joined, left, joined]
    stays = list(EventKey.objects.order_by("pk").values_list("kind", "transition"))
    assert stays[0][1] == stays[1][1] != stays[2][1]
    assert SegmentMember.objects.get(segment=segment).since == NOW + timedelta(minutes=5)
    # Nothing changed, so nothing is told.
    memberships_refresh([one.pk], now=NOW + timedelta(hours=1))
    assert len(told()) == 3


def test_traits_and_consent_move_people_too() -> None:
    one = person(email="a@shop.example")
    size = made("Big", {"fact": "contact.number", "op": "gte", "value": 42, "of": "size"})
    yes = made("Said yes", {"fact": "contact.consent", "op": "eq", "value": "yes"})
    said = made(
        "Said no to news", {"fact": "contact.consent", "op": "eq", "value": "no", "of": "news"}
    )
    never = made("Silent", {"fact": "contact.consent", "op": "eq", "value": "unsaid"})
    assert members(never) == {one.pk}
    trait_set(contact=one, name="size", value=42, at=NOW, source="test")
    assert members(size) == {one.pk}
    trait_remove(contact=one, name="size")
    assert members(size) == set()
    contact_resubscribe(contact=one, at=NOW)
    assert (members(yes), members(never), members(said)) == ({one.pk}, set(), set())
    contact_unsubscribe(contact=one, at=NOW + timedelta(minutes=1), topic="news")
    assert (members(yes), members(said)) == ({one.pk}, {one.pk})
    contact_unsubscribe(contact=one, at=NOW + timedelta(minutes=2))
    assert (members(yes), members(said)) == (set(), {one.pk})


def test_time_alone_moves_people_at_the_sweep() -> None:
    one = person()
    lapsed = made("Old", {"fact": "contact.days_known", "op": "gte", "value": 3})
    tagged = made()
    segments_sweep(now=NOW + timedelta(days=2, hours=23))
    assert members(lapsed) == set()
    at = NOW + timedelta(days=3)
    assert segments_sweep(now=at) == 1
    assert members(lapsed) == {one.pk}
    assert told() == [("segment_joined", "old")]
    lapsed.refresh_from_db()
    assert lapsed.checked_at == at
    # What was missed, whyever, is found within a day.
    SegmentMember.objects.create(segment=tagged, contact=one, since=NOW)
    segments_sweep(now=at + timedelta(hours=1))
    assert members(tagged) == {one.pk}
    segments_sweep(now=at + timedelta(days=1))
    assert members(tagged) == set()


def test_one_segment_asks_about_another_and_follows_it() -> None:
    one = person()
    vip = made()
    both = made(
        "Both",
        {
            "all": [
                {"fact": "contact.in_segment", "op": "is_true", "of": "VIP"},
                {"fact": "contact.days_known", "op": "gte", "value": 1},
            ]
        },
    )
    none = made("Others", {"fact": "contact.in_segment", "op": "is_false", "of": "vip"})
    assert members(none) == {one.pk}
    tag(one, True, minutes=1)
    assert (members(vip), members(both), members(none)) == ({one.pk}, set(), set())
    segments_sweep(now=NOW + timedelta(days=1))
    assert members(both) == {one.pk}
    tag(one, False, minutes=24 * 60 + 5)
    assert (members(vip), members(both), members(none)) == (set(), set(), {one.pk})


def test_a_changed_condition_is_filled_again_with_those_that_ask_about_it() -> None:
    one, other = person(language="ms"), person(language="en")
    first = made("First", {"fact": "contact.language", "op": "eq", "value": "ms"})
    second = made("Second", {"fact": "contact.in_segment", "op": "is_true", "of": "first"})
    assert members(second) == {one.pk}
    english = {"fact": "contact.language", "op": "eq", "value": "en"}
    segment_save(segment=first, name="First", condition=english, now=NOW)
    assert set(Segment.objects.values_list("state", flat=True)) == {"filling"}
    segments_fill(now=NOW)
    assert members(first) == members(second) == {other.pk}
    assert told() == []
    # A new name is no new condition.
    segment_save(segment=first, name="English", condition=english, now=NOW)
    assert set(Segment.objects.values_list("state", flat=True)) == {"ready"}


def test_a_filling_that_was_cut_short_goes_on_where_it_was(monkeypatch: Any) -> None:
    monkeypatch.setattr(filling, "PORTION", 2)
    people = sorted((person(language="ms").pk for _ in range(7)), key=str)
    segment = made(condition={"fact": "contact.language", "op": "eq", "value": "ms"}, fill=False)
    set_members, calls = filling._members_set, []

    def breaks(*args: Any) -> None:
        calls.append(args)
        set_members(*args)
        if len(calls) == 3:
            raise SystemExit  # as a killed worker would

    monkeypatch.setattr(filling, "_members_set", breaks)
    with pytest.raises(SystemExit):
        segments_fill(now=NOW)
    segment.refresh_from_db()
    # What the killed one had not finished is not there; what it had is not done again.
    assert (segment.state, segment.filled, len(members(segment))) == ("filling", 4, 4)
    assert segments_fill(now=NOW, seconds=0) is False
    assert segments_fill(now=NOW) is True
    segment.refresh_from_db()
    assert (segment.state, segment.filled, len(calls)) == ("ready", 7, 5)
    assert members(segment) == set(people)


def test_while_it_is_filled_people_come_and_go_without_a_word() -> None:
    one = person()
    segment = made(fill=False)
    tag(one, True, minutes=1)
    assert members(segment) == {one.pk}
    assert told() == []


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ({"fact": "contact.in_segment", "op": "is_true", "of": "nobody"}, "There is no segment"),
        ({"fact": "contact.in_segment", "op": "is_true", "of": "first"}, "about itself"),
        (
            {"fact": "contact.in_segment", "op": "is_true", "of": "third"},
            "“first” → “third” → “second” → “first”",
        ),
        ({"fact": "basket.items", "op": "eq", "value": 1}, "in a sequence alone"),
        ({"fact": "contact.did", "op": "gte", "value": 1, "of": "segment_left"}, "count joining"),
        ({"fact": "contact.consent", "op": "eq", "value": "maybe"}, "is one of: yes, no, unsaid"),
    ],
)
def test_what_no_segment_can_be_is_refused(condition: dict[str, Any], words: str) -> None:
    first = made("First")
    made("Second", {"fact": "contact.in_segment", "op": "is_true", "of": "first"})
    made("Third", {"not": {"fact": "contact.in_segment", "op": "is_true", "of": "second"}})
    with pytest.raises(CompileError, match=words):
        segment_save(segment=first, name="First", condition=condition, now=NOW)
    first.refresh_from_db()
    assert first.condition == VIP


def test_a_segment_others_ask_about_stays() -> None:
    first = made("First")
    second = made("Second", {"fact": "contact.in_segment", "op": "is_false", "of": "first"})
    assert segments_asking("first") == [second]
    with pytest.raises(UsageError, match="Other segments ask about it: second"):
        segment_delete(segment=first)
    segment_delete(segment=second)
    segment_delete(segment=first)
    assert not Segment.objects.exists()


def test_names_make_keys_of_their_own() -> None:
    assert [made(name).key for name in ("Loyal ones", "Loyal ones!", "忠")] == [
        "loyal-ones",
        "loyal-ones-2",
        "segment",
    ]
    with pytest.raises(UsageError, match="already"):
        segment_save(name="x", condition=VIP, now=NOW, key="segment")


def test_a_preview_counts_and_names_without_saving() -> None:
    people = [person(language=code) for code in ("ms", "ms", "en", "")]
    preview = segment_preview(
        condition={"fact": "contact.language", "op": "eq", "value": "ms"}, now=NOW
    )
    assert (preview.count, preview.total, preview.percent) == (2, 4, 50)
    assert {found.pk for found in preview.examples} == {people[0].pk, people[1].pk}
    assert not Segment.objects.exists()


def test_a_merge_lets_the_longer_stay_go_on_and_starts_nothing() -> None:
    winner, loser = person(has_account=True), person(country="MY")
    Identity.objects.create(kind="email", value="w@shop.example", contact=winner, as_of=NOW)
    segment = made()
    mine = made("Malaysians", {"fact": "contact.country", "op": "eq", "value": "my"})
    tag(loser, True, minutes=1)
    tag(winner, True, minutes=2)
    assert members(mine) == {loser.pk}
    later = NOW + timedelta(hours=1)
    with merges_collected() as merged:
        contacts_merge(winner=winner, loser=loser, now=later)
    assert members(mine) == {winner.pk}
    # As is done with whom a payload touched, when all of it is done.
    memberships_refresh(merged, now=later, telling=QUIET)
    stay = SegmentMember.objects.get(segment=segment)
    assert (stay.contact_id, stay.since) == (winner.pk, NOW + timedelta(minutes=1))
    # The winner's fields are made of evidence, of which the loser had none.
    assert members(mine) == set()
    assert told(backfill=False) == [("segment_joined", "vip")] * 2
    assert told(backfill=True) == [("segment_left", "malaysians")]


def test_nothing_of_an_erased_person_stays() -> None:
    one = person(email="a@shop.example")
    Identity.objects.create(kind="email", value="a@shop.example", contact=one, as_of=NOW)
    made()
    tag(one, True, minutes=1)
    pk = str(one.pk)
    contact_erase(contact=one, at=NOW, now=NOW)
    assert not SegmentMember.objects.exists()
    assert not Event.objects.exists()
    assert not EventKey.objects.filter(object_id=pk).exists()


def test_what_comes_from_the_shop_moves_people(play: Play) -> None:
    buyers = made("Buyers", {"fact": "contact.orders", "op": "gte", "value": 1})
    shopper = play.shopper("aina")
    assert members(buyers) == set()
    play.basket(shopper, "b")
    play.buy("b")
    one = Contact.objects.get()
    assert members(buyers) == {one.pk}
    assert told(contact=one, backfill=False, late=False) == [("segment_joined", "buyers")]


def starting_by(kind: str, segment: str) -> Any:
    return sequence_make(f"{kind} {segment}", kind, [60], of=segment)


def test_coming_into_a_segment_starts_a_sequence_once_per_person(play: Play) -> None:
    at = play.clock.at
    one, other = person(created_at=at, channel="web"), person(created_at=at)
    tag_set(contact=other, name="vip", on=True, at=at)
    segment_save(name="VIP", condition=VIP, now=at)
    segment_save(name="Known", condition={"not": VIP}, now=at)
    sequence = starting_by("segment_joined", "vip")
    segments_fill(now=at)
    # Who was in it from the first does not enter, nor whoever comes into another segment.
    assert not Enrollment.objects.exists()
    for minutes, on in enumerate((True, False, True), 1):
        tag_set(contact=one, name="vip", on=on, at=at + timedelta(minutes=minutes))
    [enrollment] = Enrollment.objects.all()
    assert (enrollment.contact, enrollment.sequence) == (one, sequence)
    assert enrollment.entry_key == f"vip/{one.pk}"
    assert enrollment.context == {"channel": "web"}
    assert sequences_asking("vip") == {sequence}
    assert sequences_asking("known") == set()


def test_going_out_of_a_segment_starts_one_too_but_a_merge_does_not(play: Play) -> None:
    at = play.clock.at
    one, loser = person(created_at=at), person(created_at=at)
    segment_save(name="VIP", condition=VIP, now=at)
    segment_save(name="New", condition={"not": VIP}, now=at)
    segments_fill(now=at)
    starting_by("segment_left", "new")
    tag_set(contact=loser, name="vip", on=True, at=at)
    Enrollment.objects.all().delete()
    with merges_collected() as merged:
        contacts_merge(winner=one, loser=loser, now=at)
    memberships_refresh(merged, now=at, telling=QUIET)
    assert members(Segment.objects.get(key="new")) == set()
    assert not Enrollment.objects.exists()


def test_a_trigger_that_wants_a_segment_says_so() -> None:
    with pytest.raises(CompileError) as caught:
        starting_by("segment_joined", "")
    assert "say which segment" in str(caught.value.diagnostics)
    with pytest.raises(CompileError) as caught:
        starting_by("joined", "vip")
    assert "asked of nothing" in str(caught.value.diagnostics)


def test_history_moves_people_and_starts_nothing(play: Play) -> None:
    buyers = made("Buyers", {"fact": "contact.orders", "op": "gte", "value": 1})
    play.holding = True
    play.basket(play.shopper("aina"), "b")
    play.buy("b")
    for event, body in play.held:
        raw_event_store(
            source=RawEvent.Source.BACKFILL,
            event_type=event,
            api_url=conf().saleor_api_url,
            body=body,
            now=play.clock.at,
        )
    raw_events_process(ids=list(RawEvent.objects.values_list("pk", flat=True)), now=play.clock.at)
    assert len(members(buyers)) == 1
    assert told(backfill=True) == [("segment_joined", "buyers")]
    assert told(backfill=False) == []


def test_the_worker_fills_sweeps_and_goes_on_soon(monkeypatch: Any) -> None:
    one = person()
    Consent.objects.create(contact=one, state="granted", source="checkout", at=NOW)
    segment = made("Said yes", {"fact": "contact.consent", "op": "eq", "value": "yes"}, fill=False)
    # Known before anybody computed what they said.
    CHORES["standings_fill"].run()
    assert [row.said for row in one.standings.all()] == ["yes"]
    assert standings_fill() is True
    assert one.standings.count() == 1
    CHORES["segments_fill"].run()
    segment.refresh_from_db()
    assert (segment.state, members(segment)) == ("ready", {one.pk})
    Segment.objects.update(checked_at=None)
    CHORES["segments_sweep"].run()
    segment.refresh_from_db()
    assert segment.checked_at is not None
    Heartbeat.objects.create(name="chore:segments_fill", at=NOW)
    monkeypatch.setattr(segmenting, "segments_fill", lambda **kwargs: False)
    CHORES["segments_fill"].run()
    assert Heartbeat.objects.get(name="chore:segments_fill").at == EARLY


def test_what_arrives_late_moves_people_and_starts_nothing(play: Play) -> None:
    buyers = made("Buyers", {"fact": "contact.orders", "op": "gte", "value": 1})
    starting_by("segment_joined", "buyers")
    play.holding = True
    play.basket(play.shopper("aina"), "b")
    play.buy("b")
    play.clock.forward(days=9)
    for event, body in play.held:
        play.deliver(event, body)
    assert len(members(buyers)) == 1
    assert told(late=True) == [("segment_joined", "buyers")]
    assert not Enrollment.objects.exists()


def test_a_segment_whose_fact_is_gone_stays_as_it_was() -> None:
    one = person()
    segment, other = made(), made("Other")
    follows = made("Follows", {"fact": "contact.in_segment", "op": "is_true", "of": "vip"})
    tag(one, True, minutes=1)
    Segment.objects.filter(pk=segment.pk).update(condition={"fact": "gone.fact", "op": "is_true"})
    tag(one, False, minutes=2)
    assert (members(segment), members(follows), members(other)) == ({one.pk}, {one.pk}, set())
    # Nor does a sweep take anybody out of what asks about it.
    Segment.objects.update(checked_at=None)
    assert segments_sweep(now=NOW) == 0
    assert kinds.SEGMENT_LEFT not in kinds.ALL


def test_a_no_is_kept_even_if_segments_cannot_be(monkeypatch: Any) -> None:
    one = person(email="a@shop.example")
    made()

    def breaks(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr("saleor_automation.people.services.memberships_refresh", breaks)
    contact_unsubscribe(contact=one, at=NOW)
    assert one.standings.get(topic="").said == "no"
