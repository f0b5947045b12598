"""Storing what was received, and turning it into facts.

Knows bodies, keys and times, and that a body counts once however often it comes.
Must not know what a fact means: ``signals.facts_recorded`` tells the later stages,
in the same transaction, so a body is understood by all of them or by none.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast

from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import F, Field

from saleor_automation import signals
from saleor_automation.contract.payloads import parse
from saleor_automation.exceptions import ContractError

from .facts import events_record
from .models import RawEvent

logger = logging.getLogger(__name__)

#: A body whose processing fails this often is set aside as a fault.
MAX_ATTEMPTS = 3

_COLUMNS = (
    "digest",
    "source",
    "event_type",
    "api_url",
    "body",
    "received_at",
    "state",
    "fault",
    "attempts",
)


def raw_event_digest(*, event_type: str, api_url: str, body: bytes) -> str:
    """Return the key under which a body is stored once."""
    seal = hashlib.sha256()
    for part in (api_url.encode(), event_type.encode(), body):
        seal.update(part)
        seal.update(b"\n")
    return seal.hexdigest()


def raw_event_store(
    *, source: str, event_type: str, api_url: str, body: bytes, now: datetime
) -> bool:
    """Store a received body; return False when it was stored before.

    One statement, so it needs no transaction and two senders cannot both win.
    """
    event_type = event_type.replace("\x00", "")[:64]
    values: dict[str, Any] = {
        "digest": raw_event_digest(event_type=event_type, api_url=api_url, body=body),
        "source": source,
        "event_type": event_type,
        "api_url": api_url,
        "body": body,
        "received_at": now,
        "state": RawEvent.State.PENDING,
        "fault": "",
        "attempts": 0,
    }
    meta = RawEvent._meta
    fields = [cast("Field[Any, Any]", meta.get_field(name)) for name in _COLUMNS]
    quote = connection.ops.quote_name
    columns = ", ".join(quote(str(field.column)) for field in fields)
    marks = ", ".join(["%s"] * len(fields))
    # Table and column names are the model's own; every value is a parameter.
    statement = (
        f"INSERT INTO {quote(meta.db_table)} ({columns}) VALUES ({marks}) "  # noqa: S608
        f"ON CONFLICT ({quote('digest')}) DO NOTHING"
    )
    parameters = [field.get_db_prep_save(values[field.name], connection) for field in fields]
    return _execute_once(statement, parameters) == 1


def _execute_once(statement: str, parameters: Sequence[Any]) -> int:
    """Run a statement that may be repeated; return the number of rows it wrote.

    The statement itself shows whether the kept connection lives: Django's own check
    would be a second round trip for every delivery. A dead one is replaced once.
    """
    if connection.connection is not None and not connection.in_atomic_block:
        connection.health_check_done = True  # type: ignore[attr-defined]
    try:
        return _execute(statement, parameters)
    except (OperationalError, InterfaceError):
        if connection.in_atomic_block or connection.is_usable():
            raise
        connection.close()
        return _execute(statement, parameters)


def _execute(statement: str, parameters: Sequence[Any]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return int(cursor.rowcount)


def raw_events_process(*, ids: Sequence[int], now: datetime) -> int:
    """Understand stored bodies, each in its own transaction; return how many were.

    A body that breaks the contract becomes a fault at once. Any other error rolls
    that body back and leaves it for another attempt, ``MAX_ATTEMPTS`` in all.
    """
    done = 0
    for pk in ids:
        try:
            with transaction.atomic():
                done += _process(pk, now)
        except Exception as error:
            logger.exception("Received event %s could not be processed", pk)
            _failed(pk, error, now)
    return done


def _process(pk: int, now: datetime) -> int:
    raw = RawEvent.objects.select_for_update().filter(pk=pk, state=RawEvent.State.PENDING).first()
    if raw is None:
        return 0
    try:
        parsed = parse(raw.event_type, bytes(raw.body))
    except ContractError as error:
        _settle(raw, RawEvent.State.FAULT, str(error), now)
        return 0
    events = events_record(raw=raw, facts=parsed.facts, now=now)
    signals.facts_recorded.send(
        sender=RawEvent, raw=raw, snapshot=parsed.snapshot, events=events, now=now
    )
    _settle(raw, RawEvent.State.DONE, "", now)
    return 1


def _settle(raw: RawEvent, state: str, fault: str, now: datetime) -> None:
    raw.state, raw.fault, raw.processed_at = state, fault.replace("\x00", "")[:2000], now
    raw.claim = raw.claimed_until = None
    raw.save(update_fields=["state", "fault", "processed_at", "claim", "claimed_until"])


def _failed(pk: int, error: Exception, now: datetime) -> None:
    pending = RawEvent.objects.filter(pk=pk, state=RawEvent.State.PENDING)
    pending.update(attempts=F("attempts") + 1, claim=None, claimed_until=None)
    pending.filter(attempts__gte=MAX_ATTEMPTS).update(
        state=RawEvent.State.FAULT,
        processed_at=now,
        # Only the kind of error: its words may hold a customer's data.
        fault=(
            f"Processing failed {MAX_ATTEMPTS} times with {type(error).__name__}. "
            "The log of the worker has the details. Once the cause is mended, process it again."
        ),
    )


def raw_events_retry(*, ids: Sequence[int]) -> int:
    """Put faults back in the line, for example after an update; return how many."""
    return RawEvent.objects.filter(pk__in=ids, state=RawEvent.State.FAULT).update(
        state=RawEvent.State.PENDING, fault="", attempts=0, processed_at=None
    )
