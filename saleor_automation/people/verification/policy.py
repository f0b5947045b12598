"""What the shop does about an address, given why it is doubted.

Pure. The verdict says whether a mail arrives, the policy whether the shop wants to write
there; so what lists say keeps counting for an address we reached before. An undeliverable
address gets nothing, and nobody can choose otherwise. What is merely unknown never stops a mail.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from .verdicts import Assessment, Reason, Verdict


class Action(StrEnum):
    """What may be sent to an address, from most to least."""

    SEND = "send"
    CONFIRM_FIRST = "confirm_first"
    TRANSACTIONAL_ONLY = "transactional_only"
    SKIP = "skip"


#: From least to most strict: of several reasons the strictest counts.
STRICTNESS: Final = tuple(Action)
#: Reasons a shop decides about, and what holds until it does.
DEFAULTS: Final[Mapping[Reason, Action]] = {
    Reason.ROLE: Action.TRANSACTIONAL_ONLY,
    Reason.DISPOSABLE: Action.CONFIRM_FIRST,
    Reason.TYPO_DOMAIN: Action.CONFIRM_FIRST,
    Reason.A_FALLBACK: Action.SEND,
    Reason.DNS_TEMPORARY: Action.SEND,
}


@dataclass(frozen=True)
class Refusal:
    """Why a mail must not go to an address."""

    reason: Reason
    action: Action


def choices_known(choices: Mapping[str, str]) -> dict[Reason, Action]:
    """Return what a shop chose, over the defaults; what is not known any more is left out."""
    known = dict(DEFAULTS)
    for reason in DEFAULTS:
        chosen = choices.get(reason.value, "")
        if chosen in STRICTNESS:
            known[reason] = Action(chosen)
    return known


def refusal_of(
    assessment: Assessment,
    choices: Mapping[Reason, Action],
    *,
    marketing: bool,
    confirmed: bool,
) -> Refusal | None:
    """Return why this mail must not go to this address, or None when it may.

    ``assessment`` is one without suppressions: the ledger is asked about those later, under the
    contact's lock. ``confirmed``: the person showed that the address is theirs.
    """
    if assessment.verdict is Verdict.UNDELIVERABLE:
        return Refusal(assessment.reason, Action.SKIP)
    if Reason.NEEDS_SMTPUTF8 in assessment.reasons:
        # Our mails go out in ASCII envelopes: there is nothing to choose.
        return Refusal(Reason.NEEDS_SMTPUTF8, Action.SKIP)
    strictest: Refusal | None = None
    for reason in assessment.reasons:
        if reason not in choices or _still_unknown(reason, assessment):
            continue
        action = choices[reason]
        if action is Action.SKIP:
            refused = True
        elif action is Action.TRANSACTIONAL_ONLY:
            refused = marketing
        else:
            refused = marketing and action is Action.CONFIRM_FIRST and not confirmed
        if refused and (strictest is None or _stricter(action, strictest.action)):
            strictest = Refusal(reason, action)
    return strictest


def _still_unknown(reason: Reason, assessment: Assessment) -> bool:
    """Whether a domain without an answer was not asked often enough to be doubted."""
    return reason is Reason.DNS_TEMPORARY and assessment.verdict is Verdict.UNKNOWN


def _stricter(one: Action, other: Action) -> bool:
    return STRICTNESS.index(one) > STRICTNESS.index(other)
