"""The process that imports is killed by force, again and again; nobody is lost or twice.

The real command on a database of its own. ``IMPORT_LINES`` and ``IMPORT_KILLS`` make it
larger: with ``-m faults`` it is 100,000 lines, and memory is measured.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest

SEED = int(os.environ.get("FAULT_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
#: Every so many lines is malformed, every so many stood before.
BAD, AGAIN = 97, 101
#: Lines of a piece, as ``people.importing`` divides a file.
PIECE = 500
PROOF = [
    "--column",
    "score=trait",
    "--basis",
    "opt_in",
    "--where",
    "fair",
    "--when",
    "2025-01-01",
    "--wording",
    "Yes",
]


def write_file(target: Path, lines: int) -> tuple[int, int]:
    """Write a file of people; return how many are good, and how many lines are left out."""
    good = left_out = 0
    with target.open("w", encoding="utf-8") as file:
        file.write("email,first name,last name,country,tags,score\n")
        for number in range(lines):
            if number and number % BAD == 0:
                left_out += 1
                file.write(f"no address {number},x,y,MY,,\n")
            elif number and number % AGAIN == 0:
                left_out += 1
                file.write("p1@d1.example,Again,,MY,,\n")
            else:
                good += 1
                file.write(f"p{number}@d{number % 6000}.example,P{number},R,MY,a,{number}\n")
    return good, left_out


def environment(folder: Path, database: str = "") -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("SALEOR_AUTOMATION_") and name != "DJANGO_SETTINGS_MODULE"
    }
    kept |= {
        "SALEOR_AUTOMATION_STATE_DIR": str(folder),
        # What a killed one held is free again at once.
        "SALEOR_AUTOMATION_LEASE_SECONDS": "2",
        "SALEOR_AUTOMATION_VERIFICATION_DNS": "0",
        "DATABASE_URL": database,
    }
    return kept


def command(*words: str, env: dict[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "saleor_automation", *words],
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def counted(env: dict[str, str]) -> dict[str, int]:
    """Return what the database holds."""
    code = (
        "import json; from saleor_automation.models import *; "
        "from django.db.models import Count; one = ContactImport.objects.get(); "
        "print(json.dumps(dict(one.counts, state=one.state, cursor=one.cursor, "
        "people=Contact.objects.count(), names=Identity.objects.count(), "
        "words=Consent.objects.count(), traits=Trait.objects.count(), tags=Tag.objects.count(), "
        "changes=ImportChange.objects.count(), faults=ImportFault.objects.count())))"
    )
    done = subprocess.run(
        [sys.executable, "-m", "saleor_automation", "manage", "shell", "--no-imports", "-c", code],
        env=env,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.strip().splitlines()[-1])


def cursor_of(folder: Path, env: dict[str, str]) -> int:
    """Return which piece is next, as another process sees it; -1 when none is there yet."""
    question = "SELECT cursor FROM saleor_automation_contactimport"
    if env["DATABASE_URL"]:
        import psycopg

        with psycopg.connect(env["DATABASE_URL"].replace("postgres://", "postgresql://")) as one:
            rows = one.execute(question).fetchall()
    else:
        with contextlib.closing(sqlite3.connect(next(folder.glob("*.sqlite3")))) as one:
            rows = one.execute(question).fetchall()
    return rows[0][0] if rows else -1


def wait_for_work(folder: Path, env: dict[str, str], *, past: int) -> None:
    """Wait until a piece more was done, or it is clear that none will be."""
    patience = time.monotonic() + 20
    while cursor_of(folder, env) <= past and time.monotonic() < patience:
        time.sleep(0.02)


def import_killed(folder: Path, env: dict[str, str], *, lines: int, kills: int) -> int:
    """Import a file while its process is killed; return the most memory one took, in MB."""
    chance = random.Random(SEED)
    print(f"\nseed {SEED}")
    subprocess.run(
        [sys.executable, "-m", "saleor_automation", "manage", "migrate", "-v", "0"],
        env=env,
        check=True,
    )
    file = folder / "people.csv"
    good, left_out = write_file(file, lines)
    most, deaths, reached = 0, 0, list[int]()
    for _ in range(kills + 1):
        one = command("import-people", str(file), *PROOF, env=env)
        if deaths < kills:
            # All over the file, not only at its beginning.
            leap = chance.randrange(max(1, lines // PIECE // kills))
            wait_for_work(folder, env, past=(reached[-1] if reached else 0) + leap)
            time.sleep(chance.uniform(0, 0.4))
            # Not ``send_signal``, which would reap one that has ended and lose what it used.
            os.kill(one.pid, signal.SIGKILL)
        _pid, status, used = os.wait4(one.pid, 0)
        one.returncode = os.waitstatus_to_exitcode(status)
        stderr = one.stderr.read().decode() if one.stderr else ""
        if one.stderr:
            one.stderr.close()
        most = max(most, used.ru_maxrss // 1024)
        if one.returncode == -signal.SIGKILL:
            deaths += 1
            reached.append(cursor_of(folder, env))
            continue
        assert one.returncode == 1, stderr
        break
    found = counted(env)
    print(f"{deaths} kills, at pieces {reached}, {most} MB; {found}")
    assert found["state"] == "done"
    assert found["new"] == found["agreed"] == good
    assert found["malformed"] + found["repeated"] == left_out == found["faults"]
    for name in ("people", "names", "words", "traits", "tags", "changes"):
        assert found[name] == good, name
    assert deaths == kills
    assert len({place for place in reached if place}) >= 2, "killed in the middle of it"
    return most


@pytest.mark.own_database
def test_killed_by_force_it_goes_on_and_nobody_is_lost_or_twice(tmp_path: Path) -> None:
    lines, kills = int(os.environ.get("IMPORT_LINES", "6000")), 3
    env = environment(tmp_path)
    assert import_killed(tmp_path, env, lines=lines, kills=kills) <= 400


@pytest.mark.faults
@pytest.mark.skipif(
    not os.environ.get("DATABASE_URL", "").startswith("postgres"),
    reason="needs DATABASE_URL of a PostgreSQL",
)
def test_a_hundred_thousand_on_postgresql(tmp_path: Path) -> None:
    import psycopg

    parts = urlsplit(os.environ["DATABASE_URL"])
    name = f"{parts.path.lstrip('/') or 'studio'}_import_{os.getpid()}"
    server = urlunsplit(parts._replace(scheme="postgresql"))
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    try:
        env = environment(tmp_path, urlunsplit(parts._replace(path=f"/{name}")))
        lines, kills = int(os.environ.get("IMPORT_LINES", "100000")), 12
        assert import_killed(tmp_path, env, lines=lines, kills=kills) <= 400
    finally:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
