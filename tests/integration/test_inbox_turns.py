"""Two web processes on one SQLite file: they take turns, and one that dies holds up nobody."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

pytestmark = pytest.mark.own_database

STORE = """
import sys, django
django.setup()
from saleor_automation import clock
from saleor_automation.inbox.models import RawEvent
from saleor_automation.inbox.services import raw_event_store
if sys.argv[1] == "migrate":
    from django.core.management import call_command
    call_command("migrate", verbosity=0)
else:
    print("ready", flush=True)
    for number in range(int(sys.argv[2])):
        assert raw_event_store(
            source="webhook", event_type="order_created", api_url="https://x/",
            body=f"{sys.argv[1]} {number}".encode(), now=clock.now(),
        )
print(RawEvent.objects.count())
"""
HOLD = """
import fcntl, sys, time
file = open(sys.argv[1], "ab")
fcntl.flock(file, fcntl.LOCK_EX)
print("held", flush=True)
time.sleep(60)
"""


def environ(folder: Path) -> dict[str, str]:
    clean = {key: value for key, value in os.environ.items() if key != "DATABASE_URL"}
    return {
        **clean,
        "SALEOR_AUTOMATION_STATE_DIR": str(folder),
        "DJANGO_SETTINGS_MODULE": "saleor_automation.project.settings",
    }


def store(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", STORE, *arguments],
        env=environ(folder),
        stdout=subprocess.PIPE,
        text=True,
    )


def test_processes_take_turns_and_one_that_dies_holds_up_nobody(tmp_path: Path) -> None:
    assert store(tmp_path, "migrate").communicate(timeout=120)[0] == "0\n"
    [database] = tmp_path.glob("*.sqlite3")
    turn = database.with_name(f"{database.name}-turn")
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(turn)], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    writers = [store(tmp_path, name, "40") for name in ("one", "two")]
    for writer in writers:
        # Everything else is done: only the lock keeps it from writing.
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    with pytest.raises(subprocess.TimeoutExpired):
        writers[0].wait(3)
    assert stored(database) == 0
    holder.send_signal(signal.SIGKILL)
    holder.wait(10)
    holder.stdout.close()
    for writer in writers:
        writer.communicate(timeout=60)
    assert [writer.returncode for writer in writers] == [0, 0]
    assert stored(database) == 80


def stored(database: Path) -> int:
    with closing(sqlite3.connect(database)) as connection:
        table = "saleor_automation_rawevent"
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
