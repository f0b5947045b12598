"""Emails through the real admin: written, previewed, refused, published, taken down."""

from __future__ import annotations

import json
from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.images import ImageFile
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from PIL import Image as Pillow
from wagtail.blocks.base import Block
from wagtail.images import get_image_model
from wagtail.models import Locale, Page
from wagtail.test.utils.form_data import nested_form_data, streamfield

from saleor_automation.emails.models import EmailVersion
from saleor_automation.emails.variables import variables_all
from saleor_automation.studio import publishing
from saleor_automation.studio.blocks import EmailBody
from saleor_automation.studio.pages import EmailIndexPage, EmailPage

pytestmark = pytest.mark.django_db

BODY = [
    ("heading", {"text": "Hello {{ contact.first_name }}", "level": "1"}),
    ("text", "<p>Welcome to {{ shop.name }}.</p>"),
    ("items", {"source": "basket", "show_images": True, "show_total": True}),
    ("button", {"label": "Go", "link": "{{ basket.url }}"}),
    ("divider", None),
    ("footer", None),
]


@pytest.fixture
def folder() -> EmailIndexPage:
    locale = Locale.objects.get_or_create(language_code="en")[0]
    folder = EmailIndexPage(title="Emails", slug="emails", locale=locale)
    Page.get_first_root_node().add_child(instance=folder)
    return folder


@pytest.fixture
def admin(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("ed", "ed@example.com", "x"))
    return client


def email(folder: EmailIndexPage, *body: tuple[str, Any], **changes: Any) -> EmailPage:
    page = EmailPage(
        **{
            "title": "Welcome",
            "subject": "Welcome to {{ shop.name }}",
            "locale": folder.locale,
            "live": False,
            "body": [
                {"type": kind, "value": value, "id": f"block-id-{number}"}
                for number, (kind, value) in enumerate(body or BODY)
            ],
            **changes,
        }
    )
    folder.refresh_from_db()
    folder.add_child(instance=page)
    return page


def form(
    body: list[tuple[str, Any]], *, subject: str = "Hello {{ shop.name }}", **changes: Any
) -> dict[str, Any]:
    return nested_form_data(
        {
            "title": "From the form",
            "subject": subject,
            "preheader": "A line",
            "body": streamfield(body),
            "comments": {
                "TOTAL_FORMS": 0,
                "INITIAL_FORMS": 0,
                "MIN_NUM_FORMS": 0,
                "MAX_NUM_FORMS": "",
            },
            **changes,
        }
    )


def rich(text: str) -> str:
    """Return what the rich text editor posts."""
    return json.dumps(
        {
            "entityMap": {},
            "blocks": [
                {
                    "key": "a",
                    "text": text,
                    "type": "unstyled",
                    "depth": 0,
                    "inlineStyleRanges": [],
                    "entityRanges": [],
                }
            ],
        }
    )


FORM = [("heading", {"text": "Hi {{ contact.first_name }}", "level": "1"}), ("text", rich("A < b"))]
BROKEN = [("heading", {"text": "Hi {{ contact.fist_name }}", "level": "1"})]


def versions() -> list[tuple[str, int, str, bool]]:
    return list(
        EmailVersion.objects.order_by("number").values_list(
            "language", "number", "status", "is_current"
        )
    )


def test_publishing_in_the_admin_writes_a_version(admin: Client, folder: EmailIndexPage) -> None:
    create = reverse("wagtailadmin_pages:add", args=["saleor_automation", "emailpage", folder.pk])
    form_page = admin.get(create).content.decode()
    assert "{{ contact.first_name }}" in form_page
    assert 'name="slug"' not in form_page
    response = admin.post(create, form(FORM, **{"action-publish": "1"}))
    assert response.status_code == 302, response.context["form"].errors
    page = EmailPage.objects.get()
    assert page.live
    assert page.get_url() is None
    version = EmailVersion.objects.get()
    assert (version.email_key, version.page_id) == (page.translation_key, page.pk)
    assert version.revision_id == page.live_revision_id
    assert (version.status, version.is_current) == ("ready", True)
    assert "A &lt; b" in version.html
    assert version.subject == "Hello {{ shop.name }}"


