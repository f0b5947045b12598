"""``saleor-automation import-people``: bring in the people of a file, and show it.

Knows the command's options, the screen and exit codes. Killed and run again with the same
file it goes on where it was; a worker that runs beside it does the same. An import of the command
line is undone here or in the Studio.

0 done · 1 some lines were left out · 2 a person must change something · 130 stopped.
"""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _
from rich.console import Console
from rich.table import Table

from saleor_automation import clock
from saleor_automation.exceptions import UsageError
from saleor_automation.people.importing import outcomes
from saleor_automation.people.importing.models import ContactImport, ImportChange, ImportFault
from saleor_automation.people.importing.rules import (
    EMAIL,
    PLAIN,
    TRAIT,
    Rules,
    columns_guess,
    date_read,
    trait_guess,
)
from saleor_automation.people.importing.services import (
    file_digest,
    import_begin,
    import_create,
    import_decide,
    import_samples,
)
from saleor_automation.people.importing.working import WORKING, import_claim, import_work

from .install import database_ready, progress_bar

State = ContactImport.State
#: Lines left out that are shown one by one.
SHOWN = 20
#: Seconds between two looks at an import another process works on.
PAUSE = 0.5


def run(
    *,
    file: str,
    columns: Sequence[str],
    basis: str,
    where: str,
    when: str,
    wording: str,
    channel: str,
    language: str,
    tags: Sequence[str],
    keep_undeliverable: bool,
    dry_run: bool,
) -> int:
    """Import a file, or look it over; return the exit code. Raises UsageError."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    database_ready()
    if not basis:
        raise UsageError(
            "Say whether these people agreed to marketing mail: --basis opt_in (or double_opt_in, "
            "soft_opt_in) with --where, --when and --wording; or --basis none, which brings in "
            "their profiles only."
        )
    now = clock.now()
    importing = _open(file)
    if importing.state in (State.UPLOADED, State.CHECKED):
        rules = Rules(
            columns=_columns(importing, columns),
            basis="" if basis == "none" else basis,
            where=where,
            at=_when(when),
            wording=wording,
            channel=channel,
            language=language,
            skip_undeliverable=not keep_undeliverable,
            tags=tuple(word.strip().lower() for word in tags),
        )
        problems = import_decide(importing=importing, rules=rules, now=now)
        if problems:
            raise UsageError(" ".join(problems))
        state = State.CHECKING if dry_run else State.RUNNING
        import_begin(importing=importing, state=state)
    return _work(importing, _("Looking over") if dry_run else _("Importing"))


def undo(*, number: int) -> int:
    """Undo an import by its number; return the exit code. Raises UsageError."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    database_ready()
    importing = ContactImport.objects.filter(pk=number).first()
    if importing is None:
        raise UsageError(f"There is no import number {number}.")
    if importing.state not in (State.DONE, State.UNDOING) or (
        importing.state == State.DONE
        and not ImportChange.objects.filter(importing=importing).exists()
    ):
        raise UsageError(f"Import {number} cannot be undone: {importing.get_state_display()}.")
    import_begin(importing=importing, state=State.UNDOING)
    return _work(importing, _("Undoing"))


def _open(file: str) -> ContactImport:
    """Return the import of a file: one that is under way, else a new one."""
    path = Path(file)
    try:
        with path.open("rb") as source:
            digest = file_digest(source)
            going = (
                ContactImport.objects.filter(digest=digest, state__in=[*WORKING, State.CHECKED])
                .order_by("-pk")
                .first()
            )
            if going is not None and going.state != State.UNDOING:
                return going
            return import_create(source=source, name=path.name, by="", now=clock.now())
    except OSError as error:
        raise UsageError(f"{file} cannot be used: {error.strerror}. Name another file.") from None


def _columns(importing: ContactImport, given: Sequence[str]) -> tuple[str, ...]:
    """Return a target per column: what was said, else what is guessed, else nothing."""
    samples = [line.cells for line in import_samples(importing)]
    targets = columns_guess(importing.header, samples)
    names = [name.lower() for name in importing.header]
    for text in given:
        name, mark, target = text.partition("=")
        if not mark or name.strip().lower() not in names:
            raise UsageError(
                f"--column {text!r}: write NAME=MEANING. Columns: {', '.join(importing.header)}. "
                f"Meanings: {', '.join(PLAIN)}, {TRAIT}, {TRAIT}:NAME:KIND, or nothing."
            )
        place = names.index(name.strip().lower())
        if target == TRAIT:
            cells = [row[place] for row in samples if place < len(row)]
            target = trait_guess(importing.header[place], cells)
        if target == EMAIL:
            targets = ["" if one == EMAIL else one for one in targets]
        targets[place] = target
    return tuple(targets)


def _when(text: str) -> datetime | None:
    if not text:
        return None
    if (found := date_read(text)) is None:
        raise UsageError(f"--when {text!r} is no date such as 2026-05-31.")
    return found


def _work(importing: ContactImport, title: str) -> int:
    """Work on an import, or watch whoever does, until it comes to an end."""
    claim = None
    importing.refresh_from_db()
    try:
        with progress_bar() as progress:
            task = progress.add_task(title, total=importing.pieces or None)

            def told(row: ContactImport) -> None:
                progress.update(task, completed=row.cursor)

            while importing.state in WORKING:
                # A worker may have been faster; or was killed, and its lease ends.
                claim = import_claim(importing=importing)
                if claim is None:
                    time.sleep(PAUSE)
                else:
                    import_work(pk=importing.pk, claim=claim, told=told)
                importing.refresh_from_db()
                told(importing)
    except KeyboardInterrupt:
        # Free again at once, for whoever goes on.
        ContactImport.objects.filter(pk=importing.pk, claim=claim).update(claimed_until=None)
        print("Stopped. Run the same command again to go on.", file=sys.stderr)
        raise
    if importing.state == State.FAILED:
        raise UsageError(
            f"Import {importing.pk} stopped. {importing.problem} Mend the cause, and let it go on "
            "in the Studio."
        )
    return _report(importing)


def _report(importing: ContactImport) -> int:
    console = Console(highlight=False)
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("", justify="right")
    table.add_column("")
    for code, words in outcomes.WORDS.items():
        if count := importing.counts.get(code):
            table.add_row(f"{count:,}", str(words))
    console.print(f"Import {importing.pk}: {importing.get_state_display()}", markup=False)
    if importing.encoding == "cp1252":
        console.print("Read as Windows-1252, since it is not UTF-8: look at letters with marks.")
    console.print(table)
    faults = ImportFault.objects.filter(importing=importing).order_by("line", "pk")
    for fault in faults[:SHOWN]:
        console.print(f"Line {fault.line}: {fault.reason}", soft_wrap=True, markup=False)
    more = faults.count() - SHOWN
    if more > 0:
        console.print(f"... and {more:,} more. The Studio has them all as a file.")
    return 1 if _left_out(importing.counts) else 0


def _left_out(counts: Mapping[str, Any]) -> bool:
    return any(counts.get(code) for code in outcomes.LEFT_OUT)
