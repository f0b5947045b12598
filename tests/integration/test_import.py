"""Files of people: read, looked over, brought in, and taken back."""

from __future__ import annotations

import io
import json
import random
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from saleor_automation import clock
from saleor_automation.cli import main
from saleor_automation.exceptions import UsageError
from saleor_automation.inbox.models import Event
from saleor_automation.people import services
from saleor_automation.people.consent import consent_states
from saleor_automation.people.importing import services as importing
from saleor_automation.people.importing.models import (
    ContactImport,
    ImportChange,
    ImportFault,
    ImportPiece,
)
from saleor_automation.people.importing.rules import Rules, columns_guess
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
    contact_unsubscribe,
    suppression_add,
)
from saleor_automation.people.traits import tag_set, trait_set, traits_of
from saleor_automation.people.verification import services as verification
from saleor_automation.project import people_in
from saleor_automation.sequences.models import Enrollment
from tests.engine import START, Play, TestClock, sequence_make, settle
from tests.traces import traces

pytestmark = pytest.mark.django_db

State = ContactImport.State
AGREED = datetime(2025, 3, 1, tzinfo=UTC)
FILE = """Email,First name,Last name,Language,Country,Tags,Shoe size
aina@kedai.example,Aina,Rahman,ms,MY,"vip, wholesale",38
BEN@kedai.example,Ben,Tan,en,sg,,41.5
chong@kedai.example,,,,,,
"""
COLUMNS = (
    "email",
    "first_name",
    "last_name",
    "language",
    "country",
    "tags",
    "trait:shoe_size:number",
)
CONSENT = {
    "basis": "opt_in",
    "where": "The form on our old shop",
    "at": AGREED,
    "wording": "Yes, send me news",
}


@pytest.fixture(autouse=True)
def _clock(test_clock: TestClock) -> TestClock:
    return test_clock


def made(text: str | bytes = FILE, **decided: Any) -> ContactImport:
    """Upload a file and decide about it."""
    content = text.encode() if isinstance(text, str) else text
    found = importing.import_create(
        source=io.BytesIO(content), name="people.csv", by="staff", now=clock.now()
    )
    rules = Rules(**{"columns": COLUMNS[: len(found.header)], **decided})
    assert importing.import_decide(importing=found, rules=rules, now=clock.now()) == []
    return found


def worked(found: ContactImport, state: str) -> ContactImport:
    assert importing.import_begin(importing=found, state=state)
    settle()
    found.refresh_from_db()
    return found


def brought_in(text: str | bytes = FILE, **decided: Any) -> ContactImport:
    found = worked(made(text, **decided), State.RUNNING)
    assert found.state == State.DONE
    return found


def person(address: str) -> Contact:
    found = contact_find(address=address)
    assert found is not None
    return found


def faults(found: ContactImport) -> list[tuple[int, str, str]]:
    rows = ImportFault.objects.filter(importing=found).order_by("line", "pk")
    return list(rows.values_list("line", "kind", "reason"))


def known(address: str, **changes: Any) -> Contact:
    contact = Contact.objects.create(email=address, created_at=START, **changes)
    Identity.objects.create(kind="email", value=address.lower(), contact=contact, as_of=START)
    return contact


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


LINES = """Email,First name,Last name,Language,Country,Tags,Shoe size
aina@kedai.example,Aina,R,ms,MY,,38
no address,B,,,,,
,C,,,,,
too,few
aina@KEDAI.example,Again,,,,,
daud@kedai.example,Daud,R,Malay language,Malaysia,,large
QUOTED,E,,,,,

"maya@kedai.example","Maya
R",S,,,,
gone@kedai.example,G,,,,,
""".replace("QUOTED", '"""x y""@kedai.example"')


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


def many(count: int) -> str:
    lines = [f"p{number}@kedai.example,P{number}" for number in range(count)]
    return "email,first name\n" + "\n".join(lines) + "\n"


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "PIECE", 10)


