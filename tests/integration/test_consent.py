"""Consent from the shop and back to it: whatever comes when, the person's last act counts."""

from __future__ import annotations

import copy
import json
import os
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from saleor_automation.contract.payloads import parse
from saleor_automation.exceptions import SaleorAPIError
from saleor_automation.people import write_back
from saleor_automation.people.consent import consent_states
from saleor_automation.people.models import Consent, ConsentWriteBack, Contact, Suppression
from saleor_automation.people.receivers import facts_resolve
from saleor_automation.people.services import (
    contact_erase,
    contact_resubscribe,
    contact_subscribed,
    contact_unsubscribe,
)
from saleor_automation.people.write_back import write_backs_run
from saleor_automation.shop.receivers import snapshot_apply

pytestmark = pytest.mark.django_db
START = datetime(2026, 11, 2, 9, tzinfo=UTC)
KEY = "paper.marketing_opt_in"
WORDS = {True: "true", False: "false"}


@dataclass
class Shop:
    """One account in Saleor, its payloads under way, and what the person did."""

    now: datetime = START
    metadata: dict[str, str] = field(default_factory=dict)
    private: dict[str, str] = field(default_factory=dict)
    updated_at: datetime = START
    #: Payloads made and not delivered for good yet.
    queue: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    #: What the person said last, wherever.
    latest: bool | None = None
    acts: int = 0
    writes: int = 0
    lost: int = 0
    #: How the next call of Saleor ends: "", "before" or "after" it was done; or its errors.
    failing: str = ""
    errors: list[dict[str, str]] = field(default_factory=list)
    gone: bool = False
    #: The shop was upgraded and sends the older event as well.
    legacy: bool = False

    def tick(self, **delta: float) -> datetime:
        self.now += timedelta(**(delta or {"minutes": 1}))
        return self.now

    def user(self) -> dict[str, Any]:
        return {
            "id": "VXNlcjox",
            "email": "aina@shopper.example",
            "dateJoined": START.isoformat(),
            "updatedAt": self.updated_at.isoformat(),
            "metadata": [{"key": key, "value": value} for key, value in self.metadata.items()],
        }

    def tell(self, event: str) -> None:
        body = {"issuedAt": self.now.isoformat(), "user": copy.deepcopy(self.user())}
        self.queue.append((event, body))

    def set_flag(self, yes: bool, *, dated: bool) -> None:
        if not dated and self.metadata.get(KEY) == WORDS[yes]:
            return  # the switch stands there already
        self.metadata[KEY] = WORDS[yes]
        if dated:
            self.metadata[f"{KEY}_at"] = self.now.isoformat()
            self.metadata[f"{KEY}_source"] = "account_page"
        self.latest, self.acts = yes, self.acts + 1
        self.metadata_updated()

    def metadata_updated(self) -> None:
        # As in Saleor: the event still holds the time of the change before.
        self.tell("customer_metadata_updated")
        if self.legacy:
            self.tell("customer_updated")
        self.updated_at = self.now

    def profile(self) -> None:
        self.updated_at = self.now
        self.tell("customer_updated")

    def deliver(self, index: int = -1, *, keep: bool = False) -> None:
        if not self.queue:
            return
        index %= len(self.queue)
        event, body = self.queue[index] if keep else self.queue.pop(index)
        hear(event, body, self.now)

    def poll(self) -> None:
        body = {"issuedAt": self.now.isoformat(), "user": self.user()}
        hear("customer_updated", body, self.now, source="poll")

    def graphql(self, *, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        if self.failing == "before":
            self.failing = ""
            raise SaleorAPIError("Saleor cannot be reached")
        if "SaleorAutomationAccount" in query:
            assert variables == {"id": "VXNlcjox"}
            return {"user": None if self.gone else copy.deepcopy(self.user())}
        name = "updatePrivateMetadata" if "updatePrivateMetadata" in query else "updateMetadata"
        if self.errors:
            return {name: {"errors": self.errors}}
        place = self.private if name == "updatePrivateMetadata" else self.metadata
        place.update({item["key"]: item["value"] for item in variables["input"]})
        self.writes += 1
        self.metadata_updated()
        if self.failing == "after":
            self.failing = ""
            self.lost += 1
            raise SaleorAPIError("Saleor did not answer in time")
        return {name: {"errors": []}}


def hear(event: str, body: dict[str, Any], now: datetime, source: str = "webhook") -> None:
    snapshot = parse(event, json.dumps(body).encode()).snapshot
    with transaction.atomic():
        snapshot_apply(snapshot=snapshot)
        raw: Any = SimpleNamespace(event_type=event, source=source, body=b"")
        facts_resolve(raw=raw, snapshot=snapshot, events=[], now=now)


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Shop:
    made = Shop()
    monkeypatch.setattr(write_back, "graphql", made.graphql)
    made.tell("customer_created")
    made.deliver()
    return made


def person() -> Contact:
    return Contact.objects.get()


def studio(shop: Shop, yes: bool) -> None:
    shop.latest, shop.acts = yes, shop.acts + 1
    if yes:
        contact_resubscribe(contact=person(), at=shop.now)
    else:
        contact_unsubscribe(contact=person(), at=shop.now, source="unsubscribe_link")


def run(shop: Shop) -> int:
    return write_backs_run(now=shop.now)


def settle(shop: Shop) -> None:
    """Deliver and write until nothing is left to do."""
    for _ in range(50):
        shop.tick(minutes=61)
        if not shop.queue and not run(shop):
            return
        while shop.queue:
            shop.deliver(0)
    raise AssertionError("it does not come to rest")


def test_an_unsubscribe_is_written_to_the_account_and_not_taken_for_a_new_word(shop: Shop) -> None:
    shop.set_flag(True, dated=False)
    shop.deliver()
    shop.tick()
    said_at = shop.now
    studio(shop, False)
    assert shop.writes == 0, "never in the shopper's request"
    shop.tick()
    assert run(shop) == 1
    assert shop.metadata == {
        KEY: "false",
        f"{KEY}_at": said_at.isoformat(timespec="microseconds"),
        f"{KEY}_source": "saleor_automation",
    }
    before = Consent.objects.exclude(source="write_back").count()
    for event in ("customer_metadata_updated", "customer_updated"):
        shop.tick()
        shop.profile()
        shop.tell(event)
    settle(shop)
    assert Consent.objects.exclude(source="write_back").count() == before
    assert shop.writes == 1
    assert contact_subscribed(contact=person()) is False
    row = ConsentWriteBack.objects.get()
    assert (row.state, row.writes) == ("done", 1)


def test_a_newer_yes_in_the_shop_counts_and_an_older_does_not(shop: Shop) -> None:
    studio(shop, False)
    settle(shop)
    stale = {**shop.metadata, KEY: "true", f"{KEY}_at": "2026-11-01T00:00:00+00:00"}
    shop.metadata = {**stale, f"{KEY}_source": "crm"}
    shop.profile()
    settle(shop)
    assert contact_subscribed(contact=person()) is False
    shop.tick()
    shop.set_flag(True, dated=True)
    settle(shop)
    assert contact_subscribed(contact=person()) is True
    assert Suppression.objects.count() == 0


def test_no_wins_at_the_same_moment(shop: Shop) -> None:
    shop.set_flag(True, dated=True)
    contact_unsubscribe(contact=person(), at=shop.now)
    shop.deliver()
    assert contact_subscribed(contact=person()) is False


def test_a_flag_seen_first_after_the_no_is_not_newer_than_it(shop: Shop) -> None:
    """It may have stood there for years; only a change that was seen is an act."""
    shop.metadata[KEY] = "true"
    shop.tick()
    studio(shop, False)
    shop.tick()
    shop.profile()
    shop.deliver()
    assert contact_subscribed(contact=person()) is False


def test_a_box_ticked_in_the_basket_undoes_no_unsubscribing(shop: Shop) -> None:
    studio(shop, False)
    settle(shop)
    shop.tick()
    basket = {
        "id": "C1",
        "created": START.isoformat(),
        "updatedAt": shop.now.isoformat(),
        "email": "aina@shopper.example",
        "user": shop.user(),
        "channel": {"slug": "my"},
        "metadata": [
            {"key": KEY, "value": "true"},
            {"key": f"{KEY}_at", "value": shop.now.isoformat()},
        ],
        "lines": [],
    }
    hear("checkout_updated", {"issuedAt": shop.now.isoformat(), "checkout": basket}, shop.now)
    settle(shop)
    assert contact_subscribed(contact=person()) is False
    assert (shop.metadata[KEY], shop.writes) == ("false", 1)


def test_a_yes_of_the_account_lifts_the_no_to_everything_but_not_to_a_topic(shop: Shop) -> None:
    contact_unsubscribe(contact=person(), at=shop.now, topic="review")
    studio(shop, False)
    settle(shop)
    shop.tick()
    shop.set_flag(True, dated=True)
    settle(shop)
    assert contact_subscribed(contact=person(), topic="basket") is True
    assert contact_subscribed(contact=person(), topic="review") is False


@pytest.mark.parametrize("setting", ["consent_customer_keys", "consent_checkout_keys"])
def test_keys_and_words_are_the_shops_own(shop: Shop, setting: str, settings: Any) -> None:
    settings.SALEOR_AUTOMATION = {
        **settings.SALEOR_AUTOMATION,
        "consent_yes_words": "Ja,ok",
        "consent_no_words": "nein",
        setting: "crm.news, old.news",
    }
    metadata = [{"key": "old.news", "value": "JA"}, {"key": KEY, "value": "nein"}]
    shop.tick()
    if setting == "consent_customer_keys":
        body: dict[str, Any] = {"user": {**shop.user(), "metadata": metadata}}
        hear("customer_metadata_updated", {"issuedAt": shop.now.isoformat(), **body}, shop.now)
    else:
        basket = {
            "id": "C1",
            "created": START.isoformat(),
            "updatedAt": START.isoformat(),
            "user": {**shop.user(), "metadata": []},
            "metadata": metadata,
        }
        hear("checkout_created", {"issuedAt": shop.now.isoformat(), "checkout": basket}, shop.now)
    assert contact_subscribed(contact=person()) is True


def test_where_no_key_is_named_nothing_is_read(shop: Shop, settings: Any) -> None:
    settings.SALEOR_AUTOMATION = {**settings.SALEOR_AUTOMATION, "consent_customer_keys": ""}
    shop.set_flag(True, dated=True)
    shop.deliver()
    studio(shop, False)
    assert Consent.objects.count() == 1
    # There is no key to write it under either.
    assert not ConsentWriteBack.objects.exists()


def test_private_metadata_is_written_when_asked_for_and_never_read(
    shop: Shop, settings: Any
) -> None:
    settings.SALEOR_AUTOMATION = {
        **settings.SALEOR_AUTOMATION,
        "consent_write_back_private": True,
        "consent_write_back_key": "mail.wanted",
    }
    shop.set_flag(True, dated=True)
    shop.deliver()
    shop.tick()
    studio(shop, False)
    settle(shop)
    assert (shop.private["mail.wanted"], shop.metadata[KEY]) == ("false", "true")
    shop.metadata["mail.wanted"] = "true"
    shop.profile()
    settle(shop)
    assert (contact_subscribed(contact=person()), shop.writes) == (False, 1)


def test_it_can_be_switched_off(shop: Shop, settings: Any) -> None:
    settings.SALEOR_AUTOMATION = {**settings.SALEOR_AUTOMATION, "consent_write_back": False}
    studio(shop, False)
    settle(shop)
    assert (shop.writes, ConsentWriteBack.objects.count()) == (0, 0)


def test_of_a_guest_nothing_is_written_until_they_make_an_account(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shop = Shop()
    monkeypatch.setattr(write_back, "graphql", shop.graphql)
    basket = {
        "id": "C1",
        "created": START.isoformat(),
        "updatedAt": START.isoformat(),
        "email": "Aina@shopper.example",
    }
    hear("checkout_created", {"issuedAt": shop.now.isoformat(), "checkout": basket}, shop.now)
    studio(shop, False)
    settle(shop)
    assert (shop.writes, ConsentWriteBack.objects.count()) == (0, 0)
    shop.tell("customer_created")
    settle(shop)
    assert (shop.metadata[KEY], shop.writes) == ("false", 1)


def test_saleor_away_is_asked_again_and_for_one_person_only(shop: Shop) -> None:
    studio(shop, False)
    shop.failing = "before"
    assert run(shop) == 1
    row = ConsentWriteBack.objects.get()
    assert (row.state, row.tries, row.due_at) == ("pending", 1, shop.now + timedelta(minutes=1))
    assert "cannot be reached" in row.detail
    assert run(shop) == 0, "not before its time"
    shop.tick()
    assert run(shop) == 1
    row.refresh_from_db()
    assert (row.state, row.detail, shop.writes) == ("done", "", 1)


def test_a_lost_answer_does_not_write_over_what_the_shopper_did_since(shop: Shop) -> None:
    studio(shop, False)
    shop.failing = "after"
    run(shop)
    shop.tick()
    shop.set_flag(True, dated=False)
    shop.tick(minutes=5)
    run(shop)
    assert (shop.metadata[KEY], shop.writes) == ("true", 1)
    settle(shop)
    assert contact_subscribed(contact=person()) is True
    assert (shop.metadata[KEY], shop.writes) == ("true", 1)


def test_given_up_with_a_reason(shop: Shop) -> None:
    studio(shop, False)
    shop.gone = True
    run(shop)
    row = ConsentWriteBack.objects.get()
    assert (row.state, row.detail) == ("failed", "Saleor has no such account any more.")


def test_refused_by_saleor(shop: Shop) -> None:
    studio(shop, False)
    shop.errors = [{"code": "INVALID", "message": "No such thing."}]
    run(shop)
    row = ConsentWriteBack.objects.get()
    assert (row.state, row.detail) == ("pending", "INVALID No such thing.")
    ConsentWriteBack.objects.update(tries=99, due_at=shop.now)
    run(shop)
    row.refresh_from_db()
    assert row.state == "failed"


def test_nothing_is_left_of_an_erased_person(shop: Shop) -> None:
    studio(shop, False)
    contact_erase(contact=person(), at=shop.now, now=shop.now)
    assert (run(shop), ConsentWriteBack.objects.count(), shop.writes) == (0, 0, 0)


def test_staff_are_left_alone(shop: Shop) -> None:
    Contact.objects.update(is_staff=True)
    studio(shop, False)
    assert not ConsentWriteBack.objects.exists()


def test_a_standing_flag_of_before_the_upgrade_is_read_as_it_was(shop: Shop) -> None:
    """The migration marks earlier sightings as without a date: repeats count once."""
    contact = person()
    for minute in (1, 9):
        at = START + timedelta(minutes=minute)
        Consent.objects.create(contact=contact, state="granted", source="account", at=at, since=at)
    contact_unsubscribe(contact=contact, at=START + timedelta(minutes=5))
    assert consent_states([contact.pk])[contact.pk].allows("", "") is False


STEPS = st.one_of(
    st.tuples(st.just("shop"), st.booleans()),
    st.tuples(st.just("studio"), st.booleans()),
    st.tuples(st.just("run"), st.sampled_from(["", "", "before", "after"])),
    st.tuples(st.just("deliver"), st.integers(0, 5), st.booleans()),
    st.just(("profile",)),
    st.just(("poll",)),
)


@settings(
    max_examples=int(os.environ.get("CONSENT_EXAMPLES", "120")),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=st.lists(STEPS, max_size=14), dated=st.booleans(), legacy=st.booleans())
def test_in_any_interleaving_the_last_act_of_the_person_stands(
    monkeypatch: pytest.MonkeyPatch, steps: list[tuple[Any, ...]], dated: bool, legacy: bool
) -> None:
    with transaction.atomic():
        shop = Shop(legacy=legacy)
        monkeypatch.setattr(write_back, "graphql", shop.graphql)
        shop.tell("customer_created")
        shop.deliver()
        for step in steps:
            shop.tick()
            match step:
                case ("shop", yes):
                    shop.set_flag(yes, dated=dated)
                case ("studio", yes):
                    studio(shop, yes)
                case ("run", failing):
                    shop.failing = failing
                    run(shop)
                    shop.failing = ""
                case ("deliver", index, keep):
                    shop.deliver(index, keep=keep)
                case ("profile",):
                    shop.profile()
                case ("poll",):
                    shop.poll()
        settle(shop)
        assert contact_subscribed(contact=person()) is shop.latest
        if shop.latest is not None:
            assert shop.metadata[KEY] == WORDS[shop.latest]
        assert shop.writes <= shop.acts + shop.lost
        transaction.set_rollback(True)
