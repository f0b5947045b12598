"""Whether a body really comes from the installed Saleor.

Knows Saleor's public keys: kept on the Installation row, fetched again when a key
id is unknown, at most once per ``conf().jwks_refetch_seconds`` over all processes,
so that nobody can make us hammer the key server. Real time throttles, since a demo's
clock may stand still.
"""

from __future__ import annotations

import json
from datetime import timedelta
from functools import lru_cache
from typing import Any

from django.db.models import Q
from jwt import PyJWK, api_jws
from jwt.exceptions import PyJWTError

from saleor_automation import clock
from saleor_automation.conf import conf
from saleor_automation.contract.signing import ALGORITHM, key_id
from saleor_automation.exceptions import AutomationError, ContractError, SaleorAPIError

from .api import jwks_fetch
from .installations import installation_current, installation_forget
from .models import Installation


class WrongSignature(AutomationError):
    """The signature is missing, of another form, or not of this body: final."""


class UnknownKey(AutomationError):
    """Signed with a key we do not have; Saleor should try again later."""


class KeysUnreachable(AutomationError):
    """Signed with a key we do not have, and Saleor's keys cannot be fetched now."""


def signature_verify(*, installation: Installation, signature: str, body: bytes) -> None:
    """Check a detached JWS over the raw body.

    Raises WrongSignature, UnknownKey or KeysUnreachable.
    """
    try:
        kid = key_id(signature)
    except ContractError as error:
        raise WrongSignature(str(error)) from error
    key = key_find(installation, kid)
    try:
        api_jws.decode_complete(
            signature.strip(), key, algorithms=[ALGORITHM], detached_payload=body
        )
    except PyJWTError as error:
        raise WrongSignature("The signature is not of this body.") from error


def key_find(installation: Installation, kid: str) -> PyJWK:
    """Return the public key with an id, fetching Saleor's keys once when it is new."""
    key = _key(installation.jwks, kid)
    if key is None:
        # Another process may have fetched it since this one looked.
        latest = installation_current(fresh=True)
        key = _key(latest.jwks, kid) if latest else None
    if key is None:
        key = _key(_refetch(installation), kid)
    if key is None:
        raise UnknownKey("Saleor's key server does not list the key the delivery is signed with.")
    return key


def _refetch(installation: Installation) -> dict[str, Any]:
    now = clock.wall()
    before = now - timedelta(seconds=conf().jwks_refetch_seconds)
    # Whoever moves the time may fetch; the others are throttled.
    turn = Installation.objects.filter(
        Q(jwks_fetched_at=None) | Q(jwks_fetched_at__lte=before), pk=installation.pk
    ).update(jwks_fetched_at=now)
    if not turn:
        raise UnknownKey("The key is unknown and Saleor's keys were asked for a moment ago.")
    try:
        jwks = jwks_fetch(installation.api_url)
    except SaleorAPIError as error:
        raise KeysUnreachable(str(error)) from error
    Installation.objects.filter(pk=installation.pk).update(jwks=jwks)
    installation_forget()
    return jwks


def _key(jwks: dict[str, Any], kid: str) -> PyJWK | None:
    for entry in jwks.get("keys", ()):
        if isinstance(entry, dict) and entry.get("kid") == kid and entry.get("kty") == "RSA":
            return _load(json.dumps(entry, sort_keys=True))
    return None


@lru_cache(maxsize=16)
def _load(entry: str) -> PyJWK | None:
    try:
        return PyJWK.from_dict(json.loads(entry), algorithm=ALGORITHM)
    except PyJWTError:
        return None
