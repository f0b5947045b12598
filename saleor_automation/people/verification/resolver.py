"""Asks the DNS about many domains at once, within the time there is.

Knows dnspython, threads and the clock of the machine; no rows. A question that was cut short by the
caller's time is not a failure of the domain, and neither is a name server of ours that finds
nothing at all: those domains are left out, and known as little as before.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

import dns.exception
import dns.name
import dns.resolver
from django.conf import settings

from saleor_automation.conf import conf

from .domains import GOOD, DomainAnswer, NoName, NoRecord, NoWord, domain_ask

#: Asks one question: (name, type, seconds it may take) -> texts, or raises as ``Lookup`` does.
Asker = Callable[[str, str, float], Sequence[str]]

#: Seconds one question may take.
PATIENCE: Final = 4.0
THREADS: Final = 16
#: Questions with an answer everywhere on the Internet.
CONTROLS: Final = (("gmail.com", "MX"), (".", "NS"))
#: Mail backends that reach nobody: what they are given is a rehearsal.
NOWHERE: Final = ("console", "dummy", "filebased", "locmem")


def dns_wanted() -> bool:
    """Whether the DNS is asked about people's domains.

    As the setting says; left open, not in a demo, and not while mail goes to a screen or file.
    """
    current = conf()
    if current.demo:
        return False
    if current.verification_dns is not None:
        return current.verification_dns
    module = settings.EMAIL_BACKEND.rpartition(".")[0]
    return module.rpartition(".")[2] not in NOWHERE


def dns_asker(resolver: dns.resolver.Resolver | None = None) -> Asker:
    """Return what asks ``resolver``, or this machine's name servers."""
    if resolver is None:
        try:
            resolver = dns.resolver.Resolver()
        except dns.exception.DNSException:
            # No name servers are configured here: nobody can say anything.
            resolver = dns.resolver.Resolver(configure=False)
    asked = resolver

    def ask(name: str, kind: str, seconds: float) -> list[str]:
        try:
            answer: Any = asked.resolve(
                dns.name.from_text(name), kind, lifetime=seconds, search=False
            )
        except dns.resolver.NXDOMAIN:
            raise NoName(name) from None
        except dns.resolver.NoAnswer:
            raise NoRecord(name) from None
        except dns.exception.Timeout:
            raise Silence("no answer in time") from None
        except (dns.exception.DNSException, OSError, ValueError) as error:
            raise NoWord(type(error).__name__) from None
        return [record.to_text() for record in answer]

    return ask


class Silence(NoWord):
    """Nobody answered in the time there was."""


class OutOfTime(Exception):
    """The caller's time is over; says nothing about a domain."""


class DnsAway(Exception):
    """Our own name servers are of no use now; says nothing about any domain."""


@dataclass
class _Sitting:
    """One round of questions: what hosts said is asked once, and time is kept."""

    asker: Asker
    #: Monotonic; None: as long as it takes.
    ends_at: float | None
    #: Addresses of hosts, or what was raised instead: thousands of domains share a few.
    known: dict[tuple[str, str], Sequence[str] | Exception] = field(default_factory=dict)

    def ask(self, name: str, kind: str) -> Sequence[str]:
        found = self.known.get((name, kind))
        if found is None:
            found = self._asked(name, kind)
            if kind != "MX":
                self.known[name, kind] = found
        if isinstance(found, Exception):
            raise found
        return found

    def _asked(self, name: str, kind: str) -> Sequence[str] | Exception:
        left = PATIENCE if self.ends_at is None else self.ends_at - time.monotonic()
        if left <= 0:
            raise OutOfTime
        try:
            return self.asker(name, kind, min(left, PATIENCE))
        except Silence as error:
            if left < PATIENCE:
                raise OutOfTime from None
            return error
        except (NoName, NoRecord, NoWord) as error:
            return error

    def answer(self, domain: str) -> DomainAnswer:
        return domain_ask(domain, self.ask)


def domains_ask(
    domains: Collection[str],
    asker: Asker,
    *,
    seconds: float | None = None,
    threads: int = THREADS,
) -> dict[str, DomainAnswer]:
    """Return what the DNS says of each domain; those there was no time for are left out.

    Takes ``seconds`` at most, and the time of the controls: no "no" is believed unless what is
    surely there was found too. Raises DnsAway when it was not: the trouble is on our side, and
    what is known of the domains is as little as before.
    """
    unique = list(dict.fromkeys(domains))
    if not unique:
        return {}
    sitting = _Sitting(asker, None if seconds is None else time.monotonic() + seconds)
    found = dict(_answers(unique, sitting, threads))
    if any(answer.reason not in GOOD for answer in found.values()):
        controls_ask(asker)
    return found


def controls_ask(asker: Asker) -> None:
    """Ask about what is surely there. Raises DnsAway when nothing of it is found.

    A name server may be down, or know the names of its own network alone: then every customer's
    address would be undeliverable.
    """
    for name, kind in CONTROLS:
        try:
            if asker(name, kind, PATIENCE):
                return
        except (NoName, NoRecord, NoWord):
            continue
    raise DnsAway("The name servers of this machine do not know the Internet's domains.")


def _answers(
    domains: list[str], sitting: _Sitting, threads: int
) -> Iterator[tuple[str, DomainAnswer]]:
    with ThreadPoolExecutor(min(threads, len(domains)), "dns") as pool:
        futures = {pool.submit(sitting.answer, domain): domain for domain in domains}
        for future in as_completed(futures):
            with suppress(OutOfTime):
                yield futures[future], future.result()
