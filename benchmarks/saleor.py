"""A Saleor that knows every order and says at once that it is in order.

So that a worker in processes of its own can ask before each mail, as it does in a shop;
what Saleor itself would take is not this product's.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from saleor_automation.saleor_app.models import Installation

_ORDER = {
    "status": "FULFILLED",
    "chargeStatus": "FULL",
    "totalRefunded": {"amount": 0},
    "total": {"gross": {"amount": 1}},
}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if "SaleorAutomationOrders" in asked["query"]:
            nodes = [{"node": {"id": pk, **_ORDER}} for pk in asked["variables"]["ids"]]
            answer: dict[str, object] = {"data": {"orders": {"edges": nodes}}}
        else:
            answer = {"errors": [{"message": "This Saleor knows orders alone."}]}
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


@contextmanager
def saleor_installed(now) -> Iterator[str]:
    """Run it, install the app in it, and yield the address of its API."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/graphql/"
    Installation.objects.create(api_url=url, app_id="QXBwOjE=", token="benchmark", installed_at=now)
    try:
        yield url
    finally:
        server.shutdown()
        server.server_close()
