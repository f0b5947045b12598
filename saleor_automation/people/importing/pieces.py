"""The lines of a file as they are stored: in pieces, as JSON.

Pure but for the row it reads. Must not know what a line means.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Final

from .models import ImportPiece
from .reading import Line

#: Lines applied in one transaction, and people set back in one.
PIECE: Final = 500


def portions(lines: Iterable[Line], size: int) -> Iterator[list[Line]]:
    iterator = iter(lines)
    while portion := list(islice(iterator, size)):
        yield portion


def piece_lines(piece: ImportPiece) -> list[Line]:
    """Return a piece's lines."""
    return [
        Line(row[0], row[1]) if row[1] is not None else Line(row[0], [], row[2])
        for row in json.loads(piece.rows or "[]")
    ]


def lines_json(lines: Sequence[Line]) -> str:
    """Return lines as a piece keeps them. Not packed: who is erased is searched for in it."""
    return json.dumps(
        [
            [line.number, None, line.fault] if line.fault else [line.number, line.cells]
            for line in lines
        ],
        ensure_ascii=False,
    )
