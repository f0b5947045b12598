"""Mails to addresses that cannot work, may not work, or nobody knows yet."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.core import mail
from django.utils import translation

from saleor_automation import clock
from saleor_automation.delivery import sender
from saleor_automation.delivery.failures import Failure, Kind, failure_of
from saleor_automation.delivery.models import Message
from saleor_automation.delivery.reasons import words
from saleor_automation.demo import bodies
from saleor_automation.demo.world import Shopper
from saleor_automation.people.models import Contact
from saleor_automation.people.services import consent_record
from saleor_automation.people.verification import domain_checks
from saleor_automation.people.verification.models import Verification
from saleor_automation.people.verification.policy import DEFAULTS, Action
from saleor_automation.people.verification.services import history_record, policy_set
from saleor_automation.people.verification.verdicts import Reason
from saleor_automation.sequences.models import Enrollment
from saleor_automation.sequences.worker import CHORES
from tests.dns_rig import SERVFAIL, SILENT, FakeDns
from tests.engine import Play, sending_open, sequence_make, settle

State = Message.State


@pytest.fixture
def fake(play: Play, monkeypatch: pytest.MonkeyPatch, settings: Any) -> FakeDns:
    """A Studio that asks the DNS, and the DNS it asks."""
    settings.SALEOR_AUTOMATION = {**settings.SALEOR_AUTOMATION, "verification_dns": True}
    made = FakeDns()
    monkeypatch.setattr(domain_checks, "dns_asker", lambda: made)
    monkeypatch.setattr(domain_checks, "_MACHINE", domain_checks._Machine())
    sending_open()
    return made


def joins(play: Play, address: str) -> None:
    """Let somebody make an account under an address."""
    key = f"s{len(play.world.shoppers)}"
    shopper = Shopper(key, address, key.title(), "R")
    play.world.shoppers[key] = shopper
    play.world.join(shopper, play.clock.at)
    play.tell("customer_created", {"user": bodies.customer(shopper)})


def outcomes() -> dict[str, tuple[str, str]]:
    return {
        message.to_address: (message.state, message.reason) for message in Message.objects.all()
    }


SENT = (State.ACCEPTED, "")


def skipped(reason: str) -> tuple[str, str]:
    return (State.SKIPPED, f"address:{reason}")


def test_marketing_mail_goes_where_it_may_arrive(play: Play, fake: FakeDns) -> None:
    fake.moods["gone.shop"] = "nxdomain"
    sequence_make("welcome", "joined", [0])
    expected = {
        "aina@kedai.shop": SENT,
        "noah@gone.shop": skipped("nxdomain"),
        "maya@mailinator.com": skipped("disposable"),
        "ivan@gmial.com": skipped("typo_domain"),
        "info@kedai.shop": skipped("role"),
        "jörg@kedai.shop": skipped("needs_smtputf8"),
        "lina@shopper.example": SENT,
    }
    for address in expected:
        joins(play, address)
    settle()
    assert outcomes() == expected
    assert len(mail.outbox) == 2
    assert fake.asked["kedai.shop", "MX"] == 1
    with translation.override("en"):
        assert words("address:nxdomain") == "The address's domain does not exist."


def test_service_mail_goes_unless_it_cannot_arrive(play: Play, fake: FakeDns) -> None:
    fake.moods |= {"gone.shop": "nxdomain", "quiet.shop": SERVFAIL}
    sequence_make("receipt", "joined", [0], purpose="transactional")
    expected = {
        "noah@gone.shop": skipped("nxdomain"),
        "maya@mailinator.com": SENT,
        "info@kedai.shop": SENT,
        "lina@quiet.shop": SENT,
    }
    for address in expected:
        joins(play, address)
    settle()
    assert outcomes() == expected


def test_the_person_goes_on_in_the_sequence(play: Play, fake: FakeDns) -> None:
    fake.moods["gone.shop"] = "nxdomain"
    sequence_make("welcome", "joined", [0, 60])
    joins(play, "noah@gone.shop")
    settle()
    assert Enrollment.objects.get().state == Enrollment.State.ACTIVE
    # The domain is registered meanwhile, and nobody had to press anything.
    fake.moods.clear()
    Message.objects.all().delete()
    play.clock.forward(days=2)
    settle()
    assert outcomes() == {"noah@gone.shop": SENT}


def test_the_shop_decides_about_doubtful_addresses(play: Play, fake: FakeDns) -> None:
    policy_set(choices={**DEFAULTS, Reason.ROLE: Action.SEND, Reason.DISPOSABLE: Action.SKIP})
    sequence_make("welcome", "joined", [0])
    sequence_make("receipt", "joined", [0], purpose="transactional")
    joins(play, "info@kedai.shop")
    joins(play, "maya@mailinator.com")
    settle()
    assert len([one for one in mail.outbox if one.to == ["info@kedai.shop"]]) == 2
    assert {message.reason for message in Message.objects.filter(state=State.SKIPPED)} == {
        "address:disposable"
    }
    assert Message.objects.filter(state=State.SKIPPED).count() == 2


def test_whoever_confirmed_the_address_gets_marketing_mail(play: Play, fake: FakeDns) -> None:
    sequence_make("welcome", "joined", [0])
    joins(play, "maya@mailinator.com")
    consent_record(
        contact=Contact.objects.get(),
        state="granted",
        basis="double_opt_in",
        source="preferences",
        at=clock.now(),
    )
    settle()
    assert outcomes() == {"maya@mailinator.com": SENT}


def message() -> Message:
    return Message.objects.get()


def test_a_marketing_mail_waits_for_the_domain_and_goes_after_the_last_try(
    play: Play, fake: FakeDns
) -> None:
    fake.moods["quiet.shop"] = SERVFAIL
    sequence_make("welcome", "joined", [0])
    joins(play, "lina@quiet.shop")
    settle()
    waits = []
    while message().state == State.PLANNED:
        assert message().reason == "address_unknown"
        assert "is not known yet" in words(message().reason)
        waits.append((message().due_at - play.clock.at).total_seconds() / 3600)
        play.clock.at = message().due_at
        settle()
        assert len(waits) < 10
    assert waits == [0.25, 4, 24]
    assert (message().state, message().attempts) == (State.ACCEPTED, 0)


def test_it_goes_at_once_when_the_domain_answers(play: Play, fake: FakeDns) -> None:
    fake.moods["quiet.shop"] = SERVFAIL
    sequence_make("welcome", "joined", [0])
    joins(play, "lina@quiet.shop")
    settle()
    fake.moods.clear()
    play.clock.at = message().due_at
    settle()
    assert outcomes() == {"lina@quiet.shop": SENT}


def test_what_the_domain_answers_in_the_end_counts(play: Play, fake: FakeDns) -> None:
    fake.moods["quiet.shop"] = SERVFAIL
    sequence_make("welcome", "joined", [0])
    joins(play, "lina@quiet.shop")
    settle()
    fake.moods["quiet.shop"] = "nxdomain"
    play.clock.at = message().due_at
    settle()
    assert outcomes() == {"lina@quiet.shop": skipped("nxdomain")}


def test_a_mail_does_not_wait_until_it_makes_no_sense(play: Play, fake: FakeDns) -> None:
    fake.moods["quiet.shop"] = SERVFAIL
    sequence_make("welcome", "joined", [0])
    joins(play, "lina@quiet.shop")
    settle()
    Message.objects.update(due_at=play.clock.at, expires_at=play.clock.forward(minutes=5))
    play.clock.forward(minutes=-5)
    settle()
    assert (message().expires_at - message().due_at).total_seconds() == 30  # type: ignore[operator]
    play.clock.at = message().due_at
    settle()
    assert outcomes() == {"lina@quiet.shop": SENT}


@pytest.mark.parametrize("mood", [SILENT, "nxdomain"])
def test_name_servers_of_ours_that_know_nothing_hold_a_mail_for_a_minute(
    play: Play, fake: FakeDns, mood: str
) -> None:
    fake.mood = mood
    sequence_make("welcome", "joined", [0])
    joins(play, "aina@kedai.shop")
    settle()
    assert (message().state, message().reason) == (State.PLANNED, "address_unknown")
    play.clock.forward(minutes=1)
    settle()
    assert outcomes() == {"aina@kedai.shop": SENT}


def test_a_demo_and_a_rehearsal_ask_nobody(play: Play, fake: FakeDns, settings: Any) -> None:
    for changes in ({"verification_dns": None}, {"verification_dns": True, "demo": True}):
        settings.SALEOR_AUTOMATION = {**settings.SALEOR_AUTOMATION, **changes}
        sequence_make(f"welcome {uuid.uuid4()}", "joined", [0])
        joins(play, "aina@kedai.shop")
        settle()
    assert not fake.asked
    assert set(outcomes().values()) == {SENT}


def test_an_address_we_reached_is_not_asked_about(play: Play, fake: FakeDns) -> None:
    fake.moods["gone.shop"] = "nxdomain"
    history_record(address="noah@gone.shop", now=clock.now(), delivered_at=clock.now())
    sequence_make("welcome", "joined", [0])
    joins(play, "noah@gone.shop")
    settle()
    assert outcomes() == {"noah@gone.shop": SENT}
    assert not fake.asked


# --- what the mail server says of a mailbox


@pytest.mark.parametrize(
    ("reply", "no_mailbox"),
    [
        ((550, b"5.1.1 <noah@kedai.shop>: user unknown"), True),
        ((554, b"5.1.1 No such user"), True),
        ((550, b"5.1.10 recipient has null MX"), False),
        ((550, b"5.7.1 blocked by policy"), False),
        ((550, b"5.7.1 see 5.1.1"), False),
        ((550, b"no such user"), False),
        ((450, b"4.1.1 try again"), False),
        ((450, b"5.1.1 confused"), False),
    ],
)
def test_only_the_code_for_it_says_that_there_is_no_mailbox(
    reply: tuple[int, bytes], no_mailbox: bool
) -> None:
    import smtplib

    refused = failure_of(smtplib.SMTPRecipientsRefused({"noah@kedai.shop": reply}))
    assert refused.no_mailbox is no_mailbox
    # Said of the sender or the content it says nothing of the mailbox.
    assert not failure_of(smtplib.SMTPDataError(*reply)).no_mailbox


def test_a_mailbox_that_does_not_exist_is_remembered(
    play: Play, fake: FakeDns, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = sender.transport()
    refusal = Failure(Kind.PERMANENT, "550 5.1.1 no such user", no_mailbox=True)
    sequence_make("welcome", "joined", [0, 60])
    joins(play, "noah@kedai.shop")
    with monkeypatch.context() as patched:
        patched.setattr(line, "send", lambda email: refusal)
        settle()
    assert message().reason == "refused"
    assert Verification.objects.get().reason == "own_hard_bounce"
    play.clock.forward(hours=1)
    settle()
    assert Message.objects.order_by("-planned_at")[0].reason == "address:own_hard_bounce"


def test_old_findings_are_deleted_by_a_chore(play: Play, fake: FakeDns) -> None:
    sequence_make("welcome", "joined", [0])
    joins(play, "aina@kedai.shop")
    settle()
    play.clock.forward(days=500)
    CHORES["verifications_prune"].run()
    assert not Verification.objects.exists()
