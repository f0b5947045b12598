"""A compiled email filled in for one person.

Knows parsed templates and plain values. Must not know rows or how a mail leaves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from liquid import BoundTemplate

from . import liquid
from .text import text_tidy

__all__ = ["ParsedEmail", "RenderedMail", "mail_fill", "mail_parse"]


@dataclass(frozen=True)
class RenderedMail:
    """What one person gets."""

    subject: str
    html: str
    text: str


@dataclass(frozen=True)
class ParsedEmail:
    """The three templates, parsed."""

    subject: BoundTemplate
    html: BoundTemplate
    text: BoundTemplate


def mail_parse(*, subject: str, html: str, text: str) -> ParsedEmail:
    """Parse a compiled email's templates. Raises CompileError."""
    return ParsedEmail(
        subject=liquid.liquid_parse(subject, liquid.TEXT),
        html=liquid.liquid_parse(html, liquid.HTML),
        text=liquid.liquid_parse(text, liquid.TEXT),
    )


def mail_fill(parsed: ParsedEmail, context: Mapping[str, Any]) -> RenderedMail:
    """Render all three with plain values. Raises RenderError."""
    subject = liquid.liquid_render(parsed.subject, context)
    return RenderedMail(
        # A line break in a name must not become a header.
        subject=" ".join(subject.split()),
        html=liquid.liquid_render(parsed.html, context),
        text=text_tidy(liquid.liquid_render(parsed.text, context)),
    )
