"""The SMTP dialogue, against a server that answers as each test says."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from saleor_automation import clock
from saleor_automation.delivery import sender
from saleor_automation.delivery.failures import Failure, Kind
from saleor_automation.delivery.mime import LedgerEmail
from saleor_automation.delivery.smtp import EmailBackend, NotBegun
from saleor_automation.delivery.transport import Transport
from saleor_automation.delivery.truth import Truth

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
        #: Whether somebody is connected.
        self.open = False
        #: Called with each content as it comes, before it is answered.
        self.on_content: Callable[[bytes], None] = lambda content: None
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
                self.open = True
                self._talk(connection)
                self.open = False

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
                    self.on_content(content)
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
                with contextlib.suppress(OSError):  # a client that left is still heard out
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


class Notes:
    """A journal that keeps its lines in memory; ``breaks_at`` cannot note that mail's begin."""

    def __init__(self, breaks_at: str = "") -> None:
        self.lines: list[str] = []
        self.broken = False
        self.breaks_at = breaks_at

    def begin(self, message_id: str) -> bool:
        self.broken = self.broken or message_id == self.breaks_at
        return self._note("begin", message_id)

    def accepted(self, message_id: str) -> None:
        self._note("accepted", message_id)

    def refused(self, message_id: str) -> None:
        self._note("refused", message_id)

    def _note(self, what: str, message_id: str) -> bool:
        if not self.broken:
            self.lines.append(f"{what} {message_id}")
        return not self.broken


def ledger_mail(name: str, **changes: Any) -> LedgerEmail:
    fields = {"sender": "a@shop.example", "recipient": f"{name}@shopper.example", **changes}
    return LedgerEmail(
        content=f"X-Message: {name}\r\n\r\n{name}\r\n".encode(), html="", to=["x"], **fields
    )


def arrived(server: Server) -> list[str]:
    return [mail.decode().rpartition("\r\n\r\n")[2].strip() for mail in server.mails]


@pytest.fixture
def batch(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., list[Any]]]:
    """Hand over the mails "one", "two", "three" of one batch; returns how each ended."""
    line = Transport()
    monkeypatch.setattr(sender, "transport", lambda: line)

    def going(
        server: Server, notes: Notes, *, seconds: float = 60, mails: Any = ("one", "two", "three")
    ) -> list[Any]:
        def backend(**kwargs: Any) -> EmailBackend:
            return EmailBackend(host="127.0.0.1", port=server.port, timeout=5)

        monkeypatch.setattr("saleor_automation.delivery.transport.get_connection", backend)
        assert line.open() is None
        batch: list[Any] = [
            SimpleNamespace(
                message=SimpleNamespace(pk=mail if isinstance(mail, str) else mail.recipient),
                email=ledger_mail(mail) if isinstance(mail, str) else mail,
            )
            for mail in mails
        ]
        deadline = clock.wall() + timedelta(seconds=seconds)
        results = sender._hand_over(batch, notes, deadline, Truth())  # type: ignore[arg-type]
        return [result for _, result in results]

    yield going
    line.close()


PIPELINING = b"250-PIPELINING\r\n250-SIZE 1000000\r\n"


@pytest.fixture
def piping() -> Iterator[Callable[..., Server]]:
    made: list[Server] = []

    def make(extensions: bytes = PIPELINING, **replies: list[bytes]) -> Server:
        made.append(Server(replies, extensions))
        made[-1].start()
        return made[-1]

    yield make
    for one in made:
        one.listener.close()


@pytest.mark.parametrize(("extensions", "packets"), [(PIPELINING, 4), (b"", 12)])
def test_a_batch_takes_one_round_trip_a_mail(
    piping: Callable[..., Server],
    batch: Callable[..., list[Any]],
    extensions: bytes,
    packets: int,
) -> None:
    one, notes = piping(extensions), Notes()
    assert batch(one, notes) == [None] * 3
    assert one.packets == packets + 1  # and EHLO
    assert arrived(one) == ["one", "two", "three"]
    assert one.verbs == ["EHLO", *["MAIL", "RCPT", "DATA", "CONTENT"] * 3]
    assert notes.lines == [
        f"{what} {name}" for name in ("one", "two", "three") for what in ("begin", "accepted")
    ]
    # Nothing is left announced: the next batch goes over the same connection.
    assert batch(one, Notes()) == [None] * 3
    assert one.verbs.count("EHLO") == 1


