"""Bodies become facts once, whatever fails in between."""

from __future__ import annotations

import json
import logging
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, OperationalError

from saleor_automation import signals
from saleor_automation.claims import claim_begin, claim_due
from saleor_automation.inbox import services
from saleor_automation.inbox.facts import data_join
from saleor_automation.inbox.models import Event, EventKey, RawEvent
from saleor_automation.inbox.services import (
    raw_event_store,
    raw_events_process,
    raw_events_prune,
    raw_events_retry,
)
from saleor_automation.inbox.storing import NewBody, bodies_insert
from saleor_automation.people.models import Contact
from saleor_automation.shop.models import ShopOrder

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)


def store(event="order_created", *, issued=NOW, source="webhook", **changes):
    order = {
        "id": "O1",
        "created": (NOW - HOUR).isoformat(),
        "updatedAt": (NOW - HOUR).isoformat(),
        "status": "UNFULFILLED",
        "userEmail": "ana@example.com",
    }
    content = {"issuedAt": issued.isoformat(), "order": {**order, **changes}}
    body = json.dumps(content).encode()
    new = raw_event_store(source=source, event_type=event, api_url="https://x/", body=body, now=NOW)
    return RawEvent.objects.latest("pk").pk if new else None


def test_a_body_is_stored_once_however_it_comes():
    assert store(source="webhook") is not None
    assert store(source="relay") is None
    assert RawEvent.objects.count() == 1


def test_of_two_equal_bodies_in_one_statement_the_first_is_new():
    def rows(digests):
        return [
            NewBody(digest, "webhook", "order_created", "https://x/", b"{}", NOW)
            for digest in digests
        ]

    assert bodies_insert(rows("ca")) == [True, True]
    assert bodies_insert(rows("cabac")) == [False, False, True, False, False]
    assert sorted(RawEvent.objects.values_list("digest", flat=True)) == ["a", "b", "c"]
    assert bodies_insert(rows("dd")) == [True, False]


def test_the_same_body_under_another_event_is_another_delivery():
    assert store("order_created") is not None
    assert store("order_updated") is not None


def test_facts_count_once_and_keep_the_earliest_time():
    raw_events_process(ids=[store("order_confirmed", issued=NOW)], now=NOW)
    raw_events_process(ids=[store("order_updated", issued=NOW - HOUR)], now=NOW)
    confirmed = Event.objects.get(kind="confirmed")
    assert confirmed.occurred_at == NOW - HOUR
    assert Event.objects.count() == EventKey.objects.count() == 2


def test_a_processed_body_is_not_processed_again():
    pk = store()
    assert raw_events_process(ids=[pk, pk], now=NOW) == 1
    assert raw_events_process(ids=[pk], now=NOW) == 0


def test_only_new_facts_are_told():
    told = []

    def hear(*, events, **kwargs):
        told.append(sorted(event.kind for event in events))

    signals.facts_recorded.connect(hear)
    try:
        raw_events_process(ids=[store("order_created", status="UNCONFIRMED")], now=NOW)
        raw_events_process(ids=[store("order_updated", issued=NOW + HOUR)], now=NOW)
    finally:
        signals.facts_recorded.disconnect(hear)
    assert told == [["ordered"], ["confirmed"]]


def test_facts_older_than_the_window_are_late():
    long_ago = (NOW - timedelta(hours=73)).isoformat()
    raw_events_process(ids=[store(status="UNCONFIRMED", created=long_ago)], now=NOW)
    assert Event.objects.get().late


def test_a_fact_of_a_history_import_says_so():
    raw_events_process(ids=[store(source="backfill")], now=NOW)
    assert set(Event.objects.values_list("backfill", flat=True)) == {True}


@pytest.fixture
def failing():
    """A later stage that fails until told not to."""
    state = {"fail": True}

    def fail(**kwargs):
        if state["fail"]:
            raise RuntimeError("ana@example.com broke it")

    logging.getLogger("saleor_automation.inbox.services").setLevel(logging.CRITICAL + 1)
    signals.facts_recorded.connect(fail)
    yield state
    signals.facts_recorded.disconnect(fail)
    logging.getLogger("saleor_automation.inbox.services").setLevel(logging.NOTSET)


def test_a_failing_stage_undoes_the_body_and_not_its_neighbours(failing):
    broken = store()
    raw_events_process(ids=[broken], now=NOW)
    assert not Event.objects.exists()
    assert not EventKey.objects.exists()
    assert not Contact.objects.exists()
    assert not ShopOrder.objects.exists()
    row = RawEvent.objects.get(pk=broken)
    assert (row.state, row.attempts) == (RawEvent.State.PENDING, 1)

    failing["fail"] = False
    assert raw_events_process(ids=[broken], now=NOW) == 1
    assert Event.objects.count() == 2


def test_a_body_that_fails_three_times_is_set_aside_in_words(failing):
    pk = store()
    for _ in range(4):
        raw_events_process(ids=[pk], now=NOW)
    row = RawEvent.objects.get(pk=pk)
    assert (row.state, row.attempts) == (RawEvent.State.FAULT, 3)
    assert "RuntimeError" in row.fault
    assert "ana@example.com" not in row.fault

    failing["fail"] = False
    assert raw_events_retry(ids=[pk]) == 1
    assert raw_events_process(ids=[pk], now=NOW) == 1


def claim_all():
    """Claim what waits and begin it, as a worker does; its lease has ended already."""
    token = uuid.uuid4()
    held = claim_due(
        RawEvent,
        claim=token,
        states=["pending"],
        now=None,
        wall=datetime.now(UTC),
        lease_seconds=-1,
        limit=100,
    )
    claim_begin(
        RawEvent,
        claim=token,
        ids=[row.pk for row in held],
        wall=datetime.now(UTC),
        lease_seconds=-1,
        states=["pending"],
    )
    return token


