"""Calling the track API as a web server would, and a page's or server's key for it."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.core.signals import request_finished, request_started
from django.db import close_old_connections

from saleor_automation.inbox.models import RawEvent
from saleor_automation.inbox.services import raw_event_store, raw_events_process
from saleor_automation.inbox.track import ingest
from saleor_automation.inbox.track.keys import keys_forget, write_key_create
from saleor_automation.inbox.track.limits import limiter, refusals
from saleor_automation.inbox.track.models import WriteKey

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
SHOP = "https://shop.example"
AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/131.0 Safari/537.36"


@dataclass(frozen=True)
class Answer:
    """What was answered."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def content(self) -> Any:
        return json.loads(self.body)


@dataclass
class Caller:
    """Whoever has a key: a server, or a page of the shop."""

    key: str
    row: WriteKey
    headers: dict[str, str] = field(default_factory=dict)

    def call(self, name: str, content: Any, **headers: str) -> Answer:
        """Call ``/v1/<name>``."""
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        token = base64.b64encode(f"{self.key}:".encode()).decode()
        given = {"Authorization": f"Basic {token}", **self.headers, **headers}
        return send("POST", f"/v1/{name}", body, given)

    def batch(self, *calls: dict[str, Any], **more: Any) -> Answer:
        return self.call("batch", {"batch": list(calls), **more})


def send(
    method: str, path: str, body: bytes, headers: dict[str, str], *, length: int | None = None
) -> Answer:
    """Send a request to the bare application."""
    status: list[Any] = []
    # As Django's own test client does: the test's transaction must stay open.
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    try:
        response = ingest.application(
            {
                "REQUEST_METHOD": method,
                "PATH_INFO": path,
                "SCRIPT_NAME": "",
                "SERVER_NAME": "studio.example",
                "SERVER_PORT": "80",
                "SERVER_PROTOCOL": "HTTP/1.1",
                "wsgi.url_scheme": "http",
                "wsgi.input": io.BytesIO(body),
                "wsgi.errors": io.StringIO(),
                "CONTENT_TYPE": "application/json",
                "CONTENT_LENGTH": str(len(body) if length is None else length),
                **{"HTTP_" + name.upper().replace("-", "_"): v for name, v in headers.items()},
            },
            lambda line, found: status.extend([line, found]),
        )
        content = b"".join(response)
        response.close()
    finally:
        for signal in (request_started, request_finished):
            signal.connect(close_old_connections)
    return Answer(int(status[0].split()[0]), dict(status[1]), content)


def server(name: str = "backend", channel: str = "") -> Caller:
    """Return somebody with a server's key."""
    row, key = write_key_create(name=name, kind="server", channel=channel, now=NOW)
    return Caller(key, row)


def page(origin: str = SHOP, channel: str = "") -> Caller:
    """Return a page of the shop, with a browser's key."""
    row, key = write_key_create(
        name="shop", kind="browser", origins=[origin], channel=channel, now=NOW
    )
    return Caller(key, row, {"Origin": origin, "User-Agent": AGENT})


def forget() -> None:
    """Drop what the process keeps of keys, limits and refusals."""
    keys_forget()
    limiter.clear()
    refusals.clear()


def understand(now: datetime = NOW) -> None:
    """Understand what waits; nothing of it may be a fault."""
    waiting = RawEvent.objects.filter(state=RawEvent.State.PENDING).order_by("pk")
    raw_events_process(ids=list(waiting.values_list("pk", flat=True)), now=now)
    left = RawEvent.objects.exclude(state=RawEvent.State.DONE)
    assert not left.exists(), left.values_list("fault", flat=True)


def told(calls: Iterable[Any]) -> list[dict[str, Any]]:
    """Return the stored calls of received bodies."""
    return [call for row in calls for call in json.loads(bytes(row.body))["calls"]]


def saleor_tells(event: str, content: dict[str, Any], now: datetime = NOW) -> None:
    """Understand a body of Saleor's."""
    raw_event_store(
        source="webhook",
        event_type=event,
        api_url="https://shop.example/graphql/",
        body=json.dumps(content).encode(),
        now=now,
    )
    understand(now)
