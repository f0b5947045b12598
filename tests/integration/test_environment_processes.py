"""Children come back when they die, and never outlive their parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from saleor_automation.project.processes import USAGE_EXIT, Child, Supervisor

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux's prctl")


def wait_for(condition, *, seconds=20.0):
    """Return the first true answer; fail when there is none in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answer := condition():
            return answer
        time.sleep(0.02)
    pytest.fail("It did not happen in time.")


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


def sleeper(*, code: str = "pass") -> list[str]:
    return [sys.executable, "-c", f"import time; {code}; time.sleep(60)"]


@pytest.fixture
def running():
    """Run a supervisor in a thread; stopped at the end."""
    stop = threading.Event()
    threads = []

    def start(*children: Child) -> Supervisor:
        supervisor = Supervisor(children, grace=2)
        thread = threading.Thread(target=supervisor.run, args=(stop,), kwargs={"every": 0.02})
        thread.start()
        threads.append(thread)
        return supervisor

    yield start
    stop.set()
    for thread in threads:
        thread.join()


def test_a_killed_child_is_started_again(running):
    child = Child("sleeper", sleeper())
    running(child)
    first = wait_for(lambda: child.pid)
    os.kill(first, signal.SIGKILL)
    second = wait_for(lambda: child.pid if child.pid != first else 0)
    assert is_alive(second)
    assert child.deaths == 1


def test_a_child_that_keeps_dying_is_started_less_and_less_often():
    child = Child("dies", [sys.executable, "-c", ""])
    pauses = []
    for _ in range(9):
        child.started_at = time.monotonic()
        pauses.append(child.back_off())
    assert pauses == sorted(pauses)
    assert pauses[0] < 1
    assert pauses[-1] == 10.0
    child.started_at = time.monotonic() - 60
    assert child.back_off() == 0.0


def test_a_child_that_says_a_person_must_act_stops_the_others():
    steady = Child("steady", sleeper())
    refusing = Child("refusing", [sys.executable, "-c", "raise SystemExit(2)"])
    supervisor = Supervisor([steady, refusing], grace=2)
    assert supervisor.run(threading.Event(), every=0.02) == USAGE_EXIT
    assert supervisor.refused is refusing
    assert steady.pid == 0


def test_a_child_that_ignores_sigterm_is_killed():
    child = Child("stubborn", sleeper(code="import signal; signal.signal(15, signal.SIG_IGN)"))
    child.start()
    pid = child.pid
    # SIGTERM before the handler is set would end it in good order.
    wait_for(lambda: "SigIgn:\t0000000000000000" not in Path(f"/proc/{pid}/status").read_text())
    child.stop(grace=0.2)
    assert not is_alive(pid)


@linux
def test_nothing_is_left_when_the_supervisor_is_killed(tmp_path):
    """The child, and what the child forked, end with a supervisor killed by force."""
    child_code = textwrap.dedent(
        """
        import multiprocessing, os, pathlib, sys, time
        from saleor_automation.project.processes import (
            descendants_die_with_parents, die_with_supervisor)
        assert die_with_supervisor()
        descendants_die_with_parents()
        def grandchild(depth):
            (pathlib.Path(sys.argv[1]) / str(os.getpid())).touch()
            if depth:
                multiprocessing.get_context("fork").Process(
                    target=grandchild, args=(depth - 1,)).start()
            time.sleep(60)
        grandchild(2)
        """
    )
    supervisor_code = textwrap.dedent(
        """
        import sys, threading
        from saleor_automation.project.processes import Child, Supervisor
        Supervisor([Child("child", [sys.executable, *sys.argv[1:]])]).run(threading.Event())
        """
    )
    supervisor = subprocess.Popen(
        [sys.executable, "-c", supervisor_code, "-c", child_code, str(tmp_path)]
    )
    pids = wait_for(lambda: len(list(tmp_path.iterdir())) == 3 and list(tmp_path.iterdir()))
    descendants = [int(path.name) for path in pids]
    assert all(is_alive(pid) for pid in descendants)
    supervisor.kill()
    supervisor.wait()
    wait_for(lambda: not any(is_alive(pid) for pid in descendants))
