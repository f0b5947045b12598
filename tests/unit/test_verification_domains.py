"""What the DNS says of a domain, by every kind of answer, and how long it is believed."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saleor_automation.people.verification import resolver
from saleor_automation.people.verification.assessing import assess
from saleor_automation.people.verification.domains import (
    BAD_FOR,
    GOOD,
    GOOD_FOR,
    RETRIES,
    STANDS_FOR,
    DomainAnswer,
    DomainState,
    NoRecord,
    domain_ask,
    is_global,
    state_next,
)
from saleor_automation.people.verification.history import History
from saleor_automation.people.verification.resolver import DnsAway, dns_asker, domains_ask
from saleor_automation.people.verification.syntax import address_parse
from saleor_automation.people.verification.verdicts import Reason, Verdict
from tests.dns_rig import FAMILIES, GLOBAL, SILENT, Family, Rig

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    made = Rig()
    yield made
    made.close()


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolver, "PATIENCE", 0.6)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_every_family_of_domains_is_told_apart(rig: Rig, family: Family) -> None:
    domain = rig.add(f"f{FAMILIES.index(family)}.rig.shop", family.zone)
    answers = domains_ask([domain], dns_asker(rig.resolver()))
    assert answers[domain].reason == family.reason


def test_hosts_are_named_in_the_order_of_preference(rig: Rig) -> None:
    domain = rig.add(
        "order.rig.shop",
        {"@": {"MX": ["30 c.@", "5 b.@", "100 a.@"]}, "c": {"A": [GLOBAL]}},
    )
    answer = domains_ask([domain], dns_asker(rig.resolver()))[domain]
    assert answer.hosts == tuple(f"{host}.order.rig.shop" for host in "bca")


def test_a_domain_with_more_bad_hosts_than_are_asked_is_not_called_bad(rig: Rig) -> None:
    many = {"@": {"MX": [f"{number} m{number}.@" for number in range(10, 30)]}}
    domain = rig.add("many.rig.shop", many)
    assert domains_ask([domain], dns_asker(rig.resolver()))[domain].reason is Reason.DNS_TEMPORARY


def test_hosts_shared_by_domains_are_asked_about_once(rig: Rig) -> None:
    rig.add("host.shop", {"mx": {"A": [GLOBAL]}})
    domains = [
        rig.add(f"shared{number}.rig.shop", {"@": {"MX": ["10 mx.host.shop."]}})
        for number in range(20)
    ]
    rig.asked.clear()
    answers = domains_ask(domains, dns_asker(rig.resolver()), threads=1)
    assert {answer.reason for answer in answers.values()} == {Reason.DNS_OK}
    assert rig.asked == {"MX": 20, "A": 1}


def test_the_callers_time_is_kept_and_nothing_is_concluded_from_its_end(rig: Rig) -> None:
    silent = [rig.add(f"slow{number}.rig.shop", {"@": SILENT}) for number in range(8)]
    started = time.monotonic()
    answers = domains_ask(silent, dns_asker(rig.resolver()), seconds=0.4, threads=2)
    assert time.monotonic() - started < 1.5
    assert answers == {}


def test_name_servers_that_answer_nothing_say_nothing_about_a_domain() -> None:
    alone = Rig()
    domain = alone.add("ok.rig.shop", FAMILIES[0].zone)
    alone.down = True
    with pytest.raises(DnsAway):
        domains_ask([domain], dns_asker(alone.resolver()))
    alone.down = False
    assert domains_ask([domain], dns_asker(alone.resolver()))[domain].reason is Reason.DNS_OK
    alone.close()


def test_no_name_server_at_all_is_no_fault_of_the_domain() -> None:
    import dns.resolver

    with pytest.raises(DnsAway):
        domains_ask(["ok.rig.shop"], dns_asker(dns.resolver.Resolver(configure=False)))


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        (GLOBAL, True),
        ("10.1.2.3", False),
        ("127.0.0.1", False),
        ("169.254.1.1", False),
        ("100.64.0.1", False),
        ("192.0.2.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("::1", False),
        ("fe80::1", False),
        ("::ffff:10.0.0.1", False),
        ("::ffff:198.41.0.4", True),
        ("2001:db8::1", False),
        ("nonsense", False),
    ],
)
def test_only_addresses_on_the_internet_count(address: str, expected: bool) -> None:
    assert is_global(address) is expected


def test_a_domain_answering_no_record_to_everything_is_asked_three_times() -> None:
    asked = []

    def lookup(name: str, kind: str) -> Sequence[str]:
        asked.append(kind)
        raise NoRecord

    assert domain_ask("a.shop", lookup).reason is Reason.NO_MAIL_HOST
    assert asked == ["MX", "A", "AAAA"]


def answer(reason: Reason) -> DomainAnswer:
    return DomainAnswer(reason)


def test_answers_are_believed_for_their_time() -> None:
    for reason in (Reason.DNS_OK, Reason.A_FALLBACK):
        assert state_next(None, answer(reason), NOW).expires_at == NOW + GOOD_FOR
    for reason in (
        Reason.NXDOMAIN,
        Reason.NULL_MX,
        Reason.NO_MAIL_HOST,
        Reason.MX_UNRESOLVABLE,
    ):
        assert state_next(None, answer(reason), NOW).expires_at == NOW + BAD_FOR


def test_a_domain_without_an_answer_is_tried_again_later_and_later_then_given_up() -> None:
    state, now, pauses = None, NOW, []
    for _ in range(6):
        state = state_next(state, answer(Reason.DNS_TEMPORARY), now)
        pauses.append(state.expires_at - now)
        now = state.expires_at
        if state.given_up:
            break
    assert pauses == [*RETRIES, RETRIES[-1]]
    assert state is not None
    assert state.given_up


def test_a_good_domain_stands_a_month_without_an_answer_and_a_bad_one_does_not() -> None:
    good = state_next(None, answer(Reason.DNS_OK), NOW)
    later = state_next(good, answer(Reason.DNS_TEMPORARY), NOW + timedelta(days=8))
    assert (later.reason, later.answered_at, later.failures) == (Reason.DNS_OK, NOW, 1)
    assert later.expires_at == NOW + timedelta(days=8) + RETRIES[0]
    gone = state_next(later, answer(Reason.DNS_TEMPORARY), NOW + STANDS_FOR + timedelta(days=1))
    assert gone.reason is Reason.DNS_TEMPORARY
    bad = state_next(None, answer(Reason.NXDOMAIN), NOW)
    assert state_next(bad, answer(Reason.DNS_TEMPORARY), NOW).reason is Reason.DNS_TEMPORARY
    back = state_next(later, answer(Reason.NXDOMAIN), NOW + timedelta(days=9))
    assert (back.reason, back.failures) == (Reason.NXDOMAIN, 0)


DNS_REASONS = (
    Reason.DNS_OK,
    Reason.A_FALLBACK,
    Reason.NXDOMAIN,
    Reason.NULL_MX,
    Reason.NO_MAIL_HOST,
    Reason.MX_UNRESOLVABLE,
    Reason.DNS_TEMPORARY,
)


@given(
    st.lists(
        st.tuples(st.sampled_from(DNS_REASONS), st.integers(0, 60 * 24 * 40)),
        min_size=1,
        max_size=12,
    )
)
def test_silence_never_makes_an_address_undeliverable(steps: list[tuple[Reason, int]]) -> None:
    """Whatever was heard before, and however long ago: only an answer is a "no"."""
    state: DomainState | None = None
    now, silences, answered = NOW, 0, None
    for reason, minutes in steps:
        now += timedelta(minutes=minutes)
        state = state_next(state, answer(reason), now)
        silences = silences + 1 if reason is Reason.DNS_TEMPORARY else 0
        answered = (reason, now) if reason is not Reason.DNS_TEMPORARY else answered
        found = assess(
            address_parse("aina@kedai.shop"), history=History(), state=state, now=now, dns=True
        )
        assert found.expires_at is not None
        # It is always asked again, and soon enough.
        assert now < found.expires_at <= now + GOOD_FOR
        if reason is not Reason.DNS_TEMPORARY:
            assert found.reasons == (reason,)
            continue
        assert found.verdict is not Verdict.UNDELIVERABLE
        stands = answered is not None and answered[0] in GOOD and now - answered[1] <= STANDS_FOR
        if stands and answered is not None:
            assert found.reasons == (answered[0],)
        else:
            given_up = silences > len(RETRIES)
            assert found.verdict is (Verdict.RISKY if given_up else Verdict.UNKNOWN)
