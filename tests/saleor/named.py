"""What a person names in the environment: their Saleor, and a database server if they have one."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.saleor.machine import Postgres, postgres_running
from tests.saleor.shop import Checkout


def checkout_named() -> Checkout:
    """Return the Saleor of SALEOR_HOME. Raises FileNotFoundError, saying what is missing."""
    home = Path(os.environ.get("SALEOR_HOME") or "SALEOR_HOME is not set").absolute()
    given = os.environ.get("SALEOR_PYTHON")
    # Not resolved: a venv's Python is known by the path it is called under.
    python = Path(given).absolute() if given else home / ".venv" / "bin" / "python"
    for path in (home / "manage.py", python):
        if not path.exists():
            raise FileNotFoundError(f"{path} is not there. See tests/saleor/README.md.")
    return Checkout(home, python)


@contextlib.contextmanager
def postgres_named() -> Iterator[Postgres]:
    """Yield the server of SALEOR_DATABASE_URL, or one of our own; drop what was made on it."""
    url = os.environ.get("SALEOR_DATABASE_URL")
    if not url:
        # Not in pytest's folders: the account "postgres" cannot enter them.
        folder = Path(tempfile.mkdtemp(prefix="suite-postgres-"))
        try:
            with postgres_running(folder) as server:
                yield server
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return
    server = Postgres(url)
    try:
        yield server
    finally:
        for name in list(server.created):
            server.drop(name)
