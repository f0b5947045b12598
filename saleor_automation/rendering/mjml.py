"""MJML to HTML: the one place that calls mrml.

Knows MJML's tags and mrml's traps. Must not know blocks, brands or Liquid; the
source may hold tokens (see ``tokens``), never customers' data.

mrml accepts unknown tags silently, ends the process with a stack overflow on deep
nesting, which nothing can catch, and omits ``alt`` when it is not given; so the
source is looked at first.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser
from importlib.metadata import version

import mjml

from saleor_automation.exceptions import CompileError

__all__ = ["COMPILER", "mjml_compile"]

MAX_SOURCE = 200_000
MAX_DEPTH = 60
#: Part of every compiled email, so that history says what made it.
COMPILER = f"mjml-python-{version('mjml-python')}"

_MJML = (
    "mjml mj-head mj-title mj-preview mj-attributes mj-all mj-style mj-raw mj-body mj-wrapper "
    "mj-section mj-column mj-group mj-text mj-table mj-image mj-button mj-divider mj-spacer"
)
_HTML = "a b br div em h1 h2 h3 i img li meta ol p span strong table tbody td th tr u ul"
MJML_TAGS = frozenset(_MJML.split())
HTML_TAGS = frozenset(_HTML.split())
_VOID = frozenset({"br", "img", "meta"})
_SHORT_COLOR = re.compile(r'(="|:\s*)#([0-9a-fA-F])([0-9a-fA-F])([0-9a-fA-F])(?=["; ])')
_NEEDS_ALT = frozenset({"img", "mj-image"})


class _Guard(HTMLParser):
    """Walk the tags once, without a tree: depth, names, alt."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.depth = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._look(tag, attrs)
        if tag not in _VOID:
            self.depth += 1
            if self.depth > MAX_DEPTH:
                raise CompileError(
                    f"The email is nested more than {MAX_DEPTH} levels deep. Use fewer blocks "
                    "inside each other."
                )

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._look(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if tag not in _VOID:
            self.depth -= 1

    def _look(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in MJML_TAGS and tag not in HTML_TAGS:
            raise CompileError(f"<{tag[:40]}> is not allowed in an email. Take it out.")
        names = {name for name, _ in attrs}
        if tag in _NEEDS_ALT and "alt" not in names:
            raise CompileError("An image has no alt text. Add one; it may be empty.")
        if bad := sorted(name for name in names if name.startswith("on")):
            raise CompileError(f"Scripts ({bad[0]}) do not work in emails. Take them out.")


def mjml_compile(source: str) -> str:
    """Return the HTML of an MJML document.

    Raises CompileError when the source is too large, too deep, holds a tag that is
    not on the list or is not well-formed.
    """
    if len(source) > MAX_SOURCE:
        raise CompileError(
            f"The email is too long: {len(source):,} characters, at most {MAX_SOURCE:,}. "
            "Split it into two emails."
        )
    guard = _Guard()
    guard.feed(source)
    guard.close()
    if not hasattr(mjml, "mjml2html"):
        raise CompileError(
            "The module 'mjml' is not mjml-python: three packages on PyPI own that name. "
            "Run: pip uninstall -y mjml django-mjml && pip install --force-reinstall mjml-python"
        )
    # Outlook on Windows knows #rrggbb only.
    full = _SHORT_COLOR.sub(r"\1#\2\2\3\3\4\4", source)
    try:
        # An empty font list: the default one links to Google Fonts when a name matches.
        return mjml.mjml2html(full, disable_comments=True, fonts={})
    except ValueError as error:
        raise CompileError(f"The email's layout cannot be read: {error}") from error
