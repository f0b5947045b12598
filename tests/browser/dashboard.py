"""A Dashboard that is only as much of Saleor's as our pages see of it.

Served from 127.0.0.1 while the Studio is on localhost, so the two are different sites,
as they are for a shop. The frame's sandbox, the order of messages, the answers and the
headers are those of Saleor's Dashboard 3.23 (``AppFrame``, ``AppIFrame``,
``useAppActions``, ``newTabActions`` in its source).
"""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PAGE = (Path(__file__).parent / "dashboard.html").read_bytes()


class FakeDashboard:
    """Serves ``PAGE`` until it is closed."""

    def __init__(self) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = PAGE if self.path == "/" else b""
                # Nothing is an error: a browser asks for an icon of its own accord.
                self.send_response(200 if body else 204)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                # As the Dashboard's own web server sends it.
                self.send_header("Referrer-Policy", "origin-when-cross-origin")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.origin = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def close(self) -> None:
        """Stop answering."""
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
