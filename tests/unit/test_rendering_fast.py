"""Templates made into functions say what the library says, limits and errors included."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markupsafe import Markup

from saleor_automation.exceptions import CompileError, RenderError
from saleor_automation.rendering.fast import fast_make
from saleor_automation.rendering.liquid import (
    HTML,
    STRICT,
    TEXT,
    EmailEnvironment,
    liquid_compile,
    liquid_parse,
    liquid_render,
)

SHOP = {"shop": {"name": "<Fold> {{ x }}", "url": "https://shop.example", "logo": "", "s": " "}}
ENVIRONMENTS = pytest.mark.parametrize("environment", [HTML, TEXT], ids=["html", "text"])


def said(render: Callable[[Mapping[str, Any]], str], context: Mapping[str, Any]) -> str:
    try:
        return render(context)
    except RenderError as error:
        return f"refused: {error}"


def both(source: str, environment: EmailEnvironment, context: Mapping[str, Any]) -> str:
    """Return what is rendered, the same by us, by us knowing the shop, and by the library."""
    template = liquid_parse(source, environment)
    expected = said(lambda values: liquid_render(template, values), context)
    assert said(liquid_compile(source, environment, {}), context) == expected
    assert said(liquid_compile(source, environment, SHOP), context) == expected
    return expected


def is_fast(source: str, environment: EmailEnvironment = HTML) -> bool:
    return fast_make(liquid_parse(source, environment), SHOP) is not None


CONTEXT: dict[str, Any] = {
    **SHOP,
    "language": "en",
    "s": "<&>'\"",
    "n": 1234567890123,
    "f": 1.5,
    "t": True,
    "no": False,
    "none": None,
    "empty": "",
    "space": " \n",
    "nothing": [],
    "markup": Markup("<b>bold</b>"),
    "long": "x" * 20_001,
    "l": ["<a>", {"x": "y&", "l": [1, 2]}, None, 3],
    "d": {"a": "<1>", "b": {"c": 5}, "size_of": "", "first": "1st"},
    "key": "a",
    "i": "outer",
}
PATHS = """
    s n f t no none empty space nothing markup long l d d.a d.b d.size d.first d.missing d.b.c
    d.b.c.e l.size l.first l[0] l[1].x s.size s.first d['a'] d[key] missing missing.more i i.x
    shop shop.name shop.url shop.logo shop.s shop.missing forloop.index now.year partial
