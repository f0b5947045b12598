"""The bytes of a mail are right for every reader, and cannot be broken from inside."""

from __future__ import annotations

import email
import email.policy
import quopri
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from saleor_automation.delivery.mime import (
    LedgerEmail,
    address,
    header_clean,
    mail_bytes,
    quoted_printable,
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


def test_smtp_sends_the_bytes_and_anymail_reads_the_fields() -> None:
    mail = LedgerEmail(
        content=b"bytes", html="<p>Hai</p>", subject="Hai", body="Hai", to=["a@b.example"]
    )
    assert mail.message().as_bytes(linesep="\r\n") == b"bytes"
    assert mail.alternatives[0].content == "<p>Hai</p>"
    assert mail.recipients() == ["a@b.example"]


pieces = st.sampled_from(
    ["<tr", "<tr>", "a", " ", "\t", "=", ".", "\n", "\r\n", "\r", "é", "ไ", "x" * 74, "y" * 200]
)  # fmt: skip


@example("x" * 74 + " ")
@example("x" * 74 + " <tr>\t<tr ")
@given(st.lists(pieces, max_size=30).map("".join))
def test_quoted_printable_says_the_same_in_short_lines(text: str) -> None:
    written = quoted_printable(text)
    assert quoted_printable(text) == written
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    expected = lines if lines.endswith("\n") else lines + "\n"
    assert quopri.decodestring(written).decode() == expected.replace("\n", "\r\n")
    assert written.endswith(b"\r\n")
    for line in written.split(b"\r\n"):
        assert len(line) <= 76
        assert line.isascii()
        assert line.rstrip(b" \t") == line
        assert b"\n" not in line
        assert b"\r" not in line
