"""Addresses against a DNS that answers in every way, and what is kept of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from saleor_automation.people.consent import suppressed
from saleor_automation.people.models import Contact, Identity, Suppression
from saleor_automation.people.services import contact_erase, suppression_add
from saleor_automation.people.verification import domain_checks, resolver
from saleor_automation.people.verification.domain_checks import domain_checks_prune
from saleor_automation.people.verification.domains import RETRIES
from saleor_automation.people.verification.models import DomainCheck, Verification
from saleor_automation.people.verification.policy import DEFAULTS, Action
from saleor_automation.people.verification.resolver import dns_asker, dns_wanted
from saleor_automation.people.verification.services import (
    address_verify,
    addresses_verify,
    history_record,
    policy_choices,
    policy_set,
    verification_counts,
    verifications_of,
    verifications_prune,
)
from saleor_automation.people.verification.verdicts import Reason, Verdict
from tests.dns_rig import FAMILIES, SERVFAIL, SILENT, FakeDns, Rig

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
DAY = timedelta(days=1)
DOCUMENT = Path(__file__).parents[2] / "docs" / "verification.md"
#: Domains of a family in the rig.
EACH = 10


@pytest.fixture
def rig() -> Iterator[Rig]:
    made = Rig()
    yield made
    made.close()


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeDns:
    """The machine's name servers."""
    made = FakeDns()
    monkeypatch.setattr(domain_checks, "dns_asker", lambda: made)
    monkeypatch.setattr(domain_checks, "_MACHINE", domain_checks._Machine())
    return made


def contact(address: str) -> Contact:
    made = Contact.objects.create(email=address, created_at=NOW)
    Identity.objects.create(kind="email", value=address.lower(), contact=made, as_of=NOW)
    return made


# --- the rig


