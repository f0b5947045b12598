"""After somebody unsubscribed no marketing mail to them is handed over: workers race against it.

Eight workers send, four visitors unsubscribe, at the same people at the same time. “After” goes
by commits: a hand-over whose transaction began after the unsubscribing was committed. Both
lock the person's row, so that order is the only one there is; a control shows that without
the question at the end the same race does hand mails over.
"""

from __future__ import annotations

import random
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.db import connection, connections
from django.test import Client

from saleor_automation import clock
from saleor_automation.delivery import sender
from saleor_automation.delivery.ledger import message_id_for
from saleor_automation.delivery.links import links_for
from saleor_automation.delivery.models import Message
from saleor_automation.people.models import Contact, Identity
from saleor_automation.people.preferences.models import Topic
from tests.engine import email_make, sending_open
from tests.proofs import times

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer"),
]

WORKERS, VISITORS = 8, 4
#: Mails of one worker's batch; all of a round's people are also unsubscribed in it.
BATCH = 5
ROUND = WORKERS * BATCH


@dataclass
class Race:
    """What happened when, in nanoseconds of one clock."""

    #: When the unsubscribing was committed, by contact.
    said_no: dict[uuid.UUID, int] = field(default_factory=dict)
    #: When it began.
    began: dict[uuid.UUID, int] = field(default_factory=dict)
    #: Between when and when the transaction ran that handed a mail over, by contact.
    handed: dict[uuid.UUID, tuple[int, int]] = field(default_factory=dict)
    #: The same of every mail asked about, handed over or not.
    decided: dict[uuid.UUID, tuple[int, int]] = field(default_factory=dict)

    def late(self) -> list[uuid.UUID]:
        """Return who got a mail whose hand-over began after their "no" was committed."""
        return [
            contact
            for contact, (start, _end) in self.handed.items()
            if contact in self.said_no and start > self.said_no[contact]
        ]

    def met(self) -> int:
        """Return how many hand-overs and unsubscribings ran at the same time."""
        return sum(
            start < self.said_no[contact] and self.began[contact] < end
            for contact, (start, end) in self.decided.items()
        )


def crowd(number: int, round_: str) -> list[Message]:
    """Make people, each with one planned marketing mail."""
    now = clock.now()
    people = [
        Contact(id=uuid.uuid4(), email=f"{round_}-{one}@shopper.example", created_at=now)
        for one in range(number)
    ]
    Contact.objects.bulk_create(people)
    Identity.objects.bulk_create(
        Identity(kind="email", value=person.email, contact=person, as_of=now) for person in people
    )
    return mails_for([person.pk for person in people], round_)


def mails_for(people: Sequence[uuid.UUID], name: str) -> list[Message]:
    now = clock.now()
    return Message.objects.bulk_create(
        Message(
            id=message_id_for(f"race/{name}/{pk}"),
            key=f"race/{name}/{pk}",
            source=Message.Source.CAMPAIGN,
            purpose=Message.Purpose.MARKETING,
            topic="news",
            contact_id=pk,
            email_key=uuid.uuid5(uuid.NAMESPACE_URL, "race"),
            planned_at=now,
            due_at=now,
        )
        for pk in people
    )


def send(messages: Sequence[Message]) -> None:
    """Claim a batch and send it, as a worker does."""
    claim, ids = uuid.uuid4(), [message.pk for message in messages]
    Message.objects.filter(pk__in=ids, state=Message.State.PLANNED).update(
        state=Message.State.CLAIMED, claim=claim, claimed_until=clock.wall()
    )
    sender.messages_send(claim=claim, ids=ids, now=clock.now())


