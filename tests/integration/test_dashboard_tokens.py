"""Whom a Dashboard token lets in, and what each of the others is told."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
import logging
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from saleor_automation import clock
from saleor_automation.exceptions import SaleorAPIError
from saleor_automation.saleor_app import dashboard_tokens, signatures
from saleor_automation.saleor_app.dashboard_tokens import STATUSES, TokenRefused, token_verify
from saleor_automation.saleor_app.models import Installation
from tests.dashboard import API_URL, APP_ID, claims, install, jwks, key, token

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def installed(db: None) -> Installation:
    return install()


@pytest.fixture(autouse=True)
def no_calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Saleor's key server is not there; every call to it is written down."""
    asked: list[str] = []

    def fetch(api_url: str, timeout: float = 5.0) -> dict[str, Any]:
        asked.append(api_url)
        raise SaleorAPIError("gone")

    monkeypatch.setattr(signatures, "jwks_fetch", fetch)
    return asked


def refusal(given: str, **kwargs: Any) -> tuple[str, int]:
    with pytest.raises(TokenRefused) as caught:
        token_verify(given, **kwargs)
    assert given == "" or given not in str(caught.value)
    return caught.value.reason, caught.value.status


def part(value: object) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def test_a_good_token_says_who_it_is() -> None:
    given = token()
    staff = token_verify(given, any_of={"MANAGE_ORDERS"})
    assert (staff.issuer, staff.user_id, staff.email) == (
        API_URL,
        "VXNlcjox",
        "aisyah@shop.example",
    )
    assert "MANAGE_SETTINGS" in staff.permissions
    assert staff.digest == hashlib.sha256(given.encode()).hexdigest()
    assert 290 < (staff.expires_at - clock.wall()).total_seconds() <= 300


def test_an_extension_token_is_as_good() -> None:
    assert token_verify(token(app_extension="QXBwRXh0ZW5zaW9uOjE=", permissions=[]))


def test_what_the_person_may_do_counts_not_what_the_app_may() -> None:
    given = token(permissions=["MANAGE_USERS"], user_permissions=["MANAGE_ORDERS"])
    assert token_verify(given, any_of={"MANAGE_ORDERS", "MANAGE_SETTINGS"})
    assert refusal(given, any_of={"MANAGE_USERS"}) == ("permission", 403)


@pytest.mark.parametrize(
    ("changes", "reason", "status"),
    [
        ({"exp": int(time.time()) - 60}, "expired", 401),
        ({"iat": int(time.time()) + 3600}, "expired", 401),
        ({"iss": "https://other.example/graphql/"}, "foreign", 401),
        ({"iss": API_URL.rstrip("/")}, "foreign", 401),
        ({"app": "QXBwOjI="}, "foreign", 401),
        ({"app": None}, "foreign", 401),
        ({"app": [APP_ID]}, "foreign", 401),
        ({"type": "access"}, "foreign", 401),
        ({"type": "refresh"}, "foreign", 401),
        ({"type": None}, "foreign", 401),
        ({"is_staff": False}, "not_staff", 403),
        ({"is_staff": None}, "not_staff", 403),
        ({"is_staff": "true"}, "not_staff", 403),
        ({"user_permissions": []}, "permission", 403),
        ({"user_permissions": None}, "permission", 403),
        ({"user_permissions": ["MANAGE_PRODUCTS"]}, "permission", 403),
        ({"exp": None}, "invalid", 401),
        ({"iat": None}, "invalid", 401),
        ({"user_id": None}, "invalid", 401),
        ({"user_id": ""}, "invalid", 401),
        ({"user_id": 7}, "invalid", 401),
    ],
)
def test_a_claim_that_does_not_fit_is_refused(
    changes: dict[str, Any], reason: str, status: int, no_calls: list[str]
) -> None:
    assert refusal(token(**changes), any_of={"MANAGE_USERS"}) == (reason, status)
    assert no_calls == []


