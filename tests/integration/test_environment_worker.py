"""The worker's care for its pulse and its cluster."""

from __future__ import annotations

import logging
import threading
import time
from datetime import timedelta
from unittest import mock

import pytest
from django.db import OperationalError
from django.utils import timezone
from django_q.models import OrmQ
from django_q.tasks import async_task

from saleor_automation.project import worker
from saleor_automation.project.worker import START_SECONDS, Beat
from saleor_automation.sequences import worker as engine
from saleor_automation.sequences.models import Heartbeat


def heartbeat(seconds_ago: float) -> None:
    at = timezone.now() - timedelta(seconds=seconds_ago)
    Heartbeat.objects.update_or_create(name="queue", defaults={"at": at})


def work_waits() -> None:
    async_task("saleor_automation.sequences.tasks.heartbeat")
    OrmQ.objects.update(lock=timezone.now() - timedelta(seconds=1))


@pytest.fixture
def beat(db, settings) -> Beat:
    settings.SALEOR_AUTOMATION = {**settings.SALEOR_AUTOMATION, "watchdog_seconds": 45}
    return Beat(threading.Event())


def test_work_without_a_heartbeat_means_stuck(beat):
    heartbeat(60)
    work_waits()
    assert beat._is_stuck(uptime=100)


def test_an_empty_queue_is_never_stuck(beat):
    heartbeat(60)
    assert not beat._is_stuck(uptime=100)


def test_a_fresh_heartbeat_means_alive(beat):
    heartbeat(10)
    work_waits()
    assert not beat._is_stuck(uptime=100)


def test_a_new_cluster_may_take_its_time(beat):
    # The last heartbeat is the one of the cluster before.
    heartbeat(500)
    work_waits()
    assert not beat._is_stuck(uptime=START_SECONDS)
    assert beat._is_stuck(uptime=60)


def test_a_cluster_that_never_beats_is_stuck(beat):
    work_waits()
    assert beat._is_stuck(uptime=60)


def test_a_database_that_is_away_does_not_end_the_pulse(monkeypatch, caplog):
    stop = threading.Event()
    beats = []

    class Pulse:
        def beat(self) -> int:
            beats.append(1)
            if len(beats) < 3:
                raise OperationalError("the connection is lost")
            stop.set()
            return 0

    monkeypatch.setattr(engine, "Pulse", Pulse)
    monkeypatch.setattr(engine, "rescue", lambda: 0)
    with caplog.at_level(logging.ERROR, logger=worker.__name__):
        Beat(stop).run()
    assert len(beats) == 3
    assert [record.message for record in caplog.records] == [
        "The pulse failed (OperationalError: the connection is lost); trying again."
    ] * 2


@pytest.mark.parametrize(("seconds_ago", "told"), [(10, 0), (890, 0), (910, 1)])
def test_staff_are_told_when_the_queue_stands_still_for_long(beat, seconds_ago, told):
    heartbeat(seconds_ago)
    with mock.patch("saleor_automation.studio.problems.queue_stopped_tell") as tell:
        beat._tell_if_stopped()
    assert tell.call_count == told


def test_a_worker_that_just_started_tells_nobody_yet(beat):
    assert beat._tell_at > time.monotonic() + worker.TELL_SECONDS / 2