def state_of(pk):
    row = RawEvent.objects.get(pk=pk)
    return row.state, row.attempts, row.claim


def test_a_claimed_body_has_three_attempts_too(failing):
    pk = store()
    for attempt in (1, 2):
        raw_events_process(ids=[pk], now=NOW, claim=claim_all())
        assert state_of(pk) == ("pending", attempt, None)
    raw_events_process(ids=[pk], now=NOW, claim=claim_all())
    assert state_of(pk) == ("fault", 3, None)


def broken_by(monkeypatch, *errors):
    """Let recording fail with these errors, one after another, and then work."""
    waiting, real = list(errors), services.events_record

    def record(**values):
        if waiting:
            raise waiting.pop(0)
        return real(**values)

    monkeypatch.setattr(services, "events_record", record)


@pytest.mark.parametrize("is_claimed", [True, False])
def test_trouble_of_the_database_is_none_of_the_bodys_attempts(monkeypatch, is_claimed):
    pk = store()
    broken_by(monkeypatch, *[OperationalError("deadlock detected")] * 5)
    for _ in range(5):
        assert raw_events_process(ids=[pk], now=NOW, claim=claim_all() if is_claimed else None) == 0
        assert state_of(pk) == ("pending", 0, None)
    assert raw_events_process(ids=[pk], now=NOW, claim=claim_all() if is_claimed else None) == 1


def test_a_race_lost_to_another_worker_is_run_again_at_once(monkeypatch):
    pk = store()
    broken_by(monkeypatch, *[IntegrityError("duplicate key")] * 2)
    assert raw_events_process(ids=[pk], now=NOW) == 1
    assert state_of(pk) == ("done", 0, None)


def test_what_no_database_takes_is_a_fault_in_the_end(monkeypatch):
    pk = store()
    broken_by(monkeypatch, *[IntegrityError("null value")] * 100)
    for _ in range(3):
        raw_events_process(ids=[pk], now=NOW, claim=claim_all())
    assert state_of(pk) == ("fault", 3, None)


def test_the_log_does_not_quote_the_database(monkeypatch, caplog):
    pk = store()
    broken_by(monkeypatch, *[IntegrityError("DETAIL: (email)=(ana@example.com)")] * 3)
    raw_events_process(ids=[pk], now=NOW)
    assert f"Received event {pk} could not be processed: IntegrityError" in caplog.text
    assert "in record" in caplog.text
    assert "ana@example.com" not in caplog.text


def test_a_body_that_killed_its_workers_is_set_aside_unread(monkeypatch, caplog):
    caplog.set_level(logging.CRITICAL, logger="saleor_automation.inbox.services")
    pk = store()
    for _ in range(3):
        claim_all()  # and the worker dies
    monkeypatch.setattr(services, "_process", None)
    assert raw_events_process(ids=[pk], now=NOW, claim=claim_all()) == 0
    assert state_of(pk) == ("fault", 4, None)
    assert "its worker ended each time" in RawEvent.objects.get(pk=pk).fault

    monkeypatch.undo()
    assert raw_events_retry(ids=[pk]) == 1
    assert raw_events_process(ids=[pk], now=NOW, claim=claim_all()) == 1


def test_a_claim_that_was_lost_may_do_nothing(failing):
    pk = store()
    lost = claim_all()
    held = claim_all()
    assert raw_events_process(ids=[pk], now=NOW, claim=lost) == 0
    assert state_of(pk) == ("pending", 2, held)
    failing["fail"] = False
    assert raw_events_process(ids=[pk], now=NOW, claim=lost) == 0
    assert raw_events_process(ids=[pk], now=NOW, claim=held) == 1


def test_old_bodies_are_blanked_once_understood_and_still_known(failing):
    waiting = store()
    failing["fail"] = False
    raw_events_process(ids=[store("order_updated")], now=NOW)
    assert raw_events_prune(before=NOW) == 0
    assert raw_events_prune(before=NOW + HOUR) == 1
    assert raw_events_prune(before=NOW + HOUR) == 0
    assert {row.pk: bool(row.body) for row in RawEvent.objects.all()} == {
        waiting: True,
        RawEvent.objects.latest("pk").pk: False,
    }
    assert store("order_updated") is None
    assert Event.objects.count() == 2


def test_a_fault_in_the_middle_does_not_stop_the_batch():
    bad = store("order_created", created="never")
    good = store("order_updated")
    assert raw_events_process(ids=[bad, good], now=NOW) == 1
    assert RawEvent.objects.get(pk=bad).state == RawEvent.State.FAULT


def test_an_erased_event_is_not_made_again():
    raw_events_process(ids=[store()], now=NOW)
    Event.objects.all().delete()
    raw_events_process(ids=[store("order_updated")], now=NOW)
    assert not Event.objects.exists()


@pytest.mark.parametrize(
    ("one", "two", "joined"),
    [
        ({"user": ""}, {"user": "U1"}, {"user": "U1"}),
        ({"notify": None}, {"notify": True}, {"notify": True}),
        ({"notify": False}, {"notify": True}, {"notify": False}),
        ({"notify": False}, {"notify": None}, {"notify": False}),
        ({"user": "U1"}, {"user": "U2"}, {"user": "U2"}),
    ],
)
def test_two_tellings_join_the_same_either_way(one, two, joined):
    assert data_join(one, two) == data_join(two, one) == joined
