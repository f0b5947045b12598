"""Reading and moving the one row of RelayState.

Knows when capture may run: the plugin is on, capture is on, and the Studio that
answered is the one that is configured now. Every change is one UPDATE of the fields
it is about, so that two tasks do not undo each other.
"""

from __future__ import annotations

from typing import Any

from django.db import DEFAULT_DB_ALIAS, transaction
from django.db.models import F, Q, QuerySet
from django.db.utils import OperationalError, ProgrammingError
from django.utils import timezone

from .capture import gate_forget
from .configuration import Configuration
from .models import Outbox, RelayState


def state_rows() -> QuerySet[RelayState]:
    """Return the row as a set, made when it is not there yet."""
    rows = RelayState.objects.using(DEFAULT_DB_ALIAS)
    rows.get_or_create(pk=RelayState.PK)
    return rows.filter(pk=RelayState.PK)


def state_current() -> RelayState:
    """Read the row."""
    return state_rows().get()


def state_change(**changes: Any) -> None:
    """Change some fields."""
    state_rows().update(**changes)


def state_count(**counts: int) -> None:
    """Add to counters."""
    changes: dict[str, Any] = {name: F(name) + count for name, count in counts.items() if count}
    if counts.get("dropped"):
        changes["dropped_at"] = timezone.now()
    if changes:
        state_rows().update(**changes)


def capture_adjust(configuration: Configuration) -> bool:
    """Let capture run exactly when it may; return whether it does."""
    wanted = configuration.active and configuration.capture and bool(configuration.studio_url)
    may = Q(connection=RelayState.Connection.CONNECTED, studio_url=configuration.studio_url)
    rows = state_rows()
    runs = bool(wanted and rows.filter(may).exists())
    if rows.exclude(capturing=runs).update(capturing=runs):
        gate_forget()
    return runs


def is_migrated() -> bool:
    """Tell whether our tables are there."""
    try:
        # The question may fail, and must not spoil a transaction it is asked in.
        with transaction.atomic(using=DEFAULT_DB_ALIAS):
            RelayState.objects.using(DEFAULT_DB_ALIAS).exists()
            Outbox.objects.using(DEFAULT_DB_ALIAS).exists()
    except (ProgrammingError, OperationalError):
        return False
    return True
