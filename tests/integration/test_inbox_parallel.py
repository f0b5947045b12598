"""Workers that meet at one person or one body; only PostgreSQL lets them."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.db import DataError, connection, connections

from saleor_automation import clock, signals
from saleor_automation.demo import bodies
from saleor_automation.inbox.models import RawEvent
from saleor_automation.inbox.services import raw_event_store, raw_events_process
from saleor_automation.people import identities
from saleor_automation.people.models import Contact
from saleor_automation.sequences.worker import LANES
from tests.engine import Play, basket_sequence, sending_open, settle

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer"),
]


def run_together(*works: Callable[[], Any]) -> list[BaseException]:
    """Run each in a thread; return what they raised."""
    raised: list[BaseException] = []

    def run(work: Callable[[], Any]) -> None:
        try:
            work()
        except BaseException as error:
            raised.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return raised


def store(event: str, basket: Any) -> int:
    body = bodies.body(
        {"checkout": bodies.checkout(basket, "http://shop")},
        issued_at=clock.now(),
        app_id="QXBwOjE=",
        name=event,
    )
    raw_event_store(
        source="webhook", event_type=event, api_url="https://x/", body=body, now=clock.now()
    )
    return RawEvent.objects.latest("pk").pk


def test_an_event_and_a_step_of_one_person_do_not_deadlock(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mail is planned while the shopper touches the basket."""
    basket_sequence()
    sending_open()
    basket = play.basket(play.shopper("aina"), "b")
    play.clock.forward(minutes=46)
    settle()
    play.clock.forward(minutes=61)
    lane, token = LANES["enrollments"], uuid.uuid4()
    due = lane.claim(token, clock.now(), clock.wall(), 9)
    basket.updated_at = clock.now()
    pk = store("checkout_updated", basket)
    planned, refreshed = threading.Event(), threading.Event()

    def on_mail(**kwargs: Any) -> None:
        planned.set()
        refreshed.wait(10)
        time.sleep(0.5)  # until the event waits for the enrollment

    real = identities.contact_refresh

    def refresh(contact: Contact) -> None:
        real(contact)
        refreshed.set()

    def event() -> None:
        planned.wait(10)
        raw_events_process(ids=[pk], now=clock.now())

    monkeypatch.setattr(identities, "contact_refresh", refresh)
    signals.mail_wanted.connect(on_mail)
    try:
        raised = run_together(
            lambda: lane.run(claim=token, ids=[str(row.pk) for row in due], now=clock.now()),
            event,
        )
    finally:
        signals.mail_wanted.disconnect(on_mail)

    assert len(due) == 1
    assert planned.is_set()
    assert refreshed.is_set()
    assert raised == []
    assert RawEvent.objects.get(pk=pk).state == RawEvent.State.DONE


def test_two_workers_that_meet_a_new_person_make_one_contact(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    shopper = play.shopper("aina", account=False)
    play.basket(shopper, "first")  # the channel is known
    Contact.objects.all().delete()
    pks = [
        store(
            "checkout_created",
            play.world.leave_basket(shopper, name, {"arabica": 1}, clock.now()),
        )
        for name in ("b1", "b2")
    ]
    met = threading.Barrier(2, timeout=3)
    real = identities._contact_create

    def create(now: Any) -> Contact:
        if not met.broken:
            try:
                met.wait()
                met.abort()  # once: the second try finds the contact
            except threading.BrokenBarrierError:
                pass
        return real(now)

    monkeypatch.setattr(identities, "_contact_create", create)
    raised = run_together(
        *[lambda pk=pk: raw_events_process(ids=[pk], now=clock.now()) for pk in pks]
    )

    assert raised == []
    rows = RawEvent.objects.filter(pk__in=pks).values_list("state", "attempts")
    assert list(rows) == [("done", 0)] * 2
    assert Contact.objects.get().checkouts.count() == 2


def test_bodies_that_come_together_are_stored_each_for_itself() -> None:
    ready = threading.Barrier(12)
    new: list[bool] = []

    def bring(number: int) -> None:
        ready.wait(10)
        for turn in range(5):
            new.append(
                raw_event_store(
                    source="webhook",
                    event_type="order_created",
                    # No column takes the first thread's; its neighbours are none the worse.
                    api_url="https://x/" if number else "https://x/" + "x" * 300,
                    # Two threads each bring the same bodies.
                    body=b"%d %d" % (number // 2, turn),
                    now=clock.now(),
                )
            )

    raised = run_together(*(lambda number=number: bring(number) for number in range(12)))
    assert [type(error) for error in raised] == [DataError]
    assert RawEvent.objects.count() == 30
    assert new.count(True) == 30
    assert len(new) == 55
