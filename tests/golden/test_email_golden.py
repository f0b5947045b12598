"""Whole compiled emails, compared with ones a person has looked at.

After a wanted change of the look run ``GOLDEN_WRITE=1 pytest tests/golden``, open the
HTML files in a browser, and commit them with the change.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from saleor_automation.rendering.compiler import compile_email
from saleor_automation.rendering.document import (
    Button,
    CompiledEmail,
    Divider,
    Document,
    Footer,
    Heading,
    Image,
    Items,
    Style,
    Text,
)

FOLDER = Path(__file__).parent / "emails"

BASKET = Document(
    subject="Your basket is still here, {{ contact.first_name | default: 'friend' }}",
    preheader="We kept everything as you left it.",
    blocks=(
        Heading("We kept your basket"),
        Text(
            "<p>Hi {{ contact.first_name | default: 'there' }},</p>"
            "<p>You left <b>{{ basket.quantity }}</b> things at {{ shop.name }}. "
            "<a href='/help'>Questions?</a> Just reply to this email, a person will answer.</p>"
        ),
        Items("basket"),
        Button("Back to my basket", "{{ basket.url }}"),
        Footer("<p>You get this because you have an account with us.</p>"),
    ),
    language="en",
)
EVERYTHING = Document(
    subject="Pesanan #{{ order.number }} – terima kasih 🎉",
    preheader="Semua butiran di bawah.",
    blocks=(
        Heading("Terima kasih, {{ contact.first_name }}"),
        Image("https://studio.example/media/a b.png", alt='Buku "A5" ❤️ 1\u00a0000 ไทย', width=400),
        Image("https://studio.example/media/c.jpg", link="/jualan"),
        Divider(),
        Heading("Apa yang anda pesan", large=False),
        Items("order", show_images=False),
        Text("<ul><li>Satu &amp; dua</li><li>Tiga &lt; empat</li></ul><ol><li>Mula</li></ol>"),
        Text("<p>{% if order.quantity > 1 %}</p><p>Banyak.</p><p>{% endif %}</p>"),
    ),
    language="ms",
)
RIGHT_TO_LEFT = Document(
    subject="سلتك",
    blocks=(Heading("سلتك في انتظارك"), Items("basket"), Button("إلى السلة", "{{ basket.url }}")),
    language="ar",
)
EMAILS = {"basket": BASKET, "everything": EVERYTHING, "right-to-left": RIGHT_TO_LEFT}


def same(path: Path, text: str) -> bool:
    if os.environ.get("GOLDEN_WRITE"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return path.read_text(encoding="utf-8") == text


@pytest.mark.parametrize("name", EMAILS)
def test_compiles_to_what_was_looked_at(name: str) -> None:
    compiled: CompiledEmail = compile_email(EMAILS[name], Style())
    assert compiled.diagnostics == ()
    # One long line in the mail; one tag per line here, so that a change can be read.
    assert same(FOLDER / f"{name}.html", compiled.html.replace("><", ">\n<"))
    assert same(FOLDER / f"{name}.txt", compiled.text)
