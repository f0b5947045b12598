"""What is claimed of visitors and ids in other systems, read for ``attribution``.

Knows the rows of claims and identities, and changes nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Any
from uuid import UUID

from django.db.models import Q

from .attribution import ANONYMOUS, EMAIL, EXTERNAL, USER, Claim, Claims, Name, Whose
from .digests import identity_digest
from .models import Identity, IdentityClaim


def own_pk(name: Name) -> UUID:
    """Return the key of an identity's own contact: the same whenever it is made."""
    return UUID(hex=identity_digest(*name)[:32], version=4)


def led_to(whose: Whose) -> UUID:
    """Return the key of the contact something leads to, whether that is made or not."""
    return whose.contact if whose.own is None else own_pk(whose.own)


def claims_load(names: Collection[Name], more: Collection[tuple[Name, Claim]] = ()) -> Claims:
    """Return what is claimed of these identities and of all they lead to.

    ``more``: claims that are not in the database yet.
    """
    visitors = sorted({value for kind, value in names if kind == ANONYMOUS})
    found: dict[Name, list[Claim]] = defaultdict(list)
    waiting = {value for kind, value in names if kind == EXTERNAL}
    for name, claim in more:
        found[name].append(claim)
        waiting |= {value for kind, value in (name, claim.target) if kind == EXTERNAL}
    if visitors:
        for name, claim in _claims(Q(identity__kind=ANONYMOUS, identity__value__in=visitors)):
            found[name].append(claim)
            if claim.target[0] == EXTERNAL:
                waiting.add(claim.target[1])
    seen: set[str] = set()
    while waiting:
        seen |= waiting
        asked = sorted(waiting)
        linked = Q(identity__value__in=asked) | Q(target_kind=EXTERNAL, target__in=asked)
        waiting = set()
        for name, claim in _claims(linked, identity__kind=EXTERNAL):
            if claim not in found[name]:
                found[name].append(claim)
            waiting.add(name[1])
            if claim.target[0] == EXTERNAL:
                waiting.add(claim.target[1])
        waiting -= seen
    addresses = {
        claim.target[1] for claims in found.values() for claim in claims if claim.target[0] == EMAIL
    }
    wanted = Q(kind=EMAIL, value__in=sorted(addresses)) | Q(kind=USER, value__in=sorted(seen))
    known = {
        (kind, value): contact
        for kind, value, contact in (
            Identity.objects.filter(wanted).values_list("kind", "value", "contact_id")
            if addresses or seen
            else ()
        )
    }
    return Claims(found, known)


def _claims(where: Q, **more: Any) -> Iterable[tuple[Name, Claim]]:
    rows = IdentityClaim.objects.filter(where, **more).values_list(
        "identity__kind", "identity__value", "at", "target_kind", "target", "is_trusted"
    )
    for kind, value, at, target_kind, target, is_trusted in rows:
        yield (kind, value), Claim(at, (target_kind, target), is_trusted)


def followers_of(names: Collection[Name]) -> set[Name]:
    """Return the identities that may lead elsewhere when these changed, and these."""
    found = {name for name in names if name[0] in (ANONYMOUS, EXTERNAL)}
    accounts = [value for kind, value in names if kind == USER]
    if accounts:
        rows = Identity.objects.filter(kind=EXTERNAL, value__in=accounts)
        found |= {(EXTERNAL, value) for value in rows.values_list("value", flat=True)}
    addresses = [value for kind, value in names if kind == EMAIL]
    externals = {value for kind, value in found if kind == EXTERNAL}
    if addresses:
        claimed = IdentityClaim.objects.filter(target_kind=EMAIL, target__in=addresses)
        for kind, value in claimed.values_list("identity__kind", "identity__value").distinct():
            found.add((kind, value))
            if kind == EXTERNAL:
                externals.add(value)
    if externals:
        claims = claims_load([(EXTERNAL, value) for value in externals])
        externals = {member for value in externals for member in claims.aliases(value)}
        found |= {(EXTERNAL, value) for value in externals}
        claimed = IdentityClaim.objects.filter(target_kind=EXTERNAL, target__in=sorted(externals))
        found |= set(claimed.values_list("identity__kind", "identity__value").distinct())
    return found
