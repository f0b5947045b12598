"""What goes wrong around a send: holds, crashes, full disks, and those who wait behind.

Each case was found by a reviewer as a lost, doubled or forbidden mail.
"""

from __future__ import annotations

import itertools
import os
import smtplib
import time
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.db import OperationalError, transaction
from django_q.exceptions import TimeoutException
from django_q.timeout import TimeoutHandler

from saleor_automation import clock
from saleor_automation.delivery import ledger, sender
from saleor_automation.delivery.failures import Failure, Kind, failure_of
from saleor_automation.delivery.journal import Journal
from saleor_automation.delivery.models import Message, SendingControl
from saleor_automation.delivery.rescue import messages_rescue
from saleor_automation.delivery.transport import Transport, transport
from saleor_automation.emails.models import Brand
from saleor_automation.sequences import advancing, worker
from saleor_automation.sequences.models import Enrollment
from saleor_automation.sequences.services import sequence_switch
from saleor_automation.sequences.tasks import lane_run
from saleor_automation.sequences.worker import LANES, Pulse, rescue
from tests.engine import Play, saleor_away, sequence_make, settle
from tests.sending import claimed, first_mail, one_round, outcome, planned

State = Message.State


# --- holds are not tries


def test_a_pause_of_two_hours_loses_no_mail(welcomed: Play) -> None:
    sequence_switch(sequence=welcomed.sequence, state="paused", now=clock.now())  # type: ignore[attr-defined]
    for _ in range(26):
        one_round()
        welcomed.clock.forward(minutes=5)
    sequence_switch(sequence=welcomed.sequence, state="on", now=clock.now())  # type: ignore[attr-defined]
    settle()
    assert outcome() == (State.ACCEPTED, "")


