"""The blocks an email is made of, as editors see them.

Class paths of ``TextBlock``, ``DividerBlock`` and ``FooterBlock`` stand in
migrations: moving them needs a new one.
"""

from __future__ import annotations

from .base import EmailBlock
from .body import EmailBody
from .content import (
    ButtonBlock,
    DividerBlock,
    FooterBlock,
    HeadingBlock,
    PictureBlock,
    TextBlock,
)
from .shop import ItemsBlock

__all__ = [
    "ButtonBlock",
    "DividerBlock",
    "EmailBlock",
    "EmailBody",
    "FooterBlock",
    "HeadingBlock",
    "ItemsBlock",
    "PictureBlock",
    "TextBlock",
]
