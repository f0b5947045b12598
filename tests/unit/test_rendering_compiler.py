"""From a document to templates: what is refused, and what one person gets."""

from __future__ import annotations

from typing import Any

import pytest

from saleor_automation.rendering.compiler import compile_email
from saleor_automation.rendering.document import (
    Button,
    CompiledEmail,
    Document,
    Footer,
    Heading,
    Image,
    Items,
    Style,
    Text,
)
from saleor_automation.rendering.mail import RenderedMail, mail_fill, mail_parse

PATHS = (
    "contact.first_name shop.name shop.url shop.logo_url shop.postal_address shop.color_primary "
    "shop.color_on_primary shop.color_text shop.color_background shop.font_family basket.lines "
    "basket.total basket.sold_out basket.url links.unsubscribe links.view"
)
KNOWN = frozenset(PATHS.split())
CONTEXT: dict[str, Any] = {
    "language": "en",
    "contact": {"first_name": "Aisyah"},
    "shop": {
        "name": "Kedai & Sons",
        "url": "https://shop.example",
        "logo_url": "",
        "postal_address": "12 Jalan <Tun> Razak\n50400 Kuala Lumpur",
        "color_primary": "#1f4b3f",
        "color_on_primary": "#ffffff",
        "color_text": "#222222",
        "color_background": "#f4f1ec",
        "font_family": "Helvetica",
    },
    "basket": {
        "lines": [
            {
                "name": 'Notebook "A5" & pen',
                "variant": "Green",
                "quantity": 2,
                "left": "1",
                "price": "RM\u00a059.80",
                "image_url": "https://shop.example/a.jpg?x=1&y=2",
            },
            {
                "name": "Tape",
                "variant": "",
                "quantity": 1,
                "left": "",
                "price": "RM\u00a06.00",
                "image_url": "",
            },
        ],
        "total": "RM\u00a065.80",
        "sold_out": "Fountain <Pen>",
        "url": "https://shop.example/checkout?id=1&x=2",
    },
    "links": {
        "unsubscribe": "https://studio.example/m/abc/unsubscribe",
        "preferences": "https://studio.example/m/def/preferences",
        "view": "",
    },
}


def document(*blocks: Any, **changes: Any) -> Document:
    return Document(**{"subject": "Hello", "blocks": blocks or (Heading("Hello"),), **changes})


def compiled(*blocks: Any, **changes: Any) -> CompiledEmail:
    result = compile_email(document(*blocks, **changes), Style(), known=KNOWN, samples=[CONTEXT])
    assert result.ok, result.diagnostics
    return result


def filled(email: CompiledEmail, context: Any = CONTEXT) -> RenderedMail:
    return mail_fill(mail_parse(subject=email.subject, html=email.html, text=email.text), context)


def codes(*blocks: Any, **changes: Any) -> list[tuple[str, str, str]]:
    result = compile_email(document(*blocks, **changes), Style(), known=KNOWN, samples=[CONTEXT])
    if result.errors:
        assert (result.html, result.text) == ("", "")
    return [(found.block, found.field, found.code) for found in result.diagnostics]


def test_each_line_of_the_basket_is_shown_with_picture_name_quantity_and_price() -> None:
    mail = filled(compiled(Items("basket")))
    assert mail.html.count("<strong>Notebook &#34;A5&#34; &amp; pen</strong>") == 1
    assert 'src="https://shop.example/a.jpg?x=1&amp;y=2"' in mail.html
    assert 'alt="Notebook &#34;A5&#34; &amp; pen"' in mail.html
    assert "Quantity: 2" in mail.html
    assert "RM\u00a059.80" in mail.html
    assert mail.html.count("<img") == 1
    assert (
        '- 2 x Notebook "A5" & pen (Green): RM\u00a059.80 (In stock: 1)\n'
        "- 1 x Tape: RM\u00a06.00\nNo longer available: Fountain <Pen>\n" in mail.text
    )
    assert "Quantity: 2 · In stock: 1</span>" in mail.html
    assert "Quantity: 1</span>" in mail.html
    assert "No longer available: Fountain &lt;Pen&gt;</td>" in mail.html
    assert "Total: RM\u00a065.80" in mail.text