class Killed(BaseException):
    """The end of a process: nothing behind it runs."""


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
        claim = importing.import_claim(importing=found)
        assert claim is not None
        place, after = chance.choice(places), chance.choice([True, False])
        real = getattr(importing, place)

        def dying(*args: Any, _real: Any = real, _after: bool = after, **kwargs: Any) -> Any:
            if _after:
                _real(*args, **kwargs)
            raise Killed

        with monkeypatch.context() as patched:
            if deaths < 40:
                patched.setattr(importing, place, dying)
            try:
                importing.import_work(pk=found.pk, claim=claim, seconds=60 if deaths < 40 else 0.01)
            except Killed:
                deaths += 1
        if deaths < 40 and chance.random() < 0.5:
            importing.import_work(pk=found.pk, claim=claim, seconds=0.005)
    assert deaths >= 5
    assert found.counts == {"new": 95, "agreed": 95}
    assert Contact.objects.count() == Consent.objects.count() == ImportChange.objects.count() == 95


@pytest.mark.usefixtures("small")
def test_two_workers_at_once_do_each_piece_once() -> None:
    found = made(many(25), columns=("email", "first_name"))
    importing.import_begin(importing=found, state=State.RUNNING)
    claim = importing.import_claim(importing=found)
    assert claim is not None
    assert importing.import_claim(importing=found) is None
    found.refresh_from_db()
    # One that lost its claim stops at the door.
    ContactImport.objects.update(claimed_until=None)
    other = importing.import_claim(importing=found)
    assert importing.import_work(pk=found.pk, claim=claim)
    assert not Contact.objects.exists()
    assert other is not None
    assert importing.import_work(pk=found.pk, claim=other)
    assert Contact.objects.count() == 25


@pytest.mark.usefixtures("small")
def test_a_piece_that_ends_its_worker_is_stopped_and_can_go_on() -> None:
    found = made(many(25), columns=("email", "first_name"))
    importing.import_begin(importing=found, state=State.RUNNING)
    ContactImport.objects.update(attempts=importing.MAX_ATTEMPTS, cursor=1)
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


# --- back ----------------------------------------------------------------------------


def everything() -> dict[str, Any]:
    """Return all that is known of people, without random ids and without the ledger."""
    return {
        contact.email: {
            "fields": (contact.first_name, contact.last_name, contact.language, contact.country),
            "heard": contact.field_versions,
            "traits": traits_of(contact),
            "tags": sorted(Tag.objects.filter(contact=contact).values_list("name", "on", "at")),
            "names": sorted(contact.identities.values_list("value", flat=True)),
        }
        for contact in Contact.objects.all()
    }


def test_undone_everything_is_as_before_and_the_ledger_keeps_both(test_clock: TestClock) -> None:
    brought_in(
        "Email,First name,Last name,Language,Country,Tags,Shoe size\n"
        "aina@kedai.example,Aini,R,en,MY,old,37\n"
    )
    aina = person("aina@kedai.example")
    tag_set(contact=aina, name="vip", on=False, at=clock.now())
    before = everything()
    test_clock.forward(days=1)
    found = brought_in(**CONSENT)
    assert everything() != before
    assert services.contact_subscribed(contact=aina) is True
    test_clock.forward(days=1)
    done = worked(found, State.UNDOING)
    assert (done.state, done.counts["removed"], done.counts["restored"]) == (State.UNDONE, 2, 1)
    assert everything() == before
    assert services.contact_subscribed(contact=aina) is None
    assert sorted(Consent.objects.values_list("contact__email", "state")) == [
        ("aina@kedai.example", "granted"),
        ("aina@kedai.example", "retracted"),
    ]
    assert not ImportChange.objects.filter(importing=found).exists()


def test_what_was_touched_since_stays(test_clock: TestClock, play: Play) -> None:
    found = brought_in(**CONSENT)
    test_clock.forward(days=1)
    now = clock.now()
    aina, ben = person("aina@kedai.example"), person("ben@kedai.example")
    trait_set(contact=aina, name="shoe_size", value=39, at=now, source="staff")
    contact_unsubscribe(contact=ben, at=now)
    done = worked(found, State.UNDOING)
    assert (done.counts["removed"], done.counts["restored"]) == (1, 2)
    assert traits_of(aina) == {"shoe_size": 39}
    assert not Tag.objects.filter(contact=aina).exists()
    aina.refresh_from_db()
    assert aina.first_name == ""
    # Their own "no" is no import's.
    assert services.contact_subscribed(contact=ben) is False
    assert consent_states([aina.pk])[aina.pk].words == ()


