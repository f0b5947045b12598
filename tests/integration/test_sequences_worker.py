"""The pulse: lanes, back-pressure, chores, and django-q2's own queue."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django_q.models import OrmQ, Task

from saleor_automation import clock
from saleor_automation.inbox.models import RawEvent
from saleor_automation.inbox.services import raw_event_store
from saleor_automation.sequences import receivers, tasks, worker
from saleor_automation.sequences.models import Enrollment, Heartbeat
from saleor_automation.sequences.worker import CHORES, Chore, Pulse, chore_register
from tests.engine import Play, sending_open, sequence_make


def queued() -> list[tuple[str, tuple[Any, ...]]]:
    """Return the tasks in the queue: (function's name, arguments)."""
    waiting = [row.task for row in OrmQ.objects.order_by("pk")]
    return [(task["func"].rsplit(".", 1)[1], task["args"]) for task in waiting]


def drain() -> int:
    """Run what is queued, as a worker would. Returns how many tasks ran."""
    waiting = queued()
    OrmQ.objects.all().delete()
    for name, args in waiting:
        getattr(tasks, name)(*args)
    return len(waiting)


REGISTERED = set(CHORES)


@pytest.fixture(autouse=True)
def _no_chores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "CHORES", {})
    monkeypatch.setattr(tasks, "CHORES", worker.CHORES)


def test_a_person_goes_all_the_way_through_the_queue(play: Play) -> None:
    sending_open()
    sequence_make("welcome", "joined", [0, 60])
    play.shopper("aina")
    assert Pulse().beat() == 1
    ((name, args),) = queued()
    assert (name, args[0]) == ("lane_run", "enrollments")
    # Names and strings only, so that a deploy cannot break what is queued.
    assert all(isinstance(value, str | list) for value in args)
    assert Pulse().beat() == 0, "what is claimed is not claimed again"
    drain()
    Pulse().beat()
    drain()
    play.clock.forward(hours=1)
    for _ in range(3):
        Pulse().beat()
        drain()
    assert Enrollment.objects.get().state == Enrollment.State.FINISHED


def test_the_pulse_waits_while_the_queue_is_full(play: Play, settings: Any) -> None:
    settings.SALEOR_AUTOMATION = {**settings.SALEOR_AUTOMATION, "claim_batch": 1, "workers": 1}
    sequence_make("welcome", "joined", [0])
    for number in range(6):
        play.shopper(f"s{number}")
    assert Pulse(depth=4).beat() == 4
    assert OrmQ.objects.count() == 4
    assert Pulse(depth=4).beat() == 0
    drain()
    assert Pulse(depth=4).beat() == 2


