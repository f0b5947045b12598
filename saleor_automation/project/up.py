"""``saleor-automation up``: one command from an empty folder to a running Studio.

Knows the order: database, starter content, first administrator, then web and
worker as supervised children.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator
from pathlib import Path

from django.db import connection
from rich.console import Console

from saleor_automation.conf import conf
from saleor_automation.exceptions import UsageError

from . import install
from .environment import own_command as command_line
from .environment import public_url_keep
from .processes import USAGE_EXIT, Child, Supervisor, own_command, stop_on_signals
from .web import port_check

logger = logging.getLogger(__name__)


def services(
    *, host: str, port: int, web_workers: int, log_folder: Path | None = None
) -> list[Child]:
    """Return web and worker as children to supervise."""
    serving = ["--host", host, "--port", str(port), "--web-workers", str(web_workers)]
    return [
        Child("web", own_command("web", *serving), log=_log(log_folder, "web")),
        Child("worker", own_command("worker"), log=_log(log_folder, "worker")),
    ]


def _log(folder: Path | None, name: str) -> Path | None:
    return folder / f"{name}.log" if folder else None


def run(*, host: str, port: int, web_workers: int) -> int:
    """Prepare everything and run until SIGTERM or SIGINT; return the exit code."""
    with only_one(conf().state_dir):
        return _run(host=host, port=port, web_workers=web_workers)


@contextlib.contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Hold the folder's lock, which the kernel gives back however this process ends.

    Raises UsageError when another ``up`` holds it. On PostgreSQL several are welcome.
    """
    if connection.vendor != "sqlite":
        yield
        return
    import fcntl

    with (folder / "up.lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(
                f"Another saleor-automation up runs on {folder}. Stop it first, or give this one "
                "a folder of its own with --state-dir."
            ) from None
        yield


def _run(*, host: str, port: int, web_workers: int) -> int:
    port_check(host, port)
    install.database_reachable()
    install.queue_reachable()
    public_url_keep(conf().state_dir, conf().public_url)
    with install.progress_bar() as progress:
        install.migrate(progress)
        install.seed(progress)
    login = install.first_admin()
    console = Console(highlight=False)
    console.print(f"Studio: {conf().public_url}/studio/", soft_wrap=True)
    if login is not None:
        console.print(f"Login:  {login.username}", soft_wrap=True)
        if not os.environ.get("ADMIN_PASSWORD"):
            console.print(
                f"Password: {login.password}  (shown once; change it in the Studio)",
                soft_wrap=True,
                markup=False,
            )
    check = command_line("check", conf().state_dir)
    console.print(
        f"Next: {check} says what is still missing. Ctrl-C stops.", soft_wrap=True, markup=False
    )
    stop = stop_on_signals()
    supervisor = Supervisor(services(host=host, port=port, web_workers=web_workers))
    code = supervisor.run(stop)
    if code == USAGE_EXIT and supervisor.refused is not None:
        logger.error("%s needs a change before it can run; see above.", supervisor.refused.name)
    return code
