"""Whose a visitor's doings are, given everything that was ever claimed of them. Pure.

Nothing here depends on the order in which claims were heard, and no claim ever joins two
people who have addresses or accounts: claims only lead to people.

**An id in another system** leads, with the whole of its history, to one person. Ids that a
server called aliases of each other are one. It leads to the account whose id it is (or one
of its aliases), else to the address a server named last, else to a contact of its own.

**A visitor** (an anonymous id: one browser) may be several people's, one after the other.
What happened at a moment belongs to whoever was named last until then; what happened
before anybody was named, to the first. Somebody who is named but not known yet, such as
an address no order came from, has it kept for them with a contact of the visitor's own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any

#: As ``people.models.Identity.Kind``, which this must not import.
EMAIL = "email"
USER = "saleor_user"
ANONYMOUS = "anonymous"
EXTERNAL = "external"

Name = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Claim:
    """That an identity was said to be ``target``, an address or an external id."""

    at: datetime
    target: Name
    is_trusted: bool


@dataclass(frozen=True, slots=True)
class Whose:
    """Where something leads: to a person who is known, or to an identity's own contact."""

    contact: Any = None
    own: Name | None = None


@dataclass
class Claims:
    """Everything claimed of some identities and of those they lead to."""

    of: Mapping[Name, Sequence[Claim]]
    #: Contact by address or account, of those that exist.
    known: Mapping[Name, Any]
    _groups: dict[str, frozenset[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._groups = groups_of(
            (value, claim.target[1])
            for (kind, value), claims in self.of.items()
            if kind == EXTERNAL
            for claim in claims
            if claim.is_trusted and claim.target[0] == EXTERNAL
        )

    def aliases(self, value: str) -> frozenset[str]:
        """Return the external ids that are one with this, itself among them."""
        return self._groups.get(value, frozenset({value}))

    def external(self, value: str) -> Whose:
        """Return where an external id leads."""
        contact = self.known.get((USER, value))
        if contact is not None:
            return Whose(contact)
        group = self.aliases(value)
        accounts = sorted(member for member in group if (USER, member) in self.known)
        if accounts:
            return Whose(self.known[USER, accounts[-1]])
        named = [
            (claim.at, claim.target)
            for member in group
            for claim in self.of.get((EXTERNAL, member), ())
            if claim.is_trusted and claim.target in self.known
        ]
        if named:
            return Whose(self.known[max(named)[1]])
        return Whose(own=(EXTERNAL, min(group)))

    def stretches(self, value: str) -> list[tuple[datetime, Whose]]:
        """Return since when a visitor is whose, the earliest first; [] when nobody was named."""
        claims = sorted(self.of.get((ANONYMOUS, value), ()), key=lambda claim: claim.at)
        return [
            (at, self.named(list(group), value))
            for at, group in groupby(claims, key=lambda claim: claim.at)
        ]

    def visitor(self, value: str, at: datetime) -> Whose:
        """Return whose a visitor's doing at a moment is."""
        return whose_at(self.stretches(value), value, at)

    def named(self, claims: Sequence[Claim], value: str) -> Whose:
        """Return whom a visitor's claims of one moment name."""
        found = [claim.target for claim in claims]
        externals = sorted(target for kind, target in found if kind == EXTERNAL)
        led = [self.external(target) for target in externals]
        for whose in reversed(led):
            if whose.contact is not None:
                return whose
        addresses = sorted(target for target in found if target[0] == EMAIL)
        for target in reversed(addresses):
            if target in self.known:
                return Whose(self.known[target])
        return led[-1] if led else Whose(own=(ANONYMOUS, value))


def whose_at(stretches: Sequence[tuple[datetime, Whose]], value: str, at: datetime) -> Whose:
    """Return whose a visitor's doing at a moment is, by its stretches."""
    if not stretches:
        return Whose(own=(ANONYMOUS, value))
    found = stretches[0][1]
    for since, whose in stretches:
        if since > at:
            break
        found = whose
    return found


def groups_of(pairs: Iterable[tuple[str, str]]) -> dict[str, frozenset[str]]:
    """Return by each member the group it is in, given pairs that are one."""
    groups: dict[str, set[str]] = defaultdict(set)
    for one, two in pairs:
        joined = (groups.get(one) or {one}) | (groups.get(two) or {two})
        for member in joined:
            groups[member] = joined
    return {member: frozenset(group) for member, group in groups.items()}