def test_an_empty_basket_shows_no_total() -> None:
    empty = {**CONTEXT, "basket": {**CONTEXT["basket"], "lines": []}}
    mail = filled(compiled(Items("basket")), empty)
    assert "Total" not in mail.html
    assert "Total" not in mail.text


@pytest.mark.parametrize("blocks", [(Heading("x"),), (Heading("x"), Footer("<p>More words</p>"))])
def test_address_and_unsubscribe_link_are_in_every_mail(blocks: tuple[Any, ...]) -> None:
    mail = filled(compiled(*blocks))
    assert "12 Jalan &lt;Tun&gt; Razak<br />\n50400 Kuala Lumpur" in mail.html
    assert 'href="https://studio.example/m/abc/unsubscribe"' in mail.html
    assert "12 Jalan <Tun> Razak\n50400 Kuala Lumpur" in mail.text
    assert "Unsubscribe: https://studio.example/m/abc/unsubscribe" in mail.text
    assert "View in browser" not in mail.html
    assert ("More words" in mail.html) == (len(blocks) == 2)


def test_a_footer_in_the_middle_goes_to_the_end() -> None:
    mail = filled(compiled(Footer("<p>Why you get this</p>"), Heading("The news")))
    assert mail.html.index("The news") < mail.html.index("Why you get this")
    assert mail.text.index("The news") < mail.text.index("Why you get this")


def test_a_transactional_mail_has_no_unsubscribe_link() -> None:
    mail = filled(compiled(), {**CONTEXT, "links": dict.fromkeys(CONTEXT["links"], "")})
    assert "nsubscribe" not in mail.html + mail.text


def test_a_name_is_only_ever_text() -> None:
    email = compiled(
        Heading("{{ contact.first_name }}"),
        Text("<p>{{ contact.first_name }}</p>"),
        Button("{{ contact.first_name }}", "https://shop.example/?n={{ contact.first_name }}"),
        Image("https://shop.example/a.png", alt="{{ contact.first_name }}"),
        subject="Hi {{ contact.first_name }}",
        preheader="{{ contact.first_name }}",
    )
    name = '{{ 7|times:7 }}"><script>x</script>{% if 1 %}\nBcc: a@example.com'
    mail = filled(email, {**CONTEXT, "contact": {"first_name": name}})
    assert "49" not in mail.subject + mail.text
    assert "<script" not in mail.html
    assert "\n" not in mail.subject
    assert mail.subject == 'Hi {{ 7|times:7 }}"><script>x</script>{% if 1 %} Bcc: a@example.com'


def test_rich_text_is_cleaned() -> None:
    mail = filled(
        compiled(
            Text(
                '<p onclick="x()" style="color:red">One<script>bad()</script> <b>two</b><p>Three'
                '<iframe src="x"></iframe><a href="/sale?a=1&amp;b=2">four</a>'
                '<a linktype="page" id="3">five</a>'
            )
        )
    )
    for gone in ("onclick", "<script", "bad()", "iframe", "color:red", "linktype"):
        assert gone not in mail.html
    assert "One <b>two</b></p>" in mail.html
    assert 'href="https://shop.example/sale?a=1&amp;b=2"' in mail.html
    assert "four <https://shop.example/sale?a=1&b=2>five" in mail.text


def test_conditions_may_span_paragraphs() -> None:
    email = compiled(
        Text(
            "<p>{% if contact.first_name == 'Aisyah' %}</p><p>You</p><p>{% else %}</p><p>Else</p>"
            "<p>{% endif %}</p>"
        )
    )
    assert "You" in filled(email).text
    assert "Else" not in filled(email).text
    assert "Else" in filled(email, {**CONTEXT, "contact": {"first_name": "B"}}).html


