"""The bytes of a mail are right for every reader, and cannot be broken from inside."""

from __future__ import annotations

import email
import email.policy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.core.mail import get_connection
from hypothesis import given
from hypothesis import strategies as st

from saleor_automation.delivery.mime import (
    LedgerEmail,
    address,
    header_clean,
    mail_bytes,
)

DATE = datetime(2026, 11, 2, 9, 30, tzinfo=UTC)


def written(**changes: object) -> bytes:
    values: dict[str, object] = {
        "from_address": address("Kedai Batik", "halo@kedai.example"),
        "to_address": "aina@shopper.example",
        "subject": "Selamat datang",
        "text": "Hai",
        "html": "<p>Hai</p>",
        "date": DATE,
        "message_id": "<1@kedai.example>",
        "headers": {"List-Unsubscribe": "<https://studio.example/m/x/unsubscribe/>"},
        "boundary": "=_1",
    }
    return mail_bytes(**{**values, **changes})  # type: ignore[arg-type]


def read(content: bytes) -> email.message.EmailMessage:
    message = email.message_from_bytes(content, policy=email.policy.default)
    assert isinstance(message, email.message.EmailMessage)
    return message


texts = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=300)


@given(texts, texts, texts, texts)
def test_what_was_written_is_read(subject: str, name: str, text: str, html: str) -> None:
    content = written(
        subject=subject,
        from_address=address(name, "halo@kedai.example"),
        text=text,
        html=html,
    )
    message = read(content)
    assert " ".join(message["subject"].split()) == " ".join(header_clean(subject).split())
    assert message["from"].addresses[0].addr_spec == "halo@kedai.example"
    plain, rich = message.iter_parts()
    assert plain.get_content().rstrip("\n") == text.rstrip("\n")
    assert rich.get_content().rstrip("\n") == html.rstrip("\n")
    assert rich.get_content_type() == "text/html"
    lines = content.split(b"\r\n")
    assert max(map(len, lines)) <= 998
    assert b"\n" not in content.replace(b"\r\n", b"")
    assert content.isascii()


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r", "\u2028", "\x85", "\x00"])
def test_a_header_cannot_be_ended_from_inside(end: str) -> None:
    evil = f"Hi{end}Bcc: victim@example.com{end}{end}body"
    message = read(written(subject=evil, from_address=address(evil, "halo@kedai.example")))
    assert message["bcc"] is None
    assert set(message.keys()) == {
        "From",
        "To",
        "Subject",
        "Date",
        "Message-ID",
        "List-Unsubscribe",
        "MIME-Version",
        "Content-Type",
    }


@pytest.mark.parametrize("name", ['Ana "the" Shop', "Shop, Inc.", "Kedai 👩‍💻 Batik", "a\\b", ""])
def test_display_names(name: str) -> None:
    parsed = read(written(from_address=address(name, "halo@kedai.example")))["from"].addresses[0]
    assert parsed.display_name == name
    assert parsed.addr_spec == "halo@kedai.example"


def test_the_same_arguments_give_the_same_bytes() -> None:
    assert written() == written()


def ledger_email() -> LedgerEmail:
    return LedgerEmail(
        content=written(), html="<p>Hai</p>", subject="Hai", body="Hai", to=["a@b.example"]
    )


def test_a_backend_gets_an_object_with_the_very_bytes() -> None:
    message = ledger_email().message()
    assert message.as_bytes(linesep="\r\n") == written()
    assert message["Subject"] == "Selamat datang"
    message["X-Metadata"] = "added by a backend"
    assert b"X-Metadata: added by a backend" in message.as_bytes()
    assert b"Hai" in message.as_bytes()


def test_anymail_reads_the_fields() -> None:
    mail = ledger_email()
    assert mail.alternatives[0].content == "<p>Hai</p>"
    assert mail.recipients() == ["a@b.example"]


def test_djangos_own_backends_take_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], settings: Any
) -> None:
    settings.EMAIL_FILE_PATH = str(tmp_path)
    for name in ("console", "filebased", "locmem"):
        backend = get_connection(f"django.core.mail.backends.{name}.EmailBackend")
        assert backend.send_messages([ledger_email()]) == 1
    assert "Subject: Selamat datang" in capsys.readouterr().out
    (file,) = tmp_path.iterdir()
    assert written().replace(b"\r\n", b"\n").strip() in file.read_bytes().replace(b"\r\n", b"\n")
