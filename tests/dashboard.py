"""A Dashboard's side in tests: its keys, its tokens, the installation that trusts them."""

from __future__ import annotations

import time
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from saleor_automation import clock
from saleor_automation.saleor_app.installations import installation_forget
from saleor_automation.saleor_app.models import Installation

API_URL = "http://localhost:8000/graphql/"
APP_ID = "QXBwOjE="
#: Where the Dashboard is, by default, when Saleor runs on this machine.
ORIGIN = "http://localhost:9000"
EVERYTHING = ["MANAGE_APPS", "MANAGE_ORDERS", "MANAGE_SETTINGS", "MANAGE_USERS"]


@cache
def key(name: str = "one") -> rsa.RSAPrivateKey:
    """Return a private key, the same for a name every time."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def jwks(*names: str) -> dict[str, Any]:
    """Return the public keys as Saleor lists them."""
    return {
        "keys": [
            {
                **RSAAlgorithm.to_jwk(key(name).public_key(), as_dict=True),
                "kid": name,
                "use": "sig",
                "alg": "RS256",
            }
            for name in names
        ]
    }


def install(**changes: Any) -> Installation:
    """Make the installation whose keys ``token`` signs with."""
    row = Installation.objects.create(
        **{
            "api_url": API_URL,
            "app_id": APP_ID,
            "token": "app-token",
            "jwks": jwks("one"),
            "jwks_fetched_at": clock.wall(),
            "shop_name": "Kertas & Co",
            "installed_at": clock.wall(),
            **changes,
        }
    )
    installation_forget()
    return row


def claims(**changes: Any) -> dict[str, Any]:
    """Return what Saleor 3.23 puts into an app's token; None takes a claim away."""
    now = int(time.time())
    made = {
        "iat": now,
        "owner": "saleor",
        "iss": API_URL,
        "exp": now + 300,
        "token": "Yv5Vd2cQhA",
        "email": "aisyah@shop.example",
        "type": "thirdparty",
        "user_id": "VXNlcjox",
        "is_staff": True,
        "app": APP_ID,
        "permissions": ["MANAGE_USERS"],
        "user_permissions": EVERYTHING,
        **changes,
    }
    return {name: value for name, value in made.items() if value is not None}


def token(kid: str = "one", **changes: Any) -> str:
    """Return a token as the Dashboard hands it to the app."""
    return jwt.encode(claims(**changes), key(kid), "RS256", headers={"kid": kid})
