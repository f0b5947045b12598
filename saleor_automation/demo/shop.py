"""The demo shop's side of the contract over real HTTP: what Saleor serves and sends.

Knows keys, signatures, headers, the install handshake and Saleor's retries (their
pauses shortened). Must not know what happens in the shop: the script does.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import requests
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt import api_jws

from saleor_automation.exceptions import UsageError

from . import bodies, graphql, lists
from .goods import SHOP_NAME, VERSION, global_id
from .pictures import PAGE, PICTURE, picture_of
from .world import World

SCHEMA_VERSION = ".".join(VERSION.split(".")[:2])
#: Saleor waits 10, 20, 40, 80 and 160 seconds between its six attempts.
PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0)


@dataclass(frozen=True)
class Outcome:
    """How one delivery ended: the last status (0: no answer) and the attempts it took."""

    event: str
    status: int
    attempts: int
    answer: str = ""

    @property
    def delivered(self) -> bool:
        """Whether the Studio took it."""
        return 200 <= self.status < 300


class Signer:
    """An RSA key that signs as Saleor does: detached JWS over the raw body."""

    def __init__(self) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        numbers = self._key.public_key().public_numbers()
        public = {"e": _number(numbers.e), "kty": "RSA", "n": _number(numbers.n)}
        # RFC 7638: a key's name is the digest of its required members.
        canonical = json.dumps(public, sort_keys=True, separators=(",", ":")).encode()
        self.kid = _encoded(hashlib.sha256(canonical).digest())
        self.jwks = {
            "keys": [
                {**public, "key_ops": ["verify"], "use": "sig", "alg": "RS256", "kid": self.kid}
            ]
        }

    def sign(self, body: bytes) -> str:
        """Return the signature header of ``body``."""
        headers = {"kid": self.kid, "crit": ["b64"]}
        return api_jws.encode(body, self._key, "RS256", headers=headers, is_payload_detached=True)


def _number(value: int) -> str:
    return _encoded(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


class Shop:
    """A Saleor as far as an app can see it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.signer = Signer()
        self.app_id = global_id("App", "7")
        self.token = ""
        self.app_version = ""
        #: Event names the app subscribed to, with the address for each.
        self.webhooks: dict[str, list[str]] = {}
        #: The same as the API shows it to the app.
        self.registered: list[dict[str, Any]] = []
        #: Problems the app reported, by key.
        self.problems: dict[str, str] = {}
        self.outcomes: list[Outcome] = []
        #: Events that could not be delivered, as Saleor keeps them: name and body.
        self.failed: list[tuple[str, bytes]] = []
        self.questions = 0
        self._session = requests.Session()
        shop = self

        class Handler(_Handler):
            def shop(self) -> Shop:
                return shop

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.1,), name="shop", daemon=True
        )

    @property
    def domain(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self._server.server_address[1]}"

    @property
    def site(self) -> str:
        """Address of the shop itself."""
        return f"http://{self.domain}"

    @property
    def api_url(self) -> str:
        """Address of its API, and its name."""
        return f"{self.site}/graphql/"

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()

    def stop(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._session.close()

    def install(self, manifest_url: str) -> None:
        """Install the app as a shop's staff would: manifest, then the token handshake.

        Raises UsageError with the app's own words when it refuses.
        """
        agent = {"User-Agent": f"Saleor/{SCHEMA_VERSION}", "Saleor-Schema-Version": SCHEMA_VERSION}
        answer = self._session.get(
            manifest_url, headers=agent, timeout=(2, 18), allow_redirects=False
        )
        if answer.status_code != 200:
            raise UsageError(f"The Studio's manifest answered {answer.status_code}.")
        manifest = answer.json()
        self.app_version = str(manifest.get("version") or "")
        self.token = secrets.token_urlsafe(23)[:30]
        self.webhooks = {}
        self.registered = [
            {
                "id": global_id("Webhook", str(number)),
                "name": webhook.get("name"),
                "identifier": webhook.get("identifier"),
                "isActive": True,
                "targetUrl": webhook["targetUrl"],
                "subscriptionQuery": webhook.get("query"),
                "asyncEvents": [{"eventType": event} for event in webhook.get("asyncEvents") or []],
            }
            for number, webhook in enumerate(manifest.get("webhooks", []), start=1)
        ]
        for webhook in manifest.get("webhooks", []):
            for event in webhook.get("asyncEvents") or []:
                self.webhooks.setdefault(event.lower(), []).append(webhook["targetUrl"])
        answer = self._session.post(
            manifest["tokenTargetUrl"],
            json={"auth_token": self.token},
            headers={
                **agent,
                "Saleor-Domain": self.domain,
                "X-Saleor-Domain": self.domain,
                "Saleor-Api-Url": self.api_url,
            },
            timeout=(2, 18),
            allow_redirects=False,
        )
        if not 200 <= answer.status_code < 300:
            self.token = ""
            raise UsageError(
                f"The Studio refused the installation ({answer.status_code}): {answer.text[:300]}"
            )

    def deliver(self, event: str, body: bytes) -> list[Outcome]:
        """Send one event to each webhook that asked for it, as Saleor's worker does."""
        outcomes = [self._send(url, event, body) for url in self.webhooks.get(event, [])]
        self.outcomes += outcomes
        if not all(outcome.delivered for outcome in outcomes):
            self.failed.append((event, body))
        return outcomes

    def _send(self, url: str, event: str, body: bytes) -> Outcome:
        signature = self.signer.sign(body)
        trace = f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"
        headers = {
            "User-Agent": f"Saleor/{SCHEMA_VERSION}",
            "Content-Type": "application/json",
            "X-Saleor-Event": event,
            "X-Saleor-Domain": self.domain,
            "X-Saleor-Signature": signature,
            "Saleor-Event": event,
            "Saleor-Domain": self.domain,
            "Saleor-Signature": signature,
            "Saleor-Api-Url": self.api_url,
            "traceparent": trace,
            # Saleor's IP filter sends the name without the port.
            "Host": "localhost",
        }
        status, text = 0, ""
        for attempt, pause in enumerate((*PAUSES, None), start=1):
            try:
                answer = self._session.post(
                    url, data=body, headers=headers, timeout=(2, 18), allow_redirects=False
                )
            except requests.RequestException as error:
                status, text = 0, type(error).__name__
            else:
                status, text = answer.status_code, answer.text[:200]
                if status < 500:
                    return Outcome(event, status, attempt, text)
            if pause is None:
                break
            time.sleep(pause)
        return Outcome(event, status, len(PAUSES) + 1, text)

    def answer(self, text: str, variables: dict[str, Any], token: str) -> dict[str, Any]:
        """Answer one GraphQL document."""
        self.questions += 1
        with self.world.lock:
            return graphql.answer(text, variables, self._root(token))

    def _root(self, token: str) -> dict[str, Any]:
        known = bool(self.token) and secrets.compare_digest(token, self.token)
        world = self.world
        webhooks = lists.webhooks(self.registered, self.failed)

        def checkout(id: str = "", token: str = "") -> dict[str, Any] | None:
            basket = world.basket_by_id(id)
            return bodies.checkout_asked(basket, self.site) if basket else None

        def user(id: str = "") -> dict[str, Any] | None:
            shopper = next((s for s in world.shoppers.values() if s.id == id and not s.gone), None)
            if not known or shopper is None:
                return None
            bought = [
                bodies.order(o, self.site) for o in world.orders.values() if o.shopper is shopper
            ]
            return {
                **bodies.customer(shopper),
                "orders": lambda first=100: lists.paged(bought, "created", first=first),
            }

        def update_metadata(
            id: str = "", input: list[dict[str, str]] | None = None
        ) -> dict[str, Any]:
            shopper = next((s for s in world.shoppers.values() if s.id == id and not s.gone), None)
            if not known or shopper is None:
                return {"errors": [{"code": "NOT_FOUND", "message": "No such account."}]}
            shopper.metadata |= {item["key"]: item["value"] for item in input or []}
            return {"errors": []}

        def order(id: str = "") -> dict[str, Any] | None:
            return next(
                (lists.order(o, self.site) for o in world.orders.values() if o.id == id), None
            )

        def orders(**arguments: Any) -> dict[str, Any]:
            _needs(known, "MANAGE_ORDERS")
            return lists.orders(world, self.site, **arguments)

        def customers(**arguments: Any) -> dict[str, Any]:
            _needs(known, "MANAGE_USERS")
            return lists.customers(world, **arguments)

        def checkouts(**arguments: Any) -> dict[str, Any]:
            _needs(known, "MANAGE_CHECKOUTS")
            return lists.checkouts(world, self.site, **arguments)

        def webhook(id: str) -> dict[str, Any] | None:
            _needs(known, "MANAGE_APPS")
            return next((w for w in webhooks if w["id"] == id), None)

        def problem_create(input: dict[str, Any]) -> dict[str, Any]:
            self.problems[input["key"]] = input["message"]
            return {"appProblem": {"id": global_id("AppProblem", "1")}, "errors": []}

        def problem_dismiss(input: dict[str, Any]) -> dict[str, Any]:
            for key in input["byApp"]["keys"]:
                self.problems.pop(key, None)
            return {"errors": []}

        app = {
            "__typename": "App",
            "id": self.app_id,
            "name": "Saleor Automation",
            "identifier": "saleor.automation",
            "isActive": True,
            "version": self.app_version,
            "permissions": [
                {"code": code} for code in ("MANAGE_USERS", "MANAGE_ORDERS", "MANAGE_CHECKOUTS")
            ],
            "webhooks": webhooks,
        }
        shop = {"id": global_id("Shop", "1"), "name": SHOP_NAME, "version": VERSION}
        return {
            "__typename": "Query",
            "app": app if known else None,
            "shop": {**shop, "domain": {"host": self.domain, "url": f"{self.site}/"}},
            "checkout": checkout,
            "order": order,
            "orders": orders,
            **(
                {"appProblemCreate": problem_create, "appProblemDismiss": problem_dismiss}
                if known
                else {}
            ),
            "customers": customers,
            "checkouts": checkouts,
            "webhook": webhook,
            "user": user,
            "updateMetadata": update_metadata,
        }


def _needs(known: bool, permission: str) -> None:
    if not known:
        raise graphql.QueryError(
            "To access this path, you need one of the following permissions: " + permission,
            code="PermissionDenied",
        )


class _Handler(BaseHTTPRequestHandler):
    """What Saleor serves: its public key and its API."""

    protocol_version = "HTTP/1.1"

    def shop(self) -> Shop:
        raise NotImplementedError

    def do_GET(self) -> None:
        if self.path == "/.well-known/jwks.json":
            self._json(200, self.shop().signer.jwks)
        elif picture := PICTURE.fullmatch(self.path):
            self._send(200, "image/svg+xml", picture_of(picture[1]))
        else:
            self._send(200, "text/html; charset=utf-8", PAGE.encode())

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if self.path != "/graphql/" or length > 1_000_000:
            self.close_connection = True
            self._json(404, {"detail": "not found"})
            return
        try:
            question = json.loads(self.rfile.read(length))
            text, variables = question["query"], question.get("variables") or {}
        except (ValueError, KeyError, TypeError):
            self._json(400, {"errors": [{"message": "Unable to parse query."}]})
            return
        kind, _, token = self.headers.get("Authorization", "").partition(" ")
        answer = self.shop().answer(text, variables, token if kind.lower() == "bearer" else "")
        self._json(400 if "errors" in answer else 200, answer)

    def _json(self, status: int, value: Any) -> None:
        self._send(status, "application/json", json.dumps(value).encode())

    def _send(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the shop's log would only hide the play."""