def test_a_mail_is_noted_before_its_content_leaves_and_after_the_answer_before(
    piping: Callable[..., Server], batch: Callable[..., list[Any]]
) -> None:
    one, notes = piping(), Notes()
    seen: list[list[str]] = []
    one.on_content = lambda content: seen.append(notes.lines[:])
    batch(one, notes)
    assert seen == [
        ["begin one"],
        ["begin one", "accepted one", "begin two"],
        ["begin one", "accepted one", "begin two", "accepted two", "begin three"],
    ]


OK, GO = b"250 ok", b"354 go on"


@pytest.mark.parametrize(
    ("replies", "ends", "reached", "connections"),
    [
        # The mail that was announced is refused, by a command of its own.
        ({"MAIL": [OK, b"550 no"]}, [None, Kind.PERMANENT, None], "one three", 1),
        ({"MAIL": [OK, b"451 later"]}, [None, Kind.TEMPORARY, None], "one three", 1),
        ({"RCPT": [OK, b"550 no"]}, [None, Kind.PERMANENT, None], "one three", 1),
        ({"RCPT": [OK, b"450 later"]}, [None, Kind.TEMPORARY, None], "one three", 1),
        (
            {"RCPT": [OK, b"550 no"], "DATA": [GO, b"503 no recipient"]},
            [None, Kind.PERMANENT, None],
            "one three",
            1,
        ),
        ({"DATA": [GO, b"451 busy"]}, [None, Kind.TEMPORARY, None], "one three", 1),
        ({"DATA": [GO, b"554 no"]}, [None, Kind.PERMANENT, None], "one three", 1),
        # A content is refused while the mail after it is announced.
        ({"CONTENT": [b"552 big"]}, [Kind.PERMANENT, None, None], "one two three", 1),
        ({"CONTENT": [b"451 full"]}, [Kind.TEMPORARY, None, None], "one two three", 1),
        ({"CONTENT": [OK, b"451 full"]}, [None, Kind.TEMPORARY, None], "one two three", 1),
        # The server closes: whoever it answered knows, whoever was only announced goes again.
        ({"CONTENT": [b"421 bye"]}, [Kind.TEMPORARY, None, None], "one two three", 2),
        ({"MAIL": [OK, b"421 bye"]}, [None, Kind.TEMPORARY, None], "one three", 2),
        ({"RCPT": [OK, b"421 bye"]}, [None, Kind.TEMPORARY, None], "one three", 2),
        ({"DATA": [GO, b"421 bye"]}, [None, Kind.TEMPORARY, None], "one three", 2),
        # The connection is lost: unclear is a mail whose content left, and no other.
        ({"CONTENT": [CLOSE]}, [Kind.AMBIGUOUS, None, None], "one two three", 2),
        ({"CONTENT": [OK, CLOSE]}, [None, Kind.AMBIGUOUS, None], "one two three", 2),
        ({"MAIL": [OK, CLOSE]}, [None, Kind.TEMPORARY, None], "one three", 2),
        ({"RCPT": [OK, CLOSE]}, [None, Kind.TEMPORARY, None], "one three", 2),
        ({"DATA": [GO, CLOSE]}, [None, Kind.TEMPORARY, None], "one three", 2),
        # Out of step: nothing more is said on that connection.
        ({"CONTENT": [b"354 more"]}, [Kind.AMBIGUOUS, None, None], "one two three", 2),
    ],
)
def test_what_befalls_one_mail_of_a_batch_befalls_no_other(
    piping: Callable[..., Server],
    batch: Callable[..., list[Any]],
    replies: dict[str, list[bytes]],
    ends: list[Kind | None],
    reached: str,
    connections: int,
) -> None:
    one, notes = piping(**{verb: planned[:] for verb, planned in replies.items()}), Notes()
    results = batch(one, notes)
    assert [result.kind if result else None for result in results] == ends
    assert arrived(one) == reached.split()
    assert one.verbs.count("EHLO") == connections
    # A killed worker's journal would be read like this: begun, and never answered.
    begun = {line.partition(" ")[2] for line in notes.lines if line.startswith("begin")}
    answered = {line.partition(" ")[2] for line in notes.lines if not line.startswith("begin")}
    unclear = {
        name
        for name, end in zip(("one", "two", "three"), ends, strict=True)
        if end is Kind.AMBIGUOUS
    }
    assert begun - answered == unclear


