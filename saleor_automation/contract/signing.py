"""How Saleor signs a delivery, and what a signature must look like before any key is tried.

A signature is a detached JWS (RFC 7515 appendix F) over the raw body with an
unencoded payload (RFC 7797): ``base64url(header)..base64url(signature)``, RS256,
``{"alg":"RS256","b64":false,"crit":["b64"],"kid":...}``. Knows the form only;
cryptography is in ``saleor_app.signatures``.
"""

from __future__ import annotations

import base64
import binascii
import json
from functools import lru_cache
from typing import Final

from saleor_automation.exceptions import ContractError

ALGORITHM: Final = "RS256"
SIGNATURE_HEADER: Final = "Saleor-Signature"
EVENT_HEADER: Final = "Saleor-Event"
API_URL_HEADER: Final = "Saleor-Api-Url"
SCHEMA_VERSION_HEADER: Final = "Saleor-Schema-Version"
#: "relay" when our plugin inside Saleor sends what it captured.
SOURCE_HEADER: Final = "Saleor-Automation-Source"


def key_id(signature: str) -> str:
    """Return the id of the key a detached signature was made with.

    Raises ContractError unless the header is exactly the detached form. That matters:
    Saleor signs its access tokens with the same key, and a token is a valid JWS over
    its *own* payload; taken for a delivery's signature it would vouch for any body.
    """
    header, dot, rest = signature.strip().partition(".")
    payload, second, seal = rest.partition(".")
    if not (dot and second and header and seal) or payload or "." in seal:
        raise ContractError("The signature is not a detached JWS.")
    return _key_id(header)


@lru_cache(maxsize=64)
def _key_id(header: str) -> str:
    try:
        padded = header + "=" * (-len(header) % 4)
        fields = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (ValueError, binascii.Error, RecursionError) as error:
        raise ContractError("The signature's header is not readable.") from error
    if not isinstance(fields, dict) or fields.get("alg") != ALGORITHM:
        raise ContractError(f"The signature is not {ALGORITHM}.")
    if fields.get("b64") is not False or fields.get("crit") != ["b64"]:
        raise ContractError("The signature is not over the raw body.")
    found = fields.get("kid")
    if not isinstance(found, str) or not found:
        raise ContractError("The signature names no key.")
    return found
