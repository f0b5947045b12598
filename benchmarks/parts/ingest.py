"""Signed deliveries per second, beside the same server without a database and raw inserts.

The server is the one ``saleor-automation web`` starts. The three take turns, round by round.
"""

from __future__ import annotations

import json
import multiprocessing
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.db import connection

from benchmarks import seed
from benchmarks.deliveries import API_URL, APP_ID, Deliveries, deliveries_make, requests_write
from benchmarks.services import free_port, port_open_wait, process
from saleor_automation.inbox.models import RawEvent
from saleor_automation.inbox.services import raw_event_digest
from saleor_automation.saleor_app.models import Installation

WORKERS = 2
CONNECTIONS = 16


def measure(*, deliveries: int, rounds: int, folder: Path) -> dict[str, object]:
    """Return deliveries per second, per round."""
    now = seed.database_prepare()
    made = deliveries_make(deliveries * (rounds + 1))
    Installation.objects.create(
        api_url=API_URL,
        app_id=APP_ID,
        token="benchmark",
        jwks=made.jwks,
        jwks_fetched_at=now,
        installed_at=now,
    )
    stored: list[float] = []
    answered: list[float] = []
    raw: list[float] = []
    p99: list[float] = []
    ports = {"with": free_port(), "without": free_port()}
    connection.close()
    with (
        _server(ports["with"], "with", folder),
        _server(ports["without"], "without", folder),
    ):
        for number in range(rounds + 1):
            chosen = slice(number * deliveries, (number + 1) * deliveries)
            path = folder / "requests"
            requests_write(path, made.requests[chosen])
            without, with_database = (
                _load(ports[kind], path, deliveries) for kind in ("without", "with")
            )
            inserted = _raw_inserts(made, chosen, now)
            if number:  # the first round warms up
                answered.append(deliveries / without["seconds"])
                stored.append(deliveries / with_database["seconds"])
                p99.append(with_database["p99_ms"])
                raw.append(inserted)
    rows = RawEvent.objects.filter(source=RawEvent.Source.WEBHOOK).count()
    if rows != deliveries * (rounds + 1):
        raise RuntimeError(f"{rows} bodies were stored, not {deliveries * (rounds + 1)}.")
    return {
        "deliveries": deliveries,
        "body_bytes": len(made.bodies[0]),
        "stored": stored,
        "without_database": answered,
        "raw_insert": raw,
        "p99_ms": p99,
    }


@contextmanager
def _server(port: int, kind: str, folder: Path) -> Iterator[None]:
    """Run the web server."""
    log = folder / f"web-{kind}.log"
    arguments = [str(port), str(WORKERS), *(["without"] if kind == "without" else [])]
    command = [sys.executable, "-m", "benchmarks.parts.web", *arguments]
    with process(command, environ={}, log=log) as server:
        port_open_wait(port, running=server, log=log)
        yield


def _load(port: int, path: Path, count: int) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.load", str(port), str(CONNECTIONS), str(path)]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    load = json.loads(result.stdout)
    if load["statuses"] != {"202": count}:
        raise RuntimeError(f"The server answered {load['statuses']}, not {count} times 202.")
    return load


def _raw_inserts(made: Deliveries, chosen: slice, now: datetime) -> float:
    """Insert the same rows, one per transaction, from as many processes as the server has."""
    rows = [
        (
            # Another digest than the server's own row of this body has.
            raw_event_digest(event_type="raw", api_url=API_URL, body=body),
            body,
            now if connection.vendor == "postgresql" else now.replace(tzinfo=None).isoformat(" "),
        )
        for body in made.bodies[chosen]
    ]
    context = multiprocessing.get_context("fork")
    barrier = context.Barrier(WORKERS + 1)
    table = RawEvent._meta.db_table
    database = dict(settings.DATABASES["default"])
    workers = [
        context.Process(
            target=_insert, args=(barrier, database, connection.vendor, table, rows[n::WORKERS])
        )
        for n in range(WORKERS)
    ]
    for worker in workers:
        worker.start()
    barrier.wait()
    started = time.perf_counter()
    barrier.wait()
    seconds = time.perf_counter() - started
    for worker in workers:
        worker.join()
    return len(rows) / seconds


def _insert(barrier, database: dict, vendor: str, table: str, rows: list) -> None:
    mark = "%s" if vendor == "postgresql" else "?"
    statement = (
        f"INSERT INTO {table} (digest, source, event_type, api_url, body, received_at, state, "
        f"fault, attempts) VALUES ({mark}, 'poll', 'order_created', '{API_URL}', {mark}, {mark}, "
        "'pending', '', 0) ON CONFLICT (digest) DO NOTHING"
    )
    if vendor == "postgresql":
        import psycopg

        raw = psycopg.connect(
            host=database["HOST"],
            port=database["PORT"],
            user=database["USER"],
            password=database["PASSWORD"],
            dbname=database["NAME"],
            autocommit=True,
        )
    else:
        import sqlite3

        raw = sqlite3.connect(database["NAME"], timeout=20, isolation_level=None)
        raw.execute("PRAGMA journal_mode=WAL")
        raw.execute("PRAGMA synchronous=NORMAL")
    barrier.wait()
    for row in rows:
        raw.execute(statement, row)
    barrier.wait()
    raw.close()