def test_publishing_the_same_again_makes_no_version(admin: Client, folder: EmailIndexPage) -> None:
    page = email(folder)
    edit = reverse("wagtailadmin_pages:edit", args=[page.pk])
    for text in ("One", "One", "Two", "One"):
        body = [("heading", {"text": text, "level": "1"})]
        assert admin.post(edit, form(body, **{"action-publish": "1"})).status_code == 302
    assert versions() == [("en", 1, "ready", True), ("en", 2, "ready", False)]


def test_a_draft_may_be_broken_and_makes_no_version(admin: Client, folder: EmailIndexPage) -> None:
    page = email(folder)
    response = admin.post(reverse("wagtailadmin_pages:edit", args=[page.pk]), form(BROKEN))
    assert response.status_code == 302
    assert versions() == []


def test_a_broken_email_is_refused_in_words(admin: Client, folder: EmailIndexPage) -> None:
    page = email(folder)
    edit = reverse("wagtailadmin_pages:edit", args=[page.pk])
    response = admin.post(edit, form(BROKEN, **{"action-publish": "1"}), follow=True)
    said = response.content.decode()
    assert response.redirect_chain == [(edit, 302)]
    assert "not published" in said
    assert "Block 1 (Heading): There is no variable “contact.fist_name”" in said
    page.refresh_from_db()
    assert not page.live
    assert page.get_latest_revision_as_object().body[0].value["text"].endswith("fist_name }}")
    assert versions() == []
    body = [("heading", {"text": "Hi {{ contact.first_name }}", "level": "1"})]
    admin.post(edit, form(body, **{"action-publish": "1"}))
    assert versions() == [("en", 1, "ready", True)]


def test_a_new_broken_email_does_not_go_live_by_accident(
    admin: Client, folder: EmailIndexPage
) -> None:
    create = reverse("wagtailadmin_pages:add", args=["saleor_automation", "emailpage", folder.pk])
    response = admin.post(create, form(BROKEN, **{"action-publish": "1"}))
    page = EmailPage.objects.get()
    assert response.url == reverse("wagtailadmin_pages:edit", args=[page.pk])
    assert not page.live
    assert versions() == []


def test_a_live_email_stays_as_it_is_when_a_change_is_refused(
    admin: Client, folder: EmailIndexPage
) -> None:
    page = email(folder)
    page.save_revision().publish()
    edit = reverse("wagtailadmin_pages:edit", args=[page.pk])
    admin.post(edit, form(BROKEN, **{"action-publish": "1"}))
    page.refresh_from_db()
    assert page.live
    assert page.subject == "Welcome to {{ shop.name }}"
    assert versions() == [("en", 1, "ready", True)]


def test_other_pages_are_published_as_ever(folder: EmailIndexPage) -> None:
    assert publishing.refuse_broken_email(None, folder) is None
    folder.save_revision().publish()
    assert folder.live
    assert versions() == []


def test_a_broken_email_published_past_the_form_leaves_the_good_version(
    folder: EmailIndexPage,
) -> None:
    page = email(folder)
    page.save_revision().publish()
    page.subject = "{{ nobody }}"
    page.save_revision().publish()
    assert versions() == [("en", 1, "ready", True), ("en", 2, "failed", False)]
    failed = EmailVersion.objects.get(number=2)
    assert [found["code"] for found in failed.diagnostics] == ["variable-unknown"]


