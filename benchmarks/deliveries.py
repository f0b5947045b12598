"""Signed webhook deliveries, as Saleor sends them, made before anything is measured."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa
from jwt import api_jws
from jwt.algorithms import RSAAlgorithm

from benchmarks.load import request

API_URL = "http://shop.example/graphql/"
APP_ID = "QXBwOjE="
PATH = "/saleor/webhooks/"


@dataclass(frozen=True)
class Deliveries:
    """Requests to send and the key they verify with."""

    requests: list[bytes]
    bodies: list[bytes]
    jwks: dict[str, object]


def body_make(number: int) -> bytes:
    """Return an order event of the size a real one has, about 2.7 kB."""
    lines = [
        {
            "id": f"T3JkZXJMaW5lOj{number}-{line}",
            "productName": f"Merino throw number {line}",
            "variantName": "Oatmeal / 130 x 170 cm",
            "productSku": f"MER-{line:04}",
            "quantity": 1 + line,
            "thumbnail": {"url": "https://shop.example/thumbnail/UHJvZHVjdE1lZGlhOjE=/256/"},
            "unitPrice": {"gross": {"amount": 41.67, "currency": "EUR"}, "net": {"amount": 35.02}},
            "totalPrice": {"gross": {"amount": 41.67, "currency": "EUR"}, "net": {"amount": 35.02}},
        }
        for line in range(4)
    ]
    address = {
        "firstName": "Person",
        "lastName": f"Number {number}",
        "streetAddress1": "1 Weavers Lane",
        "city": "Galway",
        "postalCode": "H91 0000",
        "country": {"code": "IE"},
    }
    order = {
        "id": f"T3JkZXI6{number}",
        "number": str(number),
        "status": "UNFULFILLED",
        "created": "2026-11-23T12:00:00.000000+00:00",
        "updatedAt": "2026-11-23T12:00:05.000000+00:00",
        "userEmail": f"person{number}@shopper.example",
        "languageCodeEnum": "EN",
        "channel": {"slug": "default-channel", "currencyCode": "EUR"},
        "user": {"id": f"VXNlcjo{number}", "email": f"person{number}@shopper.example"},
        "shippingAddress": address,
        "billingAddress": address,
        "total": {"gross": {"amount": 129.9, "currency": "EUR"}, "net": {"amount": 109.16}},
        "lines": lines,
        "fulfillments": [],
        "metadata": [],
    }
    content = {
        "issuedAt": "2026-11-23T12:00:06.000000+00:00",
        "version": "3.23.28",
        "recipient": {"id": APP_ID},
        "order": order,
    }
    return json.dumps(content).encode()


def deliveries_make(count: int) -> Deliveries:
    """Sign ``count`` different bodies with a new key."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = json.loads(RSAAlgorithm.to_jwk(key.public_key()))
    members = {name: public[name] for name in ("e", "kty", "n")}
    seal = hashlib.sha256(json.dumps(members, sort_keys=True, separators=(",", ":")).encode())
    kid = base64.urlsafe_b64encode(seal.digest()).decode().rstrip("=")
    jwks = {"keys": [{**members, "kid": kid, "use": "sig", "alg": "RS256", "key_ops": ["verify"]}]}
    bodies = [body_make(number) for number in range(count)]
    requests = []
    for body in bodies:
        signature = api_jws.encode(
            body,
            key,
            algorithm="RS256",
            headers={"kid": kid, "crit": ["b64"], "b64": False},
            is_payload_detached=True,
        )
        headers = {
            "Content-Type": "application/json",
            "Saleor-Event": "order_created",
            "Saleor-Domain": "shop.example",
            "Saleor-Api-Url": API_URL,
            "Saleor-Signature": signature,
        }
        requests.append(request(host="localhost", path=PATH, headers=headers, body=body))
    return Deliveries(requests, bodies, jwks)


def requests_write(path: Path, requests: Sequence[bytes]) -> None:
    """Write requests in the form ``benchmarks.load`` reads."""
    with path.open("wb") as file:
        for content in requests:
            file.write(len(content).to_bytes(4, "big"))
            file.write(content)
