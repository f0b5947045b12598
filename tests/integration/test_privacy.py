"""People ask what is kept about them, and to be erased; the shop forgets by rules."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core import mail
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from saleor_automation import clock
from saleor_automation.cli import main
from saleor_automation.delivery.links import LinkToken, token_make
from saleor_automation.delivery.models import Message, MessageContent
from saleor_automation.inbox.models import Event, EventKey
from saleor_automation.people.models import Contact, Identity, Suppression, Tombstone
from saleor_automation.people.services import consent_record, contact_find, suppression_add
from saleor_automation.people.traits import tag_set, trait_set
from saleor_automation.privacy import views
from saleor_automation.privacy.dossier import SCHEMA, dossier_of
from saleor_automation.privacy.models import DataRequest, RetentionRules, RetentionRun
from saleor_automation.privacy.paper import paper_render
from saleor_automation.privacy.receivers import retention_chore
from saleor_automation.privacy.requests import PER_PERSON, request_make, requests_expire
from saleor_automation.privacy.retention import (
    months_before,
    retention_run,
    rules_get,
    rules_preview,
)
from tests.engine import START, Play, sending_open, sequence_make, settle
from tests.traces import traces

pytestmark = pytest.mark.django_db

ASK = "/privacy/"
State = DataRequest.State


@pytest.fixture
def lived(play: Play) -> Play:
    """Two people with an account and a guest; mail may leave."""
    sequence_make("welcome", "joined", [0])
    sending_open()
    aina = play.shopper("aina")
    play.basket(aina, "left")
    play.basket(aina, "bought")
    play.clock.forward(minutes=1)
    play.buy("bought")
    play.shopper("ben")
    gus = play.shopper("gus", account=False)
    play.basket(gus, "gus-basket")
    settle()
    return play


def person(address: str) -> Contact:
    found = contact_find(address=address)
    assert found is not None
    return found


def ask(client: Client, address: str, kind: str = "access", **more: str) -> Any:
    return client.post(ASK, {"address": address, "kind": kind, **more})


def link() -> str:
    """Return the path of the link in the newest mail."""
    settle()
    text = str(mail.outbox[-1].body)
    (found,) = [word for word in text.split() if "/privacy/" in word]
    return found.removeprefix("https://studio.example")


# --- one person's data ---------------------------------------------------------------


def test_the_document_holds_everything_of_one_person_and_nothing_of_another(lived: Play) -> None:
    aina = person("aina@shopper.example")
    now = clock.now()
    trait_set(contact=aina, name="shoe_size", value=42, at=now, source="staff")
    tag_set(contact=aina, name="vip", on=True, at=now)
    consent_record(contact=aina, state="granted", source="account", at=now, wording="Yes please")
    suppression_add(contact=aina, reason=Suppression.Reason.MANUAL, at=now)
    found = dossier_of(aina, now=now)
    assert json.loads(json.dumps(found)) == found
    assert found["schema"] == SCHEMA
    assert found["person"]["email"] == "aina@shopper.example"
    assert {row["value"] for row in found["identities"]} == {
        "aina@shopper.example",
        lived.world.shoppers["aina"].id,
    }
    assert found["traits"][0]["value"] == "42.000000"
    assert found["tags"][0]["name"] == "vip"
    assert found["orders"][0]["lines"]
    assert {row["kind"] for row in found["events"]} >= {"joined", "ordered", "basket_changed"}
    assert found["consent"][0]["wording"] == "Yes please"
    assert found["blocks"][0]["reason"] == "manual"
    (welcome,) = [row for row in found["mails"] if row["state"] == "accepted"]
    assert welcome["subject"] == "welcome 1"
    assert "Hai Aina" in welcome["text"]
    assert found["sequences"][0]["sequence"] == "welcome"
    assert "ben@shopper.example" not in json.dumps(found)


def test_no_table_that_points_at_a_person_is_forgotten(lived: Play) -> None:
    """Also one that another app adds: its rows stand under "other", column by column."""
    aina = person("aina@shopper.example")
    with CaptureQueriesContext(connection) as asked:
        dossier_of(aina, now=clock.now())
    said = " ".join(query["sql"] for query in asked)
    for relation in Contact._meta.get_fields(include_hidden=True):
        if relation.auto_created and not relation.concrete:
            assert f'"{relation.related_model._meta.db_table}"' in said, relation


def test_the_page_needs_nothing_beside_it_and_escapes_what_it_shows(lived: Play) -> None:
    aina = person("aina@shopper.example")
    trait_set(
        contact=aina, name="note", value="<script>alert(1)</script>", at=START, source="staff"
    )
    page = paper_render(dossier_of(aina, now=START), shop="Kedai & Co", language="en")
    assert "<script>" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "Kedai &amp; Co" in page
    assert "2 Nov 2026" in page
    for outside in ("src=", "href=", "url(", "@import"):
        assert outside not in page


def test_the_command_writes_it(
    lived: Play, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export-person", "Aina@shopper.example"]) == 0
    assert json.loads(capsys.readouterr().out)["person"]["first_name"] == "Aina"
    target = tmp_path / "aina.html"
    assert main(["export-person", "aina@shopper.example", "--html", "--output", str(target)]) == 0
    assert "aina@shopper.example" in target.read_text()
    assert target.stat().st_mode & 0o077 == 0
    assert main(["export-person", "nobody@shopper.example"]) == 1
    assert "Nobody is known" in capsys.readouterr().err
    assert main(["export-person", "aina@shopper.example", "--output", "/no/such/file"]) == 2


# --- requests ------------------------------------------------------------------------


def test_who_asks_for_their_data_gets_it_after_confirming(lived: Play, client: Client) -> None:
    before = len(mail.outbox)
    assert client.get(ASK).status_code == 200
    assert ask(client, "Aina@Shopper.example").status_code == 200
    found = DataRequest.objects.get()
    address = link()
    assert len(mail.outbox) == before + 1
    assert mail.outbox[-1].to == ["aina@shopper.example"]
    assert Message.objects.get(pk=found.message).source == Message.Source.SYSTEM
    assert client.post(f"{address}data/").status_code == 409, "not confirmed yet"
    # Scanners look at every link; nothing changes.
    for _ in range(3):
        assert client.get(address).status_code == client.head(address).status_code == 200
    found.refresh_from_db()
    assert found.state == State.ASKED
    assert "Your data is ready" in client.post(address).content.decode()
    found.refresh_from_db()
    assert (found.state, found.done_at) == (State.DONE, clock.now())
    assert client.get(f"{address}data/").status_code == 405
    data = client.post(f"{address}data/", {"form": "json"})
    assert data.json()["person"]["email"] == "aina@shopper.example"
    assert "attachment" in data["Content-Disposition"]
    assert "aina@shopper.example" in client.post(f"{address}data/").content.decode()
    lived.clock.forward(days=8)
    assert client.get(address).status_code == client.post(f"{address}data/").status_code == 410


def test_a_guest_who_asks_is_erased_at_once_after_confirming(lived: Play, client: Client) -> None:
    ask(client, "gus@shopper.example", "erasure")
    address = link()
    assert "Shall we delete your data?" in client.get(address).content.decode()
    assert contact_find(address="gus@shopper.example") is not None
    lived.clock.forward(minutes=1)
    assert "Your data is deleted" in client.post(address).content.decode()
    assert traces("gus@shopper.example") == []
    found = DataRequest.objects.get()
    assert (found.state, found.contact) == (State.DONE, None)
    # The link is the person's no more.
    assert client.get(address).status_code == client.post(address).status_code == 410


def test_an_account_is_left_to_staff(lived: Play, client: Client) -> None:
    ask(client, "ben@shopper.example", "erasure")
    address = link()
    assert "You have an account in the shop" in client.get(address).content.decode()
    assert "within 30 days" in client.post(address).content.decode()
    assert "within 30 days" in client.post(address).content.decode(), "a second time the same"
    found = DataRequest.objects.get()
    assert (found.state, found.contact) == (State.CONFIRMED, person("ben@shopper.example"))
    from saleor_automation.demo import bodies

    lived.clock.forward(days=1)
    lived.tell("customer_deleted", {"user": bodies.customer(lived.world.shoppers["ben"])})
    found.refresh_from_db()
    assert (found.state, found.contact, found.done_at) == (State.DONE, None, clock.now())


def test_known_and_unknown_are_told_the_same(lived: Play, client: Client) -> None:
    known, unknown = ask(client, "ben@shopper.example"), ask(client, "who@shopper.example")
    assert known.status_code == unknown.status_code == 200
    shown = known.content.decode().replace("ben@", "who@")
    assert shown == unknown.content.decode()
    assert known.cookies == unknown.cookies == {}
    assert DataRequest.objects.count() == 1


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({"address": "no address", "kind": "access"}, 400),
        ({"address": "ben@shopper.example", "kind": "everything"}, 400),
        ({"address": "", "kind": "access"}, 400),
        ({}, 400),
    ],
)
def test_what_is_no_request_is_asked_again(
    lived: Play, client: Client, given: dict[str, str], status: int
) -> None:
    assert client.post(ASK, given).status_code == status
    assert not DataRequest.objects.exists()


def test_a_robot_that_fills_in_everything_mails_nobody(lived: Play, client: Client) -> None:
    assert ask(client, "ben@shopper.example", website="https://x.example").status_code == 200
    assert not DataRequest.objects.exists()


def test_nobody_is_flooded(lived: Play, client: Client) -> None:
    for _ in range(PER_PERSON + 2):
        assert ask(client, "ben@shopper.example").status_code == 200
    assert DataRequest.objects.count() == PER_PERSON
    lived.clock.forward(days=1, minutes=1)
    ask(client, "ben@shopper.example")
    assert DataRequest.objects.count() == PER_PERSON + 1


def test_one_place_cannot_ask_without_end(
    lived: Play, client: Client, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    monkeypatch.setattr(views, "PER_PLACE", 2)
    settings.SALEOR_AUTOMATION = {**settings.SALEOR_AUTOMATION, "proxies": 1}
    # Whatever a stranger claims before our own proxy's word does not count.
    codes = [
        client.post(
            ASK,
            {"address": f"w{number}@shopper.example", "kind": "access"},
            headers={"X-Forwarded-For": f"1.2.3.{number}, 203.0.113.7"},
        ).status_code
        for number in range(3)
    ]
    assert codes == [200, 200, 429]
    other = client.post(
        ASK,
        {"address": "w@shopper.example", "kind": "access"},
        headers={"X-Forwarded-For": "203.0.113.8"},
    )
    assert other.status_code == 200


def test_links_that_lead_nowhere_say_so(lived: Play, client: Client) -> None:
    ben = person("ben@shopper.example")
    other = Message.objects.filter(contact=ben).first()
    assert other is not None
    stranger = token_make(LinkToken(ben.pk, other.pk))
    for token in ("nonsense", stranger):
        address = reverse("saleor_automation:privacy_answer", args=[token])
        assert client.get(address).status_code == client.post(address).status_code == 404
        assert client.post(f"{address}data/").status_code == 404
    assert client.delete(ASK).status_code == client.delete(address).status_code == 405


def test_a_request_nobody_confirms_is_over_after_a_week(lived: Play, client: Client) -> None:
    ask(client, "ben@shopper.example", "erasure")
    address = link()
    lived.clock.forward(days=7)
    assert client.post(address).status_code == 410
    assert requests_expire(now=clock.now() + timedelta(seconds=1)) == 1
    assert DataRequest.objects.get().state == State.EXPIRED
    assert contact_find(address="ben@shopper.example") is not None


def test_the_mail_speaks_the_persons_language(lived: Play) -> None:
    Contact.objects.filter(email="ben@shopper.example").update(language="ms")
    request_make(address="ben@shopper.example", kind="access", now=clock.now())
    settle()
    assert "sila sahkan" in mail.outbox[-1].subject


# --- retention -----------------------------------------------------------------------


def test_without_rules_nothing_is_forgotten(lived: Play) -> None:
    events, contents = Event.objects.count(), MessageContent.objects.count()
    lived.clock.forward(days=5000)
    retention_chore()
    assert (Event.objects.count(), MessageContent.objects.count()) == (events, contents)
    assert not RetentionRun.objects.exists()


def test_what_is_old_is_forgotten_and_counts_once_still(lived: Play) -> None:
    RetentionRules.objects.create(pk=1, event_months=25, mail_months=6)
    keys = EventKey.objects.count()
    sent = Message.objects.filter(state="accepted").count()
    lived.clock.forward(days=200)
    assert rules_preview(rules_get(), now=clock.now()).events == 0
    assert rules_preview(rules_get(), now=clock.now()).mails == MessageContent.objects.count() > 0
    lived.clock.forward(days=600)
    aina = lived.world.baskets["left"]
    lived.touch(aina, {"mug": 2})
    retention_chore()
    assert Event.objects.count() == 1
    assert EventKey.objects.count() == keys + 1
    assert not MessageContent.objects.exists()
    assert Message.objects.filter(state="accepted").count() == sent
    run = RetentionRun.objects.get()
    assert run.finished_at == clock.now()
    assert (run.events, run.mails, run.people) == (keys, sent, 0)


def test_a_forgotten_mail_is_not_written_anew(lived: Play, client: Client) -> None:
    sent = Message.objects.filter(state="accepted").first()
    assert sent is not None
    token = token_make(LinkToken(sent.contact_id, sent.pk))
    address = reverse("saleor_automation:view_mail", args=[token])
    assert client.get(address).status_code == 200
    MessageContent.objects.all().delete()
    assert client.get(address).status_code == 410


def idle(address: str, **changes: Any) -> Contact:
    made = Contact.objects.create(email=address, created_at=START, **changes)
    Identity.objects.create(kind="email", value=address, contact=made, as_of=START)
    return made


def test_people_nothing_was_heard_of_are_forgotten_and_customers_are_not(lived: Play) -> None:
    RetentionRules.objects.create(pk=1, idle_months=36)
    gone = idle("gone@shopper.example")
    agreed = idle("agreed@shopper.example")
    consent_record(contact=agreed, state="granted", source="checkout", at=START)
    refused = idle("refused@shopper.example")
    consent_record(contact=refused, state="granted", source="checkout", at=START)
    consent_record(
        contact=refused, state="withdrawn", source="preferences", at=START + timedelta(days=1)
    )
    idle("account@shopper.example", has_account=True)
    lived.clock.forward(days=1094)
    assert rules_preview(rules_get(), now=clock.now()).people == 0
    lived.touch(lived.world.baskets["gus-basket"])
    lived.clock.forward(days=3)
    assert rules_preview(rules_get(), now=clock.now()).people == 2
    retention_chore()
    assert not Contact.objects.filter(pk__in=[gone.pk, refused.pk]).exists()
    assert sorted(Contact.objects.values_list("email", flat=True)) == [
        "account@shopper.example",
        "agreed@shopper.example",
        "aina@shopper.example",
        "ben@shopper.example",
        # He was here three days ago.
        "gus@shopper.example",
    ]
    assert traces("gone@shopper.example", "refused@shopper.example") == []
    assert Tombstone.objects.count() == 2
    assert RetentionRun.objects.get().people == 2


def test_it_goes_on_where_its_time_was_up(lived: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    RetentionRules.objects.create(pk=1, event_months=1)
    monkeypatch.setattr("saleor_automation.privacy.retention.BATCH", 2)
    lived.clock.forward(days=60)
    before = Event.objects.count()
    assert before > 4
    assert not retention_run(now=clock.now(), seconds=-1)
    assert Event.objects.count() == before
    assert retention_run(now=clock.now())
    assert not Event.objects.exists()
    assert RetentionRun.objects.get().events == before


@pytest.mark.parametrize(
    ("months", "expected"), [(1, "2028-02-29"), (13, "2027-02-28"), (3, "2027-12-31")]
)
def test_months_end_where_they_end(months: int, expected: str) -> None:
    now = START.replace(year=2028, month=3, day=31)
    assert months_before(now, months).date().isoformat() == expected
