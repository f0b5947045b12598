"""Blocks filled with the shop's facts about the customer.

Knows which facts there are. Values come in when a mail is made, never here.
"""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from wagtail import blocks

from saleor_automation.rendering import document

from .base import EmailBlock

__all__ = ["ItemsBlock"]


def item_sources() -> list[tuple[str, Any]]:
    """Return the choices; a function, so that migrations do not repeat them."""
    return [("basket", _("the basket they left")), ("order", _("their order"))]


class ItemsBlock(EmailBlock, blocks.StructBlock):
    """The lines of the basket or order: picture, name, quantity, price."""

    source = blocks.ChoiceBlock(label=_("Show"), choices=item_sources, default="basket")
    show_images = blocks.BooleanBlock(label=_("With pictures"), required=False, default=True)
    show_total = blocks.BooleanBlock(label=_("With the total"), required=False, default=True)

    class Meta:
        icon = "list-ol"
        label = _("Items")
        description = _("What is in the basket or was ordered")
        preview_value = {"source": "basket", "show_images": True, "show_total": True}

    def document(self, value: Any, block_id: str) -> document.Items:
        return document.Items(
            "order" if value["source"] == "order" else "basket",
            show_images=bool(value["show_images"]),
            show_total=bool(value["show_total"]),
            id=block_id,
        )
