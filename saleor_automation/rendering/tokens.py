"""Carry Liquid and dynamic values through MJML unharmed, as ASCII tokens.

Knows text and bytes. Must not know MJML's tags or what a variable means.

mrml writes attributes with Rust's debug formatting, so a no-break space, an emoji's
variation selector or Thai text in an attribute becomes an escape sequence in the
mail, and ``<`` inside ``{{ }}`` is a parse error. A token, ``lqx<hex>xql``, is plain
ASCII, so nothing on the way touches it; ``restore`` puts the value back.
"""

from __future__ import annotations

import re
from html import escape

__all__ = ["LIQUID", "attr", "encode", "restore", "text", "without_liquid"]

#: One Liquid output or tag.
LIQUID = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.S)
_ENCODED = re.compile(r"lqx([0-9a-f]*)xql")
# What XML 1.0 forbids; mrml refuses the whole mail for one of them.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def encode(value: str) -> str:
    """Return ``value`` as one token."""
    return f"lqx{value.encode().hex()}xql"


def restore(html: str) -> str:
    """Put every token's value back."""
    return _ENCODED.sub(lambda match: bytes.fromhex(match.group(1)).decode(), html)


def attr(value: str) -> str:
    """Return a whole attribute value as one token, what is not Liquid HTML-escaped."""
    parts: list[str] = []
    for static, liquid in _split(_CONTROL.sub("", value)):
        parts += [escape(static), liquid]
    return encode("".join(parts))


def text(value: str) -> str:
    """Return plain text for a text node: Liquid as tokens, the rest HTML-escaped."""
    parts: list[str] = []
    for static, liquid in _split(_CONTROL.sub("", value)):
        # Somebody may type what looks like a token; it must come out as typed.
        typed = _ENCODED.sub(lambda match: encode(match.group()), escape(static, quote=False))
        parts += [typed, encode(liquid) if liquid else ""]
    return "".join(parts)


def without_liquid(value: str) -> str:
    """Return ``value`` with every complete Liquid output and tag taken out."""
    return LIQUID.sub("", value)


def _split(value: str) -> list[tuple[str, str]]:
    """Cut ``value`` into (static, liquid) pairs; the last pair's liquid is ""."""
    pairs: list[tuple[str, str]] = []
    end = 0
    for match in LIQUID.finditer(value):
        pairs.append((value[end : match.start()], match.group()))
        end = match.end()
    pairs.append((value[end:], ""))
    return pairs
