"""An import is taken back, as far as nothing happened since."""

from __future__ import annotations

import json
from typing import Any

import pytest

from saleor_automation import clock
from saleor_automation.people import services
from saleor_automation.people.consent import consent_states
from saleor_automation.people.importing import forgetting, working
from saleor_automation.people.importing import services as importing
from saleor_automation.people.importing.models import (
    ContactImport,
    ImportChange,
    ImportFault,
)
from saleor_automation.people.models import (
    Consent,
    Contact,
    Tag,
)
from saleor_automation.people.services import (
    contact_unsubscribe,
)
from saleor_automation.people.traits import tag_set, trait_set, traits_of
from tests.engine import Play, TestClock, settle
from tests.importing import (
    CONSENT,
    LINES,
    State,
    brought_in,
    made,
    many,
    person,
    worked,
)

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
    real, calls = working._renew, []

    def dying(row: Any) -> None:
        calls.append(row)
        if len(calls) in (2, 3):
            raise Killed
        real(row)

    monkeypatch.setattr(working, "_renew", dying)
    for _ in range(2):
        ContactImport.objects.update(claimed_until=None)
        claim = working.import_claim(importing=found)
        assert claim is not None
        with pytest.raises(Killed):
            working.import_work(pk=found.pk, claim=claim)
    ContactImport.objects.update(claimed_until=None)
    settle()
    found.refresh_from_db()
    assert (found.state, found.counts["removed"]) == (State.UNDONE, 35)
    assert not Contact.objects.exists()


def test_old_files_and_what_undoes_them_are_forgotten(test_clock: TestClock) -> None:
    done = brought_in(LINES)
    waiting = made(many(3), columns=("email", "first_name"))
    test_clock.forward(days=8)
    forgetting.imports_prune(now=clock.now())
    assert not ContactImport.objects.filter(pk=waiting.pk).exists()
    assert ImportFault.objects.filter(importing=done).exists()
    test_clock.forward(days=30)
    forgetting.imports_prune(now=clock.now())
    assert ContactImport.objects.get().counts
    assert not ImportFault.objects.exists()
    assert not ImportChange.objects.exists()
