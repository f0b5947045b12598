"""The mail sink keeps exactly what was sent, once per delivery."""

from __future__ import annotations

import json
import smtplib
import socket

import pytest

from saleor_automation.demo.driver import unsubscribe_link
from saleor_automation.demo.sink import Sink

MAIL = (
    "From: a@shop.example\r\nTo: b@x.example\r\nSubject: =?utf-8?q?Sal=C3=A1m?=\r\n"
    "Message-ID: <1@shop.example>\r\n"
    "List-Unsubscribe: <https://studio.example/m/abc/\r\n unsubscribe>,\r\n <mailto:x@y.test>\r\n"
    "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n\r\n"
    "Hello\r\n.\r\n..dots\r\n"
)


@pytest.fixture
def sink(tmp_path):
    made = Sink(ledger=tmp_path / "mails.jsonl")
    made.start()
    yield made
    made.stop()


def test_many_mails_come_through_one_connection_unchanged(sink):
    with smtplib.SMTP("127.0.0.1", sink.port) as client:
        for number in range(3):
            client.sendmail("a@shop.example", [f"{number}@x.example"], MAIL.encode())
            client.noop()
    assert [mail.recipients for mail in sink.mails] == [(f"{n}@x.example",) for n in range(3)]
    assert {mail.data for mail in sink.mails} == {MAIL.encode()}
    assert len(sink.to("1@x.example")) == 1


def test_a_mail_received_twice_is_noticed(sink):
    with smtplib.SMTP("127.0.0.1", sink.port) as client:
        client.sendmail("a@shop.example", ["b@x.example"], MAIL.encode())
        assert sink.twice() == []
        client.sendmail("a@shop.example", ["b@x.example"], MAIL.encode())
    assert sink.twice() == ["<1@shop.example>"]


def test_the_ledger_file_names_every_mail(sink, tmp_path):
    with smtplib.SMTP("127.0.0.1", sink.port) as client:
        client.sendmail("a@shop.example", ["b@x.example"], MAIL.encode())
    (line,) = (tmp_path / "mails.jsonl").read_text().splitlines()
    kept = json.loads(line)
    assert kept["message_id"] == "<1@shop.example>"
    assert kept["to"] == ["b@x.example"]
    assert kept["subject"] == "Salám"


def test_a_mail_cut_off_in_the_middle_is_not_kept(sink):
    with socket.create_connection(("127.0.0.1", sink.port)) as line, line.makefile("rb") as answers:
        line.sendall(b"EHLO x\r\nMAIL FROM:<a@x.example>\r\nRCPT TO:<b@x.example>\r\nDATA\r\n")
        while not answers.readline().startswith(b"354"):
            pass
        line.sendall(b"Subject: cut\r\n\r\nhal")
    with smtplib.SMTP("127.0.0.1", sink.port) as client:
        client.sendmail("a@shop.example", ["b@x.example"], MAIL.encode())
    assert [mail.message_id for mail in sink.mails] == ["<1@shop.example>"]


def test_commands_out_of_order_are_refused(sink):
    with smtplib.SMTP("127.0.0.1", sink.port) as client:
        client.ehlo()
        assert client.docmd("DATA")[0] == 503
        assert client.docmd("TURN")[0] == 502
        assert client.docmd("RSET")[0] == 250


def test_the_unsubscribe_link_is_read_from_the_folded_header(sink):
    with smtplib.SMTP("127.0.0.1", sink.port) as client:
        client.sendmail("a@shop.example", ["b@x.example"], MAIL.encode())
        without = MAIL.replace("List-Unsubscribe-Post", "X-Other")
        client.sendmail("a@shop.example", ["c@x.example"], without.encode())
    assert unsubscribe_link(sink.mails[0]) == "https://studio.example/m/abc/unsubscribe"
    assert unsubscribe_link(sink.mails[1]) is None