""".split()  # noqa: SIM905 - forty words are read best as words


@ENVIRONMENTS
@pytest.mark.parametrize("path", PATHS)
def test_every_kind_of_path_says_the_same(path: str, environment: EmailEnvironment) -> None:
    source = (
        "{{ p }}|{% if p %}y{% endif %}{% if p == blank %}b{% endif %}"
        "{% if p != empty %}e{% endif %}"
        "{{ p | upcase }}{{ p | default: '<none>' }}{% for i in l %}{{ i }}{{ i.x }}{{ p }}"
        "{% endfor %}{% for x in p %}({{ x }}){% else %}-{% endfor %}"
    ).replace("p ", f"{path} ")
    both(source, environment, CONTEXT)
    both(source + "{% assign s = 'new' %}" + source, environment, CONTEXT)


words = st.sampled_from(["", " ", "word ", "<b>", "\n", "{ ", "&amp;", "'\"", "%}"])
paths = st.sampled_from([*PATHS, "x", "x.x", "x.l", "y", "y.x"])
filters = st.sampled_from(
    [
        "",
        " | default: 'friend'",
        ' | default: "<i>"',
        " | default: i, allow_false: true",
        " | upcase",
        " | newline_to_br",
        " | money: 'MYR'",
        " | date",
        " | size",
        " | default: 'a' | append: s",
        " | map: 'x' | join: '<'",
        " | plus: 1",
    ]
)
literals = st.sampled_from(["blank", "empty", "nil", "'<'", "''", "1", "1.5", "true", "false", "i"])
operators = st.sampled_from(["==", "!=", "<", ">=", "contains"])
conditions = st.recursive(
    paths
    | st.builds("{} {} {}".format, paths, st.sampled_from(["==", "!="]), literals)
    | st.builds("{} {} {}".format, paths | literals, operators, paths | literals),
    lambda inner: st.builds("{} {} {}".format, inner, st.sampled_from(["and", "or"]), inner),
    max_leaves=3,
)
leaves = (
    words
    | st.builds("{{{{ {}{} }}}}".format, paths, filters)
    | st.sampled_from(
        [
            "{% comment %} {{ s }} {% endcomment %}",
            "{% raw %}{{ s }}{% endraw %}",
            "{{ 'text<' }}",
            "{{ forloop.index }}{{ forloop.last }}",
            "{%- if s -%} trim {%- endif -%}",
        ]
    )
)


def with_tags(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    body = st.lists(inner, max_size=3).map("".join)
    return (
        st.builds("{{% if {} %}}{}{{% endif %}}".format, conditions, body)
        | st.builds("{{% if {} %}}{}{{% else %}}{}{{% endif %}}".format, conditions, body, body)
        | st.builds(
            "{{% if {} %}}{}{{% elsif {} %}}{}{{% else %}}{}{{% endif %}}".format,
            conditions, body, conditions, body, body,
        )
        | st.builds(
            "{{% unless {} %}}{}{{% else %}}{}{{% endunless %}}".format, conditions, body, body
        )
        | st.builds(
            "{{% for {} in {} %}}{}{{% endfor %}}".format, st.sampled_from("xyi"), paths, body
        )
        | st.builds(
            "{{% for {} in {} {} %}}{}{{% else %}}{}{{% endfor %}}".format,
            st.sampled_from(["x", "shop", "l"]), paths,
            st.sampled_from(["", "limit: 1", "reversed", "offset: 1"]), body, body,
        )
        | st.builds(
            "{{% assign {} = {}{} %}}{}".format,
            st.sampled_from(["x", "s", "shop"]), paths, filters, body,
        )
        | st.builds("{{% capture x %}}{}{{% endcapture %}}{}".format, body, body)
        | st.builds(
            "{{% for x in l %}}{}{{% if x %}}{{% break %}}{{% endif %}}{{% endfor %}}".format, body
        )
    )  # fmt: skip


templates = st.lists(st.recursive(leaves, with_tags, max_leaves=8), max_size=5).map("".join)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(0, 2) | words,
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["x", "l", "a", "size"]), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
contexts = st.dictionaries(
    st.sampled_from(["s", "l", "d", "i", "x", "y", "n", "key", "language", "now"]), values
).map(lambda some: {**CONTEXT, **some, **SHOP})


@ENVIRONMENTS
@settings(max_examples=400, deadline=None)
@given(source=templates, context=contexts)
def test_any_template_says_the_same(
    environment: EmailEnvironment, source: str, context: dict[str, Any]
) -> None:
    try:
        liquid_parse(source, environment)
    except CompileError:
        with pytest.raises(CompileError):
            liquid_compile(source, environment, SHOP)
        return
    both(source, environment, context)


@pytest.mark.parametrize(
    ("source", "fast"),
    [
        ("{{ s | default: 'x' }}{% if s != blank and d.a %}{{ n | date }}{% endif %}", True),
        ("{% for x in l %}{% for y in x.l %}{{ y }}{% endfor %}{% else %}-{% endfor %}", True),
        ("{% if n > 1 %}a{% elsif s == 'b' %}b{% endif %}{% comment %}c{% endcomment %}", True),
        ("{% assign s = 1 %}{{ s }}", False),
        ("{% for x in l %}{{ forloop.index }}{% endfor %}", False),
        ("{% for x in l limit: 2 %}{{ x }}{% endfor %}", False),
        ("{% for a in l %}" * 3 + "x" + "{% endfor %}" * 3, False),
    ],
)  # fmt: skip
def test_what_goes_fast(source: str, fast: bool) -> None:
    assert is_fast(source) is fast
    assert not is_fast(source, STRICT)


@ENVIRONMENTS
@pytest.mark.parametrize(
    ("source", "refused"),
    [
        ("{% for x in many %}x{% endfor %}", "loop iteration limit"),
        ("{% for x in fifty %}{% for y in fifty %}x{% endfor %}{% endfor %}", "loop iteration"),
        ("{% for x in fifty %}{% for y in forty %}x{% endfor %}{% endfor %}", ""),
        ("{% for x in fifty %}{{ long }}{% endfor %}", "too long"),
        ("{% for x in fifty %}" + "y" * 20_001 + "{% endfor %}", "too long"),
        ("{% for x in fifty %}" + "y" * 19_000 + "{% endfor %}", ""),
        ("{{ long }}" * 51, "too long"),
        ("x" * 1_000_001, "too long"),
        ("{{ long | default: 'x' }}", "too large for a filter"),
        ("{{ '1e999999' | money: 'MYR' }}", "cannot be filled in"),
        ("{% if s < n %}x{% endif %}", "not supported between"),
        ("{% if s and s < n %}x{% endif %}", "not supported between"),
        ("{% if no and s < n %}x{% endif %}", ""),
    ],
)  # fmt: skip
def test_limits_and_errors_stay(source: str, refused: str, environment: EmailEnvironment) -> None:
    context = {**CONTEXT, "many": [0] * 2001, "fifty": [0] * 50, "forty": [0] * 40}
    assert is_fast(source, environment)
    result = both(source, environment, context)
    assert refused in result
    assert result.startswith("refused") is bool(refused)


def test_words_of_a_template_never_become_source() -> None:
    wicked = (
        "'''\"\"\"\\\n#{{ s['\\'); import os #'] }}"
        "{% if s == '\"); x(' %}{{ g }}{{ k0 }}{% endif %}"
    )
    for source in (wicked, wicked.replace("s[", "g[").replace("s ==", "p ==")):
        assert both(source, TEXT, {"p": '"); x('}).startswith("'''\"\"\"\\\n#")


def test_deep_nesting_is_left_to_the_library() -> None:
    branches = "".join("{% elsif n == '" + str(number) + "' %}" for number in range(200))
    source = "{% if none %}" + branches + "{% else %}end{% endif %}"
    assert both(source, HTML, CONTEXT) == "end"
