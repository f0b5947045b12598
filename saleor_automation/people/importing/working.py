"""Works on an import, piece by piece; may be killed at any moment.

Knows claims, transactions and the cursor. A piece is applied in the transaction that moves
the cursor, so it is done wholly or not at all, and by one worker of all.
"""

from __future__ import annotations

import time
import uuid
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from saleor_automation import clock
from saleor_automation.conf import conf

from .applying import faults_write, planned_apply
from .models import ContactImport, ImportChange, ImportPiece
from .outcomes import REMOVED, RESTORED
from .pieces import PIECE, piece_lines
from .planning import counts_of, lines_look, rows_plan
from .rules import EMAIL, Rules
from .undoing import changes_undo

State = ContactImport.State

#: Somebody works on an import in these.
WORKING: Final = (State.CHECKING, State.RUNNING, State.UNDOING)
#: Tries of a piece that ended its worker.
MAX_ATTEMPTS: Final = 5
#: Tries of a piece at once when somebody else made the same person a moment before.
TURNS: Final = 3


def import_claim(*, importing: ContactImport) -> uuid.UUID | None:
    """Take an import to work on in this process; None while another one does."""
    claim, wall = uuid.uuid4(), clock.wall()
    free = Q(claimed_until=None) | Q(claimed_until__lt=wall)
    taken = ContactImport.objects.filter(free, pk=importing.pk, state__in=WORKING).update(
        claim=claim, claimed_until=wall + timedelta(seconds=conf().lease_seconds)
    )
    return claim if taken else None


def import_work(
    *,
    pk: int,
    claim: uuid.UUID,
    seconds: float | None = None,
    told: Callable[[ContactImport], None] | None = None,
) -> bool:
    """Work on a claimed import, ``seconds`` at most; return whether it came to an end.

    Whoever is killed in it loses at most the piece at hand, which nobody saw begin.
    """
    ends_at = None if seconds is None else time.monotonic() + seconds
    seen: dict[int, int] | None = None
    while ends_at is None or time.monotonic() < ends_at:
        importing = ContactImport.objects.filter(pk=pk, claim=claim, state__in=WORKING).first()
        if importing is None:
            return True
        if importing.state == State.UNDOING:
            _undo_some(importing, claim)
        else:
            if seen is None:
                seen = _seen_before(importing)
            _piece_work(importing, claim, seen)
        if told is not None:
            importing.refresh_from_db()
            told(importing)
    return False


def _seen_before(importing: ContactImport) -> dict[int, int]:
    """Return which address stood in which line of the pieces that are done."""
    rules = Rules.from_json(importing.rules)
    place = rules.columns.index(EMAIL)
    seen: dict[int, int] = {}
    pieces = ImportPiece.objects.filter(importing=importing, number__lt=importing.cursor)
    for piece in pieces.order_by("number").iterator(chunk_size=10):
        for line in piece_lines(piece):
            if len(line.cells) == len(rules.columns):
                seen.setdefault(hash(line.cells[place].lower()), line.number)
    return seen


def _piece_work(importing: ContactImport, claim: uuid.UUID, seen: dict[int, int]) -> None:
    now = clock.now()
    rules = Rules.from_json(importing.rules)
    running = importing.state == State.RUNNING
    piece = ImportPiece.objects.filter(importing=importing, number=importing.cursor).first()
    lines = piece_lines(piece) if piece is not None else []
    # No transaction is open: the DNS may be asked.
    looked = lines_look(lines, rules, seen=seen, now=now, keep=running)
    for turn in range(1, TURNS + 1):
        faults = list(looked.faults)
        try:
            with transaction.atomic():
                row = _held(importing, claim)
                if row is None:
                    return
                planned = rows_plan(looked, rules, row, lock=running, now=now)
                if running:
                    planned_apply(planned, rules, row, now=now)
                faults_write(looked.faults, row)
                row.counts = dict(Counter(row.counts) + counts_of(looked, planned))
                row.cursor += 1
                if row.cursor >= row.pieces:
                    _over(row, now)
                _renew(row)
            return
        except IntegrityError:
            # A shopper became known at this moment. Now they can be seen.
            looked.faults = faults
            if turn == TURNS:
                raise


def _held(importing: ContactImport, claim: uuid.UUID) -> ContactImport | None:
    """Return the import, locked, if it is still ours and where it was."""
    return (
        ContactImport.objects.select_for_update()
        .filter(pk=importing.pk, claim=claim, state=importing.state, cursor=importing.cursor)
        .first()
    )


def _renew(row: ContactImport) -> None:
    row.attempts = 0
    if row.state in WORKING:
        row.claimed_until = clock.wall() + timedelta(seconds=conf().lease_seconds)
    else:
        row.claim = row.claimed_until = None
    row.save(
        update_fields=[
            "counts",
            "cursor",
            "state",
            "attempts",
            "claim",
            "claimed_until",
            "finished_at",
        ]
    )


def _over(row: ContactImport, now: datetime) -> None:
    if row.state == State.CHECKING:
        row.state = State.CHECKED
        return
    row.state, row.finished_at = State.DONE, now
    # The file has done its work; people's data is kept once.
    ImportPiece.objects.filter(importing=row).update(rows="")


def _undo_some(importing: ContactImport, claim: uuid.UUID) -> None:
    now = clock.now()
    with transaction.atomic():
        row = _held(importing, claim)
        if row is None:
            return
        changes = list(ImportChange.objects.filter(importing=row).order_by("pk")[:PIECE])
        removed, restored = changes_undo(changes, row, now=now)
        row.counts = dict(Counter(row.counts) + Counter({REMOVED: removed, RESTORED: restored}))
        if not ImportChange.objects.filter(importing=row).exists():
            row.state, row.finished_at = State.UNDONE, now
        _renew(row)


def imports_give_up(*, wall: datetime) -> int:
    """Stop imports whose piece ended its worker again and again; return how many."""
    stopped = 0
    for row in ContactImport.objects.filter(
        Q(claimed_until=None) | Q(claimed_until__lt=wall),
        state__in=WORKING,
        attempts__gte=MAX_ATTEMPTS,
    ):
        stopped += ContactImport.objects.filter(pk=row.pk, state=row.state).update(
            state=State.FAILED,
            stopped=row.state,
            claim=None,
            claimed_until=None,
            problem=_("Its worker ended %(count)s times at lines about %(line)s. See its log.")
            % {"count": row.attempts, "line": row.cursor * PIECE + 2},
        )
    return stopped
