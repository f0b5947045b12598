"""The pulse with Redis as the queue: a task exists only once its claim is committed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction
from django_q.brokers.redis_broker import Redis
from django_q.conf import Conf
from django_q.signing import SignedPackage

from saleor_automation.sequences import tasks, worker
from saleor_automation.sequences.models import Enrollment, Heartbeat
from saleor_automation.sequences.worker import Pulse
from tests.engine import Play, sequence_make

pytestmark = [
    pytest.mark.skipif(not os.environ.get("REDIS_URL"), reason="REDIS_URL names no Redis"),
    pytest.mark.django_db(transaction=True),
]


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[Redis]:
    monkeypatch.setattr(Conf, "REDIS", os.environ["REDIS_URL"])
    made = Redis(list_key=f"saleor-automation-tests-{os.getpid()}")
    monkeypatch.setattr("django_q.tasks.get_broker", lambda *args: made)
    monkeypatch.setattr(worker, "get_broker", lambda: made)
    monkeypatch.setattr(worker, "CHORES", {})
    settings.Q_CLUSTER = {"redis": os.environ["REDIS_URL"]}
    yield made
    made.delete_queue()


def run_queued(broker: Redis) -> int:
    """Run what is queued, as a worker would. Returns how many tasks ran."""
    count = 0
    while broker.queue_size():
        [(_, package)] = broker.dequeue()
        task = SignedPackage.loads(package)
        getattr(tasks, task["func"].rsplit(".", 1)[1])(*task["args"])
        count += 1
    return count


def test_a_claim_reaches_redis_when_it_is_committed(play: Play, broker: Redis) -> None:
    sequence_make("welcome", "joined", [0])
    play.shopper("aina")
    with transaction.atomic():
        Pulse().beat()
        transaction.set_rollback(True)
    assert broker.queue_size() == 0
    assert Enrollment.objects.get().claim is None
    assert Pulse().beat() == 1
    assert run_queued(broker) == 1
    assert Enrollment.objects.get().state == Enrollment.State.SENDING


def test_a_heartbeat_comes_through_redis(play: Play, broker: Redis) -> None:
    worker.heartbeat_send()
    assert Heartbeat.objects.count() == 0
    assert run_queued(broker) == 1
    assert worker.heartbeat_age() is not None
