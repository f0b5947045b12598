"""Journal, links and the meaning of a mail server's errors."""

from __future__ import annotations

import os
import smtplib
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import override_settings

from saleor_automation.delivery.failures import Kind, failure_of
from saleor_automation.delivery.journal import Journal, journal_dir, journals_dead
from saleor_automation.delivery.links import LinkToken, token_make, token_read


@pytest.fixture
def state_dir(tmp_path: Path, settings: object) -> Iterator[Path]:
    with override_settings(SALEOR_AUTOMATION={"state_dir": tmp_path}):
        yield tmp_path


def test_a_living_writers_journal_is_left_alone(state_dir: Path) -> None:
    journal = Journal(uuid.uuid4())
    journal.begin(uuid.uuid4())
    assert list(journals_dead()) == []
    journal.close()
    assert list(journal_dir().iterdir()) == []


def test_a_dead_writers_journal_tells_what_was_begun(state_dir: Path) -> None:
    claim, sent, refused, lost, torn = (uuid.uuid4() for _ in range(5))
    journal = Journal(claim)
    for message in (sent, refused, lost):
        journal.begin(message)
    journal.accepted(sent)
    journal.refused(refused)
    os.write(journal._file, b"A" + torn.hex.encode()[:20])
    journal.abandon()
    (found,) = list(journals_dead())
    assert found.claim == claim
    assert (found.accepted, found.refused, found.unclear) == ({sent}, {refused}, {lost})
    assert list(journals_dead()) == [], "a settled journal is gone"


def test_kill_9_lets_go_of_the_journal(state_dir: Path) -> None:
    claim, message = uuid.uuid4(), uuid.uuid4()
    code = (
        "import os, signal, uuid, django\n"
        "from django.conf import settings\n"
        f"settings.configure(SALEOR_AUTOMATION={{'state_dir': {str(state_dir)!r}}})\n"
        "from saleor_automation.delivery.journal import Journal\n"
        f"journal = Journal(uuid.UUID({claim.hex!r}))\n"
        f"journal.begin(uuid.UUID({message.hex!r}))\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True)
    assert done.returncode == -9, done.stderr
    (found,) = list(journals_dead())
    assert (found.claim, found.unclear) == (claim, {message})


def test_links_are_signed() -> None:
    token = LinkToken(uuid.uuid4(), uuid.uuid4())
    text = token_make(token)
    assert token_read(text) == token
    assert len(text) < 100
    for position in range(0, len(text), 7):
        changed = text[:position] + ("A" if text[position] != "A" else "B") + text[position + 1 :]
        assert token_read(changed) != token
    assert token_read("") is None
    assert token_read("é.é") is None


def http(status: int) -> Exception:
    error = RuntimeError("provider said no")
    error.status_code = status  # type: ignore[attr-defined]
    return error


@pytest.mark.parametrize(
    ("error", "kind", "disconnected"),
    [
        (smtplib.SMTPRecipientsRefused({"a@b": (550, b"no such user")}), Kind.PERMANENT, False),
        (smtplib.SMTPRecipientsRefused({"a@b": (450, b"greylisted")}), Kind.TEMPORARY, False),
        (smtplib.SMTPSenderRefused(421, b"closing", "x"), Kind.TEMPORARY, True),
        (smtplib.SMTPDataError(451, b"try again"), Kind.TEMPORARY, False),
        (smtplib.SMTPDataError(552, b"too big"), Kind.PERMANENT, False),
        (smtplib.SMTPServerDisconnected("lost"), Kind.AMBIGUOUS, True),
        (TimeoutError("timed out"), Kind.AMBIGUOUS, True),
        (http(400), Kind.PERMANENT, False),
        (http(429), Kind.TEMPORARY, False),
        (http(503), Kind.TEMPORARY, False),
        (http(500), Kind.AMBIGUOUS, False),
        (ValueError("bad header"), Kind.PERMANENT, False),
        (RuntimeError("who knows"), Kind.AMBIGUOUS, True),
    ],
)
def test_failures(error: Exception, kind: Kind, disconnected: bool) -> None:
    failure = failure_of(error)
    assert (failure.kind, failure.disconnected) == (kind, disconnected)
    assert failure.detail
