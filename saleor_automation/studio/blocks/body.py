"""An email's body: which blocks there are, in which order they are offered."""

from __future__ import annotations

from typing import Any

from wagtail import blocks

from saleor_automation.rendering import document

from .base import EmailBlock
from .content import (
    ButtonBlock,
    DividerBlock,
    FooterBlock,
    HeadingBlock,
    PictureBlock,
    TextBlock,
)
from .shop import ItemsBlock

__all__ = ["EmailBody", "body_document"]


class EmailBody(blocks.StreamBlock):
    """The stream of an email's blocks."""

    heading = HeadingBlock()
    text = TextBlock()
    image = PictureBlock()
    button = ButtonBlock()
    items = ItemsBlock()
    divider = DividerBlock()
    footer = FooterBlock()

    class Meta:
        block_counts = {"footer": {"max_num": 1}}


def body_document(body: Any) -> tuple[document.Block, ...]:
    """Return a stream's value as the compiler wants it.

    A block that is not saved yet has no id and gets its place for one.
    """
    return tuple(
        child.block.document(child.value, child.id or f"block-{number}")
        for number, child in enumerate(body, start=1)
        if isinstance(child.block, EmailBlock)
    )
