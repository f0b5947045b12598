"""Identities, erasure, consent and suppression: the rules, one by one."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from saleor_automation import signals
from saleor_automation.inbox.models import Event, EventKey, RawEvent
from saleor_automation.inbox.services import (
    raw_event_store,
    raw_events_forget,
    raw_events_process,
)
from saleor_automation.people.consent import consent_states, suppressed
from saleor_automation.people.models import Consent, Contact, Identity, Suppression, Tombstone
from saleor_automation.people.services import (
    consent_record,
    contact_erase,
    contact_find,
    contact_resubscribe,
    contact_subscribed,
    contact_unsubscribe,
    suppression_add,
)
from saleor_automation.shop.models import Checkout, ShopOrder

pytestmark = pytest.mark.django_db
START = datetime(2026, 3, 1, tzinfo=UTC)
NOW = START + timedelta(days=30)
FLAG = "paper.marketing_opt_in"


def at(minute):
    return START + timedelta(minutes=minute)


def iso(minute):
    return at(minute).isoformat()


def receive(event, minute, **content):
    """Receive and process one payload issued at a minute."""
    body = json.dumps({"issuedAt": iso(minute), **content}).encode()
    raw_event_store(source="webhook", event_type=event, api_url="https://x/", body=body, now=NOW)
    raw = RawEvent.objects.get(state=RawEvent.State.PENDING)
    assert raw_events_process(ids=[raw.pk], now=NOW) == 1
    return raw


def user(number, email, **more):
    return {"id": f"U{number}", "email": email, "dateJoined": iso(0), **more}


def customer(number, email, minute, event="customer_updated", **more):
    receive(event, minute, user={**user(number, email), "updatedAt": iso(minute), **more})


def order(number, minute, email, account=None, **more):
    content = {
        "id": f"O{number}",
        "created": iso(minute),
        "updatedAt": iso(minute),
        "status": "UNFULFILLED",
        "userEmail": email,
        "user": account,
    }
    receive("order_updated", more.pop("issued", minute), order={**content, **more})


def basket(number, minute, email="", account=None, **more):
    content = {"id": f"C{number}", "created": iso(minute), "updatedAt": iso(minute)}
    content |= {"email": email, "user": account, **more}
    receive("checkout_updated", minute, checkout=content)


def flags(value, minute=None):
    pairs = [{"key": FLAG, "value": value}]
    if minute is not None:
        pairs.append({"key": f"{FLAG}_at", "value": iso(minute)})
    return pairs


def identities(contact):
    return sorted(Identity.objects.filter(contact=contact).values_list("value", flat=True))


def test_a_guest_is_found_by_address_whatever_its_case():
    order(1, 1, "Ana@Example.com")
    order(2, 2, "ana@example.COM")
    contact = Contact.objects.get()
    assert contact.email == "ana@example.COM"
    assert not contact.has_account
    assert contact.orders.count() == 2
    assert set(Event.objects.values_list("contact", flat=True)) == {contact.pk}


def test_a_guest_who_makes_an_account_stays_one_person():
    order(1, 1, "ana@example.com")
    guest = Contact.objects.get()
    customer(1, "Ana@example.com", 5, firstName="Ana", languageCode="MS")
    contact = Contact.objects.get()
    assert contact.pk == guest.pk
    assert identities(contact) == ["U1", "ana@example.com"]
    assert (contact.has_account, contact.first_name, contact.language) == (True, "Ana", "ms")


def test_a_guest_merges_into_the_account_that_claims_the_address():
    merged = []

    def hear(*, winner, loser, **kwargs):
        merged.append((winner.pk, loser.pk))

    customer(1, "old@example.com", 1)
    account = Contact.objects.get()
    order(1, 2, "new@example.com")
    basket(1, 3, "new@example.com")
    guest = Contact.objects.exclude(pk=account.pk).get()
    signals.contact_merged.connect(hear)
    try:
        customer(1, "new@example.com", 4, event="account_email_changed")
    finally:
        signals.contact_merged.disconnect(hear)

    contact = Contact.objects.get()
    assert merged == [(account.pk, guest.pk)]
    assert contact.email == "new@example.com"
    assert identities(contact) == ["U1", "new@example.com", "old@example.com"]
    assert ShopOrder.objects.get().contact == Checkout.objects.get().contact == contact
    assert not Event.objects.exclude(contact=contact).exists()


def test_accounts_never_merge_and_the_newest_claim_has_the_address():
    customer(1, "shared@example.com", 1)
    order(1, 2, "shared@example.com")
    customer(2, "shared@example.com", 5)

    first = Identity.objects.get(value="U1").contact
    second = Identity.objects.get(value="U2").contact
    assert first != second
    # Nobody is written to under an address that is somebody else's now.
    assert (first.email, second.email) == ("", "shared@example.com")
    assert ShopOrder.objects.get().contact == second
    customer(1, "shared@example.com", 3)
    assert Identity.objects.get(value="shared@example.com").contact == second


@pytest.fixture
def moved():
    """What the later stages hear of addresses that go to another account."""
    heard = []

    def hear(*, from_contact, to_contact, checkout_ids, order_ids, now, **kwargs):
        heard.append((from_contact.email, to_contact.email, checkout_ids, order_ids, now))

    signals.objects_moved.connect(hear)
    yield heard
    signals.objects_moved.disconnect(hear)


def test_later_stages_hear_what_moved_along_with_an_address(moved):
    """One left x for y; a guest fills a basket as x; another opens an account with x."""
    customer(1, "x@example.com", 1)
    order(1, 2, "x@example.com", user(1, "x@example.com"))  # the account's own: it stays
    customer(1, "y@example.com", 3, event="account_email_changed")
    basket(1, 4, "x@example.com")
    order(2, 5, "x@example.com")
    assert Checkout.objects.get().contact.email == "y@example.com"
    assert moved == []

    customer(2, "x@example.com", 6)

    assert moved == [("y@example.com", "x@example.com", {"C1"}, {"O2"}, NOW)]
    assert Checkout.objects.get().contact.email == "x@example.com"
    assert ShopOrder.objects.get(saleor_id="O1").contact.email == "y@example.com"


def test_an_address_that_moves_alone_moves_nothing(moved):
    customer(1, "x@example.com", 1)
    customer(2, "x@example.com", 2)
    assert moved == []


def test_an_orders_address_does_not_become_the_accounts():
    order(1, 1, "partner@example.com", user(1, "ana@example.com"))
    order(2, 2, "partner@example.com")
    account = Identity.objects.get(value="U1").contact
    assert identities(account) == ["U1", "ana@example.com"]
    assert ShopOrder.objects.get(saleor_id="O2").contact != account


def test_a_guest_order_that_is_matched_later_moves_with_its_events():
    order(1, 1, "ana@example.com")
    order(1, 1, "ana@example.com", user(1, "other@example.com"), updatedAt=iso(9), issued=9)
    account = Identity.objects.get(value="U1").contact
    assert ShopOrder.objects.get().contact == account
    assert set(Event.objects.values_list("contact", flat=True)) == {account.pk}


def test_a_basket_without_an_address_belongs_to_nobody_until_it_has_one():
    basket(1, 1)
    assert not Contact.objects.exists()
    basket(1, 2, "ana@example.com")
    contact = Contact.objects.get()
    assert set(Event.objects.values_list("contact", flat=True)) == {contact.pk}


def test_older_payloads_do_not_overwrite_newer_ones():
    customer(1, "ana@example.com", 9, firstName="New", languageCode="MS")
    customer(1, "ana@example.com", 5, firstName="Old", languageCode="EN")
    contact = Contact.objects.get()
    assert (contact.first_name, contact.language) == ("New", "ms")


def test_a_language_nobody_chose_does_not_hide_one_somebody_did():
    """Saleor stores EN when a storefront does not say a language."""
    customer(1, "ana@example.com", 1, languageCode="MS")
    order(1, 2, "ana@example.com", user(1, "ana@example.com"), languageCodeEnum="EN")
    assert Contact.objects.get().language == "ms"
    order(2, 3, "ana@example.com", user(1, "ana@example.com"), languageCodeEnum="DE")
    assert Contact.objects.get().language == "de"
    order(3, 4, "ben@example.com", languageCodeEnum="EN")
    assert contact_find(address="ben@example.com").language == "en"


def erased_world():
    """Nothing personal is left; figures and keys are."""
    assert not Contact.objects.exists()
    assert not Identity.objects.exists()
    assert not Consent.objects.exists()
    assert list(Event.objects.values_list("kind", flat=True)) == ["deleted"]
    assert EventKey.objects.filter(kind="ordered").exists()
    for model in (ShopOrder, Checkout):
        for row in model.objects.all():
            assert (row.contact, row.user_id, row.email) == (None, "", "")


@pytest.mark.parametrize("event", ["customer_deleted", "account_deleted"])
@pytest.mark.parametrize("place", range(5))
def test_deletion_ends_alike_wherever_it_comes(event, place):
    person = user(1, "ana@example.com")
    steps = [
        lambda: order(1, 1, "ana@example.com"),
        lambda: customer(1, "ana@example.com", 2, metadata=flags("true")),
        lambda: basket(1, 3, "ana@example.com", person),
        lambda: order(2, 4, "ana@example.com", person),
    ]
    gone = {"id": "U1", "email": "Ana@Example.com"}
    steps.insert(place, lambda: receive(event, 10, user=gone))
    for step in steps:
        step()
    erased_world()
    assert sorted(Tombstone.objects.values_list("kind", "at")) == [
        ("email", at(10)),
        ("saleor_user", at(10)),
    ]
    assert not any("ana" in row.digest for row in Tombstone.objects.all())


def test_an_erased_person_who_buys_again_as_a_guest_is_a_new_person():
    customer(1, "ana@example.com", 1)
    receive("customer_deleted", 10, user={"id": "U1", "email": "ana@example.com"})
    order(1, 5, "ana@example.com", issued=11)  # an old order, shipped after the deletion
    assert not Contact.objects.exists()
    order(2, 20, "ana@example.com")
    contact = Contact.objects.get()
    assert contact.orders.get().saleor_id == "O2"
    assert not contact.has_account


def test_a_deletion_that_arrives_late_spares_what_came_after_it():
    order(1, 5, "ana@example.com", billingAddress={"firstName": "Ana"})
    order(2, 20, "ana@example.com", billingAddress={"firstName": "Anna"})
    receive("customer_deleted", 10, user={"id": "U1", "email": "ana@example.com"})

    contact = Contact.objects.get()
    assert contact.first_name == "Anna"
    assert [row.saleor_id for row in contact.orders.all()] == ["O2"]
    assert ShopOrder.objects.get(saleor_id="O1").email == ""
    kinds = Event.objects.exclude(kind="deleted").values_list("key__object_id", flat=True)
    assert set(kinds) == {"O2"}


def test_erasing_tells_the_later_stages_first():
    heard = []

    def hear(*, contact, **kwargs):
        heard.append((contact.email, Contact.objects.filter(pk=contact.pk).exists()))

    customer(1, "ana@example.com", 1)
    signals.contact_erased.connect(hear)
    try:
        contact_erase(contact=Contact.objects.get(), at=at(5), now=NOW)
    finally:
        signals.contact_erased.disconnect(hear)
    assert heard == [("ana@example.com", True)]
    assert not Contact.objects.exists()


def test_later_stages_hear_nothing_of_erased_people():
    heard = []

    def hear(*, events, **kwargs):
        heard.extend(event.kind for event in events)

    receive("customer_deleted", 10, user={"id": "U1", "email": "ana@example.com"})
    signals.facts_recorded.connect(hear)
    try:
        customer(1, "ana@example.com", 2)
        order(1, 3, "ana@example.com")
    finally:
        signals.facts_recorded.disconnect(hear)
    assert heard == []


def bodies():
    """The bodies that are kept, by event and number of the row."""
    return [bytes(row.body).decode() for row in RawEvent.objects.order_by("pk") if row.body]


def test_erasing_reaches_the_received_bodies():
    customer(1, "Ana@Example.com", 1)
    customer(1, "ana+new@example.com", 2, event="account_email_changed")
    order(1, 3, "ana@example.com")
    order(1, 3, "ana@example.com", updatedAt=iso(4), issued=4)  # tells nothing new
    basket(1, 5, "", user(1, "ana+new@example.com"))
    order(2, 6, "joana@example.com")
    count = RawEvent.objects.count()

    contact_erase(contact=contact_find(address="ana@example.com"), at=at(9), now=NOW)

    assert RawEvent.objects.count() == count
    assert len(bodies()) == 1
    assert "joana@example.com" in bodies()[0]


@pytest.mark.parametrize("ascii_only", [True, False])
def test_erasing_finds_an_address_however_json_writes_it(ascii_only):
    content = {"issuedAt": iso(1), "user": user(1, "zo\\ë_%@example.com")}
    raw_event_store(
        source="webhook",
        event_type="customer_created",
        api_url="https://x/",
        body=json.dumps(content, ensure_ascii=ascii_only).encode(),
        now=NOW,
    )
    raw = RawEvent.objects.get()
    assert raw_events_process(ids=[raw.pk], now=NOW) == 1
    raw_events_forget(ids=(), names=["zo\\ë_x@example.com"])
    assert len(bodies()) == 1
    raw_events_forget(ids=(), names=["zo\\ë_%@example.com"])
    assert bodies() == []


def test_a_blanked_body_that_comes_again_is_known():
    customer(1, "ana@example.com", 1)
    content = json.dumps({"issuedAt": iso(1), "user": {}}).encode()
    raw = RawEvent.objects.get()
    again = {"source": "relay", "event_type": raw.event_type, "api_url": raw.api_url, "now": NOW}
    body = bytes(raw.body)
    contact_erase(contact=Contact.objects.get(), at=at(9), now=NOW)
    assert not raw_event_store(body=body, **again)
    assert raw_event_store(body=content, **again)


def test_a_fault_about_an_erased_person_is_blanked_and_no_fault_any_more():
    content = {"issuedAt": "never", "user": user(1, "ana@example.com")}
    raw_event_store(
        source="webhook",
        event_type="customer_updated",
        api_url="https://x/",
        body=json.dumps(content).encode(),
        now=START,
    )
    raw_events_process(ids=[RawEvent.objects.get().pk], now=START)
    assert RawEvent.objects.get().state == RawEvent.State.FAULT
    receive("customer_deleted", 10, user={"id": "U1", "email": "ana@example.com"})
    assert bodies() == []
    assert set(RawEvent.objects.values_list("state", "fault")) == {("done", "")}


def test_bodies_that_wait_while_a_person_is_erased_count_and_are_blanked_then():
    person = user(1, "ana@example.com")
    contents = [
        ("order_created", {"order": {"id": "O1", "userEmail": "ana@example.com", "user": person}}),
        ("order_created", {"order": {"id": "O2", "userEmail": "Ana@example.com", "user": None}}),
        ("customer_updated", {"user": person}),
        ("order_created", {"order": {"id": "O3", "userEmail": "ben@example.com", "user": None}}),
    ]
    for event, content in contents:
        for part in content.values():
            part |= {"created": iso(1), "updatedAt": iso(1), "status": "UNFULFILLED"}
        raw_event_store(
            source="webhook",
            event_type=event,
            api_url="https://x/",
            body=json.dumps({"issuedAt": iso(1), **content}).encode(),
            now=NOW,
        )
    waiting = list(RawEvent.objects.order_by("pk").values_list("pk", flat=True))
    raw_event_store(
        source="webhook",
        event_type="account_deleted",
        api_url="https://x/",
        body=json.dumps(
            {"issuedAt": iso(10), "user": {"id": "U1", "email": person["email"]}}
        ).encode(),
        now=NOW,
    )
    deletion = RawEvent.objects.latest("pk").pk
    assert raw_events_process(ids=[deletion], now=NOW) == 1
    assert len(bodies()) == 4

    assert raw_events_process(ids=waiting, now=NOW) == 4

    assert len(bodies()) == 1
    assert "ben@example.com" in bodies()[0]
    assert ShopOrder.objects.count() == 3
    assert Contact.objects.get().email == "ben@example.com"


def test_a_suppression_outlives_the_person():
    order(1, 1, "ana@example.com")
    suppression_add(contact=Contact.objects.get(), reason="complaint", at=at(2))
    contact_erase(contact=Contact.objects.get(), at=at(3), now=NOW)
    order(2, 9, "ANA@example.com")
    contact = Contact.objects.get()
    assert [row.reason for row in suppressed([contact])[contact.pk]] == ["complaint"]


def test_consent_in_metadata_is_heard_from_account_basket_and_order():
    customer(1, "ana@example.com", 1, metadata=flags("true"))
    basket(1, 2, "ben@example.com", metadata=flags("True", minute=2))
    order(1, 3, "chi@example.com", metadata=flags("false"))
    basket(2, 4, "dee@example.com", metadata=flags("maybe"))
    found = {
        address: contact_subscribed(contact=contact_find(address=f"{address}@example.com"))
        for address in ("ana", "ben", "chi", "dee")
    }
    assert found == {"ana": True, "ben": True, "chi": False, "dee": None}


def test_a_standing_flag_does_not_undo_an_unsubscribing():
    customer(1, "ana@example.com", 1, metadata=flags("true"))
    contact = Contact.objects.get()
    contact_unsubscribe(contact=contact, at=at(5))
    customer(1, "ana@example.com", 9, metadata=flags("true"), firstName="Ana")
    state = consent_states([contact.pk])[contact.pk]
    assert state.allows("welcome", "") is False
    assert contact_subscribed(contact=contact, topic="welcome") is False


def test_a_flag_that_changes_after_an_unsubscribing_is_a_new_word():
    customer(1, "ana@example.com", 1, metadata=flags("true"))
    contact = Contact.objects.get()
    contact_unsubscribe(contact=contact, at=at(5))
    customer(1, "ana@example.com", 7, metadata=flags("false"))
    customer(1, "ana@example.com", 9, metadata=flags("true"))
    assert consent_states([contact.pk])[contact.pk].allows("", "") is True


def test_no_beats_yes_at_the_same_moment():
    order(1, 1, "ana@example.com")
    contact = Contact.objects.get()
    for state in ("withdrawn", "granted"):
        consent_record(contact=contact, state=state, source="checkout", at=at(1))
    assert consent_states([contact.pk])[contact.pk].allows("", "") is False


def test_a_topic_can_be_left_alone():
    order(1, 1, "ana@example.com")
    contact = Contact.objects.get()
    consent_record(contact=contact, state="granted", source="order", at=at(1))
    contact_unsubscribe(contact=contact, at=at(5), topic="review")
    assert contact_subscribed(contact=contact, topic="review") is False
    assert contact_subscribed(contact=contact, topic="welcome") is True
    contact_resubscribe(contact=contact, at=at(6), topic="review")
    assert contact_subscribed(contact=contact, topic="review") is True


def test_unsubscribing_twice_is_once():
    order(1, 1, "ana@example.com")
    contact = Contact.objects.get()
    contact_unsubscribe(contact=contact, at=at(5))
    contact_unsubscribe(contact=contact, at=at(5))
    assert Consent.objects.count() == Suppression.objects.count() == 1


def test_subscribing_again_does_not_revive_a_dead_mailbox():
    order(1, 1, "ana@example.com")
    contact = Contact.objects.get()
    contact_unsubscribe(contact=contact, at=at(5))
    suppression_add(contact=contact, reason="hard_bounce", at=at(6))
    contact_resubscribe(contact=contact, at=at(7))
    assert [row.reason for row in suppressed([contact])[contact.pk]] == ["hard_bounce"]


def test_a_no_follows_the_person_to_a_new_address_but_a_bounce_does_not():
    customer(1, "old@example.com", 1)
    contact = Contact.objects.get()
    suppression_add(contact=contact, reason="hard_bounce", at=at(2))
    contact_unsubscribe(contact=contact, at=at(3), topic="review")
    customer(1, "new@example.com", 5, event="account_email_changed")
    contact.refresh_from_db()
    assert [row.reason for row in suppressed([contact])[contact.pk]] == ["unsubscribed"]


def test_batches_cost_one_query_each(django_assert_num_queries):
    for number in range(5):
        order(number, number, f"guest{number}@example.com")
    contacts = list(Contact.objects.all())
    with django_assert_num_queries(1):
        assert len(consent_states([contact.pk for contact in contacts])) == 5
    with django_assert_num_queries(1):
        assert suppressed(contacts) == {contact.pk: [] for contact in contacts}
