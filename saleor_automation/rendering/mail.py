"""A compiled email filled in for one person.

Knows parsed templates and plain values. Must not know rows or how a mail leaves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

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
    """The three templates, parsed: functions of a context."""

    subject: liquid.Fill
    html: liquid.Fill
    text: liquid.Fill


def mail_parse(
    *, subject: str, html: str, text: str, known: Mapping[str, Any] | None = None
) -> ParsedEmail:
    """Parse a compiled email's templates. Raises CompileError.

    ``known`` are values that every context it is filled with will hold too.
    """
    known = known or {}
    return ParsedEmail(
        subject=liquid.liquid_compile(subject, liquid.TEXT, known),
        html=liquid.liquid_compile(html, liquid.HTML, known),
        text=liquid.liquid_compile(text, liquid.TEXT, known),
    )


def mail_fill(parsed: ParsedEmail, context: Mapping[str, Any]) -> RenderedMail:
    """Render all three with plain values. Raises RenderError."""
    return RenderedMail(
        # A line break in a name must not become a header.
        subject=" ".join(parsed.subject(context).split()),
        html=parsed.html(context),
        text=text_tidy(parsed.text(context)),
    )
