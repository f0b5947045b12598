"""Tokens: nothing an editor or a customer writes is changed on the way through mrml."""

from __future__ import annotations

from html import unescape
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saleor_automation.rendering import tokens
from saleor_automation.rendering.compiler import compile_email
from saleor_automation.rendering.document import Document, Image, Style, Text
from saleor_automation.rendering.mail import mail_fill, mail_parse

HOSTILE = [
    "❤️",
    "1\u00a0000\u202f€",
    "👩‍💻 family 👨‍👩‍👧",
    "ภาษาไทย กำลังทดสอบ",
    "हिन्दी",
    "مَرْحَبًا",
    "e\u0301 decomposed",
    "quotes \" and ' and `",
    "back\\slash \\n \\u{1}",
    "a < b > c & d &amp; e",
    "tab\tand\nnewline",
    "lqx41xql typed",
    "</title><script>alert(1)</script>",
    "{ not liquid } %} }",
]


class Alts(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.alts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "img" and (values.get("src") or "").endswith("x.png"):
            self.alts.append(values["alt"] or "")


def through_mrml(value: str) -> tuple[str, str]:
    """Return the value as a mail program reads it from an attribute, and the HTML."""
    document = Document(subject="s", blocks=(Image("https://shop.example/x.png", alt=value),))
    compiled = compile_email(document, Style())
    assert compiled.ok, compiled.diagnostics
    html = mail_fill(
        mail_parse(subject=compiled.subject, html=compiled.html, text=compiled.text), {}
    ).html
    reader = Alts()
    reader.feed(html)
    return reader.alts[0], html


@pytest.mark.parametrize("value", [value for value in HOSTILE if "%}" not in value])
def test_a_hostile_attribute_comes_out_as_it_went_in(value: str) -> None:
    read, html = through_mrml(value)
    assert read == value
    assert "<script" not in html
    assert "lqx41xql" not in html.replace(value, "")


@pytest.mark.parametrize("value", [value for value in HOSTILE if "%}" not in value])
def test_a_hostile_text_comes_out_as_it_went_in(value: str) -> None:
    html = f"<p>{value.replace('&', '&amp;').replace('<', '&lt;').replace('>', '&gt;')}</p>"
    compiled = compile_email(Document(subject="s", blocks=(Text(html),)), Style())
    assert compiled.ok, compiled.diagnostics
    assert value in unescape(compiled.html)
    assert "<script" not in compiled.html


@given(st.text())
def test_text_and_attribute_survive_and_stay_ascii(value: str) -> None:
    clean = tokens._CONTROL.sub("", value)
    token = tokens.attr(value)
    assert token.isascii()
    assert token.isalnum()
    if not tokens.LIQUID.search(clean):
        # Exactly, though the text itself may look like an entity, as "&#0" does.
        assert unescape(tokens.restore(token)) == clean
    restored = tokens.restore(tokens.text(value))
    if not tokens.LIQUID.search(clean):
        assert restored.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") == clean


def test_liquid_stays_as_written_and_the_rest_is_escaped() -> None:
    value = "<b>{{ a | append: \"<'x'>\" }}</b>{% if a < b %}&{% endif %}"
    restored = tokens.restore(tokens.text(value))
    assert restored == (
        "&lt;b&gt;{{ a | append: \"<'x'>\" }}&lt;/b&gt;{% if a < b %}&amp;{% endif %}"
    )
    assert tokens.restore(tokens.attr(value)) == restored


def test_a_typed_token_is_not_taken_for_ours() -> None:
    typed = tokens.encode("{{ secret }}")
    assert tokens.restore(tokens.text(typed)) == typed
    assert tokens.restore(tokens.attr(typed)) == typed
