"""Four verdicts, a closed list of reasons, and which evidence outranks which.

Pure: knows what was found about an address and says what it means. Must not know how
it was found, nor what the shop does about it (``policy``). Reasons are stored by their
codes: one may be added, none may be renamed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final


class Verdict(StrEnum):
    """Whether a mail to the address will arrive."""

    DELIVERABLE = "deliverable"
    RISKY = "risky"
    UNDELIVERABLE = "undeliverable"
    UNKNOWN = "unknown"


class Reason(StrEnum):
    """Why a verdict is what it is."""

    # Said by the person or the shop.
    COMPLAINED = "complained"
    UNSUBSCRIBED = "unsubscribed"
    BLOCKED = "blocked"
    # Our own deliveries.
    OWN_HARD_BOUNCE = "own_hard_bounce"
    OWN_DELIVERED = "own_delivered"
    # The address as it is written.
    SYNTAX = "syntax"
    SYNTAX_UNUSUAL = "syntax_unusual"
    NEEDS_SMTPUTF8 = "needs_smtputf8"
    # Lists.
    TYPO_DOMAIN = "typo_domain"
    DISPOSABLE = "disposable"
    ROLE = "role"
    # The domain's DNS.
    NXDOMAIN = "nxdomain"
    NULL_MX = "null_mx"
    NO_MAIL_HOST = "no_mail_host"
    MX_UNRESOLVABLE = "mx_unresolvable"
    A_FALLBACK = "a_fallback"
    DNS_TEMPORARY = "dns_temporary"
    NOT_CHECKED = "not_checked"
    DNS_OK = "dns_ok"


#: What each reason says by itself.
VERDICTS: Final[Mapping[Reason, Verdict]] = {
    Reason.COMPLAINED: Verdict.UNDELIVERABLE,
    Reason.UNSUBSCRIBED: Verdict.UNDELIVERABLE,
    Reason.BLOCKED: Verdict.UNDELIVERABLE,
    Reason.OWN_HARD_BOUNCE: Verdict.UNDELIVERABLE,
    Reason.OWN_DELIVERED: Verdict.DELIVERABLE,
    Reason.SYNTAX: Verdict.UNDELIVERABLE,
    Reason.SYNTAX_UNUSUAL: Verdict.UNDELIVERABLE,
    Reason.NEEDS_SMTPUTF8: Verdict.RISKY,
    Reason.TYPO_DOMAIN: Verdict.RISKY,
    Reason.DISPOSABLE: Verdict.RISKY,
    Reason.ROLE: Verdict.RISKY,
    Reason.NXDOMAIN: Verdict.UNDELIVERABLE,
    Reason.NULL_MX: Verdict.UNDELIVERABLE,
    Reason.NO_MAIL_HOST: Verdict.UNDELIVERABLE,
    Reason.MX_UNRESOLVABLE: Verdict.UNDELIVERABLE,
    Reason.A_FALLBACK: Verdict.RISKY,
    Reason.DNS_TEMPORARY: Verdict.UNKNOWN,
    Reason.NOT_CHECKED: Verdict.UNKNOWN,
    Reason.DNS_OK: Verdict.DELIVERABLE,
}

#: Of several reasons of one layer, the verdict that decides.
_WEIGHT: Final = (
    Verdict.UNDELIVERABLE,
    Verdict.RISKY,
    Verdict.UNKNOWN,
    Verdict.DELIVERABLE,
)


@dataclass(frozen=True, kw_only=True)
class Findings:
    """What each layer found about one address; None or empty: nothing."""

    suppressed: tuple[Reason, ...] = ()
    history: Reason | None = None
    syntax: Reason | None = None
    lists: tuple[Reason, ...] = ()
    dns: Reason | None = None
    #: The domain could not be asked, and that as often as it is tried.
    dns_given_up: bool = False


@dataclass(frozen=True, kw_only=True)
class Assessment:
    """What is known about one address."""

    verdict: Verdict
    #: The one that decides comes first.
    reasons: tuple[Reason, ...]
    #: ASCII form of the part after the @; "" when there is none.
    domain: str = ""
    #: The domain probably meant; never put in place of what the person wrote.
    suggestion: str = ""
    #: Per layer what was found, from which list or answer, and when: values of JSON.
    evidence: Mapping[str, Any] = field(default_factory=dict)
    #: None: it was not looked at yet.
    checked_at: datetime | None = None
    #: None: it stays so until lists or rules change.
    expires_at: datetime | None = None
    #: False: there was no time to ask the domain; asked again, it may be known.
    complete: bool = True

    @property
    def reason(self) -> Reason:
        """The reason that decides."""
        return self.reasons[0]


def judge(found: Findings) -> tuple[Verdict, tuple[Reason, ...]]:
    """Return the verdict and its reasons, the one that decides first.

    Suppression outranks our own deliveries, and they outrank everything else: they are the
    only thing known rather than guessed. Of the rest an address that cannot work is undeliverable
    whatever the lists say; and what the lists say is said of an address that works.
    """
    dns = (found.dns,) if found.dns is not None else ()
    history = (found.history,) if found.history is not None else ()
    syntax = (found.syntax,) if found.syntax is not None else ()
    if found.suppressed or found.history is not None:
        reasons = (*found.suppressed, *history, *syntax, *found.lists, *dns)
        return VERDICTS[reasons[0]], reasons
    reasons = (*syntax, *found.lists, *dns) or (Reason.NOT_CHECKED,)

    def said(reason: Reason) -> Verdict:
        if reason is Reason.DNS_TEMPORARY and found.dns_given_up:
            return Verdict.RISKY
        return VERDICTS[reason]

    # Stable: of reasons that weigh the same the earlier layer decides.
    ordered = tuple(sorted(reasons, key=lambda reason: _WEIGHT.index(said(reason))))
    return said(ordered[0]), ordered


def suppressed_too(assessment: Assessment, reasons: tuple[Reason, ...]) -> Assessment:
    """Return ``assessment`` with what a person or the shop said put above it."""
    if not reasons:
        return assessment
    return Assessment(
        verdict=VERDICTS[reasons[0]],
        reasons=(*reasons, *(one for one in assessment.reasons if one not in reasons)),
        domain=assessment.domain,
        suggestion=assessment.suggestion,
        evidence=assessment.evidence,
        checked_at=assessment.checked_at,
        expires_at=assessment.expires_at,
        complete=assessment.complete,
    )
