"""``saleor-automation verify``: judge the addresses of a file, and show it.

Knows CSV, the screen and exit codes. Lines are read, judged and written in portions, so a file
may be larger than memory, and what was learned of domains is kept after each: the same command
run again after it was stopped asks only about the rest. Nothing of the addresses is kept.

0 done · 1 some lines could not be read · 2 a person must change something · 130 stopped.
"""

from __future__ import annotations

import csv
import itertools
import os
import signal
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from rich.console import Console
from rich.table import Table

from saleor_automation import clock
from saleor_automation.conf import conf
from saleor_automation.exceptions import UsageError
from saleor_automation.people.verification.resolver import Asker, DnsAway, controls_ask, dns_asker
from saleor_automation.people.verification.services import addresses_verify, suppressions_add
from saleor_automation.people.verification.verdicts import Assessment, Reason, Verdict
from saleor_automation.people.verification.words import SENTENCES

from .install import database_ready, progress_bar

#: Lines judged at a time; their domains are asked about together.
PORTION = 1000
#: Names of the column with the address, when none is given.
USUAL = ("email", "e-mail", "email address", "e-mail address", "email_address", "mail")
ADDED = ("verdict", "reasons", "suggestion")
#: Malformed lines shown one by one.
SHOWN = 20


def run(
    *, file: str, column: str, output: str, dns: bool | None, asker: Asker | None = None
) -> int:
    """Judge a file; return the exit code. Raises UsageError."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    source = Path(file)
    target = Path(output) if output else source.with_name(f"{source.stem}.verified.csv")
    if target.absolute() == source.absolute():
        raise UsageError("--output names the file itself. Name another one.")
    if not target.absolute().parent.is_dir():
        raise UsageError(f"There is no folder {target.parent}. Make it, or name another --output.")
    database_ready()
    dns = _dns() if dns is None else dns
    found = _Found()
    try:
        with ExitStack() as stack:
            # What is wrong with the file is said before the network is looked at.
            table = _Table(stack.enter_context(_reading(source)), source, column)
            if dns:
                asker = asker or dns_asker()
                _dns_ready(asker)
            writing = stack.enter_context(_writing(target))
            progress = stack.enter_context(progress_bar())
            out = csv.writer(writing, delimiter=table.delimiter, lineterminator="\n")
            out.writerow([*table.header, *ADDED])
            task = progress.add_task("Verifying", total=_lines(source) - 1)
            for portion in _portions(table.rows()):
                judged = _judge(portion, dns=dns, asker=asker)
                for line in portion:
                    out.writerow(found.add(line, judged))
                progress.update(task, completed=portion[-1].number - 1)
            progress.update(task, completed=table.last - 1, total=table.last - 1)
    except UnicodeDecodeError:
        raise UsageError(
            f"{file} is not written in UTF-8. Save it as “CSV UTF-8” and try again."
        ) from None
    except OSError as error:
        name = error.filename or file
        raise UsageError(f"{name} cannot be used: {error.strerror}. Name another file.") from None
    except KeyboardInterrupt:
        print(
            "Stopped. What was learned of domains is kept: run the same command again.",
            file=sys.stderr,
        )
        raise
    return found.end(target)


def _dns_ready(asker: Asker) -> None:
    try:
        controls_ask(asker)
    except DnsAway as error:
        raise UsageError(f"{error} Mend the network of this machine, or add --no-dns.") from None


@dataclass
class Line:
    """One line of the file: its number, its cells, and the address in it or what is wrong."""

    number: int
    cells: list[str]
    address: str = ""
    fault: str = ""


@dataclass
class _Table:
    """A CSV file with names of columns in its first line."""

    reading: IO[str]
    source: Path
    column: str
    header: list[str] = field(init=False)
    delimiter: str = field(init=False)
    place: int = field(init=False)
    last: int = 1

    def __post_init__(self) -> None:
        first = self.reading.readline()
        if not first.strip():
            raise UsageError(f"{self.source} is empty. Its first line must name the columns.")
        # Spreadsheets of many countries part cells with a semicolon.
        self.delimiter = max(",;\t", key=first.count)
        self.header = next(csv.reader([first], delimiter=self.delimiter))
        names = [name.strip().lower() for name in self.header]
        self.place = self._place(names)

    def _place(self, names: Sequence[str]) -> int:
        if self.column:
            if self.column.strip().lower() in names:
                return names.index(self.column.strip().lower())
            raise UsageError(
                f"{self.source} has no column {self.column!r}. It has: {', '.join(self.header)}."
            )
        for usual in USUAL:
            if usual in names:
                return names.index(usual)
        if any("@" in name for name in names):
            raise UsageError(
                f"The first line of {self.source} holds an address. Put the names of the columns "
                "there, such as: email"
            )
        raise UsageError(
            f"Which column of {self.source} holds the address? Say it with --column; there are: "
            f"{', '.join(self.header)}."
        )

    def rows(self) -> Iterator[Line]:
        """Read the lines after the first; one that cannot be read says so."""
        reader = csv.reader(self.reading, delimiter=self.delimiter)
        while True:
            number = self.last + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                self.last = reader.line_num + 1
                yield Line(number, [], fault=str(error))
                continue
            self.last = reader.line_num + 1
            if cells:
                yield self._line(number, cells)

    def _line(self, number: int, cells: list[str]) -> Line:
        if len(cells) != len(self.header):
            return Line(number, cells, fault=f"{len(cells)} cells instead of {len(self.header)}")
        address = cells[self.place].strip()
        if not address:
            return Line(number, cells, fault="no address")
        return Line(number, cells, address)


def _portions(lines: Iterator[Line]) -> Iterator[list[Line]]:
    while portion := list(itertools.islice(lines, PORTION)):
        yield portion


def _judge(portion: Sequence[Line], *, dns: bool, asker: Asker | None) -> dict[str, Assessment]:
    found = addresses_verify(
        addresses=[line.address for line in portion],
        now=clock.now(),
        seconds=None,
        dns=dns,
        asker=asker,
        keep=False,
    )
    return suppressions_add(found)


def _dns() -> bool:
    """Whether to ask: who types this wants to know, wherever mail goes at the moment."""
    return not conf().demo and conf().verification_dns is not False


@dataclass
class _Found:
    """What was found so far."""

    verdicts: Counter[tuple[Verdict, Reason]] = field(default_factory=Counter)
    suggestions: int = 0
    faults: int = 0
    shown: list[str] = field(default_factory=list)

    def add(self, line: Line, judged: dict[str, Assessment]) -> list[str]:
        """Count a line; return its cells with what was found."""
        if line.fault:
            self.faults += 1
            if len(self.shown) < SHOWN:
                self.shown.append(f"Line {line.number}: {line.fault}.")
            return [*line.cells, "", f"line {line.number}: {line.fault}", ""]
        assessment = judged[line.address]
        self.verdicts[assessment.verdict, assessment.reason] += 1
        suggestion = ""
        if assessment.suggestion:
            self.suggestions += 1
            suggestion = f"{line.address.rpartition('@')[0]}@{assessment.suggestion}"
        reasons = " ".join(reason.value for reason in assessment.reasons)
        return [*line.cells, assessment.verdict.value, reasons, suggestion]

    def end(self, target: Path) -> int:
        """Print the result; return the exit code."""
        console = Console(highlight=False)
        table = Table(box=None, padding=(0, 2, 0, 0))
        for name in ("verdict", "reason", ""):
            table.add_column(name)
        table.add_column("addresses", justify="right")
        order = list(Verdict)
        for (verdict, reason), count in sorted(
            self.verdicts.items(), key=lambda item: (order.index(item[0][0]), -item[1])
        ):
            table.add_row(verdict.value, reason.value, str(SENTENCES[reason]), f"{count:,}")
        console.print(table)
        if self.suggestions:
            console.print(f"{self.suggestions:,} are probably mistyped: see the last column.")
        for words in self.shown:
            console.print(words, soft_wrap=True, markup=False)
        if self.faults > len(self.shown):
            console.print(f"... and {self.faults - len(self.shown):,} more such lines.")
        console.print(f"Written to {target}", soft_wrap=True, markup=False)
        return 1 if self.faults else 0


@contextmanager
def _reading(source: Path) -> Iterator[IO[str]]:
    # Spreadsheets begin UTF-8 with a mark.
    with source.open(encoding="utf-8-sig", newline="") as reading:
        yield reading


@contextmanager
def _writing(target: Path) -> Iterator[IO[str]]:
    """Write beside the target and put it in place when it is whole."""
    beside = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with beside.open("w", encoding="utf-8", newline="") as writing:
            yield writing
        os.replace(beside, target)
    finally:
        beside.unlink(missing_ok=True)


def _lines(source: Path) -> int:
    """Count lines, roughly: what a quoted cell breaks counts as more."""
    with source.open("rb") as reading:
        blocks: Any = iter(lambda: reading.read(1 << 20), b"")
        return max(sum(block.count(b"\n") for block in blocks), 1)
