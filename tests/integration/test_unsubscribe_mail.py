"""Unsubscribing by mail: what a mail offers, and what comes back."""

from __future__ import annotations

import io
import mailbox
import sys
from email.message import EmailMessage
from email.utils import parseaddr
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from anymail.inbound import AnymailInboundMessage
from anymail.signals import inbound
from django.core.checks import run_checks

from saleor_automation import clock
from saleor_automation.cli import main
from saleor_automation.delivery.mailto import (
    Read,
    mail_unsubscribe,
    mailbox_problem,
    mailto_read,
    mailto_token,
)
from saleor_automation.delivery.models import Message
from saleor_automation.delivery.services import message_source
from saleor_automation.people.models import Consent, Contact
from saleor_automation.people.services import contact_subscribed
from tests.engine import Play, settle
from tests.sending import outcome, planned

PLUS = "unsub+{token}@shop.example"
PLAIN = "unsubscribe@shop.example"


def offered(settings: Any, where: str) -> str:
    """Return the mailto: of a mail, as it leaves."""
    settings.SALEOR_AUTOMATION = {**settings.SALEOR_AUTOMATION, "unsubscribe_mailbox": where}
    source = message_source(Message.objects.get()).decode()
    header = source.split("List-Unsubscribe: ")[1].split("\r\n")[0]
    parts = header.split(", ")
    assert parts[0].startswith("<https://studio.example/m/")
    assert "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in source
    return parts[1].strip("<>") if len(parts) > 1 else ""


def answer(mailto: str) -> EmailMessage:
    """Return the mail a mail program makes of it."""
    parts = urlsplit(mailto)
    mail = EmailMessage()
    mail["From"] = "Aina <aina@shopper.example>"
    mail["To"] = unquote(parts.path)
    mail["Subject"] = parse_qs(parts.query)["subject"][0]
    mail.set_content("unsubscribe")
    return mail


def test_without_the_setting_no_mail_offers_it(welcomed: Play, settings: Any) -> None:
    assert offered(settings, "") == ""


@pytest.mark.parametrize("where", [PLUS, PLAIN])
def test_a_mail_comes_back_and_its_person_is_unsubscribed(
    welcomed: Play, settings: Any, where: str
) -> None:
    mailto = offered(settings, where)
    mail = answer(mailto)
    local, _at, domain = parseaddr(mail["To"])[1].partition("@")
    assert domain == "shop.example"
    assert len(local) <= 64
    aina = Contact.objects.get()
    assert mail_unsubscribe(mail=mail, now=clock.now()) is Read.UNSUBSCRIBED
    assert contact_subscribed(contact=aina) is False
    assert Consent.objects.get().source == "unsubscribe_mail"
    assert mail_unsubscribe(mail=mail, now=clock.now()) is Read.UNSUBSCRIBED
    assert Consent.objects.count() == 1
    settle()
    assert outcome() == ("skipped", "unsubscribed")


def test_case_folding_and_encoding_on_the_way_do_no_harm(welcomed: Play) -> None:
    token = mailto_token(Message.objects.get().pk)
    mail = EmailMessage()
    mail["To"] = PLAIN
    mail["Subject"] = f"Re: Unsubscribe {token.upper()} terima kasih \u2013 Aina"
    raw = io.BytesIO(mail.as_bytes())
    from email import message_from_binary_file

    assert mail_unsubscribe(mail=message_from_binary_file(raw), now=clock.now()) is (
        Read.UNSUBSCRIBED
    )


def test_what_holds_no_token_of_ours_changes_nothing(welcomed: Play) -> None:
    good = mailto_token(Message.objects.get().pk)
    wrong = ("a" if good[0] != "a" else "b") + good[1:]
    for subject in ("unsubscribe", wrong, f"x{good}", f"{good}2", "\udcff", "=?utf-8?b?!!?="):
        mail = EmailMessage()
        mail["From"] = "aina@shopper.example"
        mail["To"] = "unsub@shop.example"
        mail._headers.append(("Subject", subject))
        mail.set_content(f"unsubscribe {good}")
        assert mail_unsubscribe(mail=mail, now=clock.now()) is Read.UNKNOWN, subject
    assert not Consent.objects.exists()
    assert mailto_read("!") is None


def test_a_person_who_is_gone(welcomed: Play, settings: Any) -> None:
    mail = answer(offered(settings, PLUS))
    Contact.objects.all().delete()
    assert mail_unsubscribe(mail=mail, now=clock.now()) is Read.GONE


def test_a_mail_service_hands_it_over(welcomed: Play, settings: Any) -> None:
    mail = answer(offered(settings, PLUS))
    parsed = AnymailInboundMessage.parse_raw_mime_bytes(mail.as_bytes())
    parsed.envelope_recipient = mail["To"]
    del parsed["To"]
    inbound.send(sender=object, event=SimpleNamespace(message=parsed), esp_name="Test")
    assert contact_subscribed(contact=Contact.objects.get()) is False


def test_the_command_reads_one_mail(
    welcomed: Play, settings: Any, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    mail = answer(offered(settings, PLUS))

    def give(content: bytes) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))

    give(mail.as_bytes())
    assert main(["unsubscribe-mail"]) == 0
    printed = capsys.readouterr().out
    assert "Unsubscribed: 1." in printed
    assert "aina" not in printed
    give(b"Subject: please stop\n\nHello\n")
    assert main(["unsubscribe-mail"]) == 1
    assert "written by hand" in capsys.readouterr().err
    give(b"")
    assert main(["unsubscribe-mail"]) == 2


def test_the_command_reads_a_mailbox(
    play: Play, settings: Any, tmp_path: Path, capsys: Any
) -> None:
    from tests.engine import sequence_make

    sequence_make("welcome", "joined", [0])
    planned(play, "aina", "badrul")
    settings.SALEOR_AUTOMATION = {**settings.SALEOR_AUTOMATION, "unsubscribe_mailbox": PLAIN}
    box = mailbox.mbox(str(tmp_path / "box"))
    for message in Message.objects.all():
        token = mailto_token(message.pk)
        box.add(answer(f"mailto:{PLAIN}?subject=unsubscribe%20{token}"))
    spam = EmailMessage()
    spam["Subject"] = "Buy"
    box.add(spam)
    box.close()
    assert main(["unsubscribe-mail", "--mbox", str(tmp_path / "box")]) == 1
    assert "Unsubscribed: 2. Erased since: 0. Without a token of ours: 1." in (
        capsys.readouterr().out
    )
    assert main(["unsubscribe-mail", "--mbox", str(tmp_path / "none")]) == 2


@pytest.mark.parametrize(
    "where", ["nonsense", "{token}{token}@shop.example", "unsubscribe-me-please-now+{token}@x.my"]
)
def test_an_address_that_cannot_take_it_is_not_offered(
    welcomed: Play, settings: Any, where: str
) -> None:
    assert offered(settings, where) == ""
    assert mailbox_problem(where)
    assert "saleor_automation.E015" in {found.id for found in run_checks()}
    settings.SALEOR_AUTOMATION = {**settings.SALEOR_AUTOMATION, "unsubscribe_mailbox": PLUS}
    assert "saleor_automation.E015" not in {found.id for found in run_checks()}
