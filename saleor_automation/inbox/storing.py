"""Writing received bodies: one statement, and one commit, for all that wait.

Knows SQL, connections and threads. Must not know what a body says. PostgreSQL gets the
statement once per connection and each body as the bytes it is; Django would write both
into one text, which costs either side more than the insert itself.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache, lru_cache
from operator import attrgetter
from typing import Any, Final

from django.db import InterfaceError, OperationalError, connection

from .gathering import Gathering
from .models import RawEvent

#: Larger bodies are stored alone.
GATHERED_BYTES: Final = 65536


@dataclass(frozen=True, slots=True)
class NewBody:
    """What came, by the names of its columns."""

    digest: str
    source: str
    event_type: str
    api_url: str
    body: bytes
    received_at: datetime


_COLUMNS: Final = ("digest", "source", "event_type", "api_url", "body", "received_at")
_values = attrgetter(*_COLUMNS)


def raw_event_digest(*, event_type: str, api_url: str, body: bytes) -> str:
    """Return the key under which a body is stored once."""
    seal = hashlib.sha256()
    for part in (api_url.encode(), event_type.encode(), body):
        seal.update(part)
        seal.update(b"\n")
    return seal.hexdigest()


def raw_event_store(
    *,
    source: str,
    event_type: str,
    api_url: str,
    body: bytes,
    now: datetime,
    same: bytes | None = None,
) -> bool:
    """Store a received body; return False when it was stored before.

    ``same`` is what makes it the same as another, when that is not all of the body: the
    part without the time at which we asked. One statement, so it needs no transaction
    and two senders cannot both win. Bodies that threads bring at one moment share it,
    and its commit; it has ended when this returns.
    """
    event_type = event_type.replace("\x00", "")[:64]
    new = NewBody(
        digest=raw_event_digest(
            event_type=event_type, api_url=api_url, body=body if same is None else same
        ),
        source=source,
        event_type=event_type,
        api_url=api_url,
        body=body,
        received_at=now,
    )
    # In a transaction the row must be written on its connection, and a large one holds
    # up nobody.
    if connection.in_atomic_block or len(body) > GATHERED_BYTES:
        return bodies_insert([new])[0]
    return _gathering.put(new)


def bodies_insert(rows: Sequence[NewBody]) -> list[bool]:
    """Insert rows in one statement; say of each whether it is new."""
    # Two processes that bring the same bodies must lock them in the same order.
    ordered = sorted(rows, key=attrgetter("digest"))
    new = _execute_once(len(rows), [value for row in ordered for value in _values(row)])
    found = []
    for row in rows:
        found.append(row.digest in new)
        # Of two that are the same only the first is new.
        new.discard(row.digest)
    return found


def _database_lost(error: Exception) -> bool:
    """Say whether writing again has no hope: there is no connection to write on."""
    lost = isinstance(error, OperationalError | InterfaceError)
    return lost and (connection.connection is None or not connection.is_usable())


def _gathered_insert(rows: Sequence[NewBody]) -> list[bool]:
    with _turn():
        return bodies_insert(rows)


@contextmanager
def _turn() -> Iterator[None]:
    """Let one process at a time write to SQLite, and wake the next one at once.

    SQLite itself has those who wait look again after a millisecond or more, in which two
    busy web processes leave a fifth of the machine idle. Only a way to wait: SQLite's own
    lock decides, and the system lets go of this one when a process dies.
    """
    if connection.vendor != "sqlite" or connection.is_in_memory_db():  # type: ignore[attr-defined]
        yield
        return
    file = _turn_file(os.getpid(), f"{connection.settings_dict['NAME']}-turn")
    fcntl.flock(file, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(file, fcntl.LOCK_UN)


@cache
def _turn_file(process: int, path: str) -> int:
    """Open the file once per process: opened before a fork it would be everybody's."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)


_gathering: Gathering[NewBody, bool] = Gathering(_gathered_insert, hopeless=_database_lost)


def _execute_once(count: int, values: Sequence[Any]) -> set[str]:
    """Run the insert, which may be repeated; return the digests of new rows.

    The statement itself shows whether the kept connection lives: Django's own check
    would be a second round trip for every delivery. A dead one is replaced once.
    """
    if connection.connection is not None and not connection.in_atomic_block:
        connection.health_check_done = True  # type: ignore[attr-defined]
    try:
        return _execute(count, values)
    except (OperationalError, InterfaceError):
        if connection.in_atomic_block or connection.is_usable():
            raise
        connection.close()
        return _execute(count, values)


def _execute(count: int, values: Sequence[Any]) -> set[str]:
    if connection.vendor == "postgresql":
        return _execute_prepared(_statement(count), values)
    adapt = connection.ops.adapt_datetimefield_value
    with connection.cursor() as cursor:
        cursor.execute(
            _statement(count),
            [adapt(value) if isinstance(value, datetime) else value for value in values],
        )
        return {row[0] for row in cursor.fetchall()}


def _execute_prepared(statement: str, values: Sequence[Any]) -> set[str]:
    connection.ensure_connection()
    # Who says so has a pool between, where a statement cannot be kept.
    keeps = not connection.settings_dict["DISABLE_SERVER_SIDE_CURSORS"]
    wrap = connection.make_debug_cursor if connection.queries_logged else connection.make_cursor
    with wrap(_cursor_type(keeps)(connection.connection)) as cursor:
        cursor.execute(statement, values)
        return {row[0] for row in cursor.fetchall()}


@cache
def _cursor_type(keeps: bool) -> Any:
    """Return a cursor that leaves values out of the statement, which Django's does not."""
    from psycopg import Cursor

    class Kept(Cursor[Any]):
        def execute(self, query: Any, params: Any = None, **kwargs: Any) -> Any:
            return super().execute(query, params, prepare=keeps)

    return Kept


@lru_cache(maxsize=64)
def _statement(count: int) -> str:
    quote = connection.ops.quote_name
    columns = ", ".join(map(quote, (*_COLUMNS, "state", "fault", "attempts")))
    marks = "(" + ", ".join(["%s"] * len(_COLUMNS)) + f", '{RawEvent.State.PENDING}', '', 0)"
    digest = quote("digest")
    # Names and constants are the model's own; every value is a parameter.
    return (
        f"INSERT INTO {quote(RawEvent._meta.db_table)} ({columns}) "  # noqa: S608
        f"VALUES {', '.join([marks] * count)} "
        f"ON CONFLICT ({digest}) DO NOTHING RETURNING {digest}"
    )
