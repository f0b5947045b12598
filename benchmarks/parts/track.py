"""Tracked events per second through ``/v1/batch``, and how fast a worker understands them.

The server is the one ``saleor-automation web`` starts, its limit per key taken off. Each
request holds fifty calls of a storefront with what Segment's libraries say around them. Then
one process understands what was stored, as a worker does: half the visitors are new, one call
in fifty names somebody.
"""

from __future__ import annotations

import base64
import json
import random
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from django.db import connection

from benchmarks import seed
from benchmarks.deliveries import requests_write
from benchmarks.load import request
from benchmarks.services import free_port, port_open_wait, process
from saleor_automation.inbox.models import Event, RawEvent
from saleor_automation.inbox.services import raw_events_process
from saleor_automation.inbox.track.keys import write_key_create
from saleor_automation.people.models import Contact

WORKERS = 2
CONNECTIONS = 16
CALLS = 50


def measure(*, batches: int, rounds: int, understood: int, folder: Path) -> dict[str, object]:
    """Return events stored and answered per second, per round, and understood per second."""
    now = seed.database_prepare()
    _row, key = write_key_create(name="benchmark", kind="server", now=now)
    port = free_port()
    stored: list[float] = []
    p99: list[float] = []
    bytes_per_batch = 0
    connection.close()
    with _server(port, folder):
        for number in range(rounds + 1):
            path = folder / "requests"
            made = _requests(key, batches, now, number)
            bytes_per_batch = len(made[0])
            requests_write(path, made)
            load = _load(port, path, batches)
            if number:  # the first round warms up
                stored.append(batches * CALLS / load["seconds"])
                p99.append(load["p99_ms"])
    rows = RawEvent.objects.filter(source=RawEvent.Source.TRACK)
    if rows.count() != batches * (rounds + 1):
        raise RuntimeError(f"{rows.count()} requests were stored, not {batches * (rounds + 1)}.")
    ids = list(rows.order_by("pk").values_list("pk", flat=True)[:understood])
    started = time.perf_counter()
    raw_events_process(ids=ids, now=now)
    seconds = time.perf_counter() - started
    events = Event.objects.count()
    if events != len(ids) * CALLS:
        raise RuntimeError(f"{events} events came of {len(ids)} requests of {CALLS}.")
    return {
        "calls_per_request": CALLS,
        "request_bytes": bytes_per_batch,
        "stored": stored,
        "p99_ms": p99,
        "understood_per_second": events / seconds,
        "contacts": Contact.objects.count(),
    }


def _requests(key: str, batches: int, now: datetime, number: int) -> list[bytes]:
    chance = random.Random(number)
    token = base64.b64encode(f"{key}:".encode()).decode()
    headers = {"Content-Type": "application/json", "Authorization": f"Basic {token}"}
    made = []
    for batch in range(batches):
        calls = [_call(chance, now, batch * CALLS + call) for call in range(CALLS)]
        body = {"batch": calls, "sentAt": now.isoformat(), "writeKey": key}
        made.append(
            request(
                host="localhost", path="/v1/batch", headers=headers, body=json.dumps(body).encode()
            )
        )
    return made


def _call(chance: random.Random, now: datetime, number: int) -> dict[str, object]:
    visitor = uuid.UUID(int=chance.getrandbits(64) if chance.random() < 0.02 else number % 2000)
    call: dict[str, object] = {
        "messageId": f"node-next-{uuid.UUID(int=chance.getrandbits(128))}",
        "anonymousId": str(visitor),
        "timestamp": (now - timedelta(seconds=chance.randrange(3600))).isoformat(),
        "context": {
            "library": {"name": "@segment/analytics-node", "version": "3.1.0"},
            "page": {
                "path": f"/products/{number % 300}",
                "title": f"Cushion number {number % 300}",
                "url": f"https://shop.example/products/{number % 300}?utm_source=x",
            },
            "userAgent": "Mozilla/5.0 (X11; Linux x86_64) Chrome/131.0 Safari/537.36",
        },
    }
    if number % CALLS == 0:
        traits = {"email": f"person{number}@shopper.example", "plan": "gold"}
        return {**call, "type": "identify", "userId": f"crm-{number}", "traits": traits}
    return {
        **call,
        "type": "track",
        "event": "Product Viewed",
        "properties": {
            "product_id": f"UHJvZHVjdDo{number % 300}",
            "name": f"Cushion number {number % 300}",
            "slug": f"cushion-{number % 300}",
            "price": 41.67,
            "currency": "EUR",
            "category": "cushions",
        },
    }


@contextmanager
def _server(port: int, folder: Path) -> Iterator[None]:
    log = folder / "web-track.log"
    command = [sys.executable, "-m", "benchmarks.parts.web", str(port), str(WORKERS)]
    environ = {"SALEOR_AUTOMATION_TRACK_SERVER_RATE": "0"}
    with process(command, environ=environ, log=log) as server:
        port_open_wait(port, running=server, log=log)
        yield


def _load(port: int, path: Path, count: int) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.load", str(port), str(CONNECTIONS), str(path)]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    load = json.loads(result.stdout)
    if load["statuses"] != {"200": count}:
        raise RuntimeError(f"The server answered {load['statuses']}, not {count} times 200.")
    return load
