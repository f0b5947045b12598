"""Django's SMTP backend, sending a ledger's mails with fewer round trips.

Knows the SMTP dialogue. Where the server offers PIPELINING (RFC 2920) the three
commands before a content travel in one packet, together with the content of the mail
before: one round trip a mail instead of four. It also tells a connection lost before
the content, which is definite, from one lost after, which is not.
"""

from __future__ import annotations

import contextlib
import smtplib
from typing import Any

from django.core.mail import EmailMessage
from django.core.mail.backends import smtp

from .mime import LedgerEmail


class NotBegun(smtplib.SMTPServerDisconnected):
    """The connection was lost before any content was sent: certainly not delivered."""


class EmailBackend(smtp.EmailBackend):
    """Sends ``LedgerEmail`` its own way and every other mail as Django does."""

    #: The mail whose commands were sent and whose replies were not read: its content is next.
    announced: LedgerEmail | None = None

    def close(self) -> None:
        """Close the connection; without a word when the server waits for a content."""
        if self.announced is None:
            super().close()
            return
        # A QUIT would be taken for content, and the dot that ends one would deliver it.
        self.announced = None
        connection, self.connection = self.connection, None
        if connection is not None:
            with contextlib.suppress(OSError):
                connection.close()

    def _send(self, email_message: EmailMessage) -> bool:
        connection: Any = self.connection
        if self.announced is not None and self.announced is not email_message:
            raise NotBegun("The connection waits for the content of another mail.")
        if not isinstance(email_message, LedgerEmail) or not email_message.recipient:
            return bool(super()._send(email_message))  # type: ignore[misc]
        connection.ehlo_or_helo_if_needed()
        self._transfer(connection, email_message)
        return True

    def _transfer(self, connection: smtplib.SMTP, mail: LedgerEmail) -> None:
        """Send one mail. Raises smtplib's errors, ``NotBegun`` among them."""
        try:
            replies = self._replies(connection, mail)
            _before_content(connection, mail, replies)
        except smtplib.SMTPServerDisconnected as error:
            raise NotBegun(str(error)) from error
        except OSError as error:
            if isinstance(error, smtplib.SMTPException):
                raise
            raise NotBegun(str(error)) from error
        # The content ends its lines with CRLF throughout and never begins with a dot.
        content = mail.content
        if b"\r\n." in content:
            content = content.replace(b"\r\n.", b"\r\n..")
        # RFC 2920, 3.1: a content may be the first "command" of a group, and DATA the last.
        following = _announcement(connection, mail.following)
        if following:
            # Before anything leaves: whatever fails now, the connection may be of no more use.
            self.announced = mail.following
        connection.send(content + b".\r\n" + following)
        code, words = connection.getreply()
        # Any 2xx is a yes (RFC 5321, 4.3.2: only the first digit counts for an unknown code).
        if code // 100 != 2:
            raise smtplib.SMTPDataError(code, words)

    def _replies(self, connection: smtplib.SMTP, mail: LedgerEmail) -> list[tuple[int, bytes]]:
        """Return the replies to MAIL, RCPT and DATA, sent now unless they were before."""
        commands = _commands(connection, mail)
        if self.announced is mail or connection.has_extn("pipelining"):
            if self.announced is None:
                connection.send(b"".join(commands))
            replies = [connection.getreply() for _ in commands]
            self.announced = None
            return replies
        replies = []
        for command in commands:
            connection.send(command)
            replies.append(connection.getreply())
            if replies[-1][0] // 100 not in (2, 3):
                break
        return replies


def _commands(connection: smtplib.SMTP, mail: LedgerEmail) -> tuple[bytes, ...]:
    """Return MAIL, RCPT and DATA. Raises UnicodeError for an address that is not ASCII."""
    size = f" SIZE={len(mail.content)}" if connection.has_extn("size") else ""
    return (
        f"MAIL FROM:<{mail.sender}>{size}\r\n".encode("ascii"),
        f"RCPT TO:<{mail.recipient}>\r\n".encode("ascii"),
        b"DATA\r\n",
    )


def _announcement(connection: smtplib.SMTP, mail: LedgerEmail | None) -> bytes:
    """Return the commands of the mail after this one; nothing when they must wait."""
    if mail is None or not mail.recipient or not connection.has_extn("pipelining"):
        return b""
    try:
        return b"".join(_commands(connection, mail))
    except UnicodeError:
        # Its own turn will say so; the mail before has no part in it.
        return b""


def _before_content(
    connection: smtplib.SMTP, mail: LedgerEmail, replies: list[tuple[int, bytes]]
) -> None:
    """Raise what the replies to MAIL, RCPT and DATA mean, leaving the dialogue clean."""
    (mail_code, mail_words), *rest = replies
    rcpt_code, rcpt_words = rest[0] if rest else (0, b"")
    data_code, data_words = rest[1] if len(rest) > 1 else (0, b"")
    refused = mail_code // 100 != 2 or rcpt_code // 100 != 2
    if not refused and data_code == 354:
        return
    if data_code == 354:
        # RFC 2920, 3.1: DATA was taken all the same; an empty content ends it.
        connection.send(".\r\n")
        connection.getreply()
    if 421 not in (mail_code, rcpt_code, data_code):
        connection.rset()
    if mail_code // 100 != 2:
        raise smtplib.SMTPSenderRefused(mail_code, mail_words, mail.sender)
    if refused:
        raise smtplib.SMTPRecipientsRefused({mail.recipient: (rcpt_code, rcpt_words)})
    raise smtplib.SMTPDataError(data_code, data_words)
