"""Child processes that never outlive their parent and come back when they die.

Knows process groups, signals and back-off; standard library only. Must not know
what the children do. A child that dies is started again; one that ends with code 2
said that a person must change something, so the supervisor gives up and says so.
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import IO

logger = logging.getLogger(__name__)

#: Holds the supervisor's process id in the environment of its children.
PARENT_VARIABLE = "SALEOR_AUTOMATION_PARENT"
USAGE_EXIT = 2
_PR_SET_PDEATHSIG = 1
_forking_pid = 0


def die_with(parent: int) -> None:
    """Have the kernel kill this process when ``parent`` ends; Linux only.

    The kernel watches the *thread* that started this process, so start children
    from a thread that lives as long as they should. Elsewhere this does nothing.
    """
    if not sys.platform.startswith("linux"):
        return
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        # It ended before the line above: nobody would tell us any more.
        os._exit(1)


def die_with_supervisor() -> bool:
    """Follow the supervisor that started this process, if one did; say whether."""
    value = os.environ.pop(PARENT_VARIABLE, "")
    if value.isdigit() and int(value) == os.getppid():
        die_with(int(value))
        return True
    return False


def descendants_die_with_parents() -> None:
    """Make every process forked from now on, at any depth, die with its parent."""

    def before() -> None:
        global _forking_pid
        _forking_pid = os.getpid()

    os.register_at_fork(before=before, after_in_child=lambda: die_with(_forking_pid))


@dataclass
class Child:
    """One supervised process, leader of its own process group."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    #: Where its output goes; None means the supervisor's own.
    log: Path | None = None
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    #: Deaths in a row, each soon after the start.
    quick_deaths: int = 0
    start_after: float = 0.0
    deaths: int = 0

    def start(self) -> None:
        """Start it. Call from a thread that lives as long as the child should."""
        environment = {**os.environ, **self.env, PARENT_VARIABLE: str(os.getpid())}
        with contextlib.ExitStack() as stack:
            output: IO[bytes] | None = None
            if self.log is not None:
                output = stack.enter_context(self.log.open("ab"))
            self.process = subprocess.Popen(  # noqa: S603 - our own command lines only
                list(self.argv),
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                process_group=0,
            )
        self.started_at = time.monotonic()

    @property
    def pid(self) -> int:
        """Process id, which is also the group's; 0 when it is not running."""
        return self.process.pid if self.process and self.process.poll() is None else 0

    def signal(self, number: int) -> None:
        """Signal the child alone; nothing happens when it is gone."""
        if self.pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill_group(self) -> None:
        """Kill the child and everything still in its group."""
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=5)

    def stop(self, *, grace: float) -> None:
        """Ask it to end, wait ``grace`` seconds, then kill the group."""
        if self.process is None:
            return
        self.signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=max(grace, 0.05))
        self.kill_group()
        self.process = None

    def back_off(self, *, steady: float = 10.0, longest: float = 10.0) -> float:
        """Note a death and return the seconds to wait before the next start."""
        now = time.monotonic()
        self.deaths += 1
        self.quick_deaths = self.quick_deaths + 1 if now - self.started_at < steady else 0
        pause = min(longest, 0.1 * 2**self.quick_deaths) if self.quick_deaths else 0.0
        self.start_after = now + pause
        return pause


class Supervisor:
    """Keeps children running until told to stop."""

    def __init__(self, children: Sequence[Child], *, grace: float = 15.0) -> None:
        self.children = list(children)
        self.grace = grace
        #: Set when a child says that a person must act; the others are stopped.
        self.refused: Child | None = None

    def run(self, stop: threading.Event, *, every: float = 0.1) -> int:
        """Run until ``stop`` is set; return the exit code of the whole."""
        try:
            for child in self.children:
                child.start()
            while not stop.wait(every):
                for child in self.children:
                    self._look_after(child)
                if self.refused is not None:
                    return USAGE_EXIT
            return 0
        finally:
            self.stop()

    def _look_after(self, child: Child) -> None:
        if child.pid:
            return
        if child.process is not None:
            code = child.process.returncode
            child.kill_group()
            child.process = None
            if code == USAGE_EXIT:
                self.refused = child
                return
            pause = child.back_off()
            logger.warning(
                "%s ended with code %s; starting it again in %.1f s", child.name, code, pause
            )
        if time.monotonic() >= child.start_after:
            child.start()

    def stop(self) -> None:
        """Stop all children at once, then kill what is left."""
        for child in self.children:
            child.signal(signal.SIGTERM)
        deadline = time.monotonic() + self.grace
        for child in self.children:
            child.stop(grace=deadline - time.monotonic())


def stop_on_signals(also: Callable[[], None] | None = None) -> threading.Event:
    """Return an event that SIGTERM, SIGINT and SIGHUP set. Main thread only."""
    stop = threading.Event()

    def handle(number: int, frame: FrameType | None) -> None:
        stop.set()
        if also is not None:
            also()

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, handle)
    return stop


def own_command(*arguments: str) -> list[str]:
    """Return the command line that runs this program with ``arguments``."""
    return [sys.executable, "-m", "saleor_automation", *arguments]
