"""One mail connection per process, kept across batches.

Knows Django's email API only, so SMTP and every anymail backend work alike. A
kept SMTP connection is asked whether it still lives before a batch, because a
connection found dead in mid-mail makes that mail unclear.
"""

from __future__ import annotations

import contextlib
import logging
import smtplib
from typing import Any

from django.core.mail import get_connection

from .failures import Failure, Kind, failure_of, plain
from .mime import LedgerEmail

logger = logging.getLogger(__name__)


class Transport:
    """A kept connection to the mail server."""

    def __init__(self) -> None:
        self._backend: Any = None

    @property
    def closed(self) -> bool:
        """Whether the connection was dropped and must be opened again."""
        return self._backend is None

    def open(self) -> Failure | None:
        """Make sure the connection stands. Returns why it does not, or None.

        Nothing was handed over yet, so a failure here is always temporary.
        """
        self.announced_drop()
        if self._backend is not None and not self._alive():
            self.close()
        try:
            if self._backend is None:
                self._backend = get_connection(fail_silently=False)
            self._backend.open()
        except Exception as error:
            self.close()
            words = plain(f"{type(error).__name__}: {error}")
            return Failure(Kind.TEMPORARY, words, disconnected=True)
        return None

    def send(self, mail: LedgerEmail) -> Failure | None:
        """Hand over one mail. Returns how it failed, or None when it was accepted."""
        try:
            count = self._backend.send_messages([mail])
        except Exception as error:
            failure = failure_of(error)
            if failure.kind is Kind.AMBIGUOUS:
                logger.exception("It is not clear whether a mail was sent.")
        else:
            if count:
                return None
            failure = Failure(Kind.TEMPORARY, "The mail backend did not take it.", True)
        if failure.disconnected:
            self.close()
        return failure

    def announced_drop(self) -> None:
        """Drop the connection when the server was told of a mail that does not follow."""
        if getattr(self._backend, "announced", None) is not None:
            self.close()

    def close(self) -> None:
        """Drop the connection; the next ``open`` makes a new one."""
        if self._backend is not None:
            with contextlib.suppress(Exception):
                self._backend.close()
            self._backend = None

    def _alive(self) -> bool:
        connection = getattr(self._backend, "connection", None)
        if not isinstance(connection, smtplib.SMTP):
            return True
        try:
            code, _ = connection.noop()
        except (smtplib.SMTPException, OSError):
            return False
        return bool(code == 250)


_transport = Transport()


def transport() -> Transport:
    """Return this process's transport."""
    return _transport