def test_saleor_away_for_an_hour_loses_no_mail(
    left_basket: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("saleor_automation.delivery.truth.baskets_ask", saleor_away)
        for _ in range(14):
            settle()
            left_basket.clock.forward(minutes=5)
    settle()
    assert outcome() == (State.ACCEPTED, "")


def test_holds_do_not_use_up_the_tries(left_basket: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("saleor_automation.delivery.truth.baskets_ask", saleor_away)
        for _ in range(9):
            settle()
            left_basket.clock.forward(minutes=5)
    greylisted = failure_of(smtplib.SMTPResponseException(451, b"greylisted"))
    with monkeypatch.context() as patched:
        patched.setattr(Transport, "send", lambda self, message: greylisted)
        one_round()
    assert outcome() == (State.PLANNED, "retry")
    assert first_mail().tries == 1


def test_a_mail_server_away_for_three_hours_loses_nothing(
    welcomed: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        refused = Failure(Kind.TEMPORARY, "ConnectionRefusedError", True)
        patched.setattr(Transport, "open", lambda self: refused)
        for _ in range(36):
            settle()
            welcomed.clock.forward(minutes=5)
    welcomed.clock.forward(hours=1)
    settle()
    assert outcome() == (State.ACCEPTED, "")


# --- trouble of our own


def test_a_state_folder_that_cannot_be_written_holds_mails(
    welcomed: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(claim: uuid.UUID) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(sender, "Journal", full)
        for _ in range(20):
            one_round()
            welcomed.clock.forward(minutes=1)
        assert outcome() == (State.PLANNED, "no_journal")
    settle()
    assert outcome() == (State.ACCEPTED, "")


def test_a_mail_service_without_its_key_holds_mails(welcomed: Play, settings: Any) -> None:
    settings.EMAIL_BACKEND = "anymail.backends.postmark.EmailBackend"
    transport().close()
    try:
        for _ in range(14):
            one_round()
        message = first_mail()
    finally:
        transport().close()
    assert (message.state, message.reason) == (State.PLANNED, "retry")
    assert "POSTMARK_SERVER_TOKEN" in message.detail


def test_a_second_of_trouble_with_the_database_stops_nobody(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    sequence_make("welcome", "joined", [0, 60])
    play.shopper("aina")
    play.shopper("ben")

    def trouble(*args: Any, **kwargs: Any) -> None:
        raise OperationalError("canceling statement due to lock timeout")

    wall = clock.wall()
    with monkeypatch.context() as patched:
        patched.setattr(advancing, "facts_load", trouble)
        for second in range(0, 60, 3):
            moment = wall + timedelta(seconds=second)
            patched.setattr(clock, "wall", lambda moment=moment: moment)
            one_round("enrollments")
    assert set(Enrollment.objects.values_list("state", "attempts")) == {("active", 0)}


def test_a_failing_batch_is_tried_less_and_less_often(
    welcomed: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    def boom(**kwargs: Any) -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr(sender, "gates_before", boom)
    wall, tries = clock.wall(), []
    for second in range(0, 1000):
        moment = wall + timedelta(seconds=second)
        monkeypatch.setattr(clock, "wall", lambda moment=moment: moment)
        token, ids = claimed()
        if ids:
            tries.append(second)
            lane_run("messages", token, ids)
    pauses = [later - earlier for earlier, later in itertools.pairwise(tries)]
    assert pauses == [5, 17, 65, 257, 601]


def test_a_disk_that_fills_up_in_the_journal_sends_nothing_twice(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    sequence_make("welcome", "joined", [0])
    planned(play, "a", "b", "c", "d")
    sent: list[str] = []
    room = [150]  # two whole mails are 136 bytes; the third begin line is cut at 150
    real = os.write

    def write(handle: int, data: bytes) -> int:
        if not room[0]:
            raise OSError(28, "No space left on device")
        count = real(handle, data[: room[0]])
        room[0] -= count
        return count

    def send(self: Transport, message: Any) -> None:
        sent.append(message.recipient)

    monkeypatch.setattr(Transport, "send", send)
    token, ids = claimed()
    with monkeypatch.context() as patched:
        patched.setattr("saleor_automation.delivery.journal.os.write", write)
        lane_run("messages", token, ids)
    assert len(sent) == 2
    settle()
    assert sorted(sent) == [f"{name}@shopper.example" for name in "abcd"]


def test_a_slow_server_leaves_nothing_unclear(
    play: Play, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The queue ends a task at half a lease, in the middle of a mail if need be.
    settings.SALEOR_AUTOMATION = {**settings.SALEOR_AUTOMATION, "lease_seconds": 4}
    sequence_make("welcome", "joined", [0])
    planned(play, *(f"s{number}" for number in range(10)))
    monkeypatch.setattr(Transport, "send", lambda self, message: time.sleep(0.3))
    token, ids = claimed()
    try:
        with TimeoutHandler(2):
            lane_run("messages", token, ids)
    except TimeoutException:
        pytest.fail("the batch went on until the queue ended it")
    messages_rescue(now=clock.now(), wall=clock.wall())
    states = set(Message.objects.values_list("state", flat=True))
    assert states == {State.ACCEPTED, State.PLANNED}


def test_rubbish_in_the_journal_folder_hinders_nobody(welcomed: Play) -> None:
    folder = Journal(uuid.uuid4())
    (folder.path.parent / "notes.log").write_text("not mine")
    (folder.path.parent / f"{uuid.uuid4().hex}.log").write_bytes(b"A" + b"z" * 32 + b"\nA12\n")
    folder.close()
    assert rescue() == 0
    settle()
    assert outcome() == (State.ACCEPTED, "")


# --- whose brand


@pytest.mark.parametrize(
    "change",
    [
        lambda: SendingControl.objects.update(bound_database="the original"),
        lambda: SendingControl.objects.update(paused=True),
    ],
    ids=["restored copy", "global pause"],
)
def test_a_batch_that_was_claimed_already_stays_here(
    welcomed: Play, change: Callable[[], Any]
) -> None:
    token, ids = claimed()
    change()
    lane_run("messages", token, ids)
    assert mail.outbox == []
    message = first_mail()
    assert (message.state, message.attempts, message.tries) == (State.PLANNED, 0, 0)


def test_a_channels_brand_without_a_sender_uses_the_default_one(left_basket: Play) -> None:
    channel = Enrollment.objects.get().context["channel"]
    Brand.objects.create(channel=channel, name="Second")
    settle()
    source = mail.outbox[0].message().as_bytes().decode()  # type: ignore[attr-defined]
    assert source.startswith("From: Second <halo@kedai.example>\r\n")
    assert "12 Jalan Kenanga" not in Brand.objects.get(channel=channel).postal_address


# --- nobody waits for ever


def test_closing_moves_only_what_it_locked(welcomed: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    message = Message.objects.select_related("enrollment").get()
    Message.objects.update(state=State.CLAIMED)
    real = set

    def locked_then_released(rows: Any) -> Any:
        found = real(rows)
        Message.objects.update(state=State.PLANNED)
        return found

    monkeypatch.setattr(ledger, "set", locked_then_released, raising=False)
    with transaction.atomic():
        closing = ledger.Closing(message, State.EXPIRED, "expired")
        ledger.messages_close(
            closings=[closing], from_state=State.PLANNED, claim=None, now=clock.now()
        )
    monkeypatch.undo()
    message.refresh_from_db()
    assert message.state == State.PLANNED


def test_a_person_whose_mail_is_missing_goes_on(welcomed: Play) -> None:
    Message.objects.all().delete()
    assert rescue() == 1
    enrollment = Enrollment.objects.get()
    assert (enrollment.state, enrollment.node) == ("active", "w2")


def test_a_backlog_of_steps_does_not_starve_mails(
    welcomed: Play, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SALEOR_AUTOMATION = {**settings.SALEOR_AUTOMATION, "claim_batch": 1, "workers": 1}
    for number in range(20):
        welcomed.shopper(f"s{number}")
    put: list[str] = []
    monkeypatch.setattr(worker, "_put", lambda task, *args: put.append(args[0]))
    monkeypatch.setattr(worker, "queue_size", lambda: 0)
    monkeypatch.setattr(worker, "CHORES", {})
    pulse = Pulse(depth=1)
    for _ in range(3):
        pulse.beat()
    assert "messages" in put


def test_a_paused_sequence_does_not_hold_up_others(play: Play, settings: Any) -> None:
    settings.SALEOR_AUTOMATION = {**settings.SALEOR_AUTOMATION, "claim_batch": 2}
    one = sequence_make("one", "joined", [0])
    for number in range(10):
        play.shopper(f"s{number}")
    sequence_switch(sequence=one, state="paused", now=clock.now())
    play.clock.forward(minutes=1)
    two = sequence_make("two", "joined", [0])
    play.shopper("last")
    one_round("enrollments")
    assert Enrollment.objects.get(sequence=two).state == "sending"
    assert set(Enrollment.objects.filter(sequence=one).values_list("state", flat=True)) == {
        "active"
    }


def test_a_serial_lane_gives_out_one_task(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    from saleor_automation.inbox.models import RawEvent
    from saleor_automation.inbox.services import raw_event_store

    for number in range(4):
        raw_event_store(
            source="webhook",
            event_type="customer_updated",
            api_url="x",
            body=b"{}" + b" " * number,
            now=clock.now(),
        )
    first, second, *_rest = RawEvent.objects.order_by("pk")
    RawEvent.objects.filter(pk__in=[first.pk, second.pk]).update(attempts=1)
    put: list[Any] = []
    monkeypatch.setattr(worker, "_put", lambda *args: put.append(args))
    Pulse()._claim(LANES["inbox"])
    assert [args[3] for args in put] == [[str(first.pk)]]
    # Given back, with the try it had before, and without one it never had.
    assert dict(RawEvent.objects.values_list("pk", "attempts"))[second.pk] == 1
    assert set(RawEvent.objects.values_list("attempts", flat=True)) == {1, 0}
    Pulse()._claim(LANES["inbox"])
    assert len(put) == 1, "no second batch while one is out"