def test_a_fault_of_ours_does_not_stop_a_publish(
    folder: EmailIndexPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def explode(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("boom")

    page = email(folder)
    monkeypatch.setattr(publishing, "compile_email", explode)
    page.save_revision().publish()
    page.refresh_from_db()
    assert page.live
    assert versions() == [("en", 1, "failed", False)]
    monkeypatch.setattr(publishing, "email_version_create", explode)
    page.save_revision().publish()
    assert len(versions()) == 1


def test_a_scheduled_publish_makes_a_version_when_its_time_comes(folder: EmailIndexPage) -> None:
    page = email(folder, go_live_at=timezone.now() + timedelta(days=1))
    revision = page.save_revision()
    revision.publish()
    page.refresh_from_db()
    assert not page.live
    assert versions() == []
    # A day later, as far as the revision can tell.
    revision.refresh_from_db()
    revision.approved_go_live_at = timezone.now() - timedelta(minutes=1)
    revision.content["go_live_at"] = revision.approved_go_live_at.isoformat()
    revision.save()
    call_command("publish_scheduled")
    page.refresh_from_db()
    assert page.live
    assert versions() == [("en", 1, "ready", True)]


def test_an_email_taken_down_is_used_no_more(folder: EmailIndexPage) -> None:
    page = email(folder)
    page.save_revision().publish()
    page.refresh_from_db()
    page.unpublish()
    assert versions() == [("en", 1, "ready", False)]
    page.save_revision().publish()
    assert versions() == [("en", 1, "ready", True)]
    page.refresh_from_db()
    page.delete()
    assert versions() == [("en", 1, "ready", False)]


def test_translations_share_the_key(folder: EmailIndexPage) -> None:
    page = email(folder)
    page.save_revision().publish()
    malay = Locale.objects.get_or_create(language_code="ms")[0]
    folder.copy_for_translation(malay)
    page.refresh_from_db()
    translated = page.copy_for_translation(malay)
    translated.save_revision().publish()
    rows = EmailVersion.objects.order_by("language")
    assert [row.language for row in rows] == ["en", "ms"]
    assert {row.email_key for row in rows} == {page.translation_key}
    assert "Jumlah" in rows[1].html


def picture(name: str, mode: str) -> Any:
    data = BytesIO()
    Pillow.new(mode, (1400, 700)).save(data, "PNG" if name.endswith("png") else "JPEG")
    data.seek(0)
    return get_image_model().objects.create(title="T", file=ImageFile(data, name))


@pytest.mark.filterwarnings(
    # Wagtail leaves the picture's file to the garbage collector.
    "ignore::ResourceWarning",
    "ignore::pytest.PytestUnraisableExceptionWarning",
)
@pytest.mark.parametrize(
    ("name", "mode", "ending"), [("a.jpg", "RGB", ".jpg"), ("a.png", "RGBA", ".png")]
)
def test_pictures_have_full_addresses_and_a_kind_every_program_shows(
    folder: EmailIndexPage, settings: Any, tmp_path: Any, name: str, mode: str, ending: str
) -> None:
    settings.MEDIA_ROOT = str(tmp_path)
    image = picture(name, mode)
    value = {
        "image": {"image": image.pk, "decorative": False, "alt_text": "Ein „Bild“\u00a0❤️"},
        "link": "/sale",
    }
    page = email(folder, ("image", value))
    page.save_revision().publish()
    html = EmailVersion.objects.get().html
    addresses = [part.split('"')[0] for part in html.split('src="')[1:]]
    # Once with its link, once without for a shop that has no website.
    (address,) = {part for part in addresses if "{{" not in part}
    assert address.startswith("https://studio.example/media/images/")
    assert address.endswith(ending)
    assert 'alt="Ein „Bild“\u00a0❤️"' in html
    assert 'href="{{ shop.url }}/sale"' in html
    image.delete()
    assert publishing.email_problems(EmailPage.objects.get()) == [
        "Block 1 (Image): Choose an image."
    ]


# Previews


@pytest.mark.parametrize("mode", ["html", "html-sparse", "text"])
def test_previews_answer(admin: Client, folder: EmailIndexPage, mode: str) -> None:
    page = email(folder)
    url = reverse("wagtailadmin_pages:preview_on_edit", args=[page.pk])
    assert admin.post(url, form(FORM)).json() == {"is_valid": True, "is_available": True}
    response = admin.get(url, {"mode": mode, "in_preview_panel": "true"})
    assert response.status_code == 200
    shown = response.content.decode()
    assert "Hello Our shop" in shown
    assert ("Hi Aisyah" in shown) == (mode != "html-sparse")
    assert "{{" not in shown
    assert ("wagtail-userbar" in shown) == (mode != "text")
    kind = "text/plain" if mode == "text" else "text/html"
    assert response["Content-Type"].startswith(kind)


def test_a_new_email_can_be_previewed(admin: Client, folder: EmailIndexPage) -> None:
    url = reverse(
        "wagtailadmin_pages:preview_on_add", args=["saleor_automation", "emailpage", folder.pk]
    )
    assert admin.post(url, form(FORM)).json()["is_available"]
    assert "Hi Aisyah" in admin.get(url, {"mode": "html"}).content.decode()


@pytest.mark.parametrize(
    ("body", "subject", "shown", "hidden"),
    [
        ([*FORM, ("button", {"label": "", "link": ""})], "S", "Hi Aisyah", '<a href=""'),
        ([*FORM, *BROKEN], "S", "Hi Aisyah", "fist_name }}<"),
        (FORM, "{{ broken", "Hi Aisyah", "{{ broken"),
        ([], "", "Add at least one block", "Aisyah"),
    ],
)
def test_an_unfinished_email_shows_what_is_finished(
    admin: Client,
    folder: EmailIndexPage,
    body: list[Any],
    subject: str,
    shown: str,
    hidden: str,
) -> None:
    page = email(folder)
    url = reverse("wagtailadmin_pages:preview_on_edit", args=[page.pk])
    admin.post(url, form(body, subject=subject))
    for mode in ("html", "text"):
        response = admin.get(url, {"mode": mode})
        assert response.status_code == 200
        assert shown in response.content.decode()
        assert hidden not in response.content.decode()
    assert "Not ready to be published" in admin.get(url, {"mode": "html"}).content.decode()


def test_every_block_with_a_sample_can_be_previewed(admin: Client) -> None:
    body = EmailPage._meta.get_field("body").stream_block
    assert isinstance(body, EmailBody)
    shown = {}
    for name, block in body.child_blocks.items():
        if not block.is_previewable:
            continue
        Block.definition_registry[block.definition_prefix] = block
        response = admin.get(reverse("wagtailadmin_block_preview"), {"id": block.definition_prefix})
        assert response.status_code == 200
        shown[name] = response.content.decode()
    assert set(shown) == {"heading", "text", "button", "items", "divider", "footer"}
    assert "Dotted Notebook A5" in shown["items"]
    assert "Back to my basket" in shown["button"]
    for name, html in shown.items():
        assert "</html>" in html
        assert "{{" not in html, name


def test_a_subject_that_may_be_empty_is_a_warning(admin: Client, folder: EmailIndexPage) -> None:
    create = reverse("wagtailadmin_pages:add", args=["saleor_automation", "emailpage", folder.pk])
    data = form(FORM, subject="{{ contact.first_name }}", **{"action-publish": "1"})
    response = admin.post(create, data, follow=True)
    assert "Subject: For a customer of whom little is known" in response.content.decode()
    assert EmailVersion.objects.get().is_current, "a warning forbids nothing"


def test_the_form_lists_every_variable(admin: Client, folder: EmailIndexPage) -> None:
    page = email(folder)
    shown = admin.get(reverse("wagtailadmin_pages:edit", args=[page.pk])).content.decode()
    for variable in variables_all():
        assert ("{{ " + variable.path + " }}" in shown) == variable.listed
    assert "tab-label-promote" not in shown
