"""Puts what the layers found about an address into one assessment, with its evidence.

Pure: takes the kept answers about domains and our history, asks nobody.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from saleor_automation.contract.values import iso

from .domains import DomainState
from .history import History
from .lists import disposable_entry, disposable_version, is_free, is_relay, is_role
from .syntax import Parsed, is_reserved
from .typos import typo_suggestion
from .verdicts import Assessment, Findings, Reason, judge

#: Raise it when a rule changes: every address is judged again when it is asked about next.
RULES = "1"


def checker_name(*, dns: bool) -> str:
    """Name the rules and lists in force."""
    return f"{RULES}/{disposable_version()}/{'dns' if dns else 'no-dns'}"[:32]


def needs_dns(parsed: Parsed, history: History, now: datetime) -> bool:
    """Whether an address's domain is worth a question."""
    return parsed.is_address and not is_reserved(parsed.domain) and history.reason(now) is None


def assess(
    parsed: Parsed,
    *,
    history: History,
    state: DomainState | None,
    now: datetime,
    dns: bool,
) -> Assessment:
    """Return what is known about one address at ``now``.

    ``state`` is what is believed of its domain, None when nothing is; ``dns`` says whether
    domains are asked about at all.
    """
    evidence: dict[str, Any] = {"syntax": {"ok": parsed.is_address}}
    if parsed.detail:
        evidence["syntax"]["detail"] = parsed.detail
    listed: list[Reason] = []
    suggestion = ""
    if parsed.is_address:
        suggestion = typo_suggestion(parsed.domain)
        entry = disposable_entry(parsed.domain)
        if suggestion:
            listed.append(Reason.TYPO_DOMAIN)
        if entry:
            listed.append(Reason.DISPOSABLE)
        if is_role(parsed.local):
            listed.append(Reason.ROLE)
        evidence["lists"] = {
            "disposable": entry,
            "role": Reason.ROLE in listed,
            "free": is_free(parsed.domain),
            "relay": is_relay(parsed.domain),
            "version": disposable_version(),
        }
    own = history.reason(now)
    if history.delivered_at is not None or history.hard_bounce_at is not None:
        evidence["history"] = {
            "delivered_at": iso(history.delivered_at) if history.delivered_at else "",
            "hard_bounce_at": iso(history.hard_bounce_at) if history.hard_bounce_at else "",
        }
    asked = needs_dns(parsed, history, now)
    said = None
    if asked and state is not None:
        said = state.reason
        evidence["dns"] = {
            "result": state.reason.value,
            "hosts": list(state.hosts[:3]),
            "detail": state.detail,
            "answered_at": iso(state.answered_at),
            "failures": state.failures,
        }
    elif parsed.is_address and own is None:
        said = Reason.NOT_CHECKED
    verdict, reasons = judge(
        Findings(
            history=own,
            syntax=parsed.reason,
            lists=tuple(listed),
            dns=said,
            dns_given_up=state is not None and state.given_up,
        )
    )
    return Assessment(
        verdict=verdict,
        reasons=reasons,
        domain=parsed.domain,
        suggestion=suggestion,
        evidence=evidence,
        checked_at=now,
        expires_at=state.expires_at if asked and state is not None else history.until(now),
        complete=not (dns and asked and state is None),
    )
