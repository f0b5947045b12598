"""Kills the Studio's processes by force at random points of the demo, on PostgreSQL.

The shop, the mail sink and the driver live on: they are the world outside. After
each play the promises are checked: no step lost, no mail received twice, and every
unclear mail counted, listed and settled. ``FAULT_KILLS`` says how many kills there
are (50), ``FAULT_SEED`` repeats a run's choices.
"""

from __future__ import annotations

import collections
import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest

from tests.faults import processes

DATABASE_URL = os.environ.get("DATABASE_URL", "")
KILLS = int(os.environ.get("FAULT_KILLS", "50"))
SEED = int(os.environ.get("FAULT_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)

pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(
        not DATABASE_URL.startswith("postgres"), reason="needs DATABASE_URL of a PostgreSQL"
    ),
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc"),
]

#: How many queue workers die with each, so at most how many mails become unclear.
IN_FLIGHT = {
    "web master": 0,
    "web worker": 0,
    "worker": 2,
    "cluster": 2,
    "sentinel": 2,
    "queue worker": 1,
    # The cluster ends itself and lets the others finish, for a while.
    "pusher": 2,
    "monitor": 2,
}
#: How often each is chosen.
WEIGHTS = {
    "web master": 1,
    "web worker": 3,
    "worker": 2,
    "cluster": 2,
    "sentinel": 2,
    "queue worker": 8,
    "pusher": 2,
    "monitor": 1,
}


@dataclass
class Totals:
    """What all plays together came to."""

    kills: collections.Counter[str] = field(default_factory=collections.Counter)
    plays: int = 0
    mails: int = 0
    unclear: list[str] = field(default_factory=list)

    @property
    def allowed(self) -> int:
        return sum(IN_FLIGHT[role] * count for role, count in self.kills.items())


@pytest.fixture
def database_url():
    """A database of its own beside the one given, dropped afterwards."""
    import psycopg

    parts = urlsplit(DATABASE_URL)
    name = f"{parts.path.lstrip('/') or 'studio'}_faults_{os.getpid()}"
    server = urlunsplit(parts._replace(scheme="postgresql"))
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    yield urlunsplit(parts._replace(path=f"/{name}"))
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def test_kills_lose_nothing_and_mail_nobody_twice(tmp_path, database_url):
    print(f"\nseed {SEED}, {KILLS} kills")
    chance = random.Random(SEED)
    totals = Totals()
    while sum(totals.kills.values()) < KILLS:
        play_once(tmp_path / f"play{totals.plays}", database_url, chance, totals)
        totals.plays += 1
        print(
            f"play {totals.plays}: {sum(totals.kills.values())} kills so far, "
            f"{totals.mails} mails, {len(totals.unclear)} unclear"
        )
    print(f"kills: {dict(totals.kills)}")
    for line in totals.unclear:
        print(f"unclear: {line}")
    assert len(totals.unclear) <= totals.allowed
    assert totals.mails > 0


def play_once(folder: Path, database_url: str, chance: random.Random, totals: Totals) -> None:
    """Play the demo while killing its processes, then check what it left."""
    environ = {
        **{k: v for k, v in os.environ.items() if k != "DJANGO_SETTINGS_MODULE"},
        "DATABASE_URL": database_url,
        # Short leases, so that what a killed worker held is free again soon.
        "SALEOR_AUTOMATION_LEASE_SECONDS": "4",
        "SALEOR_AUTOMATION_WATCHDOG_SECONDS": "6",
        # Longer than a killed look through the shop keeps others from it.
        "SALEOR_AUTOMATION_DEMO_PATIENCE": "240",
        # Each mail takes a while, so that kills meet it.
        "SALEOR_AUTOMATION_DEMO_SINK": "0.2",
    }
    output = folder.with_suffix(".out")
    with output.open("wb") as file:
        demo = subprocess.Popen(
            [sys.executable, "-m", "saleor_automation", "demo", "--once", "--state-dir", folder],
            env=environ,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
        try:
            kill_at_random(demo, chance, totals)
            code = demo.wait(timeout=600)
        finally:
            demo.kill()
            demo.wait()
    shown = output.read_text()
    logs = "".join((folder / f"{name}.log").read_text()[-3000:] for name in ("web", "worker"))
    assert code == 0, f"{shown[-6000:]}\n{logs}"
    check_ledger(folder, database_url, totals)


def kill_at_random(demo: subprocess.Popen, chance: random.Random, totals: Totals) -> None:
    """Kill one process after another until there were enough, or the play is over."""
    pause = 0.0
    while demo.poll() is None and sum(totals.kills.values()) < KILLS:
        found = processes.studio(demo.pid)
        if "queue worker" not in found or "web worker" not in found:
            time.sleep(0.05)
            continue
        if pause:
            time.sleep(pause)
            found = processes.studio(demo.pid)
        roles = sorted(set(found) & set(WEIGHTS))
        pause = chance.uniform(0.05, 1.5)
        if not roles:
            continue
        role = chance.choices(roles, [WEIGHTS[name] for name in roles])[0]
        try:
            os.kill(chance.choice(found[role]), signal.SIGKILL)
        except ProcessLookupError:
            continue
        totals.kills[role] += 1


def check_ledger(folder: Path, database_url: str, totals: Totals) -> None:
    """Compare what the sink received with what the ledger says."""
    import psycopg

    received = [json.loads(line) for line in (folder / "mails.jsonl").read_text().splitlines()]
    counts = collections.Counter(mail["message_id"] for mail in received)
    assert [key for key, count in counts.items() if count > 1] == []
    totals.mails += len(received)
    with psycopg.connect(urlunsplit(urlsplit(database_url)._replace(scheme="postgresql"))) as db:
        now = db.execute("SELECT at FROM saleor_automation_democlock").fetchone()[0]
        lost = db.execute(
            "SELECT key, state FROM saleor_automation_message WHERE due_at <= %s AND state NOT IN "
            "('accepted', 'ambiguous', 'failed', 'skipped', 'expired')",
            [now],
        ).fetchall()
        assert lost == []
        stuck = db.execute(
            "SELECT entry_key, state FROM saleor_automation_enrollment "
            "WHERE state IN ('debouncing', 'active') AND due_at <= %s",
            [now],
        ).fetchall()
        assert stuck == []
        for key, reason, settled_at in db.execute(
            "SELECT key, reason, settled_at FROM saleor_automation_message "
            "WHERE state = 'ambiguous'"
        ):
            assert settled_at is not None, f"{key} was not settled"
            totals.unclear.append(f"{key} ({reason})")
