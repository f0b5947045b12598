"""Turning what was received into facts.

Knows bodies, keys and times, and that a body counts once however often it comes.
Must not know what a fact means: ``signals.facts_recorded`` tells the later stages,
in the same transaction, so a body is understood by all of them or by none.
"""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import Error as DatabaseError
from django.db import (
    IntegrityError,
    InterfaceError,
    OperationalError,
    transaction,
)
from django.db.models import Q, QuerySet
from django.db.models.functions import Length

from saleor_automation import signals
from saleor_automation.contract.payloads import parse
from saleor_automation.exceptions import ContractError

from .bodies import BodyWords, body_words
from .facts import events_record
from .models import RawEvent
from .storing import raw_event_digest, raw_event_store
from .track.recording import tracked_record
from .track.storing import Tracked, tracked_read

__all__ = [
    "raw_event_digest",
    "raw_event_store",
    "raw_events_forget",
    "raw_events_process",
    "raw_events_prune",
    "raw_events_retry",
]

logger = logging.getLogger(__name__)

#: A body whose processing fails this often is set aside as a fault.
MAX_ATTEMPTS: Final = 3
#: A body that collides with another worker's is tried so often at once.
MAX_TURNS: Final = 3
PRUNE_BATCH: Final = 1000
#: Tracked calls understood together, in bytes as they are stored: some hundreds.
TOGETHER_BYTES: Final = 150_000

_KILLER = (
    f"It was begun {MAX_ATTEMPTS} times and its worker ended each time before it was done, for "
    "want of memory or time. Look at the worker's log and at the machine; once the cause is "
    "mended, process it again."
)


def raw_events_process(*, ids: Sequence[int], now: datetime, claim: UUID | None = None) -> int:
    """Understand stored bodies, each in its own transaction; return how many were.

    With ``claim`` a body is touched only while it is held under that claim. A body that
    breaks the contract becomes a fault at once. Any other error rolls that body back and
    leaves it for another attempt, ``MAX_ATTEMPTS`` in all; trouble with the database
    that another try may not meet is none of the body's attempts.
    """
    _killers_set_aside(ids, now, claim)
    count = 0
    for group in _groups(ids):
        done = _understand_together(group, now, claim) if len(group) > 1 else 0
        count += done or sum(_understand(pk, now, claim) for pk in group)
    return count


def _groups(ids: Sequence[int]) -> Iterator[list[int]]:
    """Part ids into groups, in order: tracked calls that follow each other, the rest alone.

    A page tells of one view at a time, and finding out whose many are costs little more.
    """
    tracked = dict(
        RawEvent.objects.filter(pk__in=ids, source=RawEvent.Source.TRACK)
        .annotate(size=Length("body"))
        .values_list("pk", "size")
    )
    group: list[int] = []
    size = 0
    for pk in ids:
        if group and (pk not in tracked or size + tracked[pk] > TOGETHER_BYTES):
            yield group
            group, size = [], 0
        if pk in tracked:
            group.append(pk)
            size += tracked[pk]
        else:
            yield [pk]
    if group:
        yield group


def _understand_together(ids: Sequence[int], now: datetime, claim: UUID | None) -> int:
    """Understand tracked calls in one transaction; 0 when each must be tried on its own."""
    rows = RawEvent.objects.filter(pk__in=ids, state=RawEvent.State.PENDING)
    if claim is not None:
        rows = rows.filter(claim=claim)
    try:
        with transaction.atomic():
            raws = list(rows.select_for_update().order_by("pk"))
            tellers: dict[Any, list[tuple[RawEvent, Tracked]]] = {}
            for raw in raws:
                tracked = tracked_read(bytes(raw.body))
                tellers.setdefault((raw.event_type, tracked.teller), []).append((raw, tracked))
            for told in tellers.values():
                _tell_tracked([raw for raw, _ in told], [tracked for _, tracked in told], now)
            for raw in raws:
                _settle(raw, RawEvent.State.DONE, "", now)
            return len(raws)
    except Exception as error:
        # Whose doing it was shows when each is tried on its own.
        logger.warning("Tracked calls are tried one by one: %s", type(error).__name__)
        return 0


def _tell_tracked(raws: Sequence[RawEvent], told: Sequence[Tracked], now: datetime) -> None:
    """Record the calls of one teller and tell the later stages."""
    tracked, events = tracked_record(raws=raws, told=told, now=now)
    first = raws[0]
    signals.facts_recorded.send(
        sender=RawEvent, raw=first, snapshot=tracked, events=events, now=now
    )
    if not first.body:
        # Somebody erased is in one of them, and all are understood.
        for raw in raws:
            raw.body = b""


def _killers_set_aside(ids: Sequence[int], now: datetime, claim: UUID | None) -> None:
    """Make faults of bodies begun too often, unread: they may kill this worker as well.

    Each was counted when it was begun, and nobody lived to say how it ended.
    """
    rows = RawEvent.objects.filter(pk__in=ids, state=RawEvent.State.PENDING)
    if claim is not None:
        rows = rows.filter(claim=claim)
    count = rows.filter(attempts__gt=MAX_ATTEMPTS).update(
        state=RawEvent.State.FAULT,
        fault=_KILLER,
        processed_at=now,
        claim=None,
        claimed_until=None,
    )
    if count:
        logger.error("%s received events ended their workers and are set aside", count)


