"""Files of people: looked over and brought in, whatever happens on the way."""

from __future__ import annotations

import io
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError

from saleor_automation import clock
from saleor_automation.inbox.models import Event
from saleor_automation.people import services
from saleor_automation.people.importing import services as importing
from saleor_automation.people.importing import working
from saleor_automation.people.importing.models import (
    ContactImport,
    ImportChange,
    ImportPiece,
)
from saleor_automation.people.importing.rules import Rules
from saleor_automation.people.models import (
    Consent,
    ConsentWriteBack,
    Contact,
    ContactFigures,
    Identity,
    Suppression,
    Tag,
)
from saleor_automation.people.services import (
    consent_record,
    contact_erase,
    contact_find,
    suppression_add,
)
from saleor_automation.people.traits import trait_set, traits_of
from saleor_automation.people.verification import services as verification
from saleor_automation.sequences.models import Enrollment
from tests.engine import START, Play, TestClock, sequence_make, settle
from tests.importing import (
    AGREED,
    COLUMNS,
    CONSENT,
    FILE,
    LINES,
    State,
    brought_in,
    faults,
    known,
    made,
    many,
    person,
    worked,
)
from tests.traces import traces

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _clock(test_clock: TestClock) -> TestClock:
    return test_clock


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "PIECE", 10)
    monkeypatch.setattr(working, "PIECE", 10)


class Killed(BaseException):
    """The end of a process: nothing behind it runs."""


# --- in ------------------------------------------------------------------------------


def test_people_come_in_with_what_their_lines_say() -> None:
    found = brought_in(**CONSENT, tags=("old shop",), language="en")
    assert found.counts == {"new": 3, "agreed": 3}
    aina, ben, chong = (person(f"{name}@kedai.example") for name in ("aina", "ben", "chong"))
    assert (aina.email, aina.first_name, aina.last_name) == ("aina@kedai.example", "Aina", "Rahman")
    assert (aina.language, aina.country, aina.has_account) == ("ms", "MY", False)
    # As the file writes it.
    assert (ben.email, ben.country, chong.language) == ("BEN@kedai.example", "SG", "en")
    assert set(Tag.objects.filter(contact=aina).values_list("name", flat=True)) == {
        "vip",
        "wholesale",
        "old shop",
    }
    assert traits_of(ben) == {"shoe_size": 41.5}
    assert traits_of(chong) == {}
    word = Consent.objects.get(contact=aina)
    assert (word.state, word.basis, word.at) == ("granted", "opt_in", AGREED)
    assert (word.source, word.wording) == (
        f"import:{found.pk}",
        "Yes, send me news (The form on our old shop)",
    )
    assert services.contact_subscribed(contact=aina) is True
    assert ContactFigures.objects.get(contact=aina).zone == "Asia/Kuala_Lumpur"
    assert set(ImportPiece.objects.values_list("rows", flat=True)) == {""}, "kept once"


def test_an_import_starts_nothing_and_tells_saleor_nothing(play: Play) -> None:
    sequence_make("welcome", "joined", [0])
    brought_in(**CONSENT)
    assert not Event.objects.exists()
    assert not Enrollment.objects.exists()
    assert not ConsentWriteBack.objects.exists()


def test_the_shop_knows_better_and_the_file_fills_in(play: Play) -> None:
    aina = play.shopper("aina")
    brought_in(
        "Email,First name,Last name,Language,Country,Tags,Shoe size\n"
        "aina@shopper.example,Wrong,Name,ms,MY,vip,38\n"
    )
    contact = person(aina.email)
    assert (contact.first_name, contact.last_name) == ("Aina", "R")
    # What Saleor says when a storefront does not is no word against it.
    assert (contact.language, contact.country) == ("ms", "MY")
    assert Contact.objects.count() == 1


def test_the_same_file_again_changes_nothing(test_clock: TestClock) -> None:
    brought_in(**CONSENT)
    test_clock.forward(days=1)
    again = brought_in(**CONSENT)
    assert again.counts == {"unchanged": 3}
    assert (Contact.objects.count(), Consent.objects.count()) == (3, 3)
    assert not ImportChange.objects.filter(importing=again).exists()


def test_a_look_says_what_would_happen_and_does_nothing() -> None:
    ben = known("ben@kedai.example")
    before = (Contact.objects.count(), Identity.objects.count(), Tag.objects.count())
    found = worked(made(**CONSENT), State.CHECKING)
    assert (found.state, found.counts) == (
        State.CHECKED,
        {"new": 2, "updated": 1, "agreed": 3},
    )
    assert (Contact.objects.count(), Identity.objects.count(), Tag.objects.count()) == before
    assert not Consent.objects.exists()
    assert not ImportChange.objects.exists()
    assert not verification.verifications_of(["aina@kedai.example"])
    ben.refresh_from_db()
    assert ben.first_name == ""
    done = worked(found, State.RUNNING)
    assert done.counts == done.expected == {"new": 2, "updated": 1, "agreed": 3}