def test_clocks_may_differ_a_little() -> None:
    assert token_verify(token(exp=int(time.time()) - 5))


def test_no_token_and_nonsense_are_refused() -> None:
    assert refusal("") == ("missing", 401)
    for nonsense in ("x", "a.b.c", "..", "é.é.é", "a" * 20_000, part({}) + "." + part([]) + ".x"):
        assert refusal(nonsense) == ("invalid", 401), nonsense[:20]


def test_an_unsigned_token_is_refused() -> None:
    for algorithm in ("none", "None", ""):
        header = {"alg": algorithm, "kid": "one", "typ": "JWT"}
        assert refusal(f"{part(header)}.{part(claims())}.") == ("invalid", 401)
    unsigned = f"{part({'alg': 'RS256', 'kid': 'one'})}.{part(claims())}."
    assert refusal(unsigned) == ("invalid", 401)


def test_a_token_signed_with_the_public_key_as_a_secret_is_refused() -> None:
    public = key().public_key()
    secrets = [
        public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        json.dumps(jwks("one")["keys"][0]).encode(),
    ]
    for secret in secrets:
        for algorithm in ("HS256", "RS256"):
            signed = f"{part({'alg': algorithm, 'kid': 'one'})}.{part(claims())}"
            seal = hmac.new(secret, signed.encode(), hashlib.sha256).digest()
            assert refusal(f"{signed}.{part(seal)}") == ("invalid", 401)


def test_a_token_of_another_algorithm_is_refused() -> None:
    for algorithm in ("RS384", "PS256"):
        given = jwt.encode(claims(), key(), algorithm, headers={"kid": "one"})
        assert refusal(given) == ("invalid", 401)


def test_changed_claims_are_refused() -> None:
    header, _claims, seal = token().split(".")
    assert refusal(f"{header}.{part(claims(user_id='VXNlcjoy'))}.{seal}") == ("invalid", 401)


def test_a_key_of_the_same_name_but_not_saleors_is_refused() -> None:
    given = jwt.encode(claims(), key("evil"), "RS256", headers={"kid": "one"})
    assert refusal(given) == ("invalid", 401)


def test_a_key_brought_along_is_not_used() -> None:
    own = jwks("evil")["keys"][0]
    headers = {"kid": "one", "jwk": own, "jku": "https://evil.example/jwks.json"}
    assert refusal(jwt.encode(claims(), key("evil"), "RS256", headers=headers)) == ("invalid", 401)


def test_an_unknown_key_asks_saleor_once_a_minute(
    installed: Installation, no_calls: list[str]
) -> None:
    assert refusal(token("two")) == ("keys", 503)
    assert no_calls == []  # asked a moment ago
    Installation.objects.update(jwks_fetched_at=None)
    assert refusal(token("two")) == ("keys", 503)
    assert refusal(token("two")) == ("keys", 503)
    assert no_calls == [API_URL]


def test_a_new_key_of_saleors_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    Installation.objects.update(jwks_fetched_at=None)
    monkeypatch.setattr(signatures, "jwks_fetch", lambda url, timeout=5.0: jwks("one", "two"))
    assert token_verify(token("two")).user_id == "VXNlcjox"


def test_nothing_installed_is_our_fault(installed: Installation) -> None:
    installed.delete()
    signatures.installation_forget()
    assert refusal(token()) == ("not_installed", 503)


def test_every_reason_has_a_status() -> None:
    words = {name: value for name, value in vars(dashboard_tokens).items() if name.isupper()}
    named = {value for value in words.values() if isinstance(value, str) and value.islower()}
    assert named == set(STATUSES)


def test_a_token_is_never_logged(caplog: pytest.LogCaptureFixture) -> None:
    given = [token(), token(exp=1), token("two"), token(app="QXBwOjI=")]
    with caplog.at_level(logging.DEBUG):
        for each in given:
            with contextlib.suppress(TokenRefused):
                token_verify(each)
    for each in given:
        assert each.split(".")[2] not in caplog.text
