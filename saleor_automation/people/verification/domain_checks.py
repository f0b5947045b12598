"""The kept answers about domains: one question per domain and lifetime, whoever asks.

Knows DomainCheck rows and how long they are believed. Must not be called inside a
transaction that somebody waits for: it may ask the network.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from .domains import GOOD, DomainAnswer, DomainState, state_next
from .models import DomainCheck
from .resolver import Asker, DnsAway, dns_asker, domains_ask
from .verdicts import Reason

logger = logging.getLogger(__name__)

#: After the last use of an answer its row is of no more use.
KEPT_FOR = timedelta(days=30)
#: Seconds this machine's name servers are left alone when they are of no use, so that not every
#: batch of mails waits for them.
REST = 60.0


@dataclass
class _Machine:
    """This machine's name servers, as this process knows them."""

    #: Monotonic.
    rests_until: float = 0.0


_MACHINE = _Machine()


def domain_states(domains: Collection[str]) -> dict[str, DomainState]:
    """Return what is kept about domains, fresh or not, in one query."""
    if not domains:
        return {}
    return {
        row.domain: DomainState(
            Reason(row.reason),
            tuple(row.hosts),
            row.detail,
            row.answered_at,
            row.expires_at,
            row.failures,
        )
        for row in DomainCheck.objects.filter(domain__in=set(domains))
    }


def domains_check(
    domains: Collection[str],
    *,
    asker: Asker | None = None,
    now: datetime,
    seconds: float | None = None,
    again: bool = False,
) -> dict[str, DomainState]:
    """Return what is believed about domains, asking about those whose time is over.

    ``asker`` None asks this machine's name servers; ``seconds`` None takes as long as it takes.
    ``again`` asks about all. A domain there was no time for is still believed good if it was; that
    it was bad may be over, so then it is left out.
    """
    states = domain_states(domains)
    due = [
        domain
        for domain in dict.fromkeys(domains)
        if again or domain not in states or states[domain].expires_at <= now
    ]
    answers = _answers(due, asker, seconds)
    learned = {
        domain: state_next(states.get(domain), answer, now) for domain, answer in answers.items()
    }
    _keep(learned)
    asked = set(due)
    believed = {
        domain: state
        for domain, state in states.items()
        if domain not in asked or state.reason in GOOD
    }
    return believed | learned


def _answers(
    domains: Collection[str], asker: Asker | None, seconds: float | None
) -> dict[str, DomainAnswer]:
    if asker is None and time.monotonic() < _MACHINE.rests_until:
        return {}
    try:
        return domains_ask(domains, asker or dns_asker(), seconds=seconds)
    except DnsAway as error:
        logger.warning("%s Addresses are used without asking their domains.", error)
        if asker is None:
            _MACHINE.rests_until = time.monotonic() + REST
        return {}


def _keep(states: Mapping[str, DomainState]) -> None:
    DomainCheck.objects.bulk_create(
        [
            DomainCheck(
                domain=domain,
                reason=state.reason.value,
                hosts=list(state.hosts[:10]),
                detail=state.detail[:200],
                answered_at=state.answered_at,
                expires_at=state.expires_at,
                failures=min(state.failures, 1000),
            )
            # In one order, so that two workers wait for each other and not in a circle.
            for domain, state in sorted(states.items())
        ],
        update_conflicts=True,
        unique_fields=["domain"],
        update_fields=["reason", "hosts", "detail", "answered_at", "expires_at", "failures"],
    )


def domain_checks_prune(*, now: datetime) -> int:
    """Delete answers nobody asked for again. Returns how many."""
    deleted, _ = DomainCheck.objects.filter(expires_at__lt=now - KEPT_FOR).delete()
    return deleted
