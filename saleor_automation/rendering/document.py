"""What goes into the compiler and what comes out: plain frozen values.

Knows the kinds of blocks an email is made of. Must not know where they are stored,
how they are edited or how they look.

Strings may hold Liquid unless said otherwise.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

__all__ = [
    "Block",
    "Button",
    "CompiledEmail",
    "Diagnostic",
    "Divider",
    "Document",
    "Footer",
    "Heading",
    "Image",
    "Items",
    "Style",
    "Text",
]


def _id() -> str:
    return field(default="", kw_only=True)


@dataclass(frozen=True)
class Heading:
    """A headline; ``large`` once per mail, small ones between paragraphs."""

    text: str
    large: bool = True
    id: str = _id()


@dataclass(frozen=True)
class Text:
    """Paragraphs, as HTML with p, br, b, i, a, ul, ol, li; anything else is dropped."""

    html: str
    id: str = _id()


@dataclass(frozen=True)
class Image:
    """A picture. ``src`` is absolute and holds no Liquid; ``width`` is in pixels."""

    src: str
    alt: str = ""
    width: int | None = None
    link: str = ""
    id: str = _id()


@dataclass(frozen=True)
class Button:
    """The thing to click."""

    label: str
    link: str
    id: str = _id()


@dataclass(frozen=True)
class Items:
    """The lines of the shopper's basket or order."""

    source: Literal["basket", "order"]
    show_images: bool = True
    show_total: bool = True
    id: str = _id()


@dataclass(frozen=True)
class Divider:
    """A thin line."""

    id: str = _id()


@dataclass(frozen=True)
class Footer:
    """More words for the footer, as HTML like ``Text``.

    The footer itself is in every mail, with the postal address and the link to
    unsubscribe, whether this block is there or not, and always at the end.
    """

    html: str = ""
    id: str = _id()


Block: TypeAlias = Heading | Text | Image | Button | Items | Divider | Footer


@dataclass(frozen=True, kw_only=True)
class Document:
    """One email in one language, as its editor wrote it."""

    subject: str
    preheader: str = ""
    blocks: tuple[Block, ...] = ()
    #: BCP 47, for example "en" or "pt-br".
    language: str = "en"


@dataclass(frozen=True, kw_only=True)
class Style:
    """How mails look. Values may be Liquid: then one version serves every brand.

    Colours are ``#rrggbb``, nothing shorter, since Outlook knows nothing else.
    """

    color_primary: str = "{{ shop.color_primary }}"
    color_on_primary: str = "{{ shop.color_on_primary }}"
    color_text: str = "{{ shop.color_text }}"
    color_background: str = "{{ shop.color_background }}"
    font_family: str = "{{ shop.font_family }}"
    color_card: str = "#ffffff"
    color_muted: str = "#6b6b6b"
    color_line: str = "#e6e3de"
    color_tile: str = "#f3f1ed"


@dataclass(frozen=True, kw_only=True)
class Diagnostic:
    """One thing that is wrong or doubtful, and where."""

    #: The block's id; "" for the mail as a whole.
    block: str = ""
    #: subject, preheader, text, label, link, image ...
    field: str = ""
    severity: Literal["error", "warning"] = "error"
    code: str
    #: For a person, says what to do.
    message: str

    def as_json(self) -> dict[str, str]:
        """Return it as a plain dict."""
        return {
            "block": self.block,
            "field": self.field,
            "severity": self.severity,
            "code": self.code,
            "message": self.message,
        }


@dataclass(frozen=True, kw_only=True)
class CompiledEmail:
    """Liquid templates ready to be rendered once per recipient, and what was found."""

    subject: str
    preheader: str
    html: str
    text: str
    #: Variable paths used, at most two names deep: "basket.lines", "contact.first_name".
    variables: tuple[str, ...]
    #: Link targets in order of appearance, Liquid included.
    links: tuple[str, ...]
    compiler: str
    diagnostics: tuple[Diagnostic, ...]

    @property
    def ok(self) -> bool:
        """True when nothing forbids sending it."""
        return not self.errors

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        """What must be repaired first."""
        return tuple(found for found in self.diagnostics if found.severity == "error")

    @property
    def warnings(self) -> tuple[Diagnostic, ...]:
        """What is doubtful and forbids nothing."""
        return tuple(found for found in self.diagnostics if found.severity == "warning")

    @property
    def digest(self) -> str:
        """SHA-256, hex, of what is sent; of the faults too when it cannot be sent."""
        parts = [self.subject, self.preheader, self.html, self.text]
        if not self.ok:
            parts += [f"{found.block} {found.field} {found.message}" for found in self.errors]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()
