"""The pages on topics, signing up and blocked addresses."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from saleor_automation.emails.system import CONFIRMATION
from saleor_automation.people.digests import address_digest
from saleor_automation.people.models import Suppression
from saleor_automation.people.preferences.models import Preference, Topic
from saleor_automation.people.preferences.topics import topics_offered
from saleor_automation.people.subscribing.models import OptInRule, SignupWording
from saleor_automation.people.subscribing.rules import double_in, rules_load
from saleor_automation.people.subscribing.wording import wording_current, wording_read
from saleor_automation.shop.models import Channel
from saleor_automation.studio.pages import EmailPage
from saleor_automation.studio.portrait import standing_of
from saleor_automation.studio.starter import starter_load

from .helpers import NOW, contact, email_version, waiting_sequence

pytestmark = pytest.mark.django_db


def text_of(response: Any) -> str:
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def index(client: Client) -> str:
    return text_of(client.get(reverse("automation_consent:index")))


WORDS = {
    "name_en": "News",
    "description_en": "What is new",
    "name_ms": "Berita",
    "description_ms": "",
    "position": 3,
    "offered": "on",
}


def test_an_empty_page_says_what_is_missing(admin_client: Client) -> None:
    text = index(admin_client)
    assert "None yet: people choose between everything and nothing." in text
    assert "The email that asks for a confirmation is not published" in text
    email_version(email_key=CONFIRMATION)
    assert "holds no link to confirm" in index(admin_client)
    email_version(email_key=CONFIRMATION, language="ms", variables=["subscription.confirm_url"])
    assert "holds no link to confirm" in index(admin_client), "one of the languages lacks it"


def test_a_topic_is_made_and_changed(admin_client: Client) -> None:
    url = reverse("automation_consent:topic_add")
    assert 'value="welcome"' in text_of(admin_client.get(url + "?key=welcome"))
    assert admin_client.post(url, {"key": "news", **WORDS}).status_code == 302
    topic = Topic.objects.get()
    assert [one.name for one in topics_offered("ms")] == ["Berita"]
    assert [one.name for one in topics_offered("de")] == ["News"]
    assert "already" in text_of(admin_client.post(url, {"key": "news", **WORDS}))
    assert "This field is required" in text_of(
        admin_client.post(url, {"key": "more", **WORDS, "name_en": ""})
    )
    change = reverse("automation_consent:topic", args=[topic.pk])
    assert 'name="key"' not in text_of(admin_client.get(change))
    topic.texts["de"] = {"name": "Neues"}
    topic.save()
    data = {**WORDS, "name_ms": "", "key": "other"}
    del data["offered"]
    assert admin_client.post(change, data).status_code == 302
    topic.refresh_from_db()
    assert (topic.key, topic.offered, sorted(topic.texts)) == ("news", False, ["de", "en"])
    assert topics_offered("en") == []
    assert admin_client.get(reverse("automation_consent:topic", args=[0])).status_code == 404


def test_a_sequence_about_something_nobody_can_choose(admin_client: Client) -> None:
    waiting_sequence()
    assert "A published sequence is about “patience”" in index(admin_client)
    Topic.objects.create(key="patience")
    assert "A published sequence is about" not in index(admin_client)


def test_rules_and_words(admin_client: Client) -> None:
    for slug in ("de", "my", "us"):
        Channel.objects.create(slug=slug)
    OptInRule.objects.create(channel="gone", double=True)
    data = {
        "rule": "no",
        "rule_0": "yes",
        "rule_1": "",
        "rule_2": "no",
        "words_en": "Send me\nnews.",
        "words_ms": wording_current("ms").text,
    }
    url = reverse("automation_consent:index")
    for _ in range(2):
        assert admin_client.post(url, data).status_code == 302
    assert rules_load() == {"": False, "de": True, "us": False}
    assert double_in("de", rules_load())
    assert not double_in("my", rules_load())
    assert SignupWording.objects.count() == 1, "the same words are no new version"
    words = wording_current("en")
    assert (words.text, words.version) == ("Send me news.", 1)
    assert str(wording_read("en-0")).startswith("I want to get news")
    assert wording_read("en-2") is None
    assert wording_read("nonsense") is None
    text = index(admin_client)
    assert "Version 1." in text
    assert "&lt;p&gt;Send me news.&lt;/p&gt;" in text
    assert "&lt;form method=&quot;post&quot; action=&quot;https://studio.example/subscribe/" in text
    assert "This field is required" in text_of(admin_client.post(url, {**data, "words_en": ""}))


def test_the_email_that_asks_stays_while_people_must_confirm(admin_client: Client) -> None:
    starter_load(now=NOW)
    asking = EmailPage.objects.get(translation_key=CONFIRMATION, locale__language_code="en")
    url = reverse("wagtailadmin_pages:unpublish", args=[asking.pk])
    OptInRule.objects.create(channel="", double=True)
    response = admin_client.post(url, follow=True)
    assert "People are asked with this email to confirm" in text_of(response)
    assert EmailPage.objects.get(pk=asking.pk).live
    OptInRule.objects.all().delete()
    admin_client.post(url)
    assert not EmailPage.objects.get(pk=asking.pk).live


def upload(text: bytes) -> SimpleUploadedFile:
    return SimpleUploadedFile("old.csv", text, content_type="text/csv")


def test_blocked_addresses_come_in_after_a_look(admin_client: Client) -> None:
    url = reverse("automation_consent:suppressed")
    assert "Nobody is blocked." in text_of(admin_client.get(url))
    content = b"email\na@shopper.example\nnonsense\n"
    data = {"reason": "complaint", "action": "look", "file": upload(content)}
    text = text_of(admin_client.post(url, data))
    assert "Nothing was changed yet." in text
    assert "New: 1" in text
    assert "<td>3</td><td>This is no e-mail address.</td>" in text
    assert not Suppression.objects.exists()
    data = {"reason": "complaint", "action": "import", "file": upload(content)}
    assert "Brought in" in text_of(admin_client.post(url, data))
    row = Suppression.objects.get()
    assert (row.reason, row.address_digest) == ("complaint", address_digest("a@shopper.example"))
    data["file"] = upload(b"email\na@shopper.example\n")
    response = admin_client.post(url, data, follow=True)
    assert "New: 0. There already: 1." in text_of(response)
    assert "marked as spam</td>" in text_of(admin_client.get(url))


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"name\nx\n", "must name the columns"), (b"email\n\xff\n", "UTF-8"), (b"", "empty")],
)
def test_a_file_that_is_no_use_says_why(admin_client: Client, content: bytes, says: str) -> None:
    url = reverse("automation_consent:suppressed")
    data = {"reason": "manual", "action": "import", "file": upload(content)}
    assert says in text_of(admin_client.post(url, data))


def test_blocked_addresses_go_out_without_addresses(admin_client: Client) -> None:
    Suppression.objects.create(address_digest="f" * 64, reason="manual", at=NOW)
    response = admin_client.get(reverse("automation_consent:suppressed_export"))
    assert response["Content-Disposition"].startswith("attachment")
    lines = b"".join(response.streaming_content).decode().splitlines()
    assert lines[0] == "key,digest,channel,topic,reason,at"
    assert lines[1].split(",")[1] == "f" * 64


def test_a_persons_page_says_what_they_wished(admin_client: Client) -> None:
    person = contact()
    OptInRule.objects.create(channel="", double=True)
    assert "did not confirm" in str(standing_of(person)["why"])
    OptInRule.objects.all().delete()
    Preference.objects.create(
        contact=person,
        paused_until=NOW.replace(year=2999),
        fewer=True,
        changed_at=NOW,
    )
    text = text_of(admin_client.get(reverse("automation_people:detail", args=[person.pk])))
    assert "They paused our mails until" in text
    assert "At most one mail a week" in text
