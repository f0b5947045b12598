"""A small file per batch: which mails were begun and which were answered.

Knows files and locks only. Committing each mail's result on its own would halve
throughput on PostgreSQL; one commit per batch alone would leave a whole batch
unclear after ``kill -9``. The journal, a few microseconds a line, narrows that to
the one mail in flight. Its writer holds a lock on it, which the kernel lets go
when the process dies, so a reader never mistakes a slow worker for a dead one.
"""

from __future__ import annotations

import fcntl
import logging
import os
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from saleor_automation.conf import conf

logger = logging.getLogger(__name__)

BEGUN, ACCEPTED, REFUSED = b"A", b"S", b"F"
_CLAIM = re.compile(r"[0-9a-f]{32}")
_LINE = re.compile(rb"[ASF][0-9a-f]{32}")


def _boot_id() -> str:
    """Name this start of this machine: page cache, and with it a journal, does not outlive it."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        boot = ""
    return f"{socket.gethostname()}-{boot}"


def journal_dir() -> Path:
    """Return this start's folder of journals, made when it is missing."""
    path = conf().state_dir / "journal" / _boot_id()
    path.mkdir(parents=True, exist_ok=True)
    return path


class Journal:
    """The journal of one batch while it is being sent."""

    def __init__(self, claim: UUID) -> None:
        #: A line was cut short, most likely because the disk is full: nothing may follow it.
        self.broken = False
        self.path = journal_dir() / f"{claim.hex}.log"
        self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._file)
            raise

    def begin(self, message_id: UUID) -> bool:
        """Note that a mail is about to be sent; False when that could not be noted."""
        return self._write(BEGUN, message_id)

    def accepted(self, message_id: UUID) -> None:
        self._write(ACCEPTED, message_id)

    def refused(self, message_id: UUID) -> None:
        self._write(REFUSED, message_id)

    def _write(self, kind: bytes, message_id: UUID) -> bool:
        line = kind + message_id.hex.encode() + b"\n"
        try:
            self.broken = self.broken or os.write(self._file, line) != len(line)
        except OSError:
            self.broken = True
        return not self.broken

    def close(self) -> None:
        """Remove the file: the ledger knows everything now."""
        self.path.unlink(missing_ok=True)
        os.close(self._file)

    def abandon(self) -> None:
        """Let go without removing, for the rescuer to read."""
        os.close(self._file)


@dataclass
class Found:
    """What a dead worker's journal says."""

    claim: UUID
    path: Path
    begun: set[UUID] = field(default_factory=set)
    accepted: set[UUID] = field(default_factory=set)
    refused: set[UUID] = field(default_factory=set)

    @property
    def unclear(self) -> set[UUID]:
        """Begun and never answered."""
        return self.begun - self.accepted - self.refused


def journals_dead() -> Iterator[Found]:
    """Yield the journals of this machine whose writer is gone.

    The file is locked while the caller works on it and removed afterwards, so
    two rescuers cannot settle one batch. A torn last line is ignored: nothing
    was begun by it.
    """
    for path in sorted(journal_dir().glob("*.log")):
        if not _CLAIM.fullmatch(path.stem):
            logger.warning("%s is no journal and is left alone.", path.name)
            continue
        try:
            handle = os.open(path, os.O_RDWR)
        except FileNotFoundError:
            continue
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                continue
            yield _read(path, handle)
            path.unlink(missing_ok=True)
        finally:
            os.close(handle)


def _read(path: Path, handle: int) -> Found:
    found = Found(claim=UUID(path.stem), path=path)
    kinds = {BEGUN: found.begun, ACCEPTED: found.accepted, REFUSED: found.refused}
    with os.fdopen(os.dup(handle), "rb") as file:
        for line in file.read().split(b"\n"):
            if _LINE.fullmatch(line):
                kinds[line[:1]].add(UUID(line[1:].decode()))
    return found
