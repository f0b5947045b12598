"""Sending: gates, hand-over, crashes and what follows them."""

from __future__ import annotations

import smtplib
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.test import Client

from saleor_automation import clock
from saleor_automation.conf import conf
from saleor_automation.delivery import sender
from saleor_automation.delivery.control import sending_bind, sending_problems
from saleor_automation.delivery.journal import Journal
from saleor_automation.delivery.models import Message, MessageContent, SendingControl
from saleor_automation.delivery.services import message_rendered, message_source
from saleor_automation.delivery.transport import Transport
from saleor_automation.emails.brands import SEEDED_NAME
from saleor_automation.emails.models import Brand, EmailVersion
from saleor_automation.people.models import Consent, Contact, Suppression
from saleor_automation.sequences.models import Enrollment
from saleor_automation.sequences.worker import LANES, rescue
from tests.engine import (
    Play,
    basket_sequence,
    mails,
    saleor_away,
    sending_open,
    sequence_make,
    settle,
)

State = Message.State


@pytest.fixture
def welcomed(play: Play) -> Play:
    """Aina has joined; her first welcome mail is planned and not sent."""
    sequence_make("welcome", "joined", [0, 60])
    play.shopper("aina")
    lane = LANES["enrollments"]
    token = uuid.uuid4()
    rows = lane.claim(token, clock.now(), clock.wall(), 10)
    lane.run(claim=token, ids=[str(row.pk) for row in rows], now=clock.now())
    assert Message.objects.get().state == State.PLANNED
    return play


def claimed() -> tuple[uuid.UUID, list[uuid.UUID]]:
    token = uuid.uuid4()
    rows = LANES["messages"].claim(token, clock.now(), clock.wall(), 100)
    return token, [row.pk for row in rows]


def test_a_mail_carries_what_mail_programs_want(welcomed: Play) -> None:
    sending_open()
    settle()
    (sent,) = mail.outbox
    message = Message.objects.get()
    source = message_source(message).decode()
    assert sent.extra_headers["Message-ID"] == f"<{message.pk.hex}@kedai.example>"
    assert "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in source
    assert f"List-Unsubscribe: <{conf().public_url}/m/" in source
    assert "From: Kedai <halo@kedai.example>\r\n" in source
    assert sent.message().as_bytes() == source.encode()  # type: ignore[attr-defined]
    assert "Hai Aina" in message_rendered(message).text


def test_a_sent_mail_can_be_written_again_byte_for_byte(welcomed: Play) -> None:
    sending_open()
    settle()
    sent = mail.outbox[0].message().as_bytes()  # type: ignore[attr-defined]
    Contact.objects.update(first_name="Changed", email="new@shopper.example")
    Brand.objects.update(name="Changed", from_email="changed@kedai.example")
    EmailVersion.objects.update(is_current=False)
    welcomed.clock.forward(days=3)
    assert message_source(Message.objects.get()) == sent


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda: Brand.objects.update(from_email=""), "No sender"),
        (lambda: Brand.objects.update(name=SEEDED_NAME), "no name yet"),
        (lambda: Brand.objects.update(postal_address=""), "postal address"),
        (lambda: Brand.objects.update(website_url=""), "no website"),
        (lambda: Brand.objects.update(basket_url=""), "no link to a basket"),
        (lambda: SendingControl.objects.update(consent_policy=""), "consent policy"),
        (lambda: SendingControl.objects.update(bound_at=None), "never confirmed"),
        (lambda: SendingControl.objects.update(bound_host="shop.example"), "looks like a copy"),
        (lambda: SendingControl.objects.update(bound_database="other"), "looks like a copy"),
        (lambda: SendingControl.objects.update(bound_environment="live"), "looks like a copy"),
        (lambda: SendingControl.objects.update(paused=True), "paused"),
    ],
)
def test_sending_is_blocked_with_a_reason_and_goes_on_afterwards(
    welcomed: Play, change: Any, says: str
) -> None:
    sending_open()
    change()
    (problem,) = sending_problems()
    assert says in problem
    settle()
    message = Message.objects.get()
    assert (message.state, message.attempts) == (State.PLANNED, 0)
    assert mail.outbox == []
    sending_open()
    SendingControl.objects.update(paused=False)
    sending_bind(now=clock.now())
    settle()
    assert Message.objects.get().state == State.ACCEPTED