def test_links_are_collected_with_their_variables() -> None:
    email = compiled(
        Text('<p><a href="/a">a</a><a href="/{{ basket.url }}">b</a></p>'),
        Button("Go", "https://shop.example/{{ contact.first_name }}?a=1&b=2"),
    )
    assert email.links == (
        "{{ shop.url }}/a",
        "{{ basket.url }}",
        "https://shop.example/{{ contact.first_name }}?a=1&b=2",
        "{{ links.unsubscribe }}",
        "{{ links.preferences }}",
        "{{ links.view }}",
    )


@pytest.mark.parametrize("link", ["{{ basket.url }}", "{{ basket.url }}&from=mail"])
def test_what_leads_nowhere_is_left_out(link: str) -> None:
    email = compiled(
        Text("<p>Before</p>"),
        Button("Back to it", link),
        Text(f"<p>See <a href='{link}'>your <b>basket</b></a> now</p>"),
        Image("https://s.example/a.png", alt="Picture", link=link),
    )
    full = filled(email, {**CONTEXT, "basket": {"url": "https://s.example/c?x=1"}})
    assert full.html.count('href="https://s.example/c?x=1') == 3
    assert full.text.count("https://s.example/c?x=1") == 3
    empty = filled(email, {**CONTEXT, "basket": {"url": ""}})
    assert 'href=""' not in empty.html
    assert 'href="&amp;' not in empty.html
    assert "Back to it" not in empty.html + empty.text
    assert "See your <b>basket</b> now" in empty.html
    assert "See your basket now" in empty.text
    assert empty.html.count("a.png") == 1
    assert "<>" not in empty.text


def test_a_page_of_a_shop_without_a_website_is_left_out() -> None:
    email = compiled(Text("<p>Before</p>"), Button("Sale", "/sale"))
    without = {**CONTEXT, "shop": {**CONTEXT["shop"], "url": ""}}
    assert "Sale" not in filled(email, without).html
    assert "Sale" in filled(email).html


def test_a_link_with_a_default_always_leads_somewhere() -> None:
    link = "{{ basket.url | default: 'https://s.example' }}"
    email = compiled(Text("<p>Before</p>"), Button("Back", link))
    assert 'href="https://s.example"' in filled(email, {**CONTEXT, "basket": {"url": ""}}).html


def test_variables_are_listed() -> None:
    assert {"contact.first_name", "basket.lines", "shop.name"} <= set(
        compiled(Items("basket"), subject="{{ contact.first_name }}").variables
    )


def test_the_text_part_keeps_lines_short_and_variables_whole() -> None:
    words = "word {{ contact.first_name | default: 'some one with blanks' }} " * 30
    email = compiled(Text(f"<p>{words}</p>"))
    assert max(len(line) for line in filled(email).text.splitlines()) <= 78
    assert email.text.count("{{ contact.first_name | default: 'some one with blanks' }}") == 30


@pytest.mark.parametrize(
    ("blocks", "changes", "expected"),
    [
        ((), {"subject": "  "}, ("", "subject", "subject-missing")),
        ((Footer(),), {}, ("", "body", "body-missing")),
        ((Heading(" ", id="h"),), {}, ("h", "text", "text-missing")),
        ((Text("<p> </p>", id="t"),), {}, ("t", "text", "text-missing")),
        ((Button("", "/a", id="b"),), {}, ("b", "label", "label-missing")),
        ((Button("Go", "", id="b"),), {}, ("b", "link", "link-missing")),
        ((Image("", id="i"),), {}, ("i", "image", "image-missing")),
        ((Heading("{{ contact.first_name", id="h"),), {}, ("h", "text", "braces")),
        ((Text("<p>{{ contact.<b>first</b> }}</p>", id="t"),), {}, ("t", "text", "braces")),
        ((Heading("{% if x %}", id="h"),), {}, ("h", "text", "liquid-syntax")),
        ((Heading("{{ contact.first_name | }}", id="h"),), {}, ("h", "text", "liquid-syntax")),
        (
            (Heading("{{ contact.first_name | shout }}", id="h"),),
            {},
            ("h", "text", "filter-unknown"),
        ),
        ((Heading("{{ contact.name }}", id="h"),), {}, ("h", "text", "variable-unknown")),
        ((Heading("{{ customer }}", id="h"),), {}, ("h", "text", "variable-unknown")),
        ((Heading("{{ contact }}", id="h"),), {}, ("h", "text", "variable-unknown")),
        ((), {"subject": "{{ nobody }}"}, ("", "subject", "variable-unknown")),
        ((), {"preheader": "{{ nobody }}"}, ("", "preheader", "variable-unknown")),
        ((Items("order", id="o"),), {}, ("o", "source", "variable-unknown")),
        (
            (Heading("{% for l in basket.lines %}{{ l.nmae }}{% endfor %}", id="h"),),
            {},
            ("", "", "trial"),
        ),
        (
            (Text('<p><a href="/{{ nobody.url }}">x</a></p>', id="t"),),
            {},
            ("t", "text", "variable-unknown"),
        ),
    ],
)
def test_what_cannot_be_sent_is_said(
    blocks: tuple[Any, ...], changes: dict[str, Any], expected: tuple[str, str, str]
) -> None:
    assert expected in codes(*blocks, **changes)


