"""Puts the starter content into Wagtail: folders, emails, sequences, topics, a brand.

Idempotent. What exists is left alone, whoever changed it: an email is known by its
translation key, a sequence by its key, both computed from the content's slug, so a
second run and a second machine find the same ones.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext
from wagtail.models import Locale, Page, Site

from saleor_automation.emails.brands import SEEDED_NAME
from saleor_automation.emails.models import Brand
from saleor_automation.people.preferences.models import Topic
from saleor_automation.sequences.models import SequenceVersion
from saleor_automation.studio.pages import EmailIndexPage, EmailPage
from saleor_automation.studio.sequences import Sequence as SequenceDraft

from . import emails_en, emails_ms
from .content import SEQUENCES, TOPICS, EmailText, SequenceContent, Step

#: Root of every id the starter content has.
NAMESPACE = uuid.UUID("5f0c2a53-1d6f-5a6b-9d9e-0d8f3a6f2b10")
TEXTS: dict[str, dict[str, EmailText]] = {"en": emails_en.EMAILS, "ms": emails_ms.EMAILS}
#: How the title of the page begins that Wagtail's migrations make.
WELCOME = "Welcome to your new Wagtail site"
FOLDERS = {"en": "Emails", "ms": "E-mel"}


@dataclass(frozen=True)
class StarterResult:
    """What was made; what was there already is not counted."""

    emails: int = 0
    sequences: int = 0
    brands: int = 0

    def __str__(self) -> str:
        if not (self.emails or self.sequences or self.brands):
            return gettext("The starter content is there already.")
        return gettext("Made %(sequences)s sequences and %(emails)s emails.") % {
            "sequences": self.sequences,
            "emails": self.emails,
        }


def starter_id(*parts: object) -> uuid.UUID:
    """Return the id a piece of starter content has everywhere."""
    return uuid.uuid5(NAMESPACE, "/".join(str(part) for part in parts))


def starter_load(*, now: datetime, languages: Sequence[str] = ("en", "ms")) -> StarterResult:
    """Make what is missing of the starter content: published, and switched off.

    Never changes what exists, Wagtail's own empty welcome page apart. Raises ValueError for
    a language there are no texts in.
    """
    unknown = sorted(set(languages) - set(TEXTS))
    if unknown:
        raise ValueError(f"There are no starter texts in {unknown}; known: {sorted(TEXTS)}.")
    with transaction.atomic():
        brands = _brand_make()
        emails = sum(_emails_make(language) for language in languages)
        # A sequence names the pages of one language; the engine finds the others itself.
        sequences = sum(_sequence_make(content, languages[0]) for content in SEQUENCES)
        _topics_make(languages)
        _welcome_replace(languages[0])
    return StarterResult(emails=emails, sequences=sequences, brands=brands)


def _brand_make() -> int:
    if Brand.objects.exists():
        return 0
    Brand.objects.create(channel="", name=SEEDED_NAME)
    return 1


def _topics_make(languages: Sequence[str]) -> None:
    """Offer the topics of the starter sequences, where the shop has none of its own."""
    if Topic.objects.exists():
        return
    for position, (key, texts) in enumerate(TOPICS.items()):
        words = {
            language: dict(zip(("name", "description"), text, strict=True))
            for language, text in texts.items()
            if language in languages
        }
        Topic.objects.create(key=key, position=position, texts=words)


def _welcome_replace(language: str) -> None:
    """Put the emails where Wagtail's migrations left a page that welcomes to Wagtail.

    Only a page nobody has touched: a host's site keeps its own.
    """
    page = Page.objects.filter(slug="home", depth=2, numchild=0, title__startswith=WELCOME).first()
    folder = EmailIndexPage.objects.filter(
        translation_key=starter_id("folder"), locale__language_code=language
    ).first()
    if page is None or folder is None or type(page.specific) is not Page:
        return
    if page.latest_revision_id is not None:
        return
    # First: deleting a site's root page deletes the site.
    Site.objects.filter(root_page=page).update(root_page=folder)
    Site.clear_site_root_paths_cache()
    page.delete()


def _emails_make(language: str) -> int:
    texts = TEXTS[language]
    missing = set(texts) - {
        slug
        for slug in texts
        if EmailPage.objects.filter(
            translation_key=starter_id("email", slug), locale__language_code=language
        ).exists()
    }
    if not missing:
        return 0
    locale = Locale.objects.get_or_create(language_code=language)[0]
    folder = _folder(locale)
    for slug, text in texts.items():
        if slug in missing:
            _email_make(folder, locale, slug, text)
    return len(missing)


def _folder(locale: Locale) -> EmailIndexPage:
    key = starter_id("folder")
    folder = EmailIndexPage.objects.filter(translation_key=key, locale=locale).first()
    if folder is None:
        root = Page.get_first_root_node()
        folder = EmailIndexPage(
            title=FOLDERS[locale.language_code],
            slug=f"emails-{locale.language_code}",
            locale=locale,
            translation_key=key,
        )
        root.add_child(instance=folder)
        folder.save_revision().publish()
    return folder


def _email_make(folder: EmailIndexPage, locale: Locale, slug: str, text: EmailText) -> None:
    page = EmailPage(
        title=text.title,
        slug=slug,
        locale=locale,
        translation_key=starter_id("email", slug),
        subject=text.subject,
        preheader=text.preheader,
        body=list(body_data(slug, locale.language_code, text.body)),
        # The signal that compiles wants a revision, so it goes live by publishing.
        live=False,
    )
    # Read fresh: treebeard keeps the number of children on the instance.
    folder.refresh_from_db()
    folder.add_child(instance=page)
    with translation.override(locale.language_code):
        page.save_revision().publish()


def body_data(
    slug: str, language: str, body: Iterable[tuple[str, Any]]
) -> Iterable[dict[str, Any]]:
    """Yield a body as stream data, every block with the id it has everywhere."""
    for number, (kind, value) in enumerate(body):
        yield {
            "type": kind,
            "value": value,
            "id": str(starter_id("block", slug, language, number)),
        }


def _sequence_make(content: SequenceContent, language: str) -> int:
    key = starter_id("sequence", content.slug)
    # A version outlives its draft: an editor who deleted the sequence meant it.
    if (
        SequenceDraft.objects.filter(key=key).exists()
        or SequenceVersion.objects.filter(sequence=key).exists()
    ):
        return 0
    pages = dict(
        EmailPage.objects.filter(
            translation_key__in=[starter_id("email", step.email) for step in content.steps],
            locale__language_code=language,
        ).values_list("translation_key", "pk")
    )
    draft = SequenceDraft(
        key=key,
        name=content.name,
        trigger=content.trigger,
        quiet_minutes=content.quiet_minutes,
        topic=content.topic,
        purpose=content.purpose,
        live=False,
        steps=list(steps_data(content.slug, content.steps, pages)),
        exits=[
            {
                "type": "rule",
                "value": {
                    "fact": rule.fact,
                    "op": rule.op,
                    "value": rule.value,
                    "reason": rule.reason,
                },
                "id": str(starter_id("exit", content.slug, number)),
            }
            for number, rule in enumerate(content.exits)
        ],
    )
    draft.save()
    draft.save_revision().publish()
    return 1


def steps_data(
    slug: str, steps: Iterable[Step], pages: dict[uuid.UUID, int]
) -> Iterable[dict[str, Any]]:
    """Yield the steps as stream data: a wait where there is one, then the mail."""
    for number, step in enumerate(steps):
        if step.wait:
            hours, minutes = divmod(step.wait, 60)
            days, hours_left = divmod(hours, 24)
            amount, unit = (
                (step.wait, "minutes")
                if minutes
                else (hours, "hours")
                if hours_left
                else (days, "days")
            )
            yield {
                "type": "wait",
                "value": {"amount": amount, "unit": unit},
                "id": str(starter_id("wait", slug, number)),
            }
        yield {
            "type": "send",
            "value": {"email": pages.get(starter_id("email", step.email)), "expires_hours": None},
            "id": str(starter_id("send", slug, number)),
        }