def test_who_became_a_customer_since_stays(play: Play) -> None:
    gus = play.shopper("gus", account=False)
    text = f"email,first name\n{gus.email},Gustav\n"
    found = brought_in(text, columns=("email", "first_name"))
    play.clock.forward(days=1)
    play.basket(gus, "b")
    done = worked(found, State.UNDOING)
    assert (done.counts.get("removed"), done.counts["restored"]) == (None, 1)
    contact = person(gus.email)
    assert contact.checkouts.count() == 1
    assert "import.name" not in json.dumps(contact.field_versions)


def test_who_turned_out_to_be_an_account_stays(play: Play) -> None:
    found = brought_in(
        "email,first name\naina@shopper.example,A\n", columns=("email", "first_name")
    )
    play.clock.forward(days=1)
    play.shopper("aina")
    worked(found, State.UNDOING)
    assert person("aina@shopper.example").has_account


@pytest.mark.usefixtures("small")
def test_undoing_is_gone_on_with_too(monkeypatch: pytest.MonkeyPatch) -> None:
    found = brought_in(many(35), columns=("email", "first_name"), **CONSENT)
    importing.import_begin(importing=found, state=State.UNDOING)
    real, calls = importing._renew, []

    def dying(row: Any) -> None:
        calls.append(row)
        if len(calls) in (2, 3):
            raise Killed
        real(row)

    monkeypatch.setattr(importing, "_renew", dying)
    for _ in range(2):
        ContactImport.objects.update(claimed_until=None)
        claim = importing.import_claim(importing=found)
        assert claim is not None
        with pytest.raises(Killed):
            importing.import_work(pk=found.pk, claim=claim)
    ContactImport.objects.update(claimed_until=None)
    settle()
    found.refresh_from_db()
    assert (found.state, found.counts["removed"]) == (State.UNDONE, 35)
    assert not Contact.objects.exists()


def test_old_files_and_what_undoes_them_are_forgotten(test_clock: TestClock) -> None:
    done = brought_in(LINES)
    waiting = made(many(3), columns=("email", "first_name"))
    test_clock.forward(days=8)
    importing.imports_prune(now=clock.now())
    assert not ContactImport.objects.filter(pk=waiting.pk).exists()
    assert ImportFault.objects.filter(importing=done).exists()
    test_clock.forward(days=30)
    importing.imports_prune(now=clock.now())
    assert ContactImport.objects.get().counts
    assert not ImportFault.objects.exists()
    assert not ImportChange.objects.exists()


# --- files ---------------------------------------------------------------------------


def workbook(rows: list[list[Any]]) -> bytes:
    import openpyxl

    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        ("email;first name\nj@kedai.example;Jörg\n".encode(), "utf-8"),
        ("\ufeffemail,first name\r\nj@kedai.example,Jörg\r\n".encode(), "utf-8"),
        ("email\tfirst name\nj@kedai.example\tJörg".encode("utf-16"), "utf-16"),
        ("email;first name\nj@kedai.example;Jörg\n".encode("cp1252"), "cp1252"),
        (workbook([["email", "first name", None], ["j@kedai.example", "Jörg"]]), "xlsx"),
    ],
)
def test_files_are_read_as_people_have_them(content: bytes, encoding: str) -> None:
    found = brought_in(content, columns=("email", "first_name"))
    assert (found.encoding, found.header) == (encoding, ["email", "first name"])
    assert person("j@kedai.example").first_name == "Jörg"