@pytest.fixture
def race(settings: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Race:
    """Open sending and note when each decision about a mail was made."""
    settings.EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
    settings.SALEOR_AUTOMATION = {**settings.SALEOR_AUTOMATION, "state_dir": tmp_path}
    sending_open()
    email_make("race")
    Topic.objects.create(key="news", texts={"en": {"name": "News"}})
    made = Race()
    decide = sender._decide

    def watched(composed: Any, *args: Any, **kwargs: Any) -> Any:
        start = time.monotonic_ns()
        going = decide(composed, *args, **kwargs)
        end = time.monotonic_ns()
        for one in composed:
            made.decided[one.message.contact_id] = (start, end)
        for one in going:
            made.handed[one.message.contact_id] = (start, end)
        return going

    monkeypatch.setattr(sender, "_decide", watched)
    monkeypatch.setattr("saleor_automation.delivery.transport._transport.close", lambda: None)
    return made


def run(race: Race, rounds: int, press: Callable[[Client, Message], None]) -> None:
    """Let the workers and the visitors meet, round after round."""
    start, end = (threading.Barrier(WORKERS + VISITORS + 1, timeout=120) for _ in range(2))
    work: list[list[Message]] = [[] for _ in range(WORKERS + VISITORS)]
    raised: list[BaseException] = []
    over = threading.Event()

    def life(number: int) -> None:
        chance, client = random.Random(number), Client()
        try:
            while True:
                start.wait()
                if over.is_set():
                    return
                mine = work[number]
                if number < WORKERS:
                    time.sleep(chance.random() * 0.1)
                    send(mine)
                else:
                    for message in mine:
                        race.began[message.contact_id] = time.monotonic_ns()
                        press(client, message)
                        race.said_no[message.contact_id] = time.monotonic_ns()
                end.wait()
        except BaseException as error:
            raised.append(error)
            start.abort()
            end.abort()
        finally:
            connections.close_all()

    threads = [threading.Thread(target=life, args=(n,)) for n in range(WORKERS + VISITORS)]
    for thread in threads:
        thread.start()
    chance = random.Random(2369)
    try:
        for number in range(rounds):
            messages = crowd(ROUND, f"r{number}")
            for worker in range(WORKERS):
                work[worker] = messages[worker * BATCH : (worker + 1) * BATCH]
            chance.shuffle(messages)
            for visitor in range(VISITORS):
                work[WORKERS + visitor] = messages[visitor::VISITORS]
            start.wait()
            end.wait()
        over.set()
        start.wait()
    except threading.BrokenBarrierError:
        pass
    for thread in threads:
        thread.join(60)
    if raised:
        raise raised[0]


def path(message: Message, name: str) -> str:
    links = links_for(contact_id=message.contact_id, message_id=message.pk)
    return links[name].removeprefix("https://studio.example")


def unsubscribe(client: Client, message: Message) -> None:
    response = client.post(path(message, "unsubscribe"), {"List-Unsubscribe": "One-Click"})
    assert response.status_code == 200


def by_topic(client: Client, message: Message) -> None:
    """Take the topic off on the page of preferences, or everything."""
    data = {"shown": "news"} if message.pk.int % 2 else {"everything": "off"}
    assert client.post(path(message, "preferences"), data).status_code == 200


@pytest.mark.parametrize("press", [unsubscribe, by_topic])
def test_no_mail_is_handed_over_after_a_no(
    race: Race, press: Callable[[Client, Message], None]
) -> None:
    tries = times(few=400, ci=2_000, full=10_000)
    if press is by_topic:
        tries //= 5
    run(race, tries // ROUND, press)

    assert len(race.said_no) == tries // ROUND * ROUND
    assert race.late() == []
    states = set(Message.objects.values_list("state", "reason"))
    assert states == {("accepted", ""), ("skipped", "unsubscribed")}, "both came first somewhere"
    handed = set(
        Message.objects.filter(handed_over_at__isnull=False).values_list("contact", flat=True)
    )
    assert handed == set(race.handed)
    # It was a race: a good part of them ran at the same time.
    assert race.met() >= tries // 20

    # And nothing later reaches any of them.
    people = list(race.said_no)
    race.handed.clear()
    again = mails_for(people, "again")
    for first in range(0, len(again), 200):
        send(again[first : first + 200])
    assert race.handed == {}
    assert set(Message.objects.filter(key__startswith="race/again").values_list("state")) == {
        ("skipped",)
    }


def test_without_the_question_at_the_end_the_race_is_lost(
    race: Race, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The proof can fail: with gates that ask nothing it does."""
    monkeypatch.setattr(sender, "gates_locked", lambda **kwargs: {})
    run(race, 5, unsubscribe)
    assert race.late() != []
