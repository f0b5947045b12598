"""The content a new shop starts with: sendable, and nobody's to overwrite."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse

from saleor_automation.emails.models import EmailVersion
from saleor_automation.emails.variables import sample_values
from saleor_automation.exceptions import CompileError
from saleor_automation.rendering.mail import mail_fill, mail_parse
from saleor_automation.sequences.models import SequenceSwitch, SequenceVersion
from saleor_automation.studio.pages import EmailPage
from saleor_automation.studio.publishing import email_problems
from saleor_automation.studio.sequences import Sequence
from saleor_automation.studio.starter import starter_load
from saleor_automation.studio.starter.loader import TEXTS, starter_id

from .helpers import NOW, root_ensure


@pytest.fixture(scope="module")
def loaded(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Load the content once; each test works inside a savepoint of this transaction."""
    with django_db_blocker.unblock(), transaction.atomic():
        root_ensure()
        starter_load(now=NOW)
        yield
        transaction.set_rollback(True)


pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("loaded")]


def test_no_email_has_anything_to_repair() -> None:
    for page in EmailPage.objects.all():
        assert email_problems(page) == [], page.title
    assert not EmailVersion.objects.exclude(diagnostics=[]).exists()


def test_the_languages_of_an_email_share_its_key() -> None:
    keys = EmailVersion.objects.values_list("email_key", "language")
    assert set(keys) == {
        (starter_id("email", slug), language) for language in TEXTS for slug in TEXTS[language]
    }


def test_sequences_are_published_and_off() -> None:
    assert Sequence.objects.filter(live=True).count() == 3
    versions = SequenceVersion.objects.filter(is_current=True)
    assert sorted(versions.values_list("trigger", flat=True)) == [
        "basket_changed",
        "joined",
        "shipped",
    ]
    assert not SequenceSwitch.objects.filter(state="on").exists()
    for sequence in Sequence.objects.all():
        assert sequence.problems() == []


def test_every_mail_greets_and_has_one_button() -> None:
    for version in EmailVersion.objects.all():
        text = mail_fill(
            mail_parse(subject=version.subject, html=version.html, text=version.text),
            sample_values(),
        )
        greeting = {"en": "Hi Aisyah,", "ms": "Hai Aisyah,"}[version.language]
        assert greeting in text.text, version.title
        assert "{{" not in text.html + text.text + text.subject
    for page in EmailPage.objects.all():
        kinds = [block.block_type for block in page.body]
        assert kinds.count("button") == 1, page.title
        assert page.preheader, page.title


def test_a_second_run_changes_nothing() -> None:
    before = list(EmailVersion.objects.order_by("pk").values())
    result = starter_load(now=NOW)
    assert (result.sequences, result.emails, result.brands) == (0, 0, 0)
    assert list(EmailVersion.objects.order_by("pk").values()) == before
    assert SequenceVersion.objects.count() == 3


def test_what_an_editor_changed_stays() -> None:
    page = EmailPage.objects.get(slug="welcome-hello", locale__language_code="en")
    page.subject = "Hello from us"
    page.save_revision().publish()
    sequence = Sequence.objects.get(key=starter_id("sequence", "welcome"))
    sequence.name = "First steps"
    sequence.save_revision().publish()
    EmailPage.objects.get(slug="welcome-last-one", locale__language_code="ms").unpublish()
    starter_load(now=NOW)
    page.refresh_from_db()
    sequence.refresh_from_db()
    assert page.subject == "Hello from us"
    assert sequence.name == "First steps"
    assert not EmailPage.objects.get(slug="welcome-last-one", locale__language_code="ms").live


def test_a_deleted_sequence_does_not_come_back() -> None:
    Sequence.objects.get(key=starter_id("sequence", "basket")).delete()
    assert starter_load(now=NOW).sequences == 0
    assert Sequence.objects.count() == 2


def test_a_sequence_cannot_send_an_unpublished_email() -> None:
    EmailPage.objects.get(slug="welcome-hello", locale__language_code="en").unpublish()
    with pytest.raises(CompileError) as caught:
        Sequence.objects.get(key=starter_id("sequence", "welcome")).graph()
    assert "is not published in the default language" in str(caught.value.diagnostics[0])


def test_an_email_a_sequence_sends_cannot_be_deleted(admin_client: Client) -> None:
    page = EmailPage.objects.get(slug="welcome-hello", locale__language_code="en")
    for needed, names in ((page, "“Welcome”."), (page.get_parent(), "“After the purchase”")):
        response = admin_client.post(
            reverse("wagtailadmin_pages:delete", args=[needed.pk]), follow=True
        )
        assert "This is still sent by:" in response.content.decode()
        assert names in response.content.decode()
        assert EmailPage.objects.filter(pk=page.pk).exists()
    welcome = Sequence.objects.get(key=starter_id("sequence", "welcome"))
    welcome.steps = list(welcome.steps.raw_data)[1:]
    welcome.save_revision().publish()
    admin_client.post(reverse("wagtailadmin_pages:delete", args=[page.pk]))
    assert not EmailPage.objects.filter(pk=page.pk).exists()


def test_an_email_a_sequence_sends_cannot_be_unpublished(admin_client: Client) -> None:
    page = EmailPage.objects.get(slug="welcome-hello", locale__language_code="en")
    one = reverse("wagtailadmin_pages:unpublish", args=[page.pk])
    many = reverse("wagtail_bulk_action", args=["wagtailcore", "page", "unpublish"])
    bulk_delete = reverse("wagtail_bulk_action", args=["wagtailcore", "page", "delete"])
    for address in (one, f"{many}?id={page.pk}", f"{bulk_delete}?id={page.pk}"):
        response = admin_client.post(address, follow=True)
        assert "This is still sent by: “Welcome”." in response.content.decode(), address
        page.refresh_from_db()
        assert page.live, address
    welcome = Sequence.objects.get(key=starter_id("sequence", "welcome"))
    welcome.steps = list(welcome.steps.raw_data)[1:]
    welcome.save_revision().publish()
    admin_client.post(one)
    page.refresh_from_db()
    assert not page.live
