"""Where recordings of a real Saleor lie (tests skip without), and a tiny Saleor to talk to."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt import api_jws
from jwt.algorithms import RSAAlgorithm

SALEOR = Path(__file__).resolve().parents[1].parent / "shared" / "saleor"

needs_recordings = pytest.mark.skipif(
    not (SALEOR / "deliveries").is_dir(),
    reason="the recorded Saleor deliveries are not beside this checkout",
)
needs_schemas = pytest.mark.skipif(
    not (SALEOR / "schema").is_dir(),
    reason="Saleor's schemas are not beside this checkout",
)


@cache
def saleor_schema(version: str) -> Any:
    """Return Saleor's GraphQL schema, "3.21" to "3.24-alpha"; building one takes seconds."""
    from graphql import build_schema

    return build_schema((SALEOR / "schema" / f"{version}.graphql").read_text(), assume_valid=True)


#: Something a server does to a request instead of answering it.
Mood = Callable[[BaseHTTPRequestHandler], None]


def answers(status: int, content: object, **headers: str) -> Mood:
    """Answer with a status, and JSON (or bytes as they are)."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()

    def mood(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return mood


def hangs_up(handler: BaseHTTPRequestHandler) -> None:
    """End the connection without a word."""
    handler.close_connection = True
    handler.connection.shutdown(socket.SHUT_RDWR)


def sleeps(seconds: float) -> Mood:
    """Say nothing for a while, then hang up."""

    def mood(handler: BaseHTTPRequestHandler) -> None:
        time.sleep(seconds)
        hangs_up(handler)

    return mood


def drips(every: float, length: int = 1000) -> Mood:
    """Answer one byte at a time."""

    def mood(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(length))
        handler.end_headers()
        try:
            for _ in range(length):
                handler.wfile.write(b" ")
                handler.wfile.flush()
                time.sleep(every)
        except OSError:
            handler.close_connection = True

    return mood


class TinySaleor:
    """A Saleor that only signs, lists its keys and knows its apps' tokens, over real HTTP."""

    def __init__(self) -> None:
        self.keys = {"one": rsa.generate_private_key(public_exponent=65537, key_size=2048)}
        self.tokens = {"good-token": "QXBwOjE="}
        #: Of apps that are not ours.
        self.identifiers: dict[str, str] = {}
        self.permissions = ["MANAGE_CHECKOUTS", "MANAGE_ORDERS", "MANAGE_USERS"]
        self.asked: list[str] = []
        #: What to do instead of answering, once each, in this order: see ``Mood``.
        self.moods: list[Mood] = []
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                owner.asked.append(self.path)
                self._answer(owner.jwks() if self.path == "/.well-known/jwks.json" else {})

            def do_POST(self) -> None:
                owner.asked.append(self.path)
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if owner.moods:
                    owner.moods.pop(0)(self)
                    return
                token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
                self._answer(owner.answer(token, body["query"], body.get("variables") or {}))

            def _answer(self, content: object) -> None:
                body = json.dumps(content).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/graphql/"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def answer(self, token: str, query: str, variables: dict[str, object]) -> dict[str, object]:
        """Answer a GraphQL document, whatever it asks."""
        app = None
        if token in self.tokens:
            app = {
                "id": self.tokens[token],
                "identifier": self.identifiers.get(token, "saleor.automation"),
                "isActive": True,
                "version": "0.1.0",
                "permissions": [{"code": code} for code in self.permissions],
            }
        shop = {"name": "Kedai Kopi", "version": "3.23.28"} if app else None
        return {"data": {"app": app, "shop": shop}}

    def jwks(self) -> dict[str, object]:
        """Return the public keys, as Saleor lists them."""
        entries = []
        for kid, key in self.keys.items():
            entry = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
            entries.append({**entry, "kid": kid, "use": "sig", "alg": "RS256"})
        return {"keys": entries}

    def sign(self, body: bytes, kid: str = "one", **header: object) -> str:
        """Sign a body as Saleor does: a detached JWS over the raw bytes."""
        fields = {"kid": kid, "b64": False, "crit": ["b64"], **header}
        return api_jws.encode(
            body, self.keys[kid], "RS256", headers=fields, is_payload_detached=True
        )

    def close(self) -> None:
        """Stop answering."""
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
