"""Segment's own libraries for Python and Node, unchanged, told our host and nothing else.

Between them and the Studio stands a bad connection: it answers 503, tells to wait, and cuts
off after the calls were stored. All calls must be taken, and each must count once.
"""

from __future__ import annotations

import http.client
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from saleor_automation import clock
from saleor_automation.inbox.models import Event, EventKey
from saleor_automation.inbox.track.limits import refusals
from saleor_automation.inbox.track.models import TrackRefusal
from saleor_automation.people.models import Identity
from tests.tracking import forget, server, understand

pytestmark = pytest.mark.django_db(transaction=True)

TRACKS = 60
NODE_HOME = os.environ.get("SEGMENT_NODE_HOME", "")

PYTHON = """
import json, sys
import segment.analytics as analytics
host, key, packed = sys.argv[1:4]
errors = []
analytics.write_key, analytics.host = key, host
analytics.gzip = packed == "gzip"
analytics.upload_size, analytics.upload_interval = 20, 0.2
analytics.on_error = lambda error, items: errors.append(str(error))
analytics.identify("crm-1", {"email": "ana@x.example", "plan": "gold"})
analytics.page("crm-1", "Docs", "Python", {"url": "https://shop.example/docs?x=1"})
analytics.screen("crm-1", "App", "Home", {"tab": 1})
analytics.group("crm-1", "team-1", {"name": "Team"})
analytics.alias("old-1", "crm-1")
for number in range(int(sys.argv[4])):
    analytics.track("crm-1", "Product Viewed", {"product_id": str(number), "price": 1.5})
analytics.flush()
analytics.shutdown()
print(json.dumps(errors))
"""

NODE = """
const { Analytics } = require("@segment/analytics-node");
const [host, writeKey, tracks] = process.argv.slice(1);
const errors = [];
const analytics = new Analytics({ host, writeKey, flushAt: 20, flushInterval: 200 });
analytics.on("error", (error) => errors.push(String(error.reason || error)));
const userId = "crm-1", anonymousId = "visitor-1";
analytics.identify({ userId, anonymousId, traits: { email: "ana@x.example", plan: "gold" } });
analytics.page({ userId, name: "Node", properties: { url: "https://shop.example/docs?x=1" } });
analytics.screen({ anonymousId, name: "Home" });
analytics.group({ userId, groupId: "team-1", traits: { name: "Team" } });
analytics.alias({ previousId: "old-1", userId });
for (let number = 0; number < Number(tracks); number++) {
  const properties = { product_id: String(number), price: 1.5 };
  analytics.track({ userId, event: "Product Viewed", properties });
}
analytics.closeAndFlush({ timeout: 60000 }).then(() => console.log(JSON.stringify(errors)));
"""


class Proxy(BaseHTTPRequestHandler):
    """Passes requests on, after doing something else to the first ones."""

    target = ""
    moods: list[str] = []
    seen: Counter[str] = Counter()
    lock = threading.Lock()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with self.lock:
            mood = self.moods.pop(0) if self.moods else "pass"
            self.seen[f"{self.path} {mood}"] += 1
        if mood == "503":
            return self.answer(503, b"")
        if mood == "429":
            return self.answer(429, b"{}", {"Retry-After": "1"})
        status, content = self.forward(body)
        if mood == "cut":
            # Stored, and nobody hears of it.
            self.close_connection = True
            self.connection.shutdown(2)
            return None
        if mood == "stored 503":
            return self.answer(503, b"")
        return self.answer(status, content)

    def forward(self, body: bytes) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(self.target, timeout=30)
        headers = {
            name: value
            for name, value in self.headers.items()
            if name.lower() not in {"host", "connection", "content-length"}
        }
        connection.request("POST", self.path, body, headers)
        response = connection.getresponse()
        content = response.read()
        connection.close()
        return response.status, content

    def answer(self, status: int, content: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args: Any) -> None:
        pass


