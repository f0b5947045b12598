"""The Studio in Malay: every string has a translation, and people see it."""

from __future__ import annotations

import gettext
import re
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse
from wagtail.users.models import UserProfile

import saleor_automation

CATALOG = Path(saleor_automation.__file__).parent / "locale" / "ms" / "LC_MESSAGES"


def test_nothing_is_left_in_english_by_mistake() -> None:
    text = (CATALOG / "django.po").read_text("utf-8")
    assert "fuzzy" not in text
    empty = re.findall(r'msgid "(.+)"\n(?:msgid_plural .*\n)?msgstr(?:\[0\])? ""\n', text)
    assert empty == []


def test_the_compiled_catalog_is_the_written_one() -> None:
    text = (CATALOG / "django.po").read_text("utf-8")
    with (CATALOG / "django.mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    written = re.findall(r'\nmsgid "(.+)"\nmsgstr "(.+)"', text)
    assert len(written) > 300
    for source, translated in written:
        unquoted = source.replace('\\"', '"').replace("\\n", "\n")
        assert compiled.gettext(unquoted) == translated.replace('\\"', '"').replace("\\n", "\n")


def test_placeholders_survive_translation() -> None:
    text = (CATALOG / "django.po").read_text("utf-8")
    for source, translated in re.findall(r'\nmsgid "(.+)"\nmsgstr "(.+)"', text):
        pattern = r"%\(\w+\)s|%s|\{\w+\}|\{\{ [\w.]+ \}\}"
        found = [sorted(re.findall(pattern, words)) for words in (source, translated)]
        assert found[0] == found[1], source


@pytest.mark.django_db
def test_a_malay_speaker_sees_malay(admin_client: Client, admin_user: object) -> None:
    UserProfile.objects.create(user=admin_user, preferred_language="ms")
    page = admin_client.get(reverse("automation_sending:index")).content.decode()
    assert "Siapa menerima e-mel pemasaran" in page
    assert "Who gets marketing mail" not in page
