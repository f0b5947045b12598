"""The pages that show every mail and everything that was not understood."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from wagtail.users.models import UserProfile

from saleor_automation.delivery.models import Message

from .helpers import NOW, contact, email_version, fault, message, sent_message, waiting_sequence

pytestmark = pytest.mark.django_db

INDEX = "automation_mails:index"


def test_without_mails_the_page_says_what_will_come(admin_client: Client) -> None:
    page = admin_client.get(reverse(INDEX)).content.decode()
    assert "No mail yet" in page


def test_mails_are_listed_with_state_and_reason(admin_client: Client) -> None:
    sent_message(email_version())
    message(state=Message.State.SKIPPED, reason="unsubscribed", to_address="b@example.com")
    page = admin_client.get(reverse(INDEX)).content.decode()
    assert "Hello Aisyah" in page
    assert "The person unsubscribed." in page


def test_a_mail_not_written_yet_has_its_emails_title(admin_client: Client) -> None:
    version = email_version(title="Nice to meet you")
    planned = message(email_key=version.email_key)
    message()
    page = admin_client.get(reverse(INDEX)).content.decode()
    assert "Nice to meet you" in page
    assert page.count("Mail not written yet") == 1
    detail = admin_client.get(reverse("automation_mails:detail", args=[planned.pk]))
    assert (str(detail.context["why"][1][0]), detail.context["why"][1][1]) == (
        "Email",
        "Nice to meet you",
    )


def test_times_have_24_hours_in_every_language(admin_client: Client, admin_user: Any) -> None:
    mail = message(due_at=NOW.replace(hour=17), planned_at=NOW.replace(hour=17))
    words = "2\N{NO-BREAK SPACE}Mar\N{NO-BREAK SPACE}2026, 17:00"
    for language in ("en", "ms"):
        UserProfile.objects.update_or_create(
            user=admin_user, defaults={"preferred_language": language}
        )
        assert words in admin_client.get(reverse(INDEX)).content.decode()
        detail = admin_client.get(reverse("automation_mails:detail", args=[mail.pk]))
        assert words in detail.content.decode()


def test_mails_can_be_filtered(admin_client: Client) -> None:
    sequence = waiting_sequence()
    first = message(to_address="aisyah@example.com", sequence=sequence.key)
    second = message(to_address="ben@example.com", state=Message.State.SKIPPED)

    def shown(**query: str) -> set[object]:
        return {mail.pk for mail in admin_client.get(reverse(INDEX), query).context["object_list"]}

    assert shown() == {first.pk, second.pk}
    assert shown(address="BEN") == {second.pk}
    assert shown(state="planned") == {first.pk}
    assert shown(sequence=str(sequence.key)) == {first.pk}
    assert shown(state="failed") == set()
    none = admin_client.get(reverse(INDEX), {"state": "failed"}).content.decode()
    assert "No mail fits these filters" in none


def test_a_hundred_mails_come_in_pages_newest_first(admin_client: Client) -> None:
    from datetime import timedelta

    for number in range(60):
        message(planned_at=NOW + timedelta(minutes=number), to_address=f"p{number}@example.com")
    first = admin_client.get(reverse(INDEX)).context["object_list"]
    second = admin_client.get(reverse(INDEX), {"p": "2"}).context["object_list"]
    assert [mail.to_address for mail in first][:2] == ["p59@example.com", "p58@example.com"]
    assert (len(first), len(second)) == (50, 10)


def test_a_mail_is_shown_in_a_frame_that_runs_nothing(admin_client: Client) -> None:
    hostile = email_version(
        html='<p>{{ contact.first_name }}</p><script>alert("x")</script>', text="plain words"
    )
    mail = sent_message(hostile)
    page = admin_client.get(reverse("automation_mails:detail", args=[mail.pk])).content.decode()
    assert '<iframe sandbox=""' in page
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page
    assert "plain words" in page
    source = admin_client.get(reverse("automation_mails:source", args=[mail.pk]))
    assert source.headers["Content-Type"] == "message/rfc822"
    assert f"Message-ID: <{mail.pk.hex}@paper.example>".encode() in source.content


def test_a_mail_held_back_says_why_in_words(admin_client: Client) -> None:
    mail = message(state=Message.State.SKIPPED, reason="no_consent")
    page = admin_client.get(reverse("automation_mails:detail", args=[mail.pk])).content.decode()
    assert "The person never agreed to marketing mail." in page
    assert "not sent" in page.lower()


def test_a_mail_held_back_shows_how_it_would_look(admin_client: Client) -> None:
    mail = message(
        state=Message.State.SKIPPED,
        reason="no_consent",
        contact=contact(),
        email_key=email_version().email_key,
    )
    page = admin_client.get(reverse("automation_mails:detail", args=[mail.pk])).content.decode()
    assert "This mail was not sent." in page
    assert "&lt;p&gt;Hello Aisyah&lt;/p&gt;" in page


def test_a_mail_to_an_erased_person_says_so(admin_client: Client) -> None:
    mail = message(email_key=email_version().email_key)
    page = admin_client.get(reverse("automation_mails:detail", args=[mail.pk])).content.decode()
    assert "The person was erased" in page


def test_a_mail_without_a_published_email_says_so(admin_client: Client) -> None:
    mail = message(contact=contact())
    page = admin_client.get(reverse("automation_mails:detail", args=[mail.pk])).content.decode()
    assert "was not published yet" in page
    source = admin_client.get(reverse("automation_mails:source", args=[mail.pk]))
    assert source.status_code == 409


def test_without_faults_the_page_says_all_is_well(admin_client: Client) -> None:
    page = admin_client.get(reverse("automation_faults:index")).content.decode()
    assert "Everything the shop sent was understood." in page


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b'{"a": "<script>alert(1)</script>"}', "&lt;script&gt;alert(1)&lt;/script&gt;"),
        (b"\xff\xfe not text", "\\xff\\xfe not text"),
        (b"[" * 5000, "[[[["),
        (b"x" * 700_000, "Only the beginning is shown."),
    ],
)
def test_a_body_nobody_understood_is_shown_safely(
    admin_client: Client, body: bytes, shown: str
) -> None:
    raw = fault(body, "The order has no lines.")
    listed = admin_client.get(reverse("automation_faults:index")).content.decode()
    assert "The order has no lines." in listed
    page = admin_client.get(reverse("automation_faults:detail", args=[raw.pk])).content.decode()
    assert shown in page
    assert "<script>alert(1)" not in page
    assert len(page) < 400_000


def test_an_understood_body_has_no_fault_page(admin_client: Client) -> None:
    raw = fault(state="done")
    assert admin_client.get(reverse("automation_faults:detail", args=[raw.pk])).status_code == 404
