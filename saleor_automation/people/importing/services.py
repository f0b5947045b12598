"""What the Studio, the command line and the worker ask of imports.

Knows the way of an import: uploaded, looked over, run, undone; and that whoever works on
it may be killed at any moment. A piece is applied in the transaction that moves the cursor.
"""

from __future__ import annotations

import hashlib
import json
import time
import uuid
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import IO, Any, Final

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from saleor_automation import clock
from saleor_automation.conf import conf
from saleor_automation.exceptions import UsageError
from saleor_automation.people.models import Contact, TraitType

from .applying import faults_write, planned_apply
from .models import ContactImport, ImportChange, ImportFault, ImportPiece
from .outcomes import REMOVED, RESTORED
from .planning import counts_of, lines_look, rows_plan
from .reading import Line, table_read
from .rules import Rules, rules_problems, target_trait
from .undoing import changes_undo

State = ContactImport.State

#: Lines applied in one transaction, and people set back in one.
PIECE: Final = 500
#: Lines a file may have.
MOST: Final = 1_000_000
#: Somebody works on an import in these.
WORKING: Final = (State.CHECKING, State.RUNNING, State.UNDOING)
#: How long an import can be undone, and its lines that were left out fetched.
KEPT: Final = timedelta(days=30)
#: How long a file that was never imported is kept.
WAITS: Final = timedelta(days=7)
#: Tries of a piece that ended its worker.
MAX_ATTEMPTS: Final = 5
#: Tries of a piece at once when somebody else made the same person a moment before.
TURNS: Final = 3


# --- from a file to a decision -------------------------------------------------------


def import_create(*, source: IO[bytes], name: str, by: str, now: datetime) -> ContactImport:
    """Store a file's lines; nothing is done with them yet. Raises UsageError."""
    digest = file_digest(source)
    table = table_read(source)
    importing = ContactImport.objects.create(
        name=name.rpartition("/")[2][:255],
        digest=digest,
        encoding=table.encoding,
        header=table.header,
        created_at=now,
        created_by=by[:150],
    )
    try:
        for number, lines in enumerate(_portions(table.lines, PIECE)):
            importing.pieces, importing.lines = number + 1, importing.lines + len(lines)
            if importing.lines > MOST:
                raise UsageError(f"The file has more than {MOST:,} lines. Divide it.")
            ImportPiece.objects.create(
                importing=importing,
                number=number,
                rows=json.dumps(
                    [
                        [line.number, None, line.fault] if line.fault else [line.number, line.cells]
                        for line in lines
                    ],
                    ensure_ascii=False,
                ),
            )
        if not importing.lines:
            raise UsageError("The file has no lines below the names of its columns.")
    except BaseException:
        importing.delete()
        raise
    importing.save(update_fields=["pieces", "lines"])
    return importing


def file_digest(source: IO[bytes]) -> str:
    """Return what a file is known by."""
    source.seek(0)
    seal = hashlib.sha256()
    while block := source.read(1 << 20):
        seal.update(block)
    source.seek(0)
    return seal.hexdigest()


def _portions(lines: Iterable[Line], size: int) -> Iterator[list[Line]]:
    iterator = iter(lines)
    while portion := list(islice(iterator, size)):
        yield portion


def piece_lines(piece: ImportPiece) -> list[Line]:
    """Return a piece's lines."""
    return [
        Line(row[0], row[1]) if row[1] is not None else Line(row[0], [], row[2])
        for row in json.loads(piece.rows or "[]")
    ]


def import_samples(importing: ContactImport, count: int = 10) -> list[Line]:
    """Return the first lines, to look at."""
    first = ImportPiece.objects.filter(importing=importing, number=0).first()
    return piece_lines(first)[:count] if first else []


