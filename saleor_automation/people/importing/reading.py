"""Reads tables out of files: CSV in the encodings people have, and Excel workbooks.

Knows bytes, encodings and cells. Must not know what a column means. Reads line by line, so
a file may be larger than memory.
"""

from __future__ import annotations

import codecs
import csv
import io
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import IO, Any, Final

from saleor_automation.exceptions import UsageError

#: Largest workbook, unpacked: one that claims more is a bomb or should be a CSV file.
WORKBOOK_BYTES: Final = 400_000_000
BLOCK: Final = 1 << 20
DELIMITERS: Final = ",;\t"
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True, slots=True)
class Line:
    """One line: its number in the file, and its cells or what is wrong."""

    number: int
    cells: list[str]
    fault: str = ""


@dataclass(frozen=True)
class Table:
    """A file's table: the names of its columns, and its lines, which can be read once."""

    header: list[str]
    lines: Iterator[Line]
    #: "utf-8", "utf-16", "cp1252" or "xlsx".
    encoding: str
    delimiter: str = ""


def table_read(source: IO[bytes]) -> Table:
    """Read a table. Raises UsageError saying what to change about the file."""
    source.seek(0)
    if source.read(4) == b"PK\x03\x04":
        return _workbook(source)
    return _csv(source)


def _csv(source: IO[bytes]) -> Table:
    encoding = encoding_of(source)
    source.seek(0)
    reading = io.TextIOWrapper(
        source,
        encoding=encoding,
        errors="replace" if encoding == "cp1252" else "strict",
        newline="",
    )
    first = reading.readline()
    delimiter = max(DELIMITERS, key=first.count)
    try:
        header = next(csv.reader([first], delimiter=delimiter), [])
    except csv.Error as error:
        raise UsageError(f"The first line cannot be read: {error}.") from None
    plain = "utf-8" if encoding == "utf-8-sig" else encoding
    return Table(header_clean(header), _csv_lines(reading, delimiter), plain, delimiter)


def encoding_of(source: IO[bytes]) -> str:
    """Return the encoding of a text: by its mark, else UTF-8 when all of it is, else cp1252."""
    source.seek(0)
    start = source.read(4)
    for mark, name in _MARKS:
        if start.startswith(mark):
            return name
    source.seek(0)
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        while block := source.read(BLOCK):
            decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        # What spreadsheets of western countries write when they are not asked.
        return "cp1252"
    return "utf-8"


def _csv_lines(reading: io.TextIOWrapper, delimiter: str) -> Iterator[Line]:
    reader = csv.reader(reading, delimiter=delimiter)
    last = 1
    try:
        while True:
            number = last + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                last = reader.line_num + 1
                yield Line(number, [], str(error))
                continue
            last = reader.line_num + 1
            if any(cell.strip() for cell in cells):
                yield Line(number, [cell_clean(cell) for cell in cells])
    except UnicodeError as error:
        raise UsageError(
            f"From line {last + 1} on the file is damaged. Save it as “CSV UTF-8” and try again."
        ) from error
    finally:
        # The file is whoever's opened it.
        reading.detach()


def header_clean(header: Sequence[str]) -> list[str]:
    """Return the names of columns. Raises UsageError when there are none."""
    names = [cell_clean(name)[:100] for name in header]
    if not any(names):
        raise UsageError("The file is empty. Its first line must name the columns.")
    if any("@" in name for name in names):
        raise UsageError(
            "The first line holds an address. Put the names of the columns there, such as: email"
        )
    return [name or f"({place})" for place, name in enumerate(names, 1)]


def cell_clean(text: str) -> str:
    """Return a cell without the characters a database or a page cannot take."""
    return text.replace("\x00", "").strip()


def _workbook(source: IO[bytes]) -> Table:
    import openpyxl

    source.seek(0)
    try:
        with zipfile.ZipFile(source) as packed:
            size = sum(entry.file_size for entry in packed.infolist())
        if size > WORKBOOK_BYTES:
            raise UsageError("The workbook is too large. Save the sheet as “CSV UTF-8”.")
        source.seek(0)
        with warnings.catch_warnings():
            # About styles and other things nobody reads here.
            warnings.simplefilter("ignore")
            book = openpyxl.load_workbook(source, read_only=True, data_only=True)
            rows = book.worksheets[0].iter_rows(values_only=True)
            first = next(rows, ())
    except UsageError:
        raise
    # Whatever a broken workbook makes the library raise, and it is many things.
    except Exception as error:
        raise UsageError(
            "The workbook cannot be read. Open it, save it again as .xlsx or “CSV UTF-8”, and "
            "try again."
        ) from error
    header = [cell_text(value) for value in first]
    while header and not header[-1]:
        header.pop()
    return Table(header_clean(header), _workbook_lines(rows, len(header)), "xlsx")


def _workbook_lines(rows: Iterator[Sequence[Any]], width: int) -> Iterator[Line]:
    number = 1
    while True:
        number += 1
        try:
            row = next(rows)
        except StopIteration:
            return
        except Exception as error:
            raise UsageError(
                f"The workbook cannot be read from line {number} on. Save the sheet as “CSV UTF-8”."
            ) from error
        cells = [cell_text(value) for value in row]
        while len(cells) > width and not cells[-1]:
            cells.pop()
        cells += [""] * (width - len(cells))
        if any(cells):
            yield Line(number, cells)


def cell_text(value: Any) -> str:
    """Return a workbook's cell as its owner would type it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime):
        return (value.date() if not value.time() else value).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    return cell_clean(str(value))