def test_nothing_is_sent_on_a_fresh_studio(welcomed: Play) -> None:
    brand_lacks = ["sender", "name", "postal address", "website", "link to a basket"]
    problems = sending_problems()
    for lack, problem in zip(brand_lacks, problems, strict=False):
        assert lack in problem
    assert len(problems) == len(brand_lacks) + 2, "and the policy, and confirming"
    settle()
    assert mail.outbox == []


def consent(state: str, topic: str = "") -> None:
    Consent.objects.create(
        contact=Contact.objects.get(),
        state=state,
        topic=topic,
        source="test",
        at=clock.now() - timedelta(hours=1),
    )


def test_consent_decides(welcomed: Play) -> None:
    sending_open(SendingControl.Policy.OPT_IN)
    settle()
    assert mails()[0][2:] == ("skipped", "no_consent")
    assert Enrollment.objects.get().state == Enrollment.State.ACTIVE, "the next mail may go"


@pytest.mark.parametrize(
    ("policy", "said", "topic", "expected"),
    [
        ("opt_in", "granted", "", ("accepted", "")),
        ("opt_in", "granted", "welcome", ("accepted", "")),
        ("opt_in", "granted", "other", ("skipped", "no_consent")),
        ("soft_opt_in", "withdrawn", "", ("skipped", "declined")),
        ("soft_opt_in", "withdrawn", "welcome", ("skipped", "declined")),
        ("soft_opt_in", "withdrawn", "other", ("accepted", "")),
    ],
)
def test_consent_per_topic(
    welcomed: Play, policy: str, said: str, topic: str, expected: tuple[str, str]
) -> None:
    sending_open(policy)
    consent(said, topic)
    settle()
    assert mails()[0][2:] == expected


@pytest.mark.parametrize("reason", ["hard_bounce", "complaint", "manual"])
def test_a_suppressed_address_gets_nothing(welcomed: Play, reason: str) -> None:
    from saleor_automation.people.services import suppression_add

    sending_open()
    suppression_add(contact=Contact.objects.get(), reason=reason, at=clock.now())
    settle()
    assert mails()[0][2:] == ("skipped", "suppressed")


def test_a_mail_that_waited_too_long_is_not_sent(welcomed: Play) -> None:
    welcomed.clock.forward(hours=73)
    sending_open()
    settle()
    assert mails()[0][2:] == ("expired", "expired")


def test_an_email_without_a_version_waits_for_it(welcomed: Play) -> None:
    sending_open()
    EmailVersion.objects.update(is_current=False)
    settle()
    assert mails() == [] or Message.objects.get().reason == "no_version"
    EmailVersion.objects.update(is_current=True)
    welcomed.clock.forward(hours=1)
    settle()
    assert Message.objects.get(node="m1").state == State.ACCEPTED