def import_decide(*, importing: ContactImport, rules: Rules, now: datetime) -> list[str]:
    """Keep what was decided; return what must be changed first, and keep nothing then."""
    problems = rules_problems(rules, now=now)
    kinds = dict(TraitType.objects.values_list("name", "kind"))
    for target in rules.columns:
        kind, name = target_trait(target)
        if kind and kinds.get(name, kind) != kind:
            problems.append(
                _("The trait “%(name)s” is a %(kind)s already.")
                % {"name": name, "kind": TraitType.Kind(kinds[name]).label}
            )
    if problems:
        return problems
    changed = ContactImport.objects.filter(
        pk=importing.pk, state__in=[State.UPLOADED, State.CHECKED]
    ).update(rules=rules.as_json(), state=State.UPLOADED, counts={}, expected={}, cursor=0)
    return [] if changed else [_("It is being worked on at the moment.")]


def import_begin(*, importing: ContactImport, state: str) -> bool:
    """Have an import looked over, run or undone; return whether it could be.

    ``state`` is CHECKING, RUNNING or UNDOING. From now on the worker goes on with it.
    """
    before = {
        State.CHECKING: [State.UPLOADED, State.CHECKED],
        State.RUNNING: [State.UPLOADED, State.CHECKED],
        State.UNDOING: [State.DONE],
    }[State(state)]
    with transaction.atomic():
        row = (
            ContactImport.objects.select_for_update()
            .filter(pk=importing.pk, state__in=before)
            .first()
        )
        # Without pieces its upload was cut off.
        if row is None or not row.rules or not row.pieces:
            return False
        if state == State.RUNNING:
            row.expected = row.counts
        if state != State.UNDOING:
            ImportFault.objects.filter(importing=row).delete()
            row.counts, row.cursor = {}, 0
        row.state, row.problem, row.attempts = state, "", 0
        row.claim = row.claimed_until = row.finished_at = None
        row.save()
    return True


def import_resume(*, importing: ContactImport) -> bool:
    """Let an import that stopped go on where it was."""
    return bool(
        ContactImport.objects.filter(pk=importing.pk, state=State.FAILED)
        .exclude(stopped="")
        .update(
            state=importing.stopped,
            stopped="",
            problem="",
            attempts=0,
            claim=None,
            claimed_until=None,
        )
    )


def import_delete(*, importing: ContactImport) -> bool:
    """Forget an import nobody works on. What it brought in stays, and cannot be undone."""
    deleted, _rows = (
        ContactImport.objects.filter(pk=importing.pk).exclude(state__in=WORKING).delete()
    )
    return bool(deleted)


# --- work ----------------------------------------------------------------------------


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
    place = rules.columns.index("email")
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


# --- forgetting ----------------------------------------------------------------------


def imports_forget(addresses: Collection[str]) -> None:
    """Take erased people out of files that wait, and out of lines that were left out."""
    for address in sorted(addresses):
        written = json.dumps(address, ensure_ascii=False)
        for piece in ImportPiece.objects.select_for_update().filter(rows__icontains=written):
            kept = [
                row
                for row in json.loads(piece.rows)
                if address not in {str(cell).strip().lower() for cell in row[1] or ()}
            ]
            piece.rows = json.dumps(kept, ensure_ascii=False)
            piece.save(update_fields=["rows"])
        faults = ImportFault.objects.filter(
            Q(cells__icontains=address) | Q(reason__icontains=address)
        )
        faults.update(cells="[]", reason=_("erased"))


def imports_prune(*, now: datetime) -> None:
    """Forget files nobody imported, and what was kept to undo imports long done."""
    ContactImport.objects.filter(
        state__in=[State.UPLOADED, State.CHECKED], created_at__lt=now - WAITS
    ).delete()
    old = ContactImport.objects.filter(
        state__in=[State.DONE, State.UNDONE, State.FAILED], created_at__lt=now - KEPT
    )
    ImportFault.objects.filter(importing__in=old).delete()
    ImportChange.objects.filter(importing__in=old).delete()
    ImportPiece.objects.filter(importing__in=old).exclude(rows="").update(rows="")


def changes_merge(*, winner: Contact, loser: Contact, **kwargs: Any) -> None:
    """Follow a person who turned out to be another: nobody is taken out for it later."""
    kept = set(ImportChange.objects.filter(contact=winner).values_list("importing", flat=True))
    moved = ImportChange.objects.filter(contact=loser).exclude(importing__in=kept)
    moved.update(contact=winner, created=False)
