"""Blocks of words and pictures: heading, text, image, button, divider, footer.

Knows forms and labels. What a block may hold is checked by ``rendering.lint`` when
the email is published, so a half-written one can be saved.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urljoin

from django.utils.translation import gettext_lazy as _
from wagtail import blocks
from wagtail.images.blocks import ImageBlock

from saleor_automation.conf import conf
from saleor_automation.rendering import document
from saleor_automation.rendering.layout import CONTENT_WIDTH

from .base import EmailBlock

__all__ = [
    "ButtonBlock",
    "DividerBlock",
    "FooterBlock",
    "HeadingBlock",
    "PictureBlock",
    "TextBlock",
]

#: What mail programs show alike. No headings: they have a block of their own.
RICH_TEXT = ["bold", "italic", "link", "ol", "ul"]


def heading_levels() -> list[tuple[str, Any]]:
    """Return the choices; a function, so that migrations do not repeat them."""
    return [("1", _("large, once per email")), ("2", _("small"))]


class HeadingBlock(EmailBlock, blocks.StructBlock):
    """A headline."""

    text = blocks.CharBlock(
        label=_("Text"),
        max_length=255,
        help_text=_("May hold variables such as {{ contact.first_name }}."),
    )
    level = blocks.ChoiceBlock(label=_("Size"), choices=heading_levels, default="1")

    class Meta:
        icon = "title"
        label = _("Heading")
        label_format = "{text}"
        description = _("A headline, large or small")
        preview_value = {"text": _("Good to have you here"), "level": "1"}

    def document(self, value: Any, block_id: str) -> document.Heading:
        return document.Heading(str(value["text"] or ""), large=value["level"] != "2", id=block_id)


class TextBlock(EmailBlock, blocks.RichTextBlock):
    """Paragraphs and lists."""

    class Meta:
        icon = "pilcrow"
        label = _("Text")
        description = _("Paragraphs, lists and links")
        preview_value = (
            "<p>Hi {{ contact.first_name | default: 'there' }},</p>"
            "<p>Thank you for your order at <b>{{ shop.name }}</b>.</p>"
        )

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("features", RICH_TEXT)
        super().__init__(**kwargs)

    def document(self, value: Any, block_id: str) -> document.Text:
        return document.Text(value.source if value else "", id=block_id)


class PictureBlock(EmailBlock, blocks.StructBlock):
    """A picture from the library, as wide as the text."""

    image = ImageBlock(label=_("Image"))
    link = blocks.CharBlock(
        label=_("Link"),
        required=False,
        max_length=1000,
        help_text=_("An address, a page of the shop such as /sale, or {{ shop.url }}."),
    )

    class Meta:
        icon = "image"
        label = _("Image")
        description = _("A picture, as wide as the text")

    @property
    def is_previewable(self) -> bool:
        # There is no picture to show before one is chosen.
        return False

    def document(self, value: Any, block_id: str) -> document.Image:
        image = value["image"]
        link = str(value["link"] or "")
        if image is None:
            return document.Image("", link=link, id=block_id)
        # Outlook shows neither WebP nor AVIF, and a JPEG has no transparency.
        opaque = str(image.file.name).lower().endswith((".jpg", ".jpeg"))
        rendition = image.get_rendition(
            f"width-{2 * CONTENT_WIDTH}|format-{'jpeg' if opaque else 'png'}"
        )
        alt = "" if getattr(image, "decorative", False) else image.contextual_alt_text or ""
        return document.Image(
            urljoin(f"{conf().public_url}/", rendition.url),
            alt=alt,
            width=min(CONTENT_WIDTH, rendition.width),
            link=link,
            id=block_id,
        )


class ButtonBlock(EmailBlock, blocks.StructBlock):
    """The thing to click."""

    label = blocks.CharBlock(
        label=_("Label"),
        max_length=80,
        help_text=_("What happens on a click, for example: Back to my basket."),
    )
    link = blocks.CharBlock(
        label=_("Link"),
        max_length=1000,
        help_text=_(
            "An address, a page of the shop such as /sale, or a variable: {{ basket.url }}, "
            "{{ shop.url }}."
        ),
    )

    class Meta:
        icon = "link"
        label = _("Button")
        label_format = "{label}"
        description = _("A button in the brand's colour")
        preview_value = {"label": _("Back to my basket"), "link": "{{ basket.url }}"}

    def document(self, value: Any, block_id: str) -> document.Button:
        return document.Button(
            str(value["label"] or ""), str(value["link"] or "").strip(), id=block_id
        )


class DividerBlock(EmailBlock, blocks.StaticBlock):
    """A thin line."""

    class Meta:
        icon = "minus"
        label = _("Divider")
        admin_text = _("A thin line.")
        description = _("A thin line between two parts")

    @property
    def is_previewable(self) -> bool:
        return True

    def document(self, value: Any, block_id: str) -> document.Divider:
        return document.Divider(id=block_id)


class FooterBlock(EmailBlock, blocks.RichTextBlock):
    """More words for the footer; address and unsubscribe link are in every mail."""

    class Meta:
        icon = "list-ul"
        label = _("Footer")
        description = _("More words above the postal address")
        preview_value = "<p>You get this because you have an account at {{ shop.name }}.</p>"

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("features", ["bold", "italic", "link"])
        kwargs.setdefault("required", False)
        kwargs.setdefault(
            "help_text",
            _(
                "May be empty. Postal address and unsubscribe link are always at the end of the "
                "email, with or without this block."
            ),
        )
        super().__init__(**kwargs)

    def document(self, value: Any, block_id: str) -> document.Footer:
        return document.Footer(value.source if value else "", id=block_id)
