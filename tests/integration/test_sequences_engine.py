"""Sequences end to end: events in, mails planned and sent, people out."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core import mail

from saleor_automation import clock
from saleor_automation.delivery.models import Message
from saleor_automation.demo import bodies
from saleor_automation.inbox.models import Event
from saleor_automation.sequences.models import Enrollment, SequenceVersion, StepRun
from saleor_automation.sequences.services import sequence_publish, sequence_switch
from tests.engine import Play, basket_sequence, mails, sending_open, sequence_make, settle

State = Enrollment.State
ORDERED = {
    "condition": {"fact": "contact.orders_since_entry", "op": "gte", "value": 1},
    "reason": "ordered",
}


@pytest.fixture(autouse=True)
def _open(play: Play) -> None:
    sending_open()


def welcome() -> object:
    return sequence_make("welcome", "joined", [0, 2880, 4320], exits=[ORDERED])


def test_a_welcome_sequence_goes_its_way(play: Play) -> None:
    welcome()
    play.shopper("aina")
    settle()
    assert mails() == [("aina@shopper.example", "welcome 1", "accepted", "")]
    play.clock.forward(days=1, hours=23)
    settle()
    assert len(mails()) == 1
    play.clock.forward(hours=1)
    settle()
    play.clock.forward(days=3)
    settle()
    assert [sent[1] for sent in mails()] == ["welcome 1", "welcome 2", "welcome 3"]
    enrollment = Enrollment.objects.get()
    assert (enrollment.state, enrollment.reason) == (State.FINISHED, "finished")
    assert enrollment.finished_at == play.clock.at
    assert list(StepRun.objects.order_by("id").values_list("node", "outcome")) == [
        ("m1", "mail"),
        ("w2", "waited"),
        ("m2", "mail"),
        ("w3", "waited"),
        ("m3", "mail"),
    ]
    assert [message.to for message in mail.outbox] == [["aina@shopper.example"]] * 3


def test_a_first_order_ends_the_welcome(play: Play) -> None:
    welcome()
    aina = play.shopper("aina")
    settle()
    play.clock.forward(hours=1)
    play.basket(aina, "b1")
    play.buy("b1")
    settle()
    enrollment = Enrollment.objects.get()
    assert (enrollment.state, enrollment.reason) == (State.EXITED, "ordered")
    play.clock.forward(days=30)
    settle()
    assert len(mails()) == 1


def test_a_left_basket_is_mailed_about_after_its_quiet_time(play: Play) -> None:
    basket_sequence()
    guest = play.shopper("guest", account=False)
    basket = play.basket(guest, "b1")
    settle()
    enrollment = Enrollment.objects.get()
    assert enrollment.state == State.DEBOUNCING
    assert enrollment.due_at == play.clock.at + timedelta(minutes=45)
    play.clock.forward(minutes=30)
    play.touch(basket, {"arabica": 2})
    play.clock.forward(minutes=30)
    settle()
    assert Enrollment.objects.get().state == State.DEBOUNCING, "the shopper was here again"
    play.clock.forward(minutes=15)
    settle()
    assert Enrollment.objects.get().state == State.ACTIVE
    assert mails() == []
    play.clock.forward(hours=1)
    settle()
    assert [sent[1:3] for sent in mails()] == [("basket 1", "accepted")]
    play.clock.forward(hours=23)
    settle()
    play.clock.forward(hours=48)
    settle()
    assert [sent[1] for sent in mails()] == ["basket 1", "basket 2", "basket 3"]
    assert Enrollment.objects.get().state == State.FINISHED


def test_coming_back_before_the_first_mail_starts_the_quiet_time_anew(play: Play) -> None:
    basket_sequence()
    basket = play.basket(play.shopper("guest", account=False), "b1")
    play.clock.forward(minutes=90)
    settle()
    assert Enrollment.objects.get().state == State.ACTIVE
    play.touch(basket, {"mug": 1})
    settle()
    enrollment = Enrollment.objects.get()
    assert (enrollment.state, enrollment.due_at) == (
        State.DEBOUNCING,
        play.clock.at + timedelta(minutes=45),
    )


@pytest.mark.parametrize("moment", ["before entry", "before mail", "after mail"])
def test_buying_ends_it(play: Play, moment: str) -> None:
    basket_sequence()
    guest = play.shopper("guest", account=False)
    play.basket(guest, "b1")
    if moment != "before entry":
        play.clock.forward(minutes=45)
        settle()
    if moment == "after mail":
        play.clock.forward(minutes=60)
        settle()
    expected = len(mails())
    play.buy("b1")
    settle()
    play.clock.forward(days=10)
    settle()
    assert len(mails()) == expected
    enrollment = Enrollment.objects.get()
    assert (enrollment.state, enrollment.reason) == (State.EXITED, "ordered")


def test_an_order_of_another_basket_by_the_same_address_ends_it_too(play: Play) -> None:
    basket_sequence()
    guest = play.shopper("guest", account=False)
    play.basket(guest, "b1")
    play.clock.forward(minutes=50)
    play.basket(guest, "b2", {"mug": 1})
    play.buy("b2")
    settle()
    play.clock.forward(days=10)
    settle()
    assert mails() == []
    assert {row.reason for row in Enrollment.objects.all()} == {"ordered"}


def test_an_emptied_basket_ends_it(play: Play) -> None:
    basket_sequence()
    basket = play.basket(play.shopper("guest", account=False), "b1")
    play.clock.forward(minutes=46)
    settle()
    play.clock.forward(minutes=30)
    play.touch(basket, {})
    play.clock.forward(days=10)
    settle()
    assert mails() == []
    assert Enrollment.objects.get().reason == "basket_empty"


def test_a_basket_saleor_does_not_know_any_more_is_not_mailed_about(play: Play) -> None:
    basket_sequence()
    play.basket(play.shopper("guest", account=False), "b1")
    play.world.baskets.clear()  # deleted in Saleor, which tells nobody
    play.clock.forward(minutes=105)
    settle()
    play.clock.forward(hours=1)
    settle()
    assert [sent[2:] for sent in mails()] == [("skipped", "exit:basket_deleted")]
    assert Enrollment.objects.get().reason == "basket_deleted"


def test_only_the_newest_basket_of_a_channel_is_mailed_about(play: Play) -> None:
    basket_sequence()
    guest = play.shopper("guest", account=False)
    play.basket(guest, "b1")
    play.clock.forward(minutes=10)
    play.basket(guest, "b2", {"mug": 1})
    for hours in (1, 1, 24, 48):
        play.clock.forward(hours=hours)
        settle()
    assert [sent[1] for sent in mails()] == ["basket 1", "basket 2", "basket 3"]
    assert sorted(row.reason for row in Enrollment.objects.all()) == ["basket_newer", "finished"]


def test_a_shipped_order_is_followed_up_once_though_tracking_comes_later(play: Play) -> None:
    sequence_make("after", "shipped", [1440, 8640])
    aina = play.shopper("aina")
    play.basket(aina, "b1")
    order = play.buy("b1")
    parcel = play.world.ship("b1", "", play.clock.at)
    play.ship(order, parcel, "fulfillment_created")
    parcel.tracking = "MY1"
    play.clock.forward(minutes=5)
    play.ship(order, parcel, "fulfillment_tracking_number_updated")
    settle()
    assert Enrollment.objects.count() == 1
    assert Event.objects.filter(kind="shipped").count() == 2
    play.clock.forward(days=1)
    settle()
    assert [sent[1] for sent in mails()] == ["after 1"]


def test_nothing_starts_while_a_sequence_is_off(play: Play) -> None:
    key = welcome()
    sequence_switch(sequence=key, state="off", now=play.clock.at)
    play.shopper("aina")
    settle()
    assert Enrollment.objects.count() == 0


def test_turned_off_people_inside_finish_and_nobody_enters(play: Play) -> None:
    key = basket_sequence()
    one, two = (play.shopper(name, account=False) for name in ("one", "two"))
    play.basket(one, "b1")
    play.clock.forward(minutes=46)
    settle()
    play.basket(two, "b2")
    sequence_switch(sequence=key, state="off", now=play.clock.at)
    play.clock.forward(minutes=60)
    settle()
    assert [sent[0] for sent in mails()] == ["one@shopper.example"]
    assert Enrollment.objects.get(contact__email="two@shopper.example").reason == "not_on"


def test_paused_people_stand_still_and_go_on_afterwards(play: Play) -> None:
    key = welcome()
    play.shopper("aina")
    settle()
    sequence_switch(sequence=key, state="paused", now=play.clock.at)
    play.clock.forward(days=2)
    settle()
    assert settle() == 0, "paused people are not looked at again and again"
    assert len(mails()) == 1
    sequence_switch(sequence=key, state="on", now=play.clock.at)
    settle()
    assert len(mails()) == 2


def test_late_facts_and_history_start_nothing(play: Play) -> None:
    welcome()
    play.clock.forward(days=-4)
    shopper = play.shopper("aina", account=False)
    play.world.join(shopper, play.clock.at)
    body = bodies.body(
        {"user": bodies.customer(shopper)}, issued_at=play.clock.at, app_id="QXBwOjE="
    )
    play.clock.forward(days=4)
    play.deliver("customer_created", body)
    assert Event.objects.get(kind="joined").late
    assert Enrollment.objects.count() == 0


def test_publishing_again_leaves_people_on_their_version(play: Play) -> None:
    key = welcome()
    play.shopper("aina")
    settle()
    old = SequenceVersion.objects.get()
    graph = {**old.graph, "topic": "other"}
    new = sequence_publish(sequence=key, name="welcome", graph=graph, now=play.clock.at)
    play.shopper("badrul")
    settle()
    assert (old.number, new.number) == (1, 2)
    versions = dict(Enrollment.objects.values_list("contact__first_name", "version__number"))
    assert versions == {"Aina": 1, "Badrul": 2}
    again = sequence_publish(sequence=key, name="welcome", graph=old.graph, now=play.clock.at)
    assert again.pk == old.pk
    assert SequenceVersion.objects.filter(is_current=True).get() == old


def test_a_person_that_breaks_the_engine_is_stopped_and_others_go_on(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    import uuid

    from saleor_automation.sequences import advancing
    from saleor_automation.sequences.tasks import lane_run
    from saleor_automation.sequences.worker import LANES

    # Asks the language, so that the engine is told it.
    left = {"fact": "contact.language", "op": "eq", "value": "yy"}
    sequence_make("welcome", "joined", [0, 2880], exits=[{"condition": left, "reason": "yy"}])
    for name in ("aina", "badrul", "chong"):
        play.shopper(name)
    broken = Enrollment.objects.get(contact__first_name="Badrul")
    real = advancing.advance

    def advance(graph, position, facts, now):  # type: ignore[no-untyped-def]
        if facts.get("contact.language") == "xx":
            raise RuntimeError("boom")
        return real(graph, position, facts, now)

    monkeypatch.setattr(advancing, "advance", advance)
    broken.contact.language = "xx"
    broken.contact.save()
    lane = LANES["enrollments"]
    wall = clock.wall()
    for _ in range(8):
        # Each failure makes it wait longer before it is tried again, in real time.
        wall += timedelta(minutes=11)
        monkeypatch.setattr(clock, "wall", lambda at=wall: at)
        token = uuid.uuid4()
        rows = lane.claim(token, play.clock.at, wall, 10)
        calm = [str(row.pk) for row in rows if not row.attempts]
        for ids in ([calm] if calm else []) + [[str(r.pk)] for r in rows if r.attempts]:
            lane_run("enrollments", token.hex, ids)
    settle()
    broken.refresh_from_db()
    assert (broken.state, broken.reason) == (State.ERROR, "poison")
    assert sorted(sent[0] for sent in mails()) == ["aina@shopper.example", "chong@shopper.example"]


def test_erasing_a_person_ends_everything_and_leaves_a_stub(play: Play) -> None:
    welcome()
    aina = play.shopper("aina")
    settle()
    play.tell("customer_deleted", {"user": bodies.customer_gone(aina)})
    settle()
    assert Enrollment.objects.count() == 0
    stub = Message.objects.get()
    assert (stub.contact_id, stub.to_address, stub.state) == (None, "", "accepted")
    assert not hasattr(stub, "content")