def test_a_claim_whose_worker_died_is_taken_again_when_its_lease_ends(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    sequence_make("welcome", "joined", [0])
    play.shopper("aina")
    Pulse().beat()
    OrmQ.objects.all().delete()  # the queue lost it
    real = clock.wall()
    monkeypatch.setattr(clock, "wall", lambda: real + timedelta(seconds=119))
    assert Pulse().beat() == 0
    monkeypatch.setattr(clock, "wall", lambda: real + timedelta(seconds=125))
    assert Pulse().beat() == 1


def test_a_task_the_queue_loses_again_and_again_is_nobodys_fault(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    sequence_make("welcome", "joined", [0])
    play.shopper("aina")
    wall = clock.wall()
    for _ in range(12):
        wall += timedelta(minutes=3)
        monkeypatch.setattr(clock, "wall", lambda at=wall: at)
        assert Pulse().beat() == 1
        OrmQ.objects.all().delete()
    assert Enrollment.objects.get().attempts == 0
    monkeypatch.setattr(clock, "wall", lambda: wall + timedelta(minutes=3))
    Pulse().beat()
    drain()
    assert Enrollment.objects.get().state == Enrollment.State.SENDING


def test_what_ends_its_worker_is_tried_alone_and_then_stopped(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    sequence_make("welcome", "joined", [0])
    play.shopper("aina")
    play.shopper("ben")
    lane, ran = worker.LANES["enrollments"], []

    def killed(*, claim: uuid.UUID, ids: list[str], now: Any) -> None:
        ran.append(len(ids))
        raise Killed

    monkeypatch.setitem(worker.LANES, "enrollments", replace(lane, run=killed))
    wall = clock.wall()
    for _ in range(5):
        wall += timedelta(minutes=3)
        monkeypatch.setattr(clock, "wall", lambda at=wall: at)
        Pulse().beat()
        waiting = queued()
        OrmQ.objects.all().delete()
        for _name, args in waiting:
            with pytest.raises(Killed):
                tasks.lane_run(*args)
    assert ran == [2] + [1] * 8
    monkeypatch.setitem(worker.LANES, "enrollments", lane)
    monkeypatch.setattr(clock, "wall", lambda: wall + timedelta(minutes=3))
    Pulse().beat()
    drain()
    assert set(Enrollment.objects.values_list("state", "reason")) == {("error", "poison")}


def test_a_batch_that_waited_in_the_queue_has_a_whole_lease(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    sequence_make("welcome", "joined", [0])
    play.shopper("aina")
    real = clock.wall()
    Pulse().beat()
    ((_name, (_lane, claim, ids)),) = queued()
    monkeypatch.setattr(clock, "wall", lambda: real + timedelta(seconds=119))
    assert worker.LANES["enrollments"].begin(claim=uuid.UUID(claim), ids=ids) == 1
    monkeypatch.setattr(clock, "wall", lambda: real + timedelta(seconds=230))
    assert Pulse().beat() == 0


def test_a_task_whose_rows_another_worker_has_does_nothing(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    sequence_make("welcome", "joined", [0])
    play.shopper("aina")
    real = clock.wall()
    Pulse().beat()
    late = queued()
    OrmQ.objects.all().delete()
    monkeypatch.setattr(clock, "wall", lambda: real + timedelta(seconds=125))
    Pulse().beat()
    lane = worker.LANES["enrollments"]
    monkeypatch.setitem(worker.LANES, "enrollments", replace(lane, run=None))
    for _name, args in late:
        tasks.lane_run(*args)
    assert Enrollment.objects.get().attempts == 0
    monkeypatch.setitem(worker.LANES, "enrollments", lane)
    drain()
    assert Enrollment.objects.get().state == Enrollment.State.SENDING


@pytest.mark.django_db
def test_bodies_that_would_not_be_done_in_time_are_given_back_untried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for number in range(receivers.AT_ONCE * 2 + 3):
        raw_event_store(
            source="webhook", event_type="x", api_url="x", body=b"%d" % number, now=clock.now()
        )
    Pulse().beat()
    ((_name, args),) = queued()
    OrmQ.objects.all().delete()
    real, done = clock.wall(), []

    def slow(*, ids: list[int], **kwargs: Any) -> None:
        done.extend(ids)
        monkeypatch.setattr(clock, "wall", lambda: real + timedelta(seconds=31))

    monkeypatch.setattr(receivers, "raw_events_process", slow)
    tasks.lane_run(*args)
    assert len(done) == receivers.AT_ONCE
    left = RawEvent.objects.exclude(pk__in=done)
    assert set(left.values_list("claim", "attempts")) == {(None, 0)}
    monkeypatch.setattr(clock, "wall", lambda: real + timedelta(seconds=300))
    assert Pulse().beat() > 0, "their turn comes again"


def test_a_chore_is_done_once_by_whoever_comes_first(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    chore_register(Chore(name="sweep", every_seconds=60, run=lambda: done.append("swept")))
    Pulse().beat()
    Pulse().beat()
    assert drain() == 1
    real = clock.wall()
    monkeypatch.setattr(clock, "wall", lambda: real + timedelta(seconds=61))
    Pulse().beat()
    Pulse().beat()
    assert drain() == 1
    assert done == ["swept"] * 2


def test_a_chore_that_fails_harms_nobody(play: Play, caplog: pytest.LogCaptureFixture) -> None:
    chore_register(Chore(name="break", every_seconds=60, run=lambda: 1 / 0))
    Pulse().beat()
    assert drain() == 1
    assert "The chore break failed" in caplog.text


@pytest.mark.django_db
def test_the_products_chores_run() -> None:
    from saleor_automation.sequences.receivers import queue_prune
    from saleor_automation.studio.receivers import publish_scheduled

    for age in (1, 8):
        stopped = clock.wall() - timedelta(days=age)
        Task.objects.create(
            id=uuid.uuid4().hex, name=f"t{age}", func="x", started=stopped, stopped=stopped
        )
    queue_prune()
    assert list(Task.objects.values_list("name", flat=True)) == ["t1"]
    publish_scheduled()


def test_heartbeats_come_through_the_queue(play: Play) -> None:
    assert worker.heartbeat_age() is None
    worker.heartbeat_send()
    assert Heartbeat.objects.count() == 0
    drain()
    age = worker.heartbeat_age()
    assert age is not None
    assert 0 <= age < 60


def test_both_chores_are_registered() -> None:
    assert {"publish_scheduled", "queue_prune"} <= REGISTERED