def test_what_the_dns_decides_is_decided_right(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each family of domains gets its verdict; no good address is lost. Written down as told."""
    monkeypatch.setattr(resolver, "PATIENCE", 0.6)
    families = {}
    for number, family in enumerate(FAMILIES):
        for each in range(EACH):
            domain = rig.add(f"f{number}-{each}.rig.shop", family.zone)
            families[f"aina@{domain}"] = family
    found = addresses_verify(
        addresses=families, now=NOW, seconds=None, dns=True, asker=dns_asker(rig.resolver())
    )
    matrix: dict[str, Counter[str]] = {family.name: Counter() for family in FAMILIES}
    for address, family in families.items():
        assessment = found[address]
        matrix[family.name][assessment.verdict] += 1
        assert (assessment.verdict, assessment.reasons) == (family.verdict, (family.reason,))
        assert not (family.good and assessment.verdict is Verdict.UNDELIVERABLE)
    # The documentation's table is this one.
    text = DOCUMENT.read_text("utf-8")
    for family in FAMILIES:
        counts = " | ".join(str(matrix[family.name][verdict] or "·") for verdict in Verdict)
        assert f"| {family.name} | {counts} |" in text


# --- what is kept


def test_a_domain_is_asked_about_once_for_all_its_addresses_and_days(fake: FakeDns) -> None:
    first = addresses_verify(
        addresses=[f"s{number}@kedai.shop" for number in range(50)], now=NOW, dns=True
    )
    assert {one.verdict for one in first.values()} == {Verdict.DELIVERABLE}
    assert fake.asked == {("kedai.shop", "MX"): 1, ("mx.kedai.shop", "A"): 1}
    later = addresses_verify(
        addresses=["s1@kedai.shop", "new@kedai.shop"], now=NOW + 6 * DAY, dns=True
    )
    assert fake.total == 2
    assert later["s1@kedai.shop"].checked_at == NOW, "read, not judged again"
    addresses_verify(addresses=["s1@kedai.shop"], now=NOW + 8 * DAY, dns=True)
    assert fake.total == 4
    assert Verification.objects.count() == 51


def test_a_hundred_thousand_addresses_cost_two_questions_a_domain(fake: FakeDns) -> None:
    """A tenth of that here; ``python -m benchmarks --only verify`` does all of it."""
    for start in range(0, 10_000, 1000):
        addresses = [f"s{number}@d{number % 600}.shop" for number in range(start, start + 1000)]
        addresses_verify(addresses=addresses, now=NOW, seconds=None, dns=True, keep=False)
    assert fake.total <= 1200
    assert DomainCheck.objects.count() == 600
    assert not Verification.objects.exists()


def test_the_number_of_queries_does_not_grow(
    fake: FakeDns, django_assert_max_num_queries: pytest.FixtureRequest
) -> None:
    addresses = [f"s{number}@d{number}.shop" for number in range(100)]
    with django_assert_max_num_queries(8):  # type: ignore[operator]
        addresses_verify(addresses=addresses, now=NOW, dns=True)
    with django_assert_max_num_queries(1):  # type: ignore[operator]
        addresses_verify(addresses=addresses, now=NOW, dns=True)


def test_an_address_is_kept_as_a_digest_with_its_evidence(fake: FakeDns) -> None:
    address_verify(address="Info@Gmial.com", now=NOW, dns=True)
    row = Verification.objects.get()
    assert len(row.address_digest) == 64
    assert (row.domain, row.suggestion) == ("gmial.com", "gmail.com")
    assert (row.verdict, row.reason) == ("risky", "typo_domain")
    assert set(row.reasons) == {"typo_domain", "disposable", "role", "dns_ok"}
    assert row.evidence["dns"]["hosts"] == ["mx.gmial.com"]
    assert row.evidence["lists"]["version"]
    assert row.checker.endswith("/dns")
    everything = " ".join(str(value) for value in vars(row).values()).lower()
    assert "info@" not in everything
    same = verifications_of(["info@gmial.com"])["info@gmial.com"]
    assert same.reasons[0] is Reason.TYPO_DOMAIN


def test_new_lists_or_rules_have_everything_judged_again(
    fake: FakeDns, monkeypatch: pytest.MonkeyPatch
) -> None:
    address_verify(address="aina@kedai.shop", now=NOW, dns=True)
    monkeypatch.setattr(
        "saleor_automation.people.verification.assessing.disposable_version", lambda: "9.9"
    )
    found = address_verify(address="aina@kedai.shop", now=NOW + DAY, dns=True)
    assert found.checked_at == NOW + DAY
    assert fake.total == 2, "its domain is known all the same"


def test_asked_again_on_a_persons_wish(fake: FakeDns) -> None:
    fake.moods["kedai.shop"] = "nxdomain"
    assert address_verify(address="aina@kedai.shop", now=NOW, dns=True).reason is Reason.NXDOMAIN
    fake.moods.clear()
    assert address_verify(address="aina@kedai.shop", now=NOW, dns=True).reason is Reason.NXDOMAIN
    found = address_verify(address="aina@kedai.shop", now=NOW, dns=True, again=True)
    assert found.reason is Reason.DNS_OK


# --- silence


def test_a_domain_without_an_answer_is_tried_on_schedule_and_then_only_doubted(
    fake: FakeDns,
) -> None:
    fake.moods["kedai.shop"] = SERVFAIL
    now, verdicts = NOW, []
    for pause in (*RETRIES, RETRIES[-1]):
        found = address_verify(address="aina@kedai.shop", now=now, dns=True)
        assert found.reason is Reason.DNS_TEMPORARY
        verdicts.append(found.verdict)
        asked = fake.asked["kedai.shop", "MX"]
        address_verify(address="aina@kedai.shop", now=now + pause - timedelta(seconds=1), dns=True)
        assert fake.asked["kedai.shop", "MX"] == asked, "not before its time"
        now += pause
    assert verdicts == [Verdict.UNKNOWN] * 3 + [Verdict.RISKY]
    fake.moods.clear()
    assert address_verify(address="aina@kedai.shop", now=now, dns=True).reason is Reason.DNS_OK


def test_a_good_domain_stays_good_while_it_cannot_be_asked(fake: FakeDns) -> None:
    address_verify(address="aina@kedai.shop", now=NOW, dns=True)
    fake.moods["kedai.shop"] = SERVFAIL
    found = address_verify(address="aina@kedai.shop", now=NOW + 8 * DAY, dns=True)
    assert (found.verdict, found.reason) == (Verdict.DELIVERABLE, Reason.DNS_OK)
    assert found.evidence["dns"]["failures"] == 1


@pytest.mark.parametrize("mood", [SILENT, SERVFAIL, "nxdomain"])
def test_name_servers_of_ours_that_know_nothing_are_left_alone_and_change_nothing(
    fake: FakeDns, mood: str
) -> None:
    """Down, broken, or knowing their own network alone."""
    fake.mood = mood
    found = addresses_verify(addresses=["x@a.shop", "x@b.shop"], now=NOW, seconds=60, dns=True)
    assert {one.reason for one in found.values()} == {Reason.NOT_CHECKED}
    assert not any(one.complete for one in found.values())
    assert not DomainCheck.objects.exists()
    assert not Verification.objects.exists()
    asked = fake.total
    addresses_verify(addresses=["x@a.shop"], now=NOW, seconds=60, dns=True)
    assert fake.total == asked, "not for every batch"


def test_a_server_that_knows_its_own_network_alone_makes_nobody_undeliverable(
    fake: FakeDns,
) -> None:
    fake.mood = "nxdomain"
    fake.moods |= {"office.shop": "", "mx.office.shop": ""}
    found = addresses_verify(addresses=["x@office.shop", "x@kedai.shop"], now=NOW, dns=True)
    assert {one.verdict for one in found.values()} == {Verdict.UNKNOWN}


def test_that_a_domain_was_bad_is_not_believed_beyond_its_time(
    fake: FakeDns, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.moods["kedai.shop"] = "nxdomain"
    address_verify(address="aina@kedai.shop", now=NOW, dns=True)
    # No time to ask.
    found = address_verify(address="aina@kedai.shop", now=NOW + 2 * DAY, dns=True, seconds=0)
    assert (found.verdict, found.complete) == (Verdict.UNKNOWN, False)


# --- whether to ask at all


@pytest.mark.parametrize(
    ("changes", "backend", "wanted"),
    [
        ({"verification_dns": None}, "saleor_automation.delivery.smtp.EmailBackend", True),
        ({"verification_dns": None}, "anymail.backends.postmark.EmailBackend", True),
        ({"verification_dns": None}, "django.core.mail.backends.console.EmailBackend", False),
        ({"verification_dns": None}, "django.core.mail.backends.filebased.EmailBackend", False),
        ({"verification_dns": True}, "django.core.mail.backends.console.EmailBackend", True),
        ({"verification_dns": False}, "anymail.backends.postmark.EmailBackend", False),
        ({"verification_dns": True, "demo": True}, "anymail.backends.postmark.EmailBackend", False),
    ],
)
def test_the_dns_is_asked_where_mail_reaches_somebody(
    settings: pytest.FixtureRequest, changes: dict[str, object], backend: str, wanted: bool
) -> None:
    settings.SALEOR_AUTOMATION = {**settings.SALEOR_AUTOMATION, **changes}  # type: ignore[attr-defined]
    settings.EMAIL_BACKEND = backend  # type: ignore[attr-defined]
    assert dns_wanted() is wanted


def test_without_the_dns_nobody_is_asked_and_nothing_stopped(fake: FakeDns) -> None:
    found = address_verify(address="aina@kedai.shop", now=NOW)
    assert (found.verdict, found.reason) == (Verdict.UNKNOWN, Reason.NOT_CHECKED)
    assert not fake.asked
    # Once it is asked, everybody is looked at anew.
    assert address_verify(address="aina@kedai.shop", now=NOW, dns=True).reason is Reason.DNS_OK


def test_documentations_domains_are_never_asked_about(fake: FakeDns) -> None:
    found = addresses_verify(
        addresses=[
            "a@shop.example",
            "a@shop.test",
            "a@b.invalid",
            "a@b.localhost",
            "a@example.com",
        ],
        now=NOW,
        dns=True,
    )
    assert {one.verdict for one in found.values()} == {Verdict.UNKNOWN}
    assert not fake.asked


# --- our own experience


def test_our_own_experience_outranks_the_dns(fake: FakeDns) -> None:
    address = "aina@kedai.shop"
    fake.moods["kedai.shop"] = "nxdomain"
    assert address_verify(address=address, now=NOW, dns=True).verdict is Verdict.UNDELIVERABLE
    history_record(address="AINA@kedai.shop", now=NOW, delivered_at=NOW)
    found = address_verify(address=address, now=NOW, dns=True)
    assert (found.verdict, found.reasons) == (Verdict.DELIVERABLE, (Reason.OWN_DELIVERED,))
    history_record(address=address, now=NOW + DAY, hard_bounce_at=NOW + DAY)
    found = address_verify(address=address, now=NOW + DAY, dns=True)
    assert (found.verdict, found.reasons) == (Verdict.UNDELIVERABLE, (Reason.OWN_HARD_BOUNCE,))
    # What is told late is older.
    history_record(address=address, now=NOW + 2 * DAY, delivered_at=NOW + DAY / 2)
    assert Verification.objects.get().reason == "own_hard_bounce"
    history_record(address=address, now=NOW + 3 * DAY, delivered_at=NOW + 3 * DAY)
    assert Verification.objects.get().reason == "own_delivered"
    assert Verification.objects.get().evidence["history"]["delivered_at"].startswith("2026-11-05")


def test_success_fades_and_then_the_dns_is_asked(fake: FakeDns) -> None:
    history_record(address="aina@kedai.shop", now=NOW, delivered_at=NOW)
    assert address_verify(address="aina@kedai.shop", now=NOW, dns=True).verdict == "deliverable"
    assert not fake.asked
    later = address_verify(address="aina@kedai.shop", now=NOW + 181 * DAY, dns=True)
    assert later.reasons == (Reason.DNS_OK,)
    # An experience too old to count leaves nothing that is never looked at again.
    history_record(address="noah@warung.shop", now=NOW, delivered_at=NOW - 200 * DAY)
    assert address_verify(address="noah@warung.shop", now=NOW, dns=True).reason is Reason.DNS_OK


def test_what_people_and_the_shop_said_is_put_above_and_not_kept(fake: FakeDns) -> None:
    person = contact("aina@kedai.shop")
    suppression_add(contact=person, reason=Suppression.Reason.COMPLAINT, at=NOW)
    found = address_verify(address="aina@kedai.shop", now=NOW, dns=True)
    assert (found.verdict, found.reason) == (Verdict.UNDELIVERABLE, Reason.COMPLAINED)
    assert Verification.objects.get().reason == "dns_ok"
    assert suppressed([person])[person.pk]
    topic = contact("noah@kedai.shop")
    suppression_add(contact=topic, reason=Suppression.Reason.UNSUBSCRIBED, at=NOW, topic="welcome")
    assert address_verify(address="noah@kedai.shop", now=NOW, dns=True).reason is Reason.DNS_OK
    other = contact("maya@nowhere.shop")
    suppression_add(contact=other, reason=Suppression.Reason.MANUAL, at=NOW)
    said = verifications_of(["maya@nowhere.shop", "new@nowhere.shop"])
    assert [one.reason for one in said.values()] == [Reason.BLOCKED]


# --- the rest


def test_an_erased_person_leaves_no_verification(fake: FakeDns) -> None:
    person = contact("aina@kedai.shop")
    addresses_verify(addresses=["Aina@kedai.shop", "noah@kedai.shop"], now=NOW, dns=True)
    contact_erase(contact=person, at=NOW, now=NOW)
    assert verifications_of(["aina@kedai.shop"]) == {}
    assert Verification.objects.count() == 1


def test_what_nobody_asks_about_any_more_is_deleted(fake: FakeDns) -> None:
    addresses_verify(addresses=["a@one.shop", "b@two.shop"], now=NOW, dns=True)
    history_record(address="b@two.shop", now=NOW, delivered_at=NOW)
    assert verifications_prune(now=NOW + 399 * DAY) == 0
    assert verifications_prune(now=NOW + 401 * DAY) == 1
    assert domain_checks_prune(now=NOW + 30 * DAY) == 0
    assert domain_checks_prune(now=NOW + 38 * DAY) == 2


def test_the_policy_keeps_what_differs_from_the_defaults() -> None:
    assert policy_choices() == DEFAULTS
    policy_set(choices={**DEFAULTS, Reason.ROLE: Action.SEND, Reason.NXDOMAIN: Action.SEND})
    assert policy_choices() == {**DEFAULTS, Reason.ROLE: Action.SEND}
    policy_set(choices=DEFAULTS)
    assert policy_choices() == DEFAULTS


def test_addresses_are_counted_by_what_decides(fake: FakeDns) -> None:
    fake.moods["gone.shop"] = "nxdomain"
    addresses_verify(
        addresses=["a@ok.shop", "b@ok.shop", "info@ok.shop", "c@gone.shop", "nonsense"],
        now=NOW,
        dns=True,
    )
    assert verification_counts() == {
        (Verdict.DELIVERABLE, Reason.DNS_OK): 2,
        (Verdict.RISKY, Reason.ROLE): 1,
        (Verdict.UNDELIVERABLE, Reason.NXDOMAIN): 1,
        (Verdict.UNDELIVERABLE, Reason.SYNTAX): 1,
    }
