"""``saleor-automation suppressions``: save and bring in addresses that must not be written to.

Knows files, the screen and exit codes.

0 done · 1 some lines could not be used · 2 a person must change something.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import IO

from saleor_automation import clock
from saleor_automation.exceptions import UsageError
from saleor_automation.people.suppression_files import (
    Brought,
    FileProblem,
    suppressions_export,
    suppressions_import,
)

from .install import database_ready

#: Lines with something wrong shown one by one.
SHOWN = 20


def export(*, file: str) -> int:
    """Save everything; return the exit code. Raises UsageError."""
    database_ready()
    if not file:
        _write(sys.stdout)
        return 0
    try:
        # Nobody else on this machine needs it.
        with Path(file).open("w", encoding="utf-8", newline="") as out:
            count = _write(out)
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {error.strerror}. Name another.") from None
    print(f"Saved {count} to {file}. It holds no addresses.")
    return 0


def _write(out: IO[str]) -> int:
    writer = csv.writer(out, lineterminator="\n")
    count = -1
    for row in suppressions_export():
        writer.writerow(row)
        count += 1
    return count


def bring(*, file: str, reason: str, dry_run: bool) -> int:
    """Bring a file in; return the exit code. Raises UsageError."""
    database_ready()
    brought = Brought()
    try:
        with Path(file).open(encoding="utf-8-sig", newline="") as lines:
            for brought in suppressions_import(  # noqa: B007 - the last one counts
                lines=lines, reason=reason, now=clock.now(), dry_run=dry_run
            ):
                pass
    except FileProblem as problem:
        raise UsageError(f"{file}: {problem}") from None
    except UnicodeDecodeError:
        raise UsageError(
            f"{file} is not written in UTF-8. Save it as “CSV UTF-8” and try again; what was "
            "brought in already does no harm."
        ) from None
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}. Name another file.") from None
    for fault in brought.faults[:SHOWN]:
        print(f"Line {fault.line}: {fault.words}", file=sys.stderr)
    if brought.wrong > SHOWN:
        print(f"… and {brought.wrong - SHOWN} more lines.", file=sys.stderr)
    what = "Would be new" if dry_run else "New"
    print(
        f"{what}: {brought.new}. For a stronger reason than before: {brought.stronger}. "
        f"There already: {brought.known}. Not used: {brought.wrong}."
    )
    return 1 if brought.wrong else 0
