"""Scanners open every link in a mail, often many times: nothing may follow from that."""

from __future__ import annotations

import hashlib
import random
import re
from datetime import timedelta

import pytest
from django.apps import apps
from django.core import mail
from django.test import Client

from saleor_automation import clock
from saleor_automation.delivery.links import links_for
from saleor_automation.delivery.models import Message
from saleor_automation.people.models import Consent, Contact, Suppression
from saleor_automation.people.preferences.models import Topic
from saleor_automation.people.services import contact_subscribed
from saleor_automation.people.subscribing.models import SubscriptionRequest
from tests.engine import Play, sequence_make, settle
from tests.integration.test_signup import sign_up, studio, worked
from tests.proofs import times

__all__ = ["studio"]  # a fixture

PEOPLE = 8
AGENTS = (
    "Mozilla/5.0 (compatible; Barracuda Sentinel)",
    "Mozilla/5.0 (Windows NT 10.0) Mimecast",
    "",
    "GoogleImageProxy",
    "Mozilla/5.0",
    "curl/8.5",
)
HINTS = ("", "?List-Unsubscribe=One-Click", "?everything=off&pause=90", "?topic=news&confirm=1")


def everything() -> dict[str, tuple[int, str]]:
    """Return how many rows each table has, and a digest of all they hold."""
    found = {}
    for model in apps.get_models():
        rows = list(model._base_manager.order_by("pk").values_list())
        found[model._meta.label] = (len(rows), hashlib.sha256(repr(rows).encode()).hexdigest())
    return found


@pytest.fixture
def links(studio: Play) -> dict[str, list[str]]:
    """Every link of some people's mails, by kind."""
    Topic.objects.create(key="welcome", texts={"en": {"name": "Welcome"}})
    sequence_make("welcome", "joined", [0])
    found: dict[str, list[str]] = {"unsubscribe": [], "preferences": [], "view": [], "confirm": []}
    for number in range(PEOPLE):
        studio.shopper(f"p{number}")
        sign_up(f"q{number}@shopper.example", age=0, ip=f"198.51.{number}.9")
        worked()
    settle()
    for message in Message.objects.filter(source="step", state="accepted"):
        for name, url in links_for(contact_id=message.contact_id, message_id=message.pk).items():
            if name in found:
                found[name].append(url.removeprefix("https://studio.example"))
    for sent in mail.outbox:
        found["confirm"] += re.findall(
            r"studio\.example(/subscribe/confirm/[^']+)'", str(sent.alternatives[0][0])
        )
    assert {name: len(urls) for name, urls in found.items()} == dict.fromkeys(found, PEOPLE)
    return found


def test_scanners_change_nothing_and_one_press_changes_one_thing(
    links: dict[str, list[str]], studio: Play
) -> None:
    chance = random.Random(8058)
    every = [url for urls in links.values() for url in urls] + ["/subscribe/"]
    before = everything()
    clients = [Client(headers={"User-Agent": agent}) for agent in AGENTS]
    for _ in range(times(few=1_000, ci=10_000, full=10_000)):
        client = chance.choice(clients)
        ask = chance.choice((client.get, client.head))
        assert ask(chance.choice(every) + chance.choice(HINTS)).status_code == 200
    assert everything() == before

    studio.clock.forward(minutes=1)
    url = links["unsubscribe"][0]
    assert Client().post(url, {"List-Unsubscribe": "One-Click"}).status_code == 200
    assert Consent.objects.count() == 1
    assert Suppression.objects.count() == 1
    assert contact_subscribed(contact=Consent.objects.get().contact) is False

    shown = {"shown": ["news", "welcome"], "topic": ["news"]}
    assert Client().post(links["preferences"][1], shown).status_code == 200
    assert Consent.objects.count() == 2
    assert Suppression.objects.filter(topic="welcome").count() == 1

    url = links["confirm"][2]
    for _ in range(3):
        studio.clock.forward(seconds=1)
        assert Client().post(url).status_code == 200
    row = Consent.objects.get(basis="double_opt_in")
    assert row.state == "granted"
    assert SubscriptionRequest.objects.filter(state="confirmed").get().contact == row.contact
    assert Consent.objects.count() == 3

    # Those of everybody else still stand as they were.
    assert Contact.objects.filter(consents__isnull=True).count() == 2 * PEOPLE - 3
    assert clock.now() - row.at < timedelta(minutes=1)
