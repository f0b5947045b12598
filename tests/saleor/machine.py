"""What the suite starts on this machine: ports, processes, PostgreSQL, Redis.

Knows programs and how they end. Must not know Saleor or the Studio. Everything listens on
loopback, under ports nobody had, and is ended by the process that started it.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import psycopg

Answer = TypeVar("Answer")
LOOPBACK = "127.0.0.1"
#: Factor for a slow machine: everything that is waited for may take so much longer.
PATIENCE = float(os.environ.get("SALEOR_PATIENCE") or 1)


class TookTooLong(AssertionError):
    """Something that had to happen did not, in time."""


def wait_for(
    condition: Callable[[], Answer], what: str, *, seconds: float = 60.0, pause: float = 0.1
) -> Answer:
    """Return the first true answer of ``condition``. Raises TookTooLong, saying ``what``."""
    seconds *= PATIENCE
    deadline = time.monotonic() + seconds
    while True:
        if answer := condition():
            return answer
        if time.monotonic() > deadline:
            raise TookTooLong(f"Not within {seconds:.0f} s: {what}. The last answer: {answer!r}")
        time.sleep(pause)


def free_port() -> int:
    """Return a port of loopback nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def listening(port: int) -> bool:
    """Say whether somebody takes connections on a port of loopback."""
    with contextlib.suppress(OSError), socket.create_connection((LOOPBACK, port), timeout=1):
        return True
    return False


def clean_environment(**more: str) -> dict[str, str]:
    """Return an environment without the settings of this test run, and with ``more``."""
    keep = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "SSL_CERT_FILE", "USER", "LOGNAME")
    return {
        **{key: os.environ[key] for key in keep if key in os.environ},
        # Nothing is written into other people's checkouts and environments.
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        **more,
    }


class Process:
    """A program that runs until it is stopped, its output in a file."""

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        environ: Mapping[str, str],
        cwd: Path,
        log: Path,
    ) -> None:
        self.name, self.log = name, log
        with log.open("ab") as output:
            self._popen = subprocess.Popen(
                [str(word) for word in command],
                env=dict(environ),
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def running(self) -> bool:
        return self._popen.poll() is None

    def must_run(self) -> None:
        """Fail with the end of its output when it has ended."""
        if not self.running:
            raise AssertionError(
                f"{self.name} ended with {self._popen.returncode}. {self.log} ends with:\n"
                + self.tail()
            )

    def tail(self, lines: int = 30) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def stop(self, *, seconds: float = 20.0) -> None:
        """Ask it to end, then end it and everything it started."""
        if self.running:
            self._popen.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._popen.wait(timeout=seconds)
        self.kill()

    def kill(self) -> None:
        """End it and everything in its session at once, as a power cut would."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self._popen.wait()


def run(
    command: Sequence[str | Path],
    *,
    environ: Mapping[str, str],
    cwd: Path,
    seconds: float = 3600.0,
    given: str | None = None,
) -> str:
    """Run a program to its end and return what it printed; fail with everything it said."""
    done = subprocess.run(
        [str(word) for word in command],
        env=dict(environ),
        cwd=cwd,
        input=given,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    if done.returncode:
        raise AssertionError(
            f"{' '.join(done.args)} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
        )
    return done.stdout


def program(name: str) -> Path:
    """Return a program of PostgreSQL or Redis. Raises FileNotFoundError, saying what to install."""
    if found := shutil.which(name):
        return Path(found)
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        if (folder / name).exists():
            return folder / name
    raise FileNotFoundError(f"{name} is not on this machine. Install PostgreSQL and Redis.")


class Postgres:
    """A PostgreSQL server: one started here, or the one an address names."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.netloc = parts.netloc
        self._admin = url if parts.path.strip("/") else f"{url.rstrip('/')}/postgres"
        self.created: list[str] = []

    def url(self, database: str) -> str:
        return f"postgres://{self.netloc}/{database}"

    def create(self, database: str, *, template: str = "") -> str:
        """Make a database and return its address."""
        words = f' TEMPLATE "{template}"' if template else ""
        self._say(f'CREATE DATABASE "{database}"{words}')
        self.created.append(database)
        return self.url(database)

    def drop(self, database: str) -> None:
        self._say(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')
        if database in self.created:
            self.created.remove(database)

    def _say(self, statement: str) -> None:
        with psycopg.connect(self._admin, autocommit=True) as connection:
            connection.execute(statement)

    def dump(self, database: str, file: Path) -> None:
        """Keep a database in a file. It appears whole or not at all."""
        part = file.with_suffix(".part")
        self._tool("pg_dump", "--format=custom", "--no-owner", f"--file={part}", self.url(database))
        part.replace(file)

    def restore(self, database: str, file: Path) -> None:
        """Fill an empty database from such a file."""
        self._tool(
            *("pg_restore", "--no-owner", "--exit-on-error", "--jobs=2"),
            *(f"--dbname={self.url(database)}", str(file)),
        )

    def _tool(self, name: str, *arguments: str) -> None:
        run([program(name), *arguments], environ=clean_environment(), cwd=Path("/"))


@contextlib.contextmanager
def postgres_running(folder: Path) -> Iterator[Postgres]:
    """Run a server of our own, in ``folder``, for as long as it is needed."""
    port = free_port()
    prefix: list[str] = []
    if os.geteuid() == 0:
        # PostgreSQL refuses to run as root.
        prefix = ["runuser", "-u", "postgres", "--"]
        account = pwd.getpwnam("postgres")
        os.chown(folder, account.pw_uid, account.pw_gid)
    environ = clean_environment()
    data = folder / "data"
    run(
        [
            *(*prefix, program("initdb"), "-D", data, "-U", "suite", "-A", "trust"),
            *("-E", "UTF8", "--locale=C.UTF-8", "--no-sync"),
        ],
        environ=environ,
        cwd=folder,
    )
    # What survives a power cut is not looked at here.
    options = f"-h {LOOPBACK} -p {port} -k {folder} -c fsync=off -c max_connections=200"
    control = [*prefix, program("pg_ctl"), "-D", data, "-w"]
    run([*control, "-l", folder / "log", "-o", options, "start"], environ=environ, cwd=folder)
    try:
        yield Postgres(f"postgres://suite@{LOOPBACK}:{port}/postgres")
    finally:
        run([*control, "-m", "immediate", "stop"], environ=environ, cwd=folder)


@contextlib.contextmanager
def redis_running(folder: Path) -> Iterator[str]:
    """Run a Redis of our own; yield its address without a database number."""
    port = free_port()
    process = Process(
        "Redis",
        [
            *(program("redis-server"), "--bind", LOOPBACK, "--port", str(port)),
            *("--save", "", "--dir", folder, "--databases", "32"),
        ],
        environ=clean_environment(),
        cwd=folder,
        log=folder / "redis.log",
    )
    try:
        wait_for(lambda: listening(port), "Redis listens")
        yield f"redis://{LOOPBACK}:{port}"
    finally:
        process.stop()