@pytest.mark.parametrize(
    "link",
    [
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        "data:text/html,x",
        "//evil.example",
        "shop.example",
        "{{ contact.first_name }}",
        "{% if 1 %}https://shop.example{% endif %}",
        "https://shop.example/a b",
        'https://shop.example/"x',
        "mailto:nobody",
    ],
)
def test_links_that_lead_nowhere_good_are_refused(link: str) -> None:
    assert codes(Button("Go", link, id="b")) == [("b", "link", "link-bad")]


@pytest.mark.parametrize(
    "link",
    [
        "https://shop.example",
        "http://shop.example/a",
        "/sale",
        "mailto:a@shop.example",
        "tel:+60312345678",
        "{{ basket.url }}",
        "{{ shop.url }}/new",
        "{{ links.unsubscribe }}",
    ],
)
def test_good_links_are_allowed(link: str) -> None:
    assert codes(Button("Go", link, id="b")) == []


@pytest.mark.parametrize(
    ("subject", "says"),
    [
        ("{% if contact.first_name %}Hi", "“{% if contact.first_name %}” is not ended"),
        ("{% for x in basket.lines %}{% if x.name %}{% endfor %}", "“{% endfor %}” ends nothing"),
        ("Hi {% endif %}", "“{% endif %}” ends nothing"),
        ("Hi {{ contact.first_name | }}", "“{{ contact.first_name | }}” cannot be read"),
        ("{% fi contact %}", "There is no tag “{% fi contact %}”"),
        ("{% if contact.email = 1 %}a{% endif %}", "“{% if contact.email = 1 %}” cannot be read"),
        ("{% if contact.email %}a{% else %}b{% endif %}{{ x y }}", "“{{ x y }}” cannot be read"),
    ],
)
def test_what_liquid_cannot_read_is_named(subject: str, says: str) -> None:
    (found,) = compile_email(document(Text("<p>x</p>"), subject=subject), Style()).errors
    assert (found.field, found.code) == ("subject", "liquid-syntax")
    assert says in found.message


def test_asking_whether_there_is_a_basket_is_fine() -> None:
    assert codes(Text("<p>{% if basket %}{{ basket.total }}{% endif %}!</p>")) == []


def test_a_mail_gmail_would_clip_is_a_warning() -> None:
    blocks = [Text(f"<p>{'word ' * 3000}</p>") for _ in range(8)]
    assert codes(*blocks) == [("", "", "clipped")]


def test_digests_tell_contents_apart_and_nothing_else() -> None:
    first = compiled(Heading("A", id="one"))
    assert first.digest == compiled(Heading("A", id="two")).digest
    assert first.digest != compiled(Heading("B")).digest
    assert first.digest != compiled(Heading("A"), preheader="x").digest
    broken = compile_email(document(Heading("")), Style())
    assert broken.digest not in {first.digest, compile_email(document(Text("")), Style()).digest}
