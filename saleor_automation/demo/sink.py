"""A small SMTP server that keeps every mail: what really left the house.

Knows the protocol as far as a sending client needs it, keeps connections open and
answers pipelined commands. It is the demo's ground truth for "mailed twice".
"""

from __future__ import annotations

import contextlib
import email
import email.policy
import json
import socketserver
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path


@dataclass(frozen=True)
class Mail:
    """One mail as received. ``at`` is the shop's time, ``wall`` the real one."""

    message_id: str
    sender: str
    recipients: tuple[str, ...]
    data: bytes
    at: datetime
    wall: float

    def parsed(self) -> EmailMessage:
        """Return the mail as a message object."""
        return email.message_from_bytes(self.data, policy=email.policy.default)


class Sink:
    """Receives mails on loopback until stopped."""

    def __init__(self, *, ledger: Path | None = None, seconds: float = 0.0) -> None:
        #: Real seconds it takes over each mail, half before it keeps it and half after.
        self.seconds = seconds
        #: The shop's time; the driver sets it together with the clock.
        self.clock: Callable[[], datetime] = lambda: datetime.now(UTC)
        self.mails: list[Mail] = []
        self._ledger = ledger
        self._lock = threading.Lock()
        sink = self

        class Handler(_Handler):
            def keep(self, sender: str, recipients: list[str], data: bytes) -> None:
                sink.keep(sender, recipients, data)

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True
            block_on_close = False
            request_queue_size = 64

        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.1,), name="sink", daemon=True
        )

    @property
    def port(self) -> int:
        """Port it listens on."""
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def stop(self) -> None:
        """Stop listening; mails stay readable."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=5)

    def keep(self, sender: str, recipients: list[str], data: bytes) -> None:
        """Store one mail, and write its id down before the client hears "250"."""
        parsed = email.message_from_bytes(data, policy=email.policy.default)
        mail = Mail(
            message_id=str(parsed["Message-ID"] or "").strip(),
            sender=sender,
            recipients=tuple(recipients),
            data=data,
            at=self.clock(),
            wall=time.time(),
        )
        time.sleep(self.seconds / 2)
        with self._lock:
            self.mails.append(mail)
            if self._ledger is not None:
                line = {
                    "message_id": mail.message_id,
                    "to": list(mail.recipients),
                    "subject": str(parsed["Subject"] or ""),
                    "at": mail.at.isoformat(),
                }
                with self._ledger.open("a") as file:
                    file.write(json.dumps(line) + "\n")
        time.sleep(self.seconds / 2)

    def to(self, address: str) -> list[Mail]:
        """Return the mails to one address, oldest first."""
        with self._lock:
            return [mail for mail in self.mails if address in mail.recipients]

    def twice(self) -> list[str]:
        """Return the Message-IDs that came more than once."""
        seen: dict[str, int] = {}
        with self._lock:
            for mail in self.mails:
                seen[mail.message_id] = seen.get(mail.message_id, 0) + 1
        return sorted(key for key, count in seen.items() if count > 1)


class _Handler(socketserver.StreamRequestHandler):
    """One SMTP conversation."""

    disable_nagle_algorithm = True

    def keep(self, sender: str, recipients: list[str], data: bytes) -> None:
        raise NotImplementedError

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError, TimeoutError):
            self._talk()

    def _say(self, line: str) -> None:
        self.wfile.write(line.encode("ascii") + b"\r\n")

    def _talk(self) -> None:
        sender, recipients = "", list[str]()
        self._say("220 demo sink")
        while line := self.rfile.readline(4096):
            command = line.decode("utf-8", "replace").strip()
            verb = command[:4].upper()
            if verb == "EHLO":
                self.wfile.write(
                    b"250-demo sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n"
                )
            elif verb in {"HELO", "NOOP"}:
                self._say("250 ok")
            elif verb == "MAIL":
                sender, recipients = _address(command), []
                self._say("250 ok")
            elif verb == "RCPT":
                recipients.append(_address(command))
                self._say("250 ok")
            elif verb == "DATA":
                if not recipients:
                    self._say("503 no recipient yet")
                    continue
                self._say("354 go on")
                data = self._read_data()
                if data is None:
                    return
                self.keep(sender, recipients, data)
                self._say("250 kept")
            elif verb == "RSET":
                sender, recipients = "", []
                self._say("250 ok")
            elif verb == "QUIT":
                self._say("221 bye")
                return
            else:
                self._say("502 not known here")

    def _read_data(self) -> bytes | None:
        """Return the mail, or None when the client went away in the middle."""
        lines: list[bytes] = []
        while line := self.rfile.readline():
            if line == b".\r\n":
                return b"".join(lines)
            lines.append(line[1:] if line.startswith(b".") else line)
        return None


def _address(command: str) -> str:
    return command.partition("<")[2].partition(">")[0]
