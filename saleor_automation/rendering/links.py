"""Where the links of an email lead.

Knows addresses and which of them an email may hold. Must not know tracking or how
a page is served.
"""

from __future__ import annotations

import re
from functools import lru_cache
from html import unescape
from html.parser import HTMLParser
from urllib.parse import urlsplit

from . import tokens

__all__ = [
    "is_web_address",
    "link_is_allowed",
    "link_normalise",
    "link_when",
    "links_collect",
]

_VARIABLE = re.compile(r"\{\{-?\s*([A-Za-z_][\w.]*)")
_DEFAULT = re.compile(r"\{\{[^}]*\|\s*default\b")


def link_normalise(link: str) -> str:
    """Return the link as it goes into the mail.

    "/sale" is a page of the shop. "/{{ basket.url }}" is how a variable gets past
    the rich text editor's link form, which takes addresses and paths only.
    """
    link = link.strip()
    if link.startswith("/") and link.lstrip("/").startswith("{{"):
        return link.lstrip("/")
    if link.startswith("/") and not link.startswith("//"):
        return "{{ shop.url }}" + link
    return link


def link_is_allowed(link: str) -> bool:
    """Say whether a normalised link may stand in a mail.

    A variable may begin it only when its name says that it holds an address: it
    ends in "url" or belongs to ``links``. A customer's name must not become one.
    """
    if match := _VARIABLE.match(link):
        path = match.group(1)
        return path.startswith("links.") or path.endswith((".url", "_url"))
    static = tokens.without_liquid(link)
    if re.search(r"[\s<>\"']", static):
        return False
    if static.startswith("mailto:"):
        return "@" in link or "{{" in link
    if static.startswith("tel:"):
        return len(link) > 4
    return link.startswith(("http://", "https://")) and len(link) > 8


def link_when(link: str) -> str:
    """Return the Liquid tag that begins what only a normalised link with a target may show.

    "" when the link always has one: it begins with an address, or with a variable that
    has a ``default``. ``{% endif %}`` ends it.
    """
    match = _VARIABLE.match(link)
    if match is None or _DEFAULT.match(link):
        return ""
    return "{% if " + match.group(1) + " != blank %}"


@lru_cache(maxsize=4096)
def is_web_address(value: str) -> bool:
    """Say whether a value from elsewhere (a brand, Saleor) may be a link or an image."""
    try:
        parts = urlsplit(value)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.netloc)


class _Collector(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: dict[str, None] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        href = dict(attrs).get("href")
        if tag == "a" and href:
            self.links.setdefault(unescape(tokens.restore(href)))


def links_collect(html: str) -> tuple[str, ...]:
    """Return the targets in ``html``, each once, in order of appearance.

    ``html`` must still hold its tokens: Liquid is not HTML.
    """
    collector = _Collector()
    collector.feed(html)
    collector.close()
    return tuple(collector.links)
