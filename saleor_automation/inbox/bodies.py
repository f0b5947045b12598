"""Searching received bodies for a text, in the database.

Knows how each database shows bytes as text. Must not know what is searched for.
"""

from __future__ import annotations

from typing import Any

from django.db import connection
from django.db.models import Func, TextField


class BodyWords(Func):
    """The bytes of a body as text that can be searched, whatever they are."""

    function = "CAST"
    template = "CAST(%(expressions)s AS TEXT)"
    output_field = TextField()

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        """Bytes that are not ASCII come as octal numbers, since they may be no UTF-8."""
        template = "encode(%(expressions)s, 'escape')"
        return super().as_sql(compiler, connection, template=template, **context)


def body_words(text: str) -> str:
    """Return a text as ``BodyWords`` shows it."""
    if connection.vendor != "postgresql":
        return text
    return "".join(
        "\\\\" if byte == 0x5C else chr(byte) if 0 < byte < 0x80 else f"\\{byte:03o}"
        for byte in text.encode()
    )
