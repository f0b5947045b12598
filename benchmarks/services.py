"""Databases and processes a measurement needs, started and removed again.

PostgreSQL runs with the settings Debian ships (fsync on, synchronous_commit on), in a
temporary folder, unless DATABASE_URL names a server.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


class Missing(Exception):
    """Something a measurement needs is not on this machine; says what to install."""


@dataclass(frozen=True)
class Database:
    """A database a child process is pointed at through its environment."""

    name: str
    #: Value of DATABASE_URL; "" is SQLite in ``folder``.
    url: str
    folder: Path

    def environ(self) -> dict[str, str]:
        return {
            "DATABASE_URL": self.url,
            "REDIS_URL": "",
            "SALEOR_AUTOMATION_STATE_DIR": str(self.folder),
            "SALEOR_AUTOMATION_ENVIRONMENT": "benchmarks",
            "SECRET_KEY": "benchmarks only",
            "SALEOR_AUTOMATION_VERIFICATION_DNS": "0",
            "DJANGO_SETTINGS_MODULE": "saleor_automation.project.settings",
        }


def free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return server.getsockname()[1]


def postgres_binaries() -> Path:
    """Return the newest PostgreSQL's folder of programs. Raises Missing."""

    def number(path: Path) -> float:
        try:
            return float(path.parent.name)
        except ValueError:
            return 0

    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=number)
    if not found:
        raise Missing("No PostgreSQL found: apt-get install postgresql, or set DATABASE_URL.")
    return found[-1]


def _postgres_user() -> dict[str, object]:
    """Return what ``subprocess`` needs to run PostgreSQL, which refuses to be root."""
    if os.geteuid() != 0:
        return {}
    return {"user": "postgres", "group": "postgres", "extra_groups": []}


@contextmanager
def postgres_server() -> Iterator[str]:
    """Yield the URL of a server of our own, without a database name."""
    binaries = postgres_binaries()
    folder = Path(tempfile.mkdtemp(prefix="sa-bench-pg-"))
    as_user = _postgres_user()
    if as_user:
        shutil.chown(folder, "postgres", "postgres")
    data, port = folder / "data", free_port()

    def run(program: str, *args: str) -> None:
        subprocess.run(
            [str(binaries / program), "-D", str(data), *args],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=folder,
            **as_user,
        )

    try:
        run("initdb", "-U", "benchmarks", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8")
        options = f"-h 127.0.0.1 -p {port} -k {folder}"
        run("pg_ctl", "-w", "-l", str(folder / "log"), "-o", options, "start")
        try:
            yield f"postgres://benchmarks@127.0.0.1:{port}"
        finally:
            run("pg_ctl", "-m", "fast", "-w", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def database(kind: str, server: str) -> Iterator[Database]:
    """Yield an empty database of its own; it is removed afterwards.

    ``server`` is the URL of a PostgreSQL server for ``kind`` "postgresql".
    """
    folder = Path(tempfile.mkdtemp(prefix="sa-bench-"))
    try:
        if kind == "sqlite":
            yield Database("sqlite", "", folder)
            return
        import psycopg

        name = f"benchmarks_{os.getpid()}_{time.monotonic_ns()}"
        # Whoever names a server names a maintenance database with it, or means "postgres".
        base, _, maintenance = server.replace("postgresql://", "postgres://").rpartition("/")
        if base.endswith("/"):
            base, maintenance = server, "postgres"
        with psycopg.connect(f"{base}/{maintenance}", autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
            try:
                yield Database("postgresql", f"{base}/{name}", folder)
            finally:
                connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def process(
    command: Sequence[str], *, environ: dict[str, str], log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command in its own process group; end the whole group afterwards."""
    with log.open("wb") as output:
        running = subprocess.Popen(
            list(command),
            env={**os.environ, **environ},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield running
        finally:
            for sign, patience in ((signal.SIGTERM, 10), (signal.SIGKILL, 10)):
                try:
                    os.killpg(running.pid, sign)
                    running.wait(patience)
                except ProcessLookupError:
                    break
                except subprocess.TimeoutExpired:
                    continue


def port_open_wait(port: int, *, running: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until something listens. Raises RuntimeError with the log when it died."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if running.poll() is not None:
            raise RuntimeError(f"{running.args} ended early:\n{log.read_text()}")
        with socket.socket() as client:
            client.settimeout(1)
            if client.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError(f"{running.args} does not listen on {port}:\n{log.read_text()}")