def _left_unsent(one: Server) -> None:
    """Assert that only the first mail was given a content, and the second announced."""
    end = time.monotonic() + 5
    while one.open and time.monotonic() < end:
        time.sleep(0.01)
    assert arrived(one) == ["one"]
    assert one.verbs.count("CONTENT") == 1, "no empty content for the mail that was announced"
    assert one.verbs[-3:] == ["MAIL", "RCPT", "DATA"], "nor a QUIT, which would be content"


def test_a_journal_that_breaks_leaves_the_announced_mail_unsent(
    piping: Callable[..., Server], batch: Callable[..., list[Any]]
) -> None:
    one = piping()
    not_begun = sender.NOT_BEGUN
    assert batch(one, Notes(breaks_at="two")) == [None, not_begun, not_begun]
    _left_unsent(one)
    assert batch(one, Notes(), mails=("two", "three")) == [None, None]
    assert arrived(one) == ["one", "two", "three"]
    assert one.verbs.count("EHLO") == 2


def test_a_deadline_leaves_the_announced_mail_unsent(
    piping: Callable[..., Server],
    batch: Callable[..., list[Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one = piping()
    now = clock.wall()
    # Time stands still until the first content came, and then is over.
    late: list[timedelta] = []
    one.on_content = lambda content: late.append(timedelta(hours=1))
    monkeypatch.setattr(clock, "wall", lambda: now + sum(late, timedelta()))
    not_begun = sender.NOT_BEGUN
    assert batch(one, Notes()) == [None, not_begun, not_begun]
    _left_unsent(one)


def test_a_batch_that_is_ended_leaves_no_server_waiting(
    piping: Callable[..., Server], batch: Callable[..., list[Any]]
) -> None:
    class Ended(BaseException):
        pass

    class Ending(Notes):
        def accepted(self, message_id: str) -> None:
            raise Ended

    one = piping()
    with pytest.raises(Ended):
        batch(one, Ending())
    _left_unsent(one)
    assert batch(one, Notes(), mails=("two",)) == [None]


def test_an_address_that_cannot_be_written_hinders_only_its_own_mail(
    piping: Callable[..., Server], batch: Callable[..., list[Any]]
) -> None:
    one = piping()
    odd = ledger_mail("two", recipient="zwe\u00ef@shopper.example")
    results = batch(one, Notes(), mails=("one", odd, "three"))
    assert [result.kind if result else None for result in results] == [None, Kind.PERMANENT, None]
    assert arrived(one) == ["one", "three"]
    assert one.verbs.count("EHLO") == 1


@pytest.mark.parametrize("kind", ["ledger", "ordinary"])
def test_where_one_mail_is_announced_no_other_can_be_sent(
    piping: Callable[..., Server], kind: str
) -> None:
    from django.core.mail import EmailMessage

    one = piping()
    backend = EmailBackend(host="127.0.0.1", port=one.port, timeout=5)
    backend.open()
    first = ledger_mail("one")
    first.following = ledger_mail("two")
    backend.send_messages([first])
    other = ledger_mail("x") if kind == "ledger" else EmailMessage("Hai", "x", "a@b.example", ["c"])
    with pytest.raises(NotBegun):
        backend.send_messages([other])
    assert backend.send_messages([first.following]) == 1, "its own content may still come"
    backend.close()
    assert arrived(one) == ["one", "two"]
