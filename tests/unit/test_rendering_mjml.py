"""The guard in front of mrml: what would crash it, corrupt a mail or pass silently."""

from __future__ import annotations

import pytest

from saleor_automation.exceptions import CompileError
from saleor_automation.rendering.mjml import MAX_DEPTH, MAX_SOURCE, mjml_compile


def mail(inner: str) -> str:
    return (
        f"<mjml><mj-body><mj-section><mj-column>{inner}</mj-column></mj-section></mj-body></mjml>"
    )


def test_nesting_that_would_end_the_process_is_refused() -> None:
    deep = 5_000
    with pytest.raises(CompileError, match="levels deep"):
        mjml_compile(mail(f"<mj-text>{'<div>' * deep}{'</div>' * deep}</mj-text>"))


def test_nesting_below_the_limit_compiles() -> None:
    depth = MAX_DEPTH - 5
    html = mjml_compile(mail(f"<mj-text>{'<div>' * depth}x{'</div>' * depth}</mj-text>"))
    assert html.count("<div>") == depth


def test_a_huge_source_is_refused() -> None:
    with pytest.raises(CompileError, match="too long"):
        mjml_compile(mail(f"<mj-text>{'x' * MAX_SOURCE}</mj-text>"))


@pytest.mark.parametrize(
    "tag", ["script", "iframe", "mj-include", "mj-raw-html", "form", "style", "mj-social"]
)
def test_an_unknown_tag_is_refused(tag: str) -> None:
    with pytest.raises(CompileError, match=f"<{tag}>"):
        mjml_compile(mail(f"<mj-text><{tag}>x</{tag}></mj-text>"))


def test_event_handlers_are_refused() -> None:
    with pytest.raises(CompileError, match="onclick"):
        mjml_compile(mail('<mj-text><a href="x" onclick="y()">x</a></mj-text>'))


def test_an_image_needs_an_alt_even_an_empty_one() -> None:
    with pytest.raises(CompileError, match="alt text"):
        mjml_compile(mail('<mj-image src="https://shop.example/a.png" />'))
    assert 'alt=""' in mjml_compile(mail('<mj-image src="https://shop.example/a.png" alt="" />'))


def test_short_colours_become_long_ones_and_addresses_stay() -> None:
    html = mjml_compile(
        mail(
            '<mj-text color="#a1F">x</mj-text>'
            '<mj-button href="https://shop.example/#abc" background-color="#1f4b3f">y</mj-button>'
            '<mj-text><p style="color:#09c;margin:0">z</p></mj-text>'
        )
    )
    assert "color:#aa11FF" in html
    assert "color:#0099cc" in html
    assert "#1f4b3f" in html
    assert 'href="https://shop.example/#abc"' in html


def test_broken_markup_is_an_error_in_words() -> None:
    with pytest.raises(CompileError, match="layout cannot be read"):
        mjml_compile("<mjml><mj-body><mj-text></mj-body></mjml>")


def test_nothing_is_loaded_from_elsewhere() -> None:
    html = mjml_compile(mail('<mj-text font-family="Roboto, Open Sans, Lato">x</mj-text>'))
    assert "fonts.googleapis" not in html