def _understand(pk: int, now: datetime, claim: UUID | None, turns: int = MAX_TURNS) -> int:
    try:
        with transaction.atomic():
            return _process(pk, now, claim)
    except (OperationalError, InterfaceError) as error:
        # A deadlock, a lock not had in time, a lost connection: none of the body's doing.
        logger.warning("Received event %s is given back: %s", pk, type(error).__name__)
        _give_back(pk, claim)
        return 0
    except Exception as error:
        if not isinstance(error, IntegrityError) or turns == 1:
            _log_error(pk, error)
            _failed(pk, error, now, claim)
            return 0
    # Another worker made the same row a moment before; now it can be seen.
    return _understand(pk, now, claim, turns - 1)


def _pending(pk: int, claim: UUID | None) -> QuerySet[RawEvent]:
    """Return the row, to be locked, if it still waits (and is still ours)."""
    rows = RawEvent.objects.select_for_update().filter(pk=pk, state=RawEvent.State.PENDING)
    return rows if claim is None else rows.filter(claim=claim)


def _process(pk: int, now: datetime, claim: UUID | None) -> int:
    raw = _pending(pk, claim).first()
    if raw is None:
        return 0
    try:
        if raw.source == RawEvent.Source.TRACK:
            _tell_tracked([raw], [tracked_read(bytes(raw.body))], now)
        else:
            parsed = parse(raw.event_type, bytes(raw.body))
            events = events_record(raw=raw, facts=parsed.facts, now=now)
            signals.facts_recorded.send(
                sender=RawEvent, raw=raw, snapshot=parsed.snapshot, events=events, now=now
            )
    except ContractError as error:
        _settle(raw, RawEvent.State.FAULT, str(error), now)
        return 0
    _settle(raw, RawEvent.State.DONE, "", now)
    return 1


def _settle(raw: RawEvent, state: str, fault: str, now: datetime) -> None:
    raw.state, raw.fault, raw.processed_at = state, fault.replace("\x00", "")[:2000], now
    raw.claim = raw.claimed_until = None
    fields = ["state", "fault", "processed_at", "attempts", "claim", "claimed_until"]
    # A later stage may have found an erased person in it.
    raw.save(update_fields=fields if raw.body else [*fields, "body"])


def _give_back(pk: int, claim: UUID | None) -> None:
    """Let a body be tried again; the attempt that was counted was none."""
    with transaction.atomic():
        raw = _pending(pk, claim).first()
        if raw is not None:
            if raw.claim is not None:
                raw.attempts = max(0, raw.attempts - 1)
            _release(raw)


def _failed(pk: int, error: Exception, now: datetime, claim: UUID | None) -> None:
    with transaction.atomic():
        raw = _pending(pk, claim).first()
        if raw is None:
            return
        if raw.claim is None:
            # The worker counts the attempts of what it holds; nobody did.
            raw.attempts += 1
        if raw.attempts < MAX_ATTEMPTS:
            _release(raw)
            return
        # Only the kind of error: its words may hold a customer's data.
        words = (
            f"Processing failed {MAX_ATTEMPTS} times with {type(error).__name__}. "
            "The log of the worker has the details. Once the cause is mended, process it again."
        )
        _settle(raw, RawEvent.State.FAULT, words, now)


def _release(raw: RawEvent) -> None:
    raw.claim = raw.claimed_until = None
    raw.save(update_fields=["attempts", "claim", "claimed_until"])


def _log_error(pk: int, error: Exception) -> None:
    """Log an error; of a database's only where, since its words quote rows."""
    chain: BaseException | None = error
    while chain is not None and not isinstance(chain, DatabaseError):
        chain = chain.__cause__ or chain.__context__
    if chain is None:
        logger.error("Received event %s could not be processed", pk, exc_info=error)
        return
    places = "".join(traceback.format_tb(error.__traceback__))
    logger.error(
        "Received event %s could not be processed: %s\n%s", pk, type(error).__name__, places
    )


def raw_events_retry(*, ids: Sequence[int]) -> int:
    """Put faults back in the line, for example after an update; return how many."""
    return RawEvent.objects.filter(pk__in=ids, state=RawEvent.State.FAULT).update(
        state=RawEvent.State.PENDING, fault="", attempts=0, processed_at=None
    )


def raw_events_prune(*, before: datetime) -> int:
    """Blank the bodies of understood events received before a time; return how many.

    The rows stay, so that a replay is still known.
    """
    old = RawEvent.objects.filter(state=RawEvent.State.DONE, received_at__lt=before)
    old = old.exclude(body=b"").order_by("pk")
    count = 0
    while ids := list(old.values_list("pk", flat=True)[:PRUNE_BATCH]):
        count += RawEvent.objects.filter(pk__in=ids).update(body=b"")
    return count


def raw_events_forget(*, ids: Collection[int], names: Collection[str]) -> int:
    """Blank the settled bodies with these ids, and those that name a person; return how many.

    ``names`` are ids and addresses. No index helps to find them, so every kept body is
    read: seconds for a large shop, which erasing may take.
    A fault that is blanked has nothing left to understand and is one no longer. Bodies
    that still wait are not touched: what they tell apart from the person counts.
    """
    settled = RawEvent.objects.exclude(state=RawEvent.State.PENDING).exclude(body=b"")
    blank = {"body": b"", "state": RawEvent.State.DONE, "fault": ""}
    count = settled.filter(pk__in=ids).update(**blank) if ids else 0
    if names:
        named = Q()
        for name in names:
            # As JSON writes it, with its quotes: "ana@x.example" is not in "joana@x.example".
            for written in {json.dumps(name), json.dumps(name, ensure_ascii=False)}:
                named |= Q(words__icontains=body_words(written))
        found = settled.annotate(words=BodyWords("body")).filter(named)
        count += found.update(**blank)
    return count