def test_lines_that_cannot_be_taken_are_named_and_nothing_else_is_lost() -> None:
    gone = known("gone@kedai.example")
    contact_erase(contact=gone, at=clock.now(), now=clock.now())
    looked = worked(made(LINES), State.CHECKING)
    told = faults(looked)
    found = worked(looked, State.RUNNING)
    assert faults(found) == told
    assert told == [
        (3, "malformed", "“no address” is no address"),
        (4, "malformed", "no address"),
        (5, "malformed", "2 cells instead of 7"),
        (6, "repeated", "the address stands in line 2 already"),
        (7, "value", "language “Malay language” is no code such as en"),
        (7, "value", "country “Malaysia” is no code such as MY"),
        (7, "value", "shoe_size: 'large' is no number."),
        (8, "malformed", '“"x y"@kedai.example” is no address'),
        (12, "erased", "erased on 2026-11-02"),
    ]
    assert found.counts["new"] == 3
    assert sorted(Contact.objects.values_list("first_name", flat=True)) == [
        "Aina",
        "Daud",
        "Maya\nR",
    ]
    assert traces("gone@kedai.example") == []


def test_a_no_stands_above_every_list(test_clock: TestClock) -> None:
    """Said before or after, in the shop, here or by a complaint."""
    earlier = known("aina@kedai.example")
    consent_record(
        contact=earlier, state="withdrawn", source="account", at=AGREED - timedelta(days=99)
    )
    ben = known("ben@kedai.example")
    suppression_add(contact=ben, reason=Suppression.Reason.COMPLAINT, at=START)
    found = brought_in(**CONSENT)
    assert {key: found.counts.get(key) for key in ("agreed", "said_no", "suppressed")} == {
        "agreed": 1,
        "said_no": 1,
        "suppressed": 1,
    }
    chong = person("chong@kedai.example")
    assert services.contact_subscribed(contact=chong) is True
    # An old "no" of the shop that is heard late.
    consent_record(
        contact=chong, state="withdrawn", source="order", at=AGREED - timedelta(days=400)
    )
    for contact in (earlier, ben, chong):
        assert services.contact_subscribed(contact=contact) is False
    # What they say themselves counts as ever.
    test_clock.forward(days=1)
    services.contact_resubscribe(contact=chong, at=clock.now())
    assert services.contact_subscribed(contact=chong) is True


def test_without_a_basis_nobody_agreed() -> None:
    found = brought_in()
    assert found.counts == {"new": 3}
    assert not Consent.objects.exists()
    assert services.contact_subscribed(contact=person("aina@kedai.example")) is None


def test_people_of_one_channel_agreed_for_it_alone() -> None:
    brought_in(**CONSENT, channel="malaysia")
    aina = person("aina@kedai.example")
    assert aina.channel == "malaysia"
    assert services.contact_subscribed(contact=aina, channel="malaysia") is True
    assert services.contact_subscribed(contact=aina, channel="europe") is None


def test_each_line_may_say_whether_and_when() -> None:
    text = (
        "email,Subscribed,Confirm time\n"
        "a@kedai.example,yes,2024-05-31\n"
        "b@kedai.example,no,2024-05-31\n"
        "c@kedai.example,maybe,2024-05-31\n"
        "d@kedai.example,TRUE,\n"
        "e@kedai.example,1,last May\n"
    )
    found = brought_in(text, columns=("email", "agreed", "agreed_at"), **CONSENT)
    said = dict(Consent.objects.values_list("contact__email", "at"))
    assert said == {
        "a@kedai.example": datetime(2024, 5, 31, tzinfo=UTC),
        "d@kedai.example": AGREED,
        "e@kedai.example": AGREED,
    }
    assert [row[:2] for row in faults(found)] == [(4, "value"), (6, "value")]


def test_who_agreed_after_being_erased_came_back_by_themselves(test_clock: TestClock) -> None:
    gone = known("aina@kedai.example")
    contact_erase(contact=gone, at=AGREED - timedelta(days=1), now=clock.now())
    found = brought_in(**CONSENT)
    assert found.counts["new"] == 3
    assert services.contact_subscribed(contact=person("aina@kedai.example")) is True


def test_dead_addresses_are_left_out_or_not_as_decided(settings: Any) -> None:
    verification.history_record(
        address="aina@kedai.example", now=START, hard_bounce_at=START - timedelta(days=1)
    )
    found = brought_in()
    assert (found.counts["undeliverable"], found.counts["new"]) == (1, 2)
    both = brought_in(skip_undeliverable=False)
    assert (both.counts["new"], both.counts["unchanged"]) == (1, 2)


