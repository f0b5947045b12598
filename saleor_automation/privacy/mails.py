"""The mail that asks whether a request about data is really the person's own.

Knows its words in two languages, and how they become an email version. Editors do not
change it: it is the proof of a request.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Final

from saleor_automation.emails.models import EmailVersion
from saleor_automation.emails.services import email_version_create
from saleor_automation.rendering.compiler import compile_email
from saleor_automation.rendering.document import Button, Document, Heading, Style, Text

from .models import DataRequest

#: Counted up when the words change, so that new mails have them.
EDITION: Final = 1
NAMESPACE: Final = uuid.UUID("c1b5b0de-6f0b-5d0e-8f2e-94a9f1a6b7d3")

_KIND = DataRequest.Kind
#: By kind and language: subject, headline, paragraph, button, and what to do otherwise.
WORDS: Final[dict[tuple[str, str], tuple[str, str, str, str, str]]] = {
    (_KIND.ACCESS, "en"): (
        "Your data at {{ shop.name }}: please confirm",
        "Do you want a copy of your data?",
        "Somebody, probably you, asked {{ shop.name }} for a copy of what we keep about you. "
        "Open the page below and press the button there. The link works for seven days.",
        "See my data",
        "It was not you? Then do nothing. Nobody gets your data without this mail.",
    ),
    (_KIND.ERASURE, "en"): (
        "Deleting your data at {{ shop.name }}: please confirm",
        "Do you want us to delete your data?",
        "Somebody, probably you, asked {{ shop.name }} to delete what we keep about you. Open the "
        "page below and press the button there. The link works for seven days.",
        "Delete my data",
        "It was not you? Then do nothing. Nothing is deleted without this mail.",
    ),
    (_KIND.ACCESS, "ms"): (
        "Data anda di {{ shop.name }}: sila sahkan",
        "Mahukan salinan data anda?",
        "Seseorang, mungkin anda, meminta daripada {{ shop.name }} salinan apa yang kami simpan "
        "tentang anda. Buka halaman di bawah dan tekan butang di situ. Pautan ini sah selama "
        "tujuh hari.",
        "Lihat data saya",
        "Bukan anda? Abaikan sahaja. Tiada siapa mendapat data anda tanpa e-mel ini.",
    ),
    (_KIND.ERASURE, "ms"): (
        "Pemadaman data anda di {{ shop.name }}: sila sahkan",
        "Mahu kami padamkan data anda?",
        "Seseorang, mungkin anda, meminta {{ shop.name }} memadamkan apa yang kami simpan tentang "
        "anda. Buka halaman di bawah dan tekan butang di situ. Pautan ini sah selama tujuh hari.",
        "Padam data saya",
        "Bukan anda? Abaikan sahaja. Tiada apa-apa dipadam tanpa e-mel ini.",
    ),
}


def mail_key(kind: str) -> uuid.UUID:
    """Return the key of the email a kind of request is confirmed by."""
    return uuid.uuid5(NAMESPACE, f"{kind}/{EDITION}")


def mails_publish(*, kind: str, now: datetime) -> uuid.UUID:
    """Make sure that the email exists in every language; return its key."""
    key = mail_key(kind)
    known = set(
        EmailVersion.objects.filter(email_key=key, is_current=True).values_list(
            "language", flat=True
        )
    )
    for (of, language), words in WORDS.items():
        if of != kind or language in known:
            continue
        subject, headline, paragraph, button, otherwise = words
        compiled = compile_email(
            Document(
                subject=subject,
                preheader=headline,
                language=language,
                blocks=(
                    Heading(headline),
                    Text(f"<p>{paragraph}</p>"),
                    Button(button, "{{ links.privacy }}"),
                    Text(f"<p>{otherwise}</p>"),
                ),
            ),
            Style(),
        )
        email_version_create(
            email_key=key, language=language, title=headline, compiled=compiled, now=now
        )
    return key
