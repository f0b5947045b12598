from __future__ import annotations

from contextlib import contextmanager

from django.db import connections


@contextmanager
def allow_writer():
    connection = connections["default"]
    inside = getattr(connection, "_allow_writer", False)
    connection._allow_writer = True
    try:
        yield
    finally:
        connection._allow_writer = inside