def test_held_while_saleor_cannot_be_asked(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    sending_open()
    basket_sequence()
    play.basket(play.shopper("guest", account=False), "b1")
    for minutes in (45, 60):
        play.clock.forward(minutes=minutes)
        if minutes == 60:
            with monkeypatch.context() as patched:
                patched.setattr("saleor_automation.delivery.truth.baskets_ask", saleor_away)
                settle()
        else:
            settle()
    message = Message.objects.get()
    assert (message.state, message.reason) == (State.PLANNED, "saleor_unreachable")
    assert mail.outbox == []
    play.clock.forward(minutes=5)
    settle()
    assert Message.objects.get().state == State.ACCEPTED


class Broken:
    """An SMTP-like backend that fails as told, per mail."""

    def __init__(self, *errors: Exception | None) -> None:
        self.errors = list(errors)
        self.sent: list[Any] = []

    def open(self) -> bool:
        return True

    def close(self) -> None:
        pass

    def send_messages(self, messages: list[Any]) -> int:
        error = self.errors.pop(0) if self.errors else None
        if error is not None:
            raise error
        self.sent += messages
        return len(messages)


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> Any:
    def make(*errors: Exception | None) -> Broken:
        backend = Broken(*errors)
        monkeypatch.setattr(
            "saleor_automation.delivery.transport.get_connection", lambda **kwargs: backend
        )
        monkeypatch.setattr("saleor_automation.delivery.transport._transport", Transport())
        return backend

    return make


def test_try_again_later_is_tried_again_and_sent_once(welcomed: Play, broken: Any) -> None:
    sending_open()
    backend = broken(smtplib.SMTPDataError(451, b"later"), smtplib.SMTPDataError(451, b"later"))
    settle()
    message = Message.objects.get()
    assert (message.state, message.reason, message.tries) == (State.PLANNED, "retry", 1)
    assert message.detail == "451 later"
    assert Enrollment.objects.get().state == Enrollment.State.SENDING
    for minutes in (1, 4):
        welcomed.clock.forward(minutes=minutes)
        settle()
    assert Message.objects.get().state == State.ACCEPTED
    assert len(backend.sent) == 1


def test_put_off_too_often_it_fails(welcomed: Play, broken: Any) -> None:
    sending_open()
    broken(*[smtplib.SMTPDataError(451, b"later")] * 200)
    for _ in range(70):
        settle()
        welcomed.clock.forward(hours=1)
    assert Message.objects.get(node="m1").reason == "retry", "it may still make sense"
    for _ in range(4):
        settle()
        welcomed.clock.forward(hours=1)
    assert Message.objects.get(node="m1").reason == "gave_up"


def test_refused_for_good_is_final(welcomed: Play, broken: Any) -> None:
    sending_open()
    broken(smtplib.SMTPRecipientsRefused({"a": (550, b"no such user")}))
    settle()
    assert mails()[0][2:] == ("failed", "refused")
    assert Enrollment.objects.get().state == Enrollment.State.ACTIVE


def test_a_lost_connection_is_ambiguous_and_never_sent_again(welcomed: Play, broken: Any) -> None:
    sending_open()
    backend = broken(smtplib.SMTPServerDisconnected("lost"))
    settle()
    message = Message.objects.get()
    assert (message.state, message.reason, message.settled_at) == (State.AMBIGUOUS, "lost", None)
    assert Enrollment.objects.get().state == Enrollment.State.ACTIVE, "the person goes on"
    welcomed.clock.forward(hours=24)
    settle()
    message.refresh_from_db()
    assert (message.state, message.reason) == (State.AMBIGUOUS, "settled_24h")
    assert message.settled_at == welcomed.clock.at
    assert [sent.extra_headers["X-Message"] for sent in backend.sent] == [
        Message.objects.get(node="m2").pk.hex
    ]


def test_an_unreachable_server_counts_against_nobodys_mail(
    welcomed: Play, monkeypatch: pytest.MonkeyPatch, broken: Any
) -> None:
    sending_open()
    backend = broken()
    monkeypatch.setattr(backend, "open", lambda: (_ for _ in ()).throw(OSError("refused")))
    settle()
    message = Message.objects.get()
    assert (message.state, message.reason) == (State.PLANNED, "retry")
    assert message.handed_over_at is None


def crash(monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    """Send the claimed messages and die at ``where``, leaving what a killed worker leaves."""

    class Killed(BaseException):
        pass

    def die(*args: Any, **kwargs: Any) -> None:
        raise Killed

    token, ids = claimed()
    with monkeypatch.context() as patched:
        if where == "before decision":
            patched.setattr(sender, "_decide", die)
        elif where == "after decision":
            patched.setattr(sender, "_hand_over", die)
        elif where == "in mail":
            patched.setattr(Transport, "send", die)
        elif where == "after mail":
            patched.setattr(sender, "_result", die)
        with pytest.raises(Killed):
            sender.messages_send(claim=token, ids=ids, now=clock.now())


@pytest.mark.parametrize(
    ("where", "state", "again"),
    [
        ("before decision", State.PLANNED, 1),
        ("after decision", State.PLANNED, 1),
        ("in mail", State.AMBIGUOUS, 0),
        ("after mail", State.ACCEPTED, 0),
    ],
)
def test_a_killed_worker_leaves_nothing_lost_and_nothing_twice(
    welcomed: Play,
    monkeypatch: pytest.MonkeyPatch,
    where: str,
    state: str,
    again: int,
) -> None:
    sending_open()
    crash(monkeypatch, where)
    before = len(mail.outbox)
    rescue()
    assert Message.objects.get().state == state
    settle()
    assert len(mail.outbox) - before == again
    assert len(mail.outbox) == (0 if where == "in mail" else 1)


def test_without_a_journal_a_lost_batch_is_ambiguous_after_its_lease(welcomed: Play) -> None:
    sending_open()
    token, _ = claimed()
    Message.objects.update(
        state=State.HANDED_OVER,
        handed_over_at=clock.now(),
        claimed_until=clock.wall() + timedelta(seconds=60),
    )
    rescue()
    assert Message.objects.get().state == State.HANDED_OVER, "its lease still holds"
    Message.objects.update(claimed_until=clock.wall() - timedelta(seconds=1))
    journal = Journal(token)
    rescue()
    assert Message.objects.get().state == State.HANDED_OVER, "its writer lives"
    journal.close()
    rescue()
    assert Message.objects.get().state == State.AMBIGUOUS


def test_a_late_task_of_an_old_claim_does_nothing(welcomed: Play) -> None:
    sending_open()
    token, ids = claimed()
    Message.objects.update(claimed_until=clock.wall() - timedelta(seconds=1))
    newer, _ = claimed()
    sender.messages_send(claim=token, ids=ids, now=clock.now())
    assert mail.outbox == []
    sender.messages_send(claim=newer, ids=ids, now=clock.now())
    sender.messages_send(claim=newer, ids=ids, now=clock.now())
    assert len(mail.outbox) == 1


def unsubscribe_path() -> str:
    link = mail.outbox[-1].extra_headers["List-Unsubscribe"].strip("<>")
    return link.removeprefix(conf().public_url)


def test_get_changes_nothing_and_post_unsubscribes(welcomed: Play, client: Client) -> None:
    sending_open()
    settle()
    path = unsubscribe_path()
    for method in ("get", "head"):
        answer = getattr(client, method)(path)
        assert answer.status_code == 200
    assert b"aina@shopper.example" in client.get(path).content
    assert (Consent.objects.count(), Suppression.objects.count()) == (0, 0)
    # As a mail program does it: RFC 8058, no cookies, no token of a form.
    strict = Client(enforce_csrf_checks=True)
    answer = strict.post(
        path, "List-Unsubscribe=One-Click", content_type="application/x-www-form-urlencoded"
    )
    assert answer.status_code == 200
    assert Consent.objects.get().state == "withdrawn"
    assert Suppression.objects.get().reason == "unsubscribed"
    assert strict.post(path).status_code == 200, "twice is as good as once"
    assert "You are unsubscribed already" in strict.get(path).content.decode()
    welcomed.clock.forward(hours=1)
    settle()
    assert [sent[2:] for sent in mails()] == [("accepted", ""), ("skipped", "unsubscribed")]


def test_a_mail_in_the_browser_runs_nothing_and_its_links_open(
    welcomed: Play, client: Client
) -> None:
    sending_open()
    settle()
    token = unsubscribe_path().split("/")[2]
    answer = client.get(f"/m/{token}/")
    policy = answer.headers["Content-Security-Policy"]
    (sandbox,) = [part.split() for part in policy.split("; ") if part.startswith("sandbox")]
    assert set(sandbox[1:]) == {
        "allow-popups",
        "allow-popups-to-escape-sandbox",
        "allow-top-navigation-by-user-activation",
    }
    assert answer.headers["Cross-Origin-Opener-Policy"] == "unsafe-none"
    assert "default-src 'none'" in policy


def test_links_that_are_wrong_or_old(welcomed: Play, client: Client) -> None:
    sending_open()
    settle()
    path = unsubscribe_path()
    token = path.split("/")[2]
    broken = client.post(path.replace(token, token[:-2] + "xx"))
    assert broken.status_code == 404
    assert "This link is not complete" in broken.content.decode()
    assert "<main " in broken.content.decode(), "it looks like the other pages"
    assert client.get(f"/m/{token[:-2]}xx/").status_code == 404
    assert client.get(f"/m/{token}/").status_code == 200
    assert client.put(path).status_code == 405
    MessageContent.objects.all().delete()
    Message.objects.all().delete()
    assert client.get(f"/m/{token}/").status_code == 410
    assert client.get(path).status_code == 200, "unsubscribing works for ever"
    Contact.objects.all().delete()
    assert client.post(path).status_code == 410


def test_the_number_of_queries_does_not_grow_with_the_batch(
    play: Play, django_assert_max_num_queries: Any
) -> None:
    sending_open()
    sequence_make("welcome", "joined", [0, 60])
    for number in range(30):
        play.shopper(f"s{number}")
    lane = LANES["enrollments"]
    token = uuid.uuid4()
    rows = lane.claim(token, clock.now(), clock.wall(), 100)
    with django_assert_max_num_queries(20):
        lane.run(claim=token, ids=[str(row.pk) for row in rows], now=clock.now())
    token, ids = claimed()
    assert len(ids) == 30
    with django_assert_max_num_queries(45):
        sender.messages_send(claim=token, ids=ids, now=clock.now())
    assert len(mail.outbox) == 30
