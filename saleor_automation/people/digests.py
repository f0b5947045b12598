"""Keyed digests of identities: enough to recognise, not enough to read.

Keyed from SECRET_KEY, so a stolen table cannot be tried against a list of addresses.
Whoever changes SECRET_KEY loses suppressions and tombstones; the documentation says so.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.crypto import salted_hmac

from .models import Identity

_SALT = "saleor_automation.people."


def identity_digest(kind: str, value: str) -> str:
    """Return the digest of an identity, 64 hex digits; an address counts lower-cased."""
    plain = value.strip().lower() if kind == Identity.Kind.EMAIL else value
    return salted_hmac(_SALT + kind, plain, algorithm="sha256").hexdigest()


def address_digest(address: str) -> str:
    """Return the digest of an email address."""
    return identity_digest(Identity.Kind.EMAIL, address)


def address_digests(addresses: Iterable[str]) -> dict[str, str]:
    """Return digest by address, for many."""
    return {address: address_digest(address) for address in addresses if address}
