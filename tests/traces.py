"""Looks for a person in every table there is, whatever made it and however it is written.

Reads rows as the database holds them: texts, JSON and bytes; and inside what is packed
(gzip, zlib, base64 with or without either, as sessions and queued tasks are).
"""

from __future__ import annotations

import base64
import binascii
import gzip
import json
import re
import zlib
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from django.db import connection

_PACKED = re.compile(r"[A-Za-z0-9+/_\-]{24,}={0,2}")


def traces(*names: str) -> list[str]:
    """Return ``table.column: name`` for every place where one of the names stands."""
    assert all(len(name) > 3 for name in names), "too short to be somebody"
    wanted = {name: _spellings(name) for name in names}
    found = set()
    for table, column, value in _values():
        words = list(_words(value))
        for name, spellings in wanted.items():
            if any(spelling in text for text in words for spelling in spellings):
                found.add(f"{table}.{column}: {name}")
    return sorted(found)


def _spellings(name: str) -> set[str]:
    lowered = name.lower()
    return {lowered, json.dumps(lowered)[1:-1], quote(lowered, safe=""), quote(lowered)}


def _values() -> Iterator[tuple[str, str, Any]]:
    with connection.cursor() as cursor:
        for table in sorted(connection.introspection.table_names(cursor)):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            columns = [column[0] for column in cursor.description or ()]
            for row in cursor.fetchall():
                for column, value in zip(columns, row, strict=True):
                    if value is not None:
                        yield table, column, value


def _words(value: Any, depth: int = 0) -> Iterator[str]:
    """Yield every text a value holds, in small letters."""
    if isinstance(value, memoryview):
        value = bytes(value)
    if isinstance(value, bytes):
        yield value.decode("utf-8", "replace").lower()
        yield from _unpacked(value, depth)
        return
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    yield text.lower()
    if depth < 3:
        for packed in _PACKED.findall(text):
            for raw in _decoded(packed):
                yield from _words(raw, depth + 1)


def _decoded(packed: str) -> Iterator[bytes]:
    plain = packed.rstrip("=").replace("-", "+").replace("_", "/")
    # A signature may stand before or behind; a text's beginning is where its token begins.
    try:
        yield base64.b64decode(plain + "=" * (-len(plain) % 4))
    except binascii.Error:
        return


def _unpacked(raw: bytes, depth: int) -> Iterator[str]:
    if depth >= 3:
        return
    for unpack in (zlib.decompress, gzip.decompress, lambda data: zlib.decompress(data, -15)):
        try:
            content = unpack(raw)
        except (OSError, zlib.error, EOFError):
            continue
        yield from _words(content, depth + 1)