def test_a_workbooks_numbers_and_dates_are_what_they_were() -> None:
    content = workbook(
        [
            ["email", "Size", "Born", "Member"],
            ["a@kedai.example", 38.0, date(1990, 5, 31), True],
            [None, None, None, None],
            ["b@kedai.example", 41.5, None, False, None],
        ]
    )
    columns = ("email", "trait:size:number", "trait:born:moment", "trait:member:flag")
    brought_in(content, columns=columns)
    assert traits_of(person("a@kedai.example")) == {
        "size": 38,
        "born": datetime(1990, 5, 31, tzinfo=UTC),
        "member": True,
    }
    assert traits_of(person("b@kedai.example")) == {"size": 41.5, "member": False}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "The file is empty"),
        (b"email\n", "no lines below"),
        (b"a@kedai.example\nb@kedai.example\n", "The first line holds an address"),
        (b"PK\x03\x04 nothing", "The workbook cannot be read"),
        (b"\xff\xfee\x00m\x00\n\x00\x00\xd8", "Save it as"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(content: bytes, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        importing.import_create(source=io.BytesIO(content), name="x", by="", now=clock.now())
    assert not ContactImport.objects.exists()
    assert not ImportPiece.objects.exists()


def test_what_columns_mean_is_guessed() -> None:
    header = ["E-mail address", "First Name", "Nachname", "Accepts Marketing", "Notes", "Name"]
    assert columns_guess(header, []) == [
        "email",
        "first_name",
        "last_name",
        "agreed",
        "",
        "name",
    ]
    # By what stands in it, when the name says nothing.
    assert columns_guess(["Who", "Kontakt"], [["A", "a@x.example"], ["B", "b@x.example"]]) == [
        "",
        "email",
    ]


# --- the command ---------------------------------------------------------------------


def test_the_command_imports_and_says_what_it_did(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("people.csv").write_text(LINES)
    dry = ["import-people", "people.csv", "--basis", "none", "--column", "Shoe size=trait"]
    assert main([*dry, "--dry-run"]) == 1
    told = capsys.readouterr()
    assert "looked over, nothing done yet" in told.out
    assert "Line 5: 2 cells instead of 7" in told.out
    assert "Looking over" in told.err
    assert not Contact.objects.exists()
    assert main(dry) == 1
    assert "imported" in capsys.readouterr().out
    # One of them was never erased here.
    assert Contact.objects.count() == 4
    assert ContactImport.objects.get().rules["columns"][-1] == "trait:shoe_size:text"
    number = ContactImport.objects.get().pk
    assert main(["import-people", "--undo", str(number)]) == 1
    assert "undone" in capsys.readouterr().out
    assert not Contact.objects.exists()
    assert main(["import-people", "--undo", str(number)]) == 2


def test_the_command_wants_a_basis_and_its_proof(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "people.csv"
    file.write_text(FILE)
    assert main(["import-people", str(file)]) == 2
    assert "--basis" in capsys.readouterr().err
    assert main(["import-people", str(file), "--basis", "opt_in"]) == 2
    assert "you must prove it" in capsys.readouterr().err
    proof = ["--where", "fair", "--when", "2025-03-01", "--wording", "Yes", "--tag", "Fair"]
    proof += ["--channel", "malaysia", "--keep-undeliverable"]
    assert main(["import-people", str(file), "--basis", "opt_in", *proof]) == 0
    assert Consent.objects.filter(at=AGREED).count() == 3
    assert Tag.objects.filter(name="fair").count() == 3
    assert Contact.objects.filter(channel="malaysia").count() == 3
    for wrong, says in (
        (["--when", "soon"], "is no date"),
        (["--column", "Nose=email"], "Columns: Email"),
    ):
        assert main(["import-people", str(file), "--basis", "none", *wrong]) == 2
        assert says in capsys.readouterr().err
    assert main(["import-people", str(tmp_path / "none.csv"), "--basis", "none"]) == 2


def test_the_command_watches_a_worker_that_was_faster(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "people.csv"
    file.write_text(many(5))
    real, tried = importing.import_claim, []

    def slower(**kwargs: Any) -> Any:
        tried.append(real(**kwargs))
        if len(tried) == 1:
            return None
        found = ContactImport.objects.get()
        importing.import_work(pk=found.pk, claim=tried[0])
        return None

    monkeypatch.setattr(people_in, "import_claim", slower)
    monkeypatch.setattr(people_in, "PAUSE", 0)
    assert main(["import-people", str(file), "--basis", "none"]) == 0
    assert (len(tried), Contact.objects.count()) == (2, 5)


def test_the_command_goes_on_with_what_was_stopped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "PIECE", 10)
    file = tmp_path / "people.csv"
    file.write_text(many(45))
    real, seen = importing._piece_work, []

    def stopping(*args: Any) -> None:
        seen.append(args)
        if len(seen) == 3:
            raise KeyboardInterrupt
        real(*args)

    with monkeypatch.context() as patched:
        patched.setattr(importing, "_piece_work", stopping)
        assert main(["import-people", str(file), "--basis", "none"]) == 130
    assert "Run the same command again" in capsys.readouterr().err
    assert Contact.objects.count() == 20
    assert main(["import-people", str(file), "--basis", "none"]) == 0
    assert (Contact.objects.count(), ContactImport.objects.count()) == (45, 1)
    assert "45" in capsys.readouterr().out
