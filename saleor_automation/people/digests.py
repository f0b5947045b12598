"""Keyed digests of identities: enough to recognise, not enough to read.

Keyed from SECRET_KEY, so a stolen table cannot be tried against a list of addresses.
Whoever changes SECRET_KEY loses suppressions and tombstones; the documentation says so.
"""

from __future__ import annotations

from collections.abc import Iterable

from saleor_automation.seals import seal

from .models import Identity

_SALT = "saleor_automation.people."


def identity_digest(kind: str, value: str) -> str:
    """Return the digest of an identity, 64 hex digits; an address counts lower-cased."""
    plain = value.strip().lower() if kind == Identity.Kind.EMAIL else value
    return seal(_SALT + kind, plain).hexdigest()


def address_digest(address: str) -> str:
    """Return the digest of an email address."""
    return identity_digest(Identity.Kind.EMAIL, address)


def address_digests(addresses: Iterable[str]) -> dict[str, str]:
    """Return digest by address, for many."""
    return {address: address_digest(address) for address in addresses if address}