def test_nothing_begins_before_it_was_decided() -> None:
    found = importing.import_create(
        source=io.BytesIO(FILE.encode()), name="x.csv", by="", now=clock.now()
    )
    assert not importing.import_begin(importing=found, state=State.RUNNING)

    def problems(**decided: Any) -> str:
        rules = Rules(**{"columns": COLUMNS, **decided})
        return " ".join(importing.import_decide(importing=found, rules=rules, now=clock.now()))

    assert "the one column" in problems(columns=("",) * 7)
    assert "Two columns are the same" in problems(
        columns=("email", "name", "name", "", "", "tags", "tags")
    )
    assert "is no trait" in problems(columns=("email", *[""] * 5, "trait:Shoe size:number"))
    assert "you must prove it" in problems(basis="opt_in")
    assert "in the future" in problems(**{**CONSENT, "at": clock.now() + timedelta(days=1)})
    assert "how these people agreed" in problems(**{**CONSENT, "basis": "hope"})
    assert "A language is a code" in problems(language="Malay")
    trait_set(
        contact=known("x@kedai.example"), name="shoe_size", value="big", at=START, source="staff"
    )
    assert "is a text already" in problems()
    found.refresh_from_db()
    assert (found.state, found.rules) == (State.UPLOADED, {})


# --- stopped in the middle -----------------------------------------------------------


@pytest.mark.usefixtures("small")
def test_killed_anywhere_it_goes_on_and_nobody_is_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    found = made(many(95), columns=("email", "first_name"), **CONSENT)
    importing.import_begin(importing=found, state=State.RUNNING)
    chance = random.Random(7)
    places = ["lines_look", "rows_plan", "planned_apply", "faults_write", "_renew", "_over"]
    deaths = 0
    while True:
        found.refresh_from_db()
        if found.state == State.DONE:
            break
        ContactImport.objects.update(claimed_until=None)
        claim = working.import_claim(importing=found)
        assert claim is not None
        place, after = chance.choice(places), chance.choice([True, False])
        real = getattr(working, place)

        def dying(*args: Any, _real: Any = real, _after: bool = after, **kwargs: Any) -> Any:
            if _after:
                _real(*args, **kwargs)
            raise Killed

        with monkeypatch.context() as patched:
            if deaths < 40:
                patched.setattr(working, place, dying)
            try:
                working.import_work(pk=found.pk, claim=claim, seconds=60 if deaths < 40 else 0.01)
            except Killed:
                deaths += 1
        if deaths < 40 and chance.random() < 0.5:
            working.import_work(pk=found.pk, claim=claim, seconds=0.005)
    assert deaths >= 5
    assert found.counts == {"new": 95, "agreed": 95}
    assert Contact.objects.count() == Consent.objects.count() == ImportChange.objects.count() == 95


def test_who_becomes_known_in_the_same_moment_is_not_two(monkeypatch: pytest.MonkeyPatch) -> None:
    """A webhook made the person between our look and our insert: the database says no."""
    real, tries = working.rows_plan, []

    def meanwhile(*args: Any, **kwargs: Any) -> Any:
        tries.append(1)
        if len(tries) == 2:
            known("aina@kedai.example", first_name="Aina of the shop")
        return real(*args, **kwargs)

    def refused(*args: Any, **kwargs: Any) -> None:
        if len(tries) == 1:
            raise IntegrityError("sa_identity_once")
        applied(*args, **kwargs)

    applied = working.planned_apply
    monkeypatch.setattr(working, "rows_plan", meanwhile)
    monkeypatch.setattr(working, "planned_apply", refused)
    found = brought_in(**CONSENT)
    assert found.counts == {"new": 2, "updated": 1, "agreed": 3}
    assert (Contact.objects.count(), len(tries)) == (3, 2)


@pytest.mark.usefixtures("small")
def test_two_workers_at_once_do_each_piece_once() -> None:
    found = made(many(25), columns=("email", "first_name"))
    importing.import_begin(importing=found, state=State.RUNNING)
    claim = working.import_claim(importing=found)
    assert claim is not None
    assert working.import_claim(importing=found) is None
    found.refresh_from_db()
    # One that lost its claim stops at the door.
    ContactImport.objects.update(claimed_until=None)
    other = working.import_claim(importing=found)
    assert working.import_work(pk=found.pk, claim=claim)
    assert not Contact.objects.exists()
    assert other is not None
    assert working.import_work(pk=found.pk, claim=other)
    assert Contact.objects.count() == 25


@pytest.mark.usefixtures("small")
def test_a_piece_that_ends_its_worker_is_stopped_and_can_go_on() -> None:
    found = made(many(25), columns=("email", "first_name"))
    importing.import_begin(importing=found, state=State.RUNNING)
    ContactImport.objects.update(attempts=working.MAX_ATTEMPTS, cursor=1)
    settle()
    found.refresh_from_db()
    assert (found.state, found.stopped) == (State.FAILED, State.RUNNING)
    assert "lines about 12" in found.problem
    assert importing.import_resume(importing=found)
    settle()
    found.refresh_from_db()
    assert found.state == State.DONE


@pytest.mark.usefixtures("small")
def test_who_is_erased_while_the_file_waits_does_not_come_in() -> None:
    found = made(many(25), columns=("email", "first_name"))
    victim = known("p13@kedai.example")
    contact_erase(contact=victim, at=clock.now(), now=clock.now())
    assert traces("p13@kedai.example") == []
    done = worked(found, State.RUNNING)
    assert done.counts["new"] == 24
    assert contact_find(address="p13@kedai.example") is None
