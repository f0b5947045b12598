"""What the DNS says about mail to a domain, and for how long that is believed.

Pure: asks through a ``Lookup`` it is given and takes ``now``. Only an answer is a "no": a
server that fails, refuses or says nothing leaves the domain unknown, however often. A domain
that was fine a moment ago stays fine while it cannot be asked.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from .verdicts import Reason

#: Asks for the records of a name: (name, "MX" | "A" | "AAAA" | "NS") -> their texts, as in
#: "10 mx.shop.example.". Raises NoName, NoRecord or NoWord.
Lookup = Callable[[str, str], Sequence[str]]


class NoName(Exception):
    """There is no such name (NXDOMAIN)."""


class NoRecord(Exception):
    """The name is there and has no record of this type."""


class NoWord(Exception):
    """Nobody could say, for now: a failure, a refusal or silence."""


#: Answers that let mail through.
GOOD: Final = frozenset({Reason.DNS_OK, Reason.A_FALLBACK})
#: How long an answer is believed.
GOOD_FOR: Final = timedelta(days=7)
BAD_FOR: Final = timedelta(hours=24)
#: Pauses between tries while there is no answer. After the last the domain is given up.
RETRIES: Final = (timedelta(minutes=15), timedelta(hours=4), timedelta(hours=24))
#: How long a domain that was fine is believed while it cannot be asked.
STANDS_FOR: Final = timedelta(days=30)
#: Mail hosts asked for; a domain with more bad ones than that is not called bad.
MOST_HOSTS: Final = 8


@dataclass(frozen=True)
class DomainAnswer:
    """What the DNS said once. ``reason`` is one of the DNS reasons."""

    reason: Reason
    #: Mail hosts, the preferred one first.
    hosts: tuple[str, ...] = ()
    detail: str = ""


@dataclass(frozen=True)
class DomainState:
    """What is believed about a domain."""

    reason: Reason
    hosts: tuple[str, ...]
    detail: str
    #: Of the answer believed; of the last try when there was none.
    answered_at: datetime
    expires_at: datetime
    #: Tries without an answer since the last answer.
    failures: int = 0

    @property
    def given_up(self) -> bool:
        """Whether it was asked in vain as often as it is tried."""
        return self.reason is Reason.DNS_TEMPORARY and self.failures > len(RETRIES)


def domain_ask(domain: str, lookup: Lookup) -> DomainAnswer:
    """Ask about one domain (ASCII, lower case): one question more than needed is never asked.

    RFC 5321, 5.1: mail goes to the MX hosts, and without any MX record to the domain's own
    address. RFC 7505: an MX record that names no host says that no mail is taken.
    """
    try:
        records = lookup(domain, "MX")
    except NoName:
        return DomainAnswer(Reason.NXDOMAIN)
    except NoRecord:
        return _without_mx(domain, lookup)
    except NoWord as error:
        return DomainAnswer(Reason.DNS_TEMPORARY, detail=f"MX: {error}")
    hosts = _hosts_of(records)
    if not hosts:
        return DomainAnswer(Reason.NULL_MX)
    unsaid = ""
    for host in hosts[:MOST_HOSTS]:
        try:
            if _reachable(host, lookup):
                return DomainAnswer(Reason.DNS_OK, hosts)
        except NoWord as error:
            unsaid = unsaid or f"{host}: {error}"
    if len(hosts) > MOST_HOSTS:
        unsaid = unsaid or "too many mail hosts"
    if unsaid:
        return DomainAnswer(Reason.DNS_TEMPORARY, hosts, unsaid)
    return DomainAnswer(Reason.MX_UNRESOLVABLE, hosts)


def _without_mx(domain: str, lookup: Lookup) -> DomainAnswer:
    try:
        if _reachable(domain, lookup):
            return DomainAnswer(Reason.A_FALLBACK, (domain,))
    except NoWord as error:
        return DomainAnswer(Reason.DNS_TEMPORARY, detail=f"address: {error}")
    return DomainAnswer(Reason.NO_MAIL_HOST)


def _hosts_of(records: Sequence[str]) -> tuple[str, ...]:
    """Return the hosts MX records name, the preferred one first, without "." for none."""
    found = []
    for record in records:
        preference, _, host = record.partition(" ")
        if host.strip() != ".":
            found.append((int(preference), host.strip().rstrip(".").lower()))
    return tuple(dict.fromkeys(host for _, host in sorted(found)))


def _reachable(host: str, lookup: Lookup) -> bool:
    """Whether a host has an address the Internet can reach. Raises NoWord when nobody says.

    RFC 6890: private, loopback and other addresses of that kind lead nowhere from here.
    """
    unsaid: NoWord | None = None
    for kind in ("A", "AAAA"):
        try:
            if any(is_global(address) for address in lookup(host, kind)):
                return True
        except NoName:
            # Holds for every type.
            break
        except NoRecord:
            continue
        except NoWord as error:
            unsaid = error
    if unsaid is not None:
        raise unsaid
    return False


def is_global(address: str) -> bool:
    """Whether an IP address may belong to a mail host on the Internet."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None)
    return (mapped or found).is_global and not found.is_multicast


def state_next(before: DomainState | None, answer: DomainAnswer, now: datetime) -> DomainState:
    """Return what is believed after an answer, and when to ask again."""
    if answer.reason is not Reason.DNS_TEMPORARY:
        until = now + (GOOD_FOR if answer.reason in GOOD else BAD_FOR)
        return DomainState(answer.reason, answer.hosts, answer.detail, now, until)
    failures = (before.failures if before is not None else 0) + 1
    until = now + RETRIES[min(failures, len(RETRIES)) - 1]
    stands = before is not None and before.reason in GOOD
    if before is not None and stands and now - before.answered_at <= STANDS_FOR:
        return DomainState(
            before.reason, before.hosts, answer.detail, before.answered_at, until, failures
        )
    return DomainState(Reason.DNS_TEMPORARY, answer.hosts, answer.detail, now, until, failures)
