"""Which evidence outranks which, and what is done about it."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import translation

from saleor_automation.people.verification import words
from saleor_automation.people.verification.assessing import assess
from saleor_automation.people.verification.domains import DomainAnswer, DomainState, state_next
from saleor_automation.people.verification.history import DELIVERED_FOR, History
from saleor_automation.people.verification.policy import (
    DEFAULTS,
    Action,
    Refusal,
    choices_known,
    refusal_of,
)
from saleor_automation.people.verification.syntax import address_parse
from saleor_automation.people.verification.verdicts import (
    VERDICTS,
    Assessment,
    Findings,
    Reason,
    Verdict,
    judge,
    suppressed_too,
)

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)


def assessment(*reasons: Reason, verdict: Verdict | None = None) -> Assessment:
    return Assessment(verdict=verdict or VERDICTS[reasons[0]], reasons=reasons)


def test_every_code_has_a_verdict_a_name_and_a_sentence() -> None:
    for table in (VERDICTS, words.NAMES, words.SENTENCES):
        assert set(table) == set(Reason)
    assert set(words.VERDICTS) == set(Verdict)
    assert set(words.ACTIONS) == set(Action)
    assert len({str(words.SENTENCES[reason]) for reason in Reason}) == len(Reason)
    assert all(len(reason.value) <= 32 for reason in Reason)


@pytest.mark.parametrize(
    ("found", "verdict", "reason"),
    [
        (Findings(), "unknown", "not_checked"),
        (Findings(dns=Reason.DNS_OK), "deliverable", "dns_ok"),
        (Findings(dns=Reason.A_FALLBACK), "risky", "a_fallback"),
        (Findings(dns=Reason.NXDOMAIN), "undeliverable", "nxdomain"),
        (Findings(dns=Reason.DNS_TEMPORARY), "unknown", "dns_temporary"),
        (Findings(dns=Reason.DNS_TEMPORARY, dns_given_up=True), "risky", "dns_temporary"),
        (Findings(lists=(Reason.ROLE,), dns=Reason.DNS_OK), "risky", "role"),
        (Findings(lists=(Reason.ROLE,), dns=Reason.DNS_TEMPORARY), "risky", "role"),
        (Findings(lists=(Reason.TYPO_DOMAIN,), dns=Reason.DNS_OK), "risky", "typo_domain"),
        (Findings(lists=(Reason.TYPO_DOMAIN,), dns=Reason.NXDOMAIN), "undeliverable", "nxdomain"),
        (
            Findings(syntax=Reason.NEEDS_SMTPUTF8, lists=(Reason.ROLE,), dns=Reason.DNS_OK),
            "risky",
            "needs_smtputf8",
        ),
        (Findings(syntax=Reason.SYNTAX), "undeliverable", "syntax"),
        (
            Findings(history=Reason.OWN_DELIVERED, lists=(Reason.DISPOSABLE,)),
            "deliverable",
            "own_delivered",
        ),
        (
            Findings(history=Reason.OWN_DELIVERED, syntax=Reason.SYNTAX_UNUSUAL),
            "deliverable",
            "own_delivered",
        ),
        (
            Findings(history=Reason.OWN_HARD_BOUNCE, dns=Reason.DNS_OK),
            "undeliverable",
            "own_hard_bounce",
        ),
        (
            Findings(suppressed=(Reason.COMPLAINED,), history=Reason.OWN_DELIVERED),
            "undeliverable",
            "complained",
        ),
    ],
)
def test_evidence_is_weighed_in_its_order(found: Findings, verdict: str, reason: str) -> None:
    said, reasons = judge(found)
    assert (said, reasons[0]) == (verdict, reason)
    kept = {*found.suppressed, found.history, found.syntax, *found.lists, found.dns} - {None}
    assert set(reasons) == kept or reasons == (Reason.NOT_CHECKED,)


def test_a_suppression_is_put_above_what_was_found() -> None:
    found = assessment(Reason.ROLE, Reason.DNS_OK)
    both = suppressed_too(found, (Reason.UNSUBSCRIBED,))
    assert both.verdict is Verdict.UNDELIVERABLE
    assert both.reasons == (Reason.UNSUBSCRIBED, Reason.ROLE, Reason.DNS_OK)
    assert suppressed_too(found, ()) is found


def test_of_two_experiences_the_newer_counts_and_success_fades() -> None:
    hour = timedelta(hours=1)
    assert History().reason(NOW) is None
    assert History(NOW, None).reason(NOW + hour) is Reason.OWN_DELIVERED
    assert History(NOW, None).until(NOW + hour) == NOW + DELIVERED_FOR
    assert History(NOW, None).reason(NOW + DELIVERED_FOR) is None
    assert History(NOW, NOW + hour).reason(NOW + hour) is Reason.OWN_HARD_BOUNCE
    assert History(NOW + hour, NOW).reason(NOW + hour) is Reason.OWN_DELIVERED
    assert History(NOW, NOW).reason(NOW) is Reason.OWN_HARD_BOUNCE
    assert History(None, NOW).reason(NOW + 9 * DELIVERED_FOR) is Reason.OWN_HARD_BOUNCE
    assert History(None, NOW).until(NOW) is None


def state(reason: Reason, failures: int = 0) -> DomainState:
    made = None
    for _ in range(max(failures, 1)):
        made = state_next(made, DomainAnswer(reason), NOW)
    assert made is not None
    return made


def test_an_assessment_keeps_its_evidence() -> None:
    found = assess(
        address_parse("Sales@gmial.com"),
        history=History(),
        state=state(Reason.DNS_OK),
        now=NOW,
        dns=True,
    )
    assert found.verdict is Verdict.RISKY
    assert set(found.reasons) == {
        Reason.TYPO_DOMAIN,
        Reason.DISPOSABLE,
        Reason.ROLE,
        Reason.DNS_OK,
    }
    assert found.suggestion == "gmail.com"
    assert found.evidence["lists"]["disposable"] == "gmial.com"
    assert found.evidence["dns"]["result"] == "dns_ok"
    assert found.expires_at == NOW + timedelta(days=7)
    assert "Sales" not in str(found.evidence)


@pytest.mark.parametrize("dns", [True, False])
def test_a_reserved_domain_is_not_asked_and_nothing_is_missing(dns: bool) -> None:
    found = assess(
        address_parse("aina@shopper.example"), history=History(), state=None, now=NOW, dns=dns
    )
    assert (found.verdict, found.reasons) == (Verdict.UNKNOWN, (Reason.NOT_CHECKED,))
    assert found.complete
    assert found.expires_at is None


def test_a_domain_there_was_no_time_for_leaves_it_unfinished() -> None:
    parsed = address_parse("aina@kedai.shop")
    found = assess(parsed, history=History(), state=None, now=NOW, dns=True)
    assert not found.complete
    assert assess(parsed, history=History(), state=None, now=NOW, dns=False).complete
    reached = assess(parsed, history=History(NOW, None), state=None, now=NOW, dns=True)
    assert (reached.complete, reached.verdict) == (True, Verdict.DELIVERABLE)


MARKETING, SERVICE = True, False


@pytest.mark.parametrize(
    ("action", "confirmed", "goes"),
    [
        (Action.SEND, False, {MARKETING, SERVICE}),
        (Action.CONFIRM_FIRST, False, {SERVICE}),
        (Action.CONFIRM_FIRST, True, {MARKETING, SERVICE}),
        (Action.TRANSACTIONAL_ONLY, False, {SERVICE}),
        (Action.TRANSACTIONAL_ONLY, True, {SERVICE}),
        (Action.SKIP, True, set()),
    ],
)
@pytest.mark.parametrize("reason", sorted(DEFAULTS))
def test_each_choice_lets_through_what_it_says(
    reason: Reason, action: Action, confirmed: bool, goes: set[bool]
) -> None:
    found = assessment(reason, verdict=Verdict.RISKY)
    choices = {**dict.fromkeys(DEFAULTS, Action.SEND), reason: action}
    for marketing in (MARKETING, SERVICE):
        refusal = refusal_of(found, choices, marketing=marketing, confirmed=confirmed)
        assert (refusal is None) == (marketing in goes)
        assert refusal is None or refusal == Refusal(reason, action)


def test_the_defaults_are_those_the_documentation_names() -> None:
    assert DEFAULTS == {
        Reason.ROLE: Action.TRANSACTIONAL_ONLY,
        Reason.DISPOSABLE: Action.CONFIRM_FIRST,
        Reason.TYPO_DOMAIN: Action.CONFIRM_FIRST,
        Reason.A_FALLBACK: Action.SEND,
        Reason.DNS_TEMPORARY: Action.SEND,
    }


@pytest.mark.parametrize("marketing", [MARKETING, SERVICE])
def test_an_undeliverable_address_gets_nothing_whatever_is_chosen(marketing: bool) -> None:
    send = dict.fromkeys(Reason, Action.SEND)
    for reason, verdict in VERDICTS.items():
        refusal = refusal_of(assessment(reason), send, marketing=marketing, confirmed=True)
        stopped = verdict is Verdict.UNDELIVERABLE or reason is Reason.NEEDS_SMTPUTF8
        assert (refusal is not None) == stopped, reason


@pytest.mark.parametrize("marketing", [MARKETING, SERVICE])
def test_what_is_unknown_stops_nothing(marketing: bool) -> None:
    skip = dict.fromkeys(DEFAULTS, Action.SKIP)
    for reason in (Reason.NOT_CHECKED, Reason.DNS_TEMPORARY):
        assert refusal_of(assessment(reason), skip, marketing=marketing, confirmed=False) is None


def test_of_several_reasons_the_strictest_counts() -> None:
    every = (Reason.ROLE, Reason.DISPOSABLE, Reason.A_FALLBACK)
    for actions in itertools.product(Action, repeat=3):
        choices = dict(zip(every, actions, strict=True))
        refusal = refusal_of(assessment(*every), choices, marketing=True, confirmed=False)
        strictest = max(actions, key=list(Action).index)
        assert (refusal.action if refusal else Action.SEND) is strictest


def test_an_address_we_reached_is_still_what_the_lists_say() -> None:
    found = assessment(Reason.OWN_DELIVERED, Reason.ROLE)
    refusal = refusal_of(found, DEFAULTS, marketing=True, confirmed=False)
    assert refusal == Refusal(Reason.ROLE, Action.TRANSACTIONAL_ONLY)


def test_choices_that_are_not_known_any_more_are_left_out() -> None:
    kept = choices_known({"role": "send", "disposable": "explode", "catch_all": "skip"})
    assert kept == {**DEFAULTS, Reason.ROLE: Action.SEND}


def test_an_assessment_reads_as_sentences() -> None:
    found = Assessment(
        verdict=Verdict.RISKY,
        reasons=(Reason.TYPO_DOMAIN, Reason.DNS_OK),
        suggestion="gmail.com",
    )
    with translation.override("en"):
        text = words.assessment_words(found)
    assert text.startswith("Risky. The part after the @ looks like a misspelt")
    assert text.endswith("Probably meant: @gmail.com.")
    assert words.sentence("not_a_code") == "not_a_code"
