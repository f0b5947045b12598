"""Writes what mails were rendered from, a batch in one statement.

Knows the table and two dialects. On PostgreSQL the ORM would send each column as
an array that psycopg quotes in Python piece by piece, which the profile of a batch
showed above everything else; one JSON document is quoted once.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from django.db import connection

from .models import MessageContent

_COLUMNS = ("subject", "context", "envelope")


def contents_write(contents: Sequence[MessageContent]) -> None:
    """Store ``contents``; a mail tried again has its content replaced."""
    if not contents:
        return
    if connection.vendor != "postgresql":
        MessageContent.objects.bulk_create(
            contents,
            update_conflicts=True,
            unique_fields=["message"],
            update_fields=list(_COLUMNS),
        )
        return
    table = connection.ops.quote_name(MessageContent._meta.db_table)
    columns = ", ".join(_COLUMNS)
    updates = ", ".join(f"{name} = EXCLUDED.{name}" for name in _COLUMNS)
    rows = [
        {
            "message_id": content.message_id.hex,
            "subject": content.subject,
            "context": content.context,
            "envelope": content.envelope,
        }
        for content in contents
    ]
    # Bound by the server: the document of a batch is half a megabyte, which Django's own cursor
    # would quote here and have the server read as part of the statement.
    import psycopg

    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(
            f"INSERT INTO {table} (message_id, {columns}) SELECT message_id, {columns} "  # noqa: S608
            "FROM jsonb_to_recordset(%s::jsonb) AS row(message_id uuid, subject text, "
            f"context jsonb, envelope jsonb) ON CONFLICT (message_id) DO UPDATE SET {updates}",
            [json.dumps(rows, ensure_ascii=False)],
        )
