"""A person's data to take along or erase, requests about data, and how long what is kept."""

from __future__ import annotations

import json
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from saleor_automation.delivery.models import Message
from saleor_automation.people.models import Contact, Identity, Tombstone
from saleor_automation.privacy.models import DataRequest, RetentionRules, RetentionRun
from tests.traces import traces

from .helpers import NOW, contact, email_version, message, sent_message, user_with
from .test_people_pages import happened, order

pytestmark = pytest.mark.django_db

PEOPLE = "automation_people"
REQUESTS = "automation_privacy:index"
RETENTION = "automation_privacy:retention"


@pytest.fixture
def aisyah() -> Contact:
    made = contact(last_name="Rahman")
    Identity.objects.create(kind="email", value="aisyah@example.com", contact=made, as_of=NOW)
    sent_message(email_version(), contact=made)
    happened(made, "ordered", "O1")
    order(made, email="aisyah@example.com")
    return made


def url(name: str, person: Contact) -> str:
    return reverse(f"{PEOPLE}:{name}", args=[person.pk])


def asked(person: Contact | None, **changes: Any) -> DataRequest:
    return DataRequest.objects.create(
        **{
            "kind": "erasure",
            "contact": person,
            "message": uuid.uuid4(),
            "asked_at": NOW,
            **changes,
        }
    )


def test_a_person_is_taken_along_as_a_page_or_a_file(admin_client: Client, aisyah: Contact) -> None:
    page = admin_client.get(url("detail", aisyah)).content.decode()
    assert url("data", aisyah) in page
    answer = admin_client.get(url("data", aisyah))
    assert "aisyah@example.com" in answer.content.decode()
    assert answer["Content-Disposition"].startswith("attachment")
    assert json.loads(admin_client.get(url("data_json", aisyah)).content)["orders"]


def test_erasing_says_what_goes_and_wants_the_address_typed(
    admin_client: Client, aisyah: Contact
) -> None:
    address = url("erase", aisyah)
    page = admin_client.get(address).content.decode()
    for words in ("1 thing that happened", "addresses of 1 mail", "the name on 1 order"):
        assert words.replace("addresses", "address") in page
    wrong = admin_client.post(address, {"typed": "aisyah"})
    assert "Nothing was erased" in wrong.content.decode()
    assert Contact.objects.exists()
    answer = admin_client.post(address, {"typed": " Aisyah@example.com "}, follow=True)
    assert "The person is erased." in answer.content.decode()
    assert traces("aisyah", "rahman") == []
    assert Tombstone.objects.count() == 1
    assert Message.objects.count() == 1


def test_who_has_no_address_is_erased_by_name(admin_client: Client) -> None:
    made = contact("", first_name="Nur", last_name="Ain")
    admin_client.post(url("erase", made), {"typed": "nur ain"})
    assert not Contact.objects.exists()


def test_of_an_account_it_says_that_the_shop_keeps_it(
    admin_client: Client, aisyah: Contact
) -> None:
    words = "They have an account in the shop"
    assert words not in admin_client.get(url("erase", aisyah)).content.decode()
    Identity.objects.create(kind="saleor_user", value="VXNlcjox", contact=aisyah, as_of=NOW)
    assert words in admin_client.get(url("erase", aisyah)).content.decode()


def test_each_of_these_wants_a_permission_of_its_own(client: Client, aisyah: Contact) -> None:
    client.force_login(user_with("clerk", "view_contact", "change_contact"))
    page = client.get(url("detail", aisyah)).content.decode()
    for name in ("data", "data_json", "erase"):
        assert url(name, aisyah) not in page
        assert client.get(url(name, aisyah)).status_code == 302
    client.post(url("erase", aisyah), {"typed": "aisyah@example.com"})
    assert Contact.objects.exists()
    assert client.get(reverse(RETENTION)).status_code == 302
    client.force_login(user_with("exporter", "view_contact", "export_contact"))
    assert client.get(url("data", aisyah)).status_code == 200
    assert client.get(url("erase", aisyah)).status_code == 302


def test_requests_are_listed_with_what_is_to_be_done(admin_client: Client, aisyah: Contact) -> None:
    empty = admin_client.get(reverse(REQUESTS)).content.decode()
    assert "Nobody asked yet." in empty
    assert "https://studio.example/privacy/" in empty
    asked(aisyah, state="confirmed", confirmed_at=NOW)
    mail = message(state=Message.State.SKIPPED, reason="suppressed")
    asked(aisyah, kind="access", message=mail.pk, asked_at=NOW - timedelta(days=1))
    asked(None, state="done", done_at=NOW)
    page = admin_client.get(reverse(REQUESTS)).content.decode()
    assert url("erase", aisyah) in page
    assert "1\N{NO-BREAK SPACE}Apr\N{NO-BREAK SPACE}2026" in page, "thirty days later"
    # Why nothing happens: the mail did not leave.
    assert "it bounced, complained or was blocked" in page


def test_the_first_page_says_that_somebody_waits(client: Client, aisyah: Contact) -> None:
    asked(aisyah, state="confirmed", confirmed_at=NOW)
    asked(aisyah, state="confirmed", confirmed_at=NOW + timedelta(days=3))
    asked(aisyah)
    client.force_login(user_with("eraser", "view_contact", "delete_contact"))
    page = " ".join(client.get(reverse("wagtailadmin_home")).content.decode().split())
    assert "2 people asked for their data to be deleted. Answer the first by 1 Apr 2026" in page
    client.force_login(user_with("clerk", "view_contact", "view_message"))
    assert "asked for their data" not in client.get(reverse("wagtailadmin_home")).content.decode()


def test_a_request_is_declined_with_a_reason(admin_client: Client, aisyah: Contact) -> None:
    found = asked(aisyah, state="confirmed", confirmed_at=NOW)
    decline = reverse("automation_privacy:decline", args=[found.pk])
    admin_client.post(decline, {"note": " "})
    found.refresh_from_db()
    assert found.state == "confirmed"
    admin_client.post(decline, {"note": "An invoice is unpaid."})
    found.refresh_from_db()
    assert (found.state, found.note) == ("declined", "An invoice is unpaid.")
    assert "An invoice is unpaid." in admin_client.get(reverse(REQUESTS)).content.decode()


def test_retention_shows_what_a_rule_would_forget_before_it_does(
    admin_client: Client, aisyah: Contact
) -> None:
    page = reverse(RETENTION)
    assert "Nothing was forgotten by a rule yet." in admin_client.get(page).content.decode()
    given = {"event_months": "1", "mail_months": "", "idle_months": "1"}
    told = admin_client.post(page, {**given, "action": "preview"}).content.decode()
    assert "1 thing that happened" in told
    assert "This would be forgotten today" in told
    assert not RetentionRules.objects.exists(), "a look changes nothing"
    admin_client.post(page, {**given, "action": "save"})
    rules = RetentionRules.objects.get()
    assert (rules.event_months, rules.mail_months, rules.idle_months) == (1, None, 1)
    RetentionRun.objects.create(started_at=NOW, events=12, people=3)
    shown = admin_client.get(page).content.decode()
    assert "12 things that happened" in shown
    assert "still under way" in shown


def test_no_rule_forgets_what_is_younger_than_a_month(admin_client: Client) -> None:
    for wrong in ("0", "-3", "9999", "soon"):
        answer = admin_client.post(reverse(RETENTION), {"event_months": wrong, "action": "save"})
        assert answer.status_code == 200
        assert not RetentionRules.objects.exists(), wrong