@contextmanager
def proxy(live_server: Any, *moods: str) -> Iterator[tuple[str, Counter[str]]]:
    seen: Counter[str] = Counter()
    made = {"target": live_server.url.removeprefix("http://"), "moods": list(moods), "seen": seen}
    handler = type("Moody", (Proxy,), made)
    listening = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=listening.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listening.server_port}", seen
    listening.shutdown()
    listening.server_close()


def run(command: list[str], **environ: str) -> list[str]:
    """Run a client; return the errors its library told it of."""
    result = subprocess.run(
        command,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout.splitlines()[-1])


def check(seen: Counter[str], moods: tuple[str, ...], anonymous: set[str]) -> None:
    assert all(request.startswith("/v1/batch ") for request in seen), seen
    for mood in moods:
        assert seen[f"/v1/batch {mood}"] == moods.count(mood), seen
    understand(clock.now())
    assert EventKey.objects.filter(kind="track").count() == Event.objects.count()
    assert Counter(Event.objects.values_list("kind", flat=True)) == {
        "identified": 1,
        "page_viewed": 1,
        "screen_viewed": 1,
        "grouped": 1,
        "aliased": 1,
        "product_viewed": TRACKS,
    }
    products = [row.data["product"] for row in Event.objects.filter(kind="product_viewed")]
    assert sorted(products, key=int) == [str(number) for number in range(TRACKS)]
    ana = Identity.objects.get(kind="email", value="ana@x.example").contact
    assert set(Event.objects.values_list("contact", flat=True)) == {ana.pk}
    names = Identity.objects.filter(contact=ana).values_list("kind", "value")
    assert set(names) == {
        ("email", "ana@x.example"),
        ("external", "crm-1"),
        ("external", "old-1"),
        ("anonymous", "old-1"),
        *(("anonymous", value) for value in anonymous),
    }
    refusals.write(now=clock.now(), force=True)
    assert not TrackRefusal.objects.exists()


MOODS = ("503", "cut", "stored 503", "429", "cut")


@pytest.fixture(autouse=True)
def _forgetting() -> Iterator[None]:
    forget()
    yield
    forget()
    # The server's threads end what they are about before the tables are emptied.
    time.sleep(0.1)


@pytest.mark.skipif(
    importlib.util.find_spec("segment") is None,
    reason="segment-analytics-python is not installed: pip install '.[test]'",
)
@pytest.mark.parametrize("packed", ["plain", "gzip"])
def test_segments_python_library(live_server: Any, packed: str) -> None:
    with proxy(live_server, *MOODS) as (host, seen):
        command = [sys.executable, "-W", "ignore", "-c", PYTHON, host, server().key, packed]
        assert run([*command, str(TRACKS)]) == []
    check(seen, MOODS, set())


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
@pytest.mark.skipif(
    not (Path(NODE_HOME) / "node_modules" / "@segment" / "analytics-node").is_dir(),
    reason="SEGMENT_NODE_HOME names no folder where npm installed @segment/analytics-node",
)
def test_segments_node_library(live_server: Any) -> None:
    with proxy(live_server, *MOODS) as (host, seen):
        modules = str(Path(NODE_HOME) / "node_modules")
        command = ["node", "-e", NODE, "--", host, server().key, str(TRACKS)]
        assert run(command, NODE_PATH=modules) == []
    check(seen, MOODS, {"visitor-1"})


def test_a_wrong_key_is_told_to_the_library(live_server: Any) -> None:
    connection = http.client.HTTPConnection(live_server.url.removeprefix("http://"), timeout=30)
    body = json.dumps({"batch": [], "writeKey": "sas_wrong"})
    connection.request("POST", "/v1/batch", body, {"Content-Type": "application/json"})
    response = connection.getresponse()
    content = json.loads(response.read())
    connection.close()
    # What Segment's Python library reads of an error.
    assert (response.status, content["code"]) == (401, "unknown_key")
    assert "Automation, Tracking" in content["message"]
