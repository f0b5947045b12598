"""What is left of erased people, and what it blocks.

An account's tombstone blocks for ever: Saleor never uses an id again. An address's
tombstone blocks what happened up to its time: somebody who buys again under the
address later is a new person to us.
"""

from __future__ import annotations

from datetime import datetime

from .digests import identity_digest
from .models import Identity, Tombstone


def tombstone_add(*, kind: str, value: str, at: datetime) -> bool:
    """Set a tombstone; a later time moves an earlier one. Return whether it is new or moved."""
    rows = Tombstone.objects.filter(kind=kind, digest=identity_digest(kind, value))
    before = rows.values_list("at", flat=True).first()
    Tombstone.objects.bulk_create(
        [Tombstone(kind=kind, digest=identity_digest(kind, value), at=at)], ignore_conflicts=True
    )
    rows.filter(at__lt=at).update(at=at)
    return before is None or before < at


def user_buried(user_id: str) -> datetime | None:
    """Return when an account was erased, or None."""
    return _buried(Identity.Kind.SALEOR_USER, user_id) if user_id else None


def address_buried(address: str, at: datetime) -> bool:
    """Whether what happened under an address at a time belongs to somebody erased."""
    buried = _buried(Identity.Kind.EMAIL, address) if address else None
    return buried is not None and at <= buried


def _buried(kind: str, value: str) -> datetime | None:
    return (
        Tombstone.objects.filter(kind=kind, digest=identity_digest(kind, value))
        .values_list("at", flat=True)
        .first()
    )
