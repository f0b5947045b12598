"""Liquid as editors may use it: what it cannot reach, and what it may cost."""

from __future__ import annotations

import pytest

from saleor_automation.exceptions import CompileError, RenderError
from saleor_automation.rendering.liquid import HTML, TEXT, liquid_parse, liquid_render, liquid_use


def text(source: str, **context: object) -> str:
    return liquid_render(liquid_parse(source, TEXT), context)


def html(source: str, **context: object) -> str:
    return liquid_render(liquid_parse(source, HTML), context)


class Dangerous:
    secret = "hidden"
    called = False

    def delete(self) -> str:
        Dangerous.called = True
        return "deleted"


@pytest.mark.parametrize(
    "path", ["o.secret", "o.delete", "o.__class__", "o.__init__.__globals__", "s.upper", "d.items"]
)
def test_python_objects_are_out_of_reach(path: str) -> None:
    assert text("{{ " + path + " }}", o=Dangerous(), s="x", d={"a": 1}) == ""
    assert not Dangerous.called


@pytest.mark.parametrize(
    "source",
    [
        "{% for i in (1..100000000) %}x{% endfor %}",
        "{% for i in (1..1000) %}{% for j in (1..1000) %}x{% endfor %}{% endfor %}",
        "{{ (1..100000000) | join }}",
        "{{ (1..100000000) | sort | first }}",
        "{{ (1..100000000) | reverse }}",
        "{% assign a = 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx' %}"
        + "{% assign a = a | append: a | append: a | append: a %}" * 12,
        "{% assign a = '" + "x" * 15_000 + "' %}{% assign a = a | replace: 'x', a %}{{ a }}",
        "{% assign a = '" + "x" * 15_000 + "' %}{{ (1..900) | join: a }}",
        "{{ 9999999999 | times: 9999999999 | times: 9999999999 }}",
        "{{ 1.5 | round: 100000000 }}",
        "{% assign a = '" + "x" * 10_000 + "' %}{% for i in (1..1900) %}{{ a }}{% endfor %}",
        "{{ '1e999999' | money: 'MYR' }}",
        "{{ 'now' | date }}",
    ],
)
def test_what_would_cost_too_much_stops(source: str) -> None:
    with pytest.raises(RenderError, match="cannot be filled in"):
        text(source)


def test_nesting_has_an_end() -> None:
    depth = 40
    with pytest.raises((CompileError, RenderError)):
        text("{% if true %}" * depth + "x" + "{% endif %}" * depth)


@pytest.mark.parametrize(
    "tag", ["include 'x'", "render 'x'", "tablerow i in a", "increment a", "liquid echo 1"]
)
def test_tags_that_are_not_on_the_list_do_not_parse(tag: str) -> None:
    with pytest.raises(CompileError):
        liquid_parse("{% " + tag + " %}", TEXT)


def test_an_error_does_not_quote_the_mail() -> None:
    secret = "the mail's own long text " * 50
    with pytest.raises(CompileError) as caught:
        liquid_parse(secret + "{{ a | }}{% if %}", TEXT)
    assert "own long text" not in str(caught.value)


def test_values_are_escaped_and_never_read_as_liquid() -> None:
    name = "{{ 7 | times: 7 }}<script>alert('x')</script>"
    written = html('<p title="{{ n }}">{{ n }}</p>', n=name)
    assert "49" not in written
    assert "<script" not in written
    assert written.count("{{ 7 | times: 7 }}&lt;script&gt;") == 2
    assert text("{{ n }}", n=name) == name


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ n | default: 'there' }}", "there"),
        ("{{ a | upcase }} {{ a | capitalize }} {{ a | truncate: 3, '' }}", "ABCD Abcd abc"),
        ("{{ l | map: 'x' | join: ', ' }}", "1, 2"),
        ("{{ '1234.5' | money: 'MYR' }}", "RM\u00a01,234.50"),
        ("{{ '1234' | money: 'JPY' }}", "¥1,234"),
        ("{{ when | date }}", "3 March 2026"),
        ("{{ when | date: '%d/%m/%Y %-H.%M %p %%' }}", "03/03/2026 9.05 AM %"),
        ("{{ when | date: '%-d %B' }}", "3 March"),
        ("{{ 10 | divided_by: 4.0 | round: 1 }}", "2.5"),
        ("{{ a | replace: 'b', 'X' }}", "aXcd"),
        ("{{ 'a b' | url_encode }}", "a+b"),
        ("{{ missing.deeper.still }}|{{ missing | money: 'MYR' }}|{{ missing | date }}", "||"),
    ],
)
def test_filters(source: str, expected: str) -> None:
    context = {"a": "abcd", "n": "", "l": [{"x": 1}, {"x": 2}], "when": "2026-03-03T09:05:00+08:00"}
    assert text(source, language="en", **context) == expected


def test_money_and_date_follow_the_mails_language() -> None:
    source = "{{ '1234.5' | money: 'EUR' }} {{ '2026-03-03' | date }}"
    assert text(source, language="de") == "1.234,50\u00a0€ 3. März 2026"
    assert text(source, language="ms") == "€1,234.50 3 Mac 2026"


def test_use_names_variables_in_every_branch_but_not_the_loops_own() -> None:
    use = liquid_use(
        liquid_parse(
            "{% if a.b %}{{ c.d.e | nonsense }}{% else %}{{ f['g'] }}{% endif %}"
            "{% for line in basket.lines %}{{ line.name }}{% endfor %}{% assign x = 1 %}{{ x }}",
            TEXT,
        )
    )
    assert use.variables == {"a.b", "c.d", "f.g", "basket.lines"}
    assert use.filters == {"nonsense"}
