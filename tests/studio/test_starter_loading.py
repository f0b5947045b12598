"""Loading the content a new shop starts with: complete, once, and beside what is there."""

from __future__ import annotations

import re

import pytest
from wagtail.models import Locale, Page, Site

from saleor_automation.emails.models import Brand, EmailVersion
from saleor_automation.emails.system import CONFIRMATION
from saleor_automation.people.preferences.models import Topic
from saleor_automation.people.preferences.topics import topics_offered
from saleor_automation.studio.pages import EmailIndexPage, EmailPage
from saleor_automation.studio.starter import starter_load
from saleor_automation.studio.starter.content import SEQUENCES
from saleor_automation.studio.starter.loader import TEXTS, starter_id

from .helpers import NOW

pytestmark = pytest.mark.django_db


def test_it_makes_three_sequences_and_twelve_emails_in_two_languages() -> None:
    result = starter_load(now=NOW)
    assert (result.sequences, result.emails, result.brands) == (3, 24, 1)
    assert EmailPage.objects.filter(live=True).count() == 24
    ready = EmailVersion.objects.filter(is_current=True, status=EmailVersion.Status.READY)
    assert ready.filter(language="en").count() == ready.filter(language="ms").count() == 12
    assert {folder.locale.language_code for folder in EmailIndexPage.objects.all()} == {"en", "ms"}


def test_a_shop_with_a_brand_keeps_its_own() -> None:
    Brand.objects.create(name="Paper & Co")
    assert starter_load(now=NOW).brands == 0
    assert Brand.objects.get().name == "Paper & Co"


def test_one_language_can_be_loaded_alone_and_the_other_later() -> None:
    first = starter_load(now=NOW, languages=("en",))
    assert (first.sequences, first.emails) == (3, 12)
    assert not Locale.objects.filter(language_code="ms").exists()
    second = starter_load(now=NOW, languages=("en", "ms"))
    assert (second.sequences, second.emails) == (0, 12)


def test_the_confirmation_is_an_email_like_any_other() -> None:
    starter_load(now=NOW)
    assert starter_id("email", "confirm-subscription") == CONFIRMATION
    for version in EmailVersion.objects.filter(email_key=CONFIRMATION):
        assert "subscription.confirm_url" in version.variables
        assert "{{ subscription.confirm_url }}" in version.text


def test_the_topics_of_its_sequences_may_be_chosen() -> None:
    starter_load(now=NOW)
    assert {content.topic for content in SEQUENCES} < {topic.key for topic in topics_offered("en")}
    names = [{topic.name for topic in topics_offered(language)} for language in ("en", "ms")]
    assert not names[0] & names[1]
    Topic.objects.filter(key="news").delete()
    starter_load(now=NOW)
    assert not Topic.objects.filter(key="news").exists(), "the shop decides"


def test_a_language_without_texts_is_refused() -> None:
    with pytest.raises(ValueError, match="no starter texts in \\['xx'\\]"):
        starter_load(now=NOW, languages=("en", "xx"))


def test_wagtails_welcome_page_makes_room() -> None:
    assert Page.objects.filter(slug="home", depth=2).exists()
    starter_load(now=NOW)
    assert not Page.objects.filter(slug="home").exists()
    folder = EmailIndexPage.objects.get(locale__language_code="en")
    assert Site.objects.get().root_page_id == folder.pk


def test_a_hosts_own_first_page_stays() -> None:
    home = Page.objects.get(slug="home", depth=2)
    home.title = "Our shop"
    home.save_revision().publish()
    starter_load(now=NOW)
    assert Site.objects.get().root_page_id == home.pk


def test_both_languages_say_the_same_things() -> None:
    english, malay = TEXTS["en"], TEXTS["ms"]
    assert set(english) == set(malay)
    assert {step.email for content in SEQUENCES for step in content.steps} | {
        "confirm-subscription"
    } == set(english)
    for slug in english:
        assert [kind for kind, _value in english[slug].body] == [
            kind for kind, _value in malay[slug].body
        ], slug
        names = [
            sorted(set(re.findall(r"\{\{ ([a-z_.]+)", str(text))))
            for text in (english[slug], malay[slug])
        ]
        assert names[0] == names[1], slug
