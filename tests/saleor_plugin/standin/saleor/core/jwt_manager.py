from __future__ import annotations

from functools import cache

from cryptography.hazmat.primitives.asymmetric import rsa
from jwt import api_jws
from jwt.algorithms import RSAAlgorithm

KEY_ID = "stand-in"


@cache
def private_key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


class JWTManager:
    @classmethod
    def jws_encode(cls, payload: bytes, is_payload_detached: bool = True) -> str:
        return api_jws.encode(
            payload,
            private_key(),
            "RS256",
            headers={"kid": KEY_ID, "crit": ["b64"]},
            is_payload_detached=is_payload_detached,
        )

    @classmethod
    def get_jwks(cls):
        entry = RSAAlgorithm.to_jwk(private_key().public_key(), as_dict=True)
        return {"keys": [{**entry, "kid": KEY_ID, "use": "sig", "alg": "RS256"}]}


def get_jwt_manager():
    return JWTManager
