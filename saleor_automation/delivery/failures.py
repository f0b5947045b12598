"""What an error of the mail server means: try again, never again, or unclear.

Pure: knows exceptions of smtplib, requests and anymail by what they carry. Only a
reply, or a failure before anything was handed over, is definite; everything else
is unclear, and unclear is never sent again.
"""

from __future__ import annotations

import re
import smtplib
from dataclasses import dataclass, replace
from enum import Enum

from .smtp import NotBegun

#: PostgreSQL's text cannot hold NUL; nobody wants to read the others.
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")
#: RFC 3463, 3.2: "bad destination mailbox address". Of all codes the only one that blames the
#: mailbox alone: other refusals for good are as often about the sender or the content.
_NO_MAILBOX = re.compile(r"5\d\d[ -]5\.1\.1\b")


class Kind(Enum):
    """What to do about a failure."""

    #: Definitely not sent; may go later.
    TEMPORARY = "temporary"
    #: Definitely not sent, and never will be.
    PERMANENT = "permanent"
    #: May have been sent.
    AMBIGUOUS = "ambiguous"


@dataclass(frozen=True)
class Failure:
    """One failed hand-over. ``detail`` holds the server's words, 200 characters at most."""

    kind: Kind
    detail: str
    #: The connection is of no use any more.
    disconnected: bool = False
    #: The reply said that there is no such mailbox.
    no_mailbox: bool = False


def failure_of(error: Exception) -> Failure:
    """Classify what Django's email backend raised while one mail was sent."""
    if isinstance(error, NotBegun):
        return Failure(Kind.TEMPORARY, _words(error), disconnected=True)
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, text = next(iter(error.recipients.values()), (0, b""))
        reply = _reply(code, text)
        return replace(reply, no_mailbox=bool(_NO_MAILBOX.match(reply.detail)))
    if isinstance(error, smtplib.SMTPResponseException):
        return _reply(error.smtp_code, error.smtp_error)
    if isinstance(error, smtplib.SMTPServerDisconnected | OSError) and not _status(error):
        # Even a connection lost in mid-message may have delivered it: the kernel had
        # our bytes. (facts of the fault tests: 38 of 124 such mails had arrived.)
        return Failure(Kind.AMBIGUOUS, _words(error), disconnected=True)
    status = _status(error)
    if status is not None:
        if status in {408, 429, 503}:
            return Failure(Kind.TEMPORARY, _words(error))
        if 400 <= status < 500:
            return Failure(Kind.PERMANENT, _words(error))
        return Failure(Kind.AMBIGUOUS, _words(error))
    if isinstance(error, ValueError | TypeError | UnicodeError):
        # Our own side refused it before the wire: a header or an address it cannot write.
        return Failure(Kind.PERMANENT, _words(error))
    return Failure(Kind.AMBIGUOUS, _words(error), disconnected=True)


def _reply(code: int, text: bytes | str) -> Failure:
    words = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
    detail = plain(f"{code} {words}")
    if 500 <= code < 600:
        return Failure(Kind.PERMANENT, detail)
    if 400 <= code < 500:
        # 421 closes the connection; a reply all the same says it was not taken.
        return Failure(Kind.TEMPORARY, detail, disconnected=code == 421)
    # A reply out of place: the dialogue is out of step, and so is what we know.
    return Failure(Kind.AMBIGUOUS, detail, disconnected=True)


def _status(error: Exception) -> int | None:
    """Return the HTTP status anymail's errors carry."""
    status = getattr(error, "status_code", None)
    return status if isinstance(status, int) else None


def _words(error: Exception) -> str:
    return plain(f"{type(error).__name__}: {error}")


def plain(words: str) -> str:
    """Return somebody else's words on one line, 200 characters at most, fit for a column."""
    return _CONTROL.sub(" ", words)[:200]
