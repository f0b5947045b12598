"""The SMTP dialogue, against a server that answers as each test says."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from saleor_automation.delivery.failures import Failure, Kind
from saleor_automation.delivery.mime import LedgerEmail
from saleor_automation.delivery.smtp import EmailBackend
from saleor_automation.delivery.transport import Transport

CONTENT = b"Subject: Hai\r\n\r\n.first\r\n..second\r\nlast\r\n"
CLOSE = b""


class Server(threading.Thread):
    """Answers verbs with ``replies``; ``CLOSE`` hangs up. Keeps mails as received."""

    def __init__(self, replies: dict[str, list[bytes]], extensions: bytes) -> None:
        super().__init__(daemon=True)
        self.replies = replies
        self.extensions = extensions
        self.mails: list[bytes] = []
        self.verbs: list[str] = []
        #: How many packets with commands came.
        self.packets = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]

    def run(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                self._talk(connection)

    def _talk(self, connection: socket.socket) -> None:
        connection.sendall(b"220 hello\r\n")
        buffer, in_data = b"", False
        while True:
            try:
                received = connection.recv(65536)
            except OSError:
                return
            if not received:
                return
            self.packets += 1
            buffer += received
            while buffer:
                if in_data:
                    content, mark, rest = (b"\r\n" + buffer).partition(b"\r\n.\r\n")
                    if not mark:
                        break
                    buffer, in_data = rest, False
                    if content:
                        self.mails.append(content[2:] + b"\r\n")
                    verb = "CONTENT"
                else:
                    line, mark, rest = buffer.partition(b"\r\n")
                    if not mark:
                        break
                    buffer, verb = rest, line[:4].decode().upper()
                self.verbs.append(verb)
                planned = self.replies.get(verb)
                reply = planned.pop(0) if planned else self._usual(verb)
                if reply == CLOSE:
                    return
                in_data = reply.startswith(b"354")
                connection.sendall(reply + b"\r\n")
                if reply.startswith(b"421"):
                    return

    def _usual(self, verb: str) -> bytes:
        usual = {
            "EHLO": b"250-me\r\n" + self.extensions + b"250 8BITMIME",
            "DATA": b"354 go on",
        }
        return usual.get(verb, b"250 ok")


@pytest.fixture(
    params=[b"250-PIPELINING\r\n250-SIZE 1000000\r\n", b""], ids=["pipelining", "plain"]
)
def server(request: pytest.FixtureRequest) -> Iterator[Callable[..., Server]]:
    made: list[Server] = []

    def make(**replies: list[bytes]) -> Server:
        made.append(Server(replies, request.param))
        made[-1].start()
        return made[-1]

    yield make
    for one in made:
        one.listener.close()


@pytest.fixture
def send(
    settings: object, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Failure | None]]:
    transports: list[Transport] = []

    def sending(server: Server, *, sender: str = "a@shop.example") -> Failure | None:
        if not transports:
            backend = EmailBackend(host="127.0.0.1", port=server.port, timeout=5)
            monkeypatch.setattr(
                "saleor_automation.delivery.transport.get_connection", lambda **kwargs: backend
            )
            transports.append(Transport())
        assert transports[0].open() is None
        mail = LedgerEmail(
            content=CONTENT,
            html="<p>Hai</p>",
            sender=sender,
            recipient="aina@shopper.example",
            to=["aina@shopper.example"],
        )
        return transports[0].send(mail)

    yield sending
    for transport in transports:
        transport.close()


def test_mails_arrive_as_written_over_one_connection(
    server: Callable[..., Server], send: Callable[..., Failure | None]
) -> None:
    one = server()
    assert [send(one) for _ in range(3)] == [None] * 3
    # The server sees the dots doubled, which is how a line beginning with one travels.
    assert one.mails == [CONTENT.replace(b"\r\n.", b"\r\n..")] * 3
    assert one.verbs.count("EHLO") == 1


def test_pipelining_saves_round_trips(send: Callable[..., Failure | None]) -> None:
    packets = []
    for extensions in (b"250-PIPELINING\r\n", b""):
        one = Server({}, extensions)
        one.start()
        backend = EmailBackend(host="127.0.0.1", port=one.port, timeout=5)
        backend.open()
        before = one.packets
        mail = LedgerEmail(
            content=CONTENT, html="", sender="a@b.example", recipient="c@d.example", to=["x"]
        )
        assert backend.send_messages([mail]) == 1
        packets.append(one.packets - before - 1)  # without EHLO
        backend.close()
        one.listener.close()
    assert packets == [2, 4]


@pytest.mark.parametrize(
    ("replies", "kind", "says"),
    [
        ({"MAIL": [b"550 no such sender"]}, Kind.PERMANENT, "550 no such sender"),
        ({"RCPT": [b"550 no such user"]}, Kind.PERMANENT, "550 no such user"),
        ({"RCPT": [b"450 greylisted"]}, Kind.TEMPORARY, "450 greylisted"),
        (
            {"RCPT": [b"550 no such user"], "DATA": [b"503 no recipient"]},
            Kind.PERMANENT,
            "550 no such user",
        ),
        ({"DATA": [b"451 busy"]}, Kind.TEMPORARY, "451 busy"),
        ({"CONTENT": [b"552 too big"]}, Kind.PERMANENT, "552 too big"),
        ({"CONTENT": [b"451 disk full"]}, Kind.TEMPORARY, "451 disk full"),
        ({"MAIL": [b"421 closing"]}, Kind.TEMPORARY, ""),
        ({"MAIL": [CLOSE]}, Kind.TEMPORARY, "NotBegun"),
        ({"DATA": [CLOSE]}, Kind.TEMPORARY, "NotBegun"),
        ({"CONTENT": [CLOSE]}, Kind.AMBIGUOUS, "SMTPServerDisconnected"),
        # Out of step: nobody can say what became of it.
        ({"CONTENT": [b"354 more"]}, Kind.AMBIGUOUS, "354 more"),
        ({"CONTENT": [b"rubbish"]}, Kind.AMBIGUOUS, ""),
        ({"RCPT": [b"550 no\x00 user"]}, Kind.PERMANENT, "550 no  user"),
    ],
)
def test_a_failed_mail_leaves_the_next_one_alone(
    server: Callable[..., Server],
    send: Callable[..., Failure | None],
    replies: dict[str, list[bytes]],
    kind: Kind,
    says: str,
) -> None:
    one = server(**{verb: planned[:] for verb, planned in replies.items()})
    failure = send(one)
    assert failure is not None
    assert failure.kind is kind
    assert says in failure.detail
    one.replies.clear()
    assert send(one) is None
    accepted = [CONTENT.replace(b"\r\n.", b"\r\n..")]
    # What the server hung up on or refused after the content had reached it all the same.
    assert one.mails[-1:] == accepted


@pytest.mark.parametrize("yes", [b"250 ok", b"252 maybe", b"200 fine"])
def test_every_2xx_is_a_yes(
    server: Callable[..., Server], send: Callable[..., Failure | None], yes: bytes
) -> None:
    one = server(CONTENT=[yes], RCPT=[yes])
    assert send(one) is None


def test_an_ordinary_mail_goes_djangos_way(server: Callable[..., Server]) -> None:
    from django.core.mail import EmailMessage

    one = server()
    backend = EmailBackend(host="127.0.0.1", port=one.port, timeout=5)
    assert backend.send_messages([EmailMessage("Hai", "Body", "a@b.example", ["c@d.example"])]) == 1
    assert b"Subject: Hai" in one.mails[0]
