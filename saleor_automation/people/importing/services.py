"""What the Studio and the command line ask of imports.

Knows the way of an import: uploaded, decided about, looked over, run, undone. ``working``
goes it.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import IO, Final

from django.db import transaction
from django.utils.translation import gettext as _

from saleor_automation.exceptions import UsageError
from saleor_automation.people.models import TraitType

from .models import ContactImport, ImportFault, ImportPiece
from .pieces import PIECE, lines_json, piece_lines, portions
from .reading import Line, table_read
from .rules import Rules, rules_problems, target_trait
from .working import WORKING

State = ContactImport.State

#: Lines a file may have.
MOST: Final = 1_000_000


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
        for number, lines in enumerate(portions(table.lines, PIECE)):
            importing.pieces, importing.lines = number + 1, importing.lines + len(lines)
            if importing.lines > MOST:
                raise UsageError(f"The file has more than {MOST:,} lines. Divide it.")
            ImportPiece.objects.create(importing=importing, number=number, rows=lines_json(lines))
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
