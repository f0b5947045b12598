"""Writing down that something happened, inside a shopper's request.

One INSERT, in the shop's own transaction when there is one. Whatever goes wrong here
stays here: a failed statement is undone by its savepoint, every exception ends in the
log. Must do no HTTP, queue nothing, read nothing of the object but its key.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any, Final

from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.models import Field
from django.db.utils import ProgrammingError
from django.utils import timezone
from saleor.core.db.connection import allow_writer

from . import bounds
from .events import KINDS
from .models import Outbox, RelayState

logger = logging.getLogger(__name__)

#: Seconds a process may go on with what it knows about whether to capture.
GATE_SECONDS: Final = 10.0
#: The same when our tables are missing: the plugin is installed, not migrated.
MISSING_SECONDS: Final = 60.0
#: Errors are logged at most this often per process, in seconds.
LOG_SECONDS: Final = 60.0

#: (monotonic time until which it holds, whether to capture)
_gate: tuple[float, bool] = (0.0, False)
_logged_at: float = -LOG_SECONDS


def capture(
    event: str, key: object, *, principal: str = "", extra: Mapping[str, Any] | None = None
) -> bool:
    """Write one row; return whether it was written. Raises nothing a shop could meet."""
    try:
        with allow_writer():
            if not capturing():
                return False
            now = timezone.now()
            row = Outbox(
                event=event,
                kind=KINDS[event],
                object_id=str(key),
                principal=principal,
                extra=dict(extra or {}),
                created_at=now,
                available_at=now,
            )
            _insert(row)
            return True
    except Exception as error:
        _complain(event, error)
        return False


def capturing() -> bool:
    """Return whether events are to be written down; asks the database every few seconds."""
    global _gate
    until, answer = _gate
    if time.monotonic() < until:
        return answer
    answer, seconds = _ask(answer)
    _gate = (time.monotonic() + seconds, answer)
    return answer


def gate_forget() -> None:
    """Ask again at the next event: the configuration was saved in this process."""
    global _gate
    _gate = (0.0, False)


def _ask(before: bool) -> tuple[bool, float]:
    """Return the answer and for how many seconds it holds; what held before on any trouble."""
    try:
        with _guarded():
            state = (
                RelayState.objects.using(DEFAULT_DB_ALIAS)
                .filter(pk=RelayState.PK)
                .values_list("capturing", "relay_at", "connected_at")
                .first()
            )
    except Exception as error:
        # No table yet says PostgreSQL with the first, SQLite with the second.
        if isinstance(error, ProgrammingError) or "no such table" in str(error):
            return False, MISSING_SECONDS
        _complain("the question whether to capture", error)
        return before, GATE_SECONDS
    if state is None or not state[0]:
        return False, GATE_SECONDS
    # With no relay running nothing bounds the outbox but this.
    return not bounds.is_abandoned(state[1] or state[2], timezone.now()), GATE_SECONDS


@cache
def _statement() -> tuple[str, tuple[Field[Any, Any], ...]]:
    meta = Outbox._meta
    fields = tuple(field for field in meta.concrete_fields if not field.primary_key)
    quote = connections[DEFAULT_DB_ALIAS].ops.quote_name
    columns = ", ".join(quote(str(field.column)) for field in fields)
    marks = ", ".join(["%s"] * len(fields))
    # Names are the model's own; every value is a parameter.
    return f"INSERT INTO {quote(meta.db_table)} ({columns}) VALUES ({marks})", fields  # noqa: S608


def _insert(row: Outbox) -> None:
    """Insert in one statement: the ORM would open a transaction around it where there is none."""
    connection = connections[DEFAULT_DB_ALIAS]
    statement, fields = _statement()
    values = [field.get_db_prep_save(field.pre_save(row, True), connection) for field in fields]
    with _guarded(), connection.cursor() as cursor:
        cursor.execute(statement, values)


def _guarded() -> AbstractContextManager[Any]:
    """Return a savepoint inside the shop's transaction, nothing where there is none."""
    if connections[DEFAULT_DB_ALIAS].in_atomic_block:
        return transaction.atomic(using=DEFAULT_DB_ALIAS)
    return nullcontext()


def _complain(what: str, error: Exception) -> None:
    """Log the kind of an error, not its words: a database's words quote the row."""
    global _logged_at
    at = time.monotonic()
    if at - _logged_at < LOG_SECONDS:
        return
    _logged_at = at
    logger.error(
        "Saleor Automation could not write down %s: %s. The Studio finds what is missing by "
        "asking Saleor; look at the database if this stays.",
        what,
        type(error).__name__,
    )
