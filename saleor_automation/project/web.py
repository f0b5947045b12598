"""The web server: gunicorn with processes of a few threads each.

Threads, so that webhooks wait for their commits together; ``wsgi`` lets only one of a
process into Wagtail at a time. Knows gunicorn and sockets; must not know views.
"""

from __future__ import annotations

import errno
import os
import socket
from typing import Any

from saleor_automation.exceptions import UsageError

from .processes import die_with

#: Each keeps a connection to the database: there are as many as processes times threads.
THREADS = 8


def port_check(host: str, port: int) -> None:
    """Raise UsageError when nothing can listen on ``host`` and ``port``."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OverflowError:
            raise UsageError(
                f"{port} is not a port. Choose one from 1 to 65535 with --port."
            ) from None
        except OSError as error:
            raise UsageError(_why_not(error, host, port)) from None


def _why_not(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"Port {port} on {host} is in use. Stop the program that uses it, or choose "
            "another port with --port (0 takes any free one)."
        )
    if error.errno == errno.EACCES:
        return f"Port {port} needs root. Choose one above 1023 with --port."
    return (
        f"Cannot listen on {host}: {error.strerror or error}. Use --host 127.0.0.1, or an "
        "address of this machine."
    )


def free_port(host: str = "127.0.0.1") -> int:
    """Return a port nobody uses at this moment."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def address_of(host: str, port: int) -> str:
    """Return the address under which this machine reaches what listens there."""
    if host in {"0.0.0.0", "::"}:  # noqa: S104 - compared, not bound
        host = "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def serve(*, host: str, port: int, workers: int) -> None:
    """Serve the Studio until SIGTERM. Does not return."""
    from gunicorn.app.base import BaseApplication

    class Server(BaseApplication):
        def load_config(self) -> None:
            bind = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
            options: dict[str, Any] = {
                "bind": bind,
                "workers": workers,
                "worker_class": "gthread",
                "threads": THREADS,
                "preload_app": True,
                "timeout": 60,
                "graceful_timeout": 10,
                # Saleor sends bodies up to megabytes; more room to queue bursts.
                "backlog": 512,
                "loglevel": "warning",
                "errorlog": "-",
                "proc_name": "saleor-automation web",
                "post_fork": _after_fork,
            }
            for key, value in options.items():
                if key in self.cfg.settings:
                    self.cfg.set(key, value)

        def load(self) -> Any:
            from .wsgi import application

            return application

    Server().run()


def _after_fork(server: Any, worker: Any) -> None:
    die_with(worker.ppid if hasattr(worker, "ppid") else os.getppid())
