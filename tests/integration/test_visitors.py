"""Visitors and ids in other systems: whose they are, and what each may be believed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count, permutations
from typing import Any
from unittest import mock

import pytest
from django.db import transaction

from saleor_automation import clock
from saleor_automation.conf import conf
from saleor_automation.inbox.models import Event, EventKey, RawEvent
from saleor_automation.people.attribution import groups_of
from saleor_automation.people.consent import consent_states
from saleor_automation.people.erasure import person_erase
from saleor_automation.people.forgetting import visitors_prune
from saleor_automation.people.models import (
    Consent,
    Contact,
    Identity,
    IdentityClaim,
    Tombstone,
    Trait,
)
from saleor_automation.people.predicates.finding import people_find
from saleor_automation.people.predicates.language import condition_parse
from saleor_automation.people.services import contact_erase, contact_find
from saleor_automation.people.traits import trait_set, traits_of
from saleor_automation.sequences.receivers import visitors_chore
from tests.tracking import NOW, Caller, forget, page, saleor_tells, server, understand

pytestmark = pytest.mark.django_db
_numbers = count()


@pytest.fixture(autouse=True)
def _still() -> Iterator[None]:
    forget()
    with mock.patch.object(clock, "now", return_value=NOW):
        yield
    forget()


def at(minutes: int) -> datetime:
    return NOW - timedelta(hours=5) + timedelta(minutes=minutes)


def call(type_: str, minutes: int = 0, **content: Any) -> dict[str, Any]:
    names = {"anon": "anonymousId", "user": "userId", "previous": "previousId"}
    return {
        "type": type_,
        "messageId": f"n-{next(_numbers)}",
        "timestamp": at(minutes).isoformat(),
        **{names.get(name, name): value for name, value in content.items()},
    }


def view(minutes: int = 0, **content: Any) -> dict[str, Any]:
    return call("track", minutes, event="Product Viewed", **content)


def tell(caller: Caller, *calls: dict[str, Any]) -> None:
    answer = caller.batch(*calls)
    assert answer.content["accepted"] == len(calls), answer.content
    understand()


def owner(kind: str, value: str) -> Contact:
    return Identity.objects.select_related("contact").get(kind=kind, value=value).contact


def views(contact: Contact) -> int:
    return Event.objects.filter(contact=contact, kind="product_viewed").count()


def test_a_visitor_is_a_contact_without_an_address_once_something_happened() -> None:
    tell(page(), view(5, anon="a"), view(3, anon="a"), view(4, anon="b"))
    contact = owner("anonymous", "a")
    assert (contact.email, contact.is_anonymous, contact.created_at) == ("", True, at(3))
    assert views(contact) == 2
    assert contact.figures.last_seen_at == at(5)
    assert Contact.objects.count() == 2


def test_an_address_is_met_whether_the_order_or_the_visit_comes_first() -> None:
    shop = page()
    tell(shop, view(1, anon="a"), call("identify", 2, anon="a", traits={"email": "Ana@x.example"}))
    visitor = owner("anonymous", "a")
    # Somebody wrote an address into a page: nobody is known by it, or written to.
    assert (visitor.email, visitor.is_anonymous) == ("", True)
    assert contact_find(address="ana@x.example") is None
    deliver_order("O1", "ana@x.example")
    guest = contact_find(address="ana@x.example")
    assert guest == owner("anonymous", "a")
    assert views(guest) == 1
    assert not guest.is_anonymous
    # The other way round.
    tell(shop, view(1, anon="b"), call("identify", 2, anon="b", traits={"email": "ana@x.example"}))
    assert owner("anonymous", "b") == guest
    assert views(guest) == 2
    assert Contact.objects.count() == 1


def deliver_order(number: str, address: str, minutes: int = 60, **user: Any) -> None:
    moment = at(minutes).isoformat()
    saleor_tells(
        "order_created",
        {
            "issuedAt": moment,
            "order": {
                "id": number,
                "created": moment,
                "updatedAt": moment,
                "userEmail": address,
                "user": user or None,
                "status": "UNCONFIRMED",
                "channel": {"slug": "kl"},
            },
        },
    )


def deliver_account(user_id: str, address: str, minutes: int = 60, event: str = "") -> None:
    moment = at(minutes).isoformat()
    user = {"id": user_id, "email": address, "dateJoined": at(0).isoformat(), "updatedAt": moment}
    saleor_tells(
        event or "customer_updated",
        {"issuedAt": moment, "user": {**user, "firstName": "Saleor", "lastName": "Says"}},
    )


def test_a_shared_computer_is_each_persons_in_turn() -> None:
    shop = page()
    for number, address in enumerate(("ana@x.example", "ben@x.example")):
        deliver_order(f"O{number}", address)
    tell(
        shop,
        view(1, anon="a"),
        call("identify", 10, anon="a", traits={"email": "ana@x.example"}),
        view(15, anon="a"),
        call("identify", 20, anon="a", traits={"email": "ben@x.example"}),
        view(25, anon="a"),
        view(26, anon="a"),
    )
    ana, ben = (contact_find(address=f"{name}@x.example") for name in ("ana", "ben"))
    assert (views(ana), views(ben)) == (2, 2)
    # What comes late goes where it belongs.
    tell(
        shop, view(16, anon="a"), call("identify", 24, anon="a", traits={"email": "ana@x.example"})
    )
    assert (views(ana), views(ben)) == (5, 0)
    assert owner("anonymous", "a") == ana


def test_somebody_who_is_not_known_yet_gets_nothing_of_who_was_named_before() -> None:
    deliver_order("O1", "ana@x.example")
    tell(
        page(),
        call("identify", 10, anon="a", traits={"email": "ana@x.example"}),
        view(15, anon="a"),
        call("identify", 20, anon="a", traits={"email": "new@x.example"}),
        view(25, anon="a"),
    )
    assert views(contact_find(address="ana@x.example")) == 1
    waiting = owner("anonymous", "a")
    assert (waiting.is_anonymous, views(waiting)) == (True, 1)
    deliver_order("O2", "new@x.example")
    assert views(contact_find(address="new@x.example")) == 1
    assert not Contact.objects.filter(pk=waiting.pk).exists()


def test_a_page_cannot_change_what_saleor_says_or_speak_for_anybody() -> None:
    deliver_account("VXNlcjox", "ana@x.example")
    ana = contact_find(address="ana@x.example")
    before = (ana.email, ana.first_name, ana.last_name, ana.country, ana.language)
    traits = {
        "email": "ana@x.example",
        "firstName": "Mallory",
        "country": "RU",
        "consent": True,
        "paper.marketing_opt_in": "true",
        "unsubscribed": False,
        "vip": True,
    }
    tell(page(), call("identify", 99, anon="a", user="VXNlcjox", traits=traits))
    ana.refresh_from_db()
    assert (ana.email, ana.first_name, ana.last_name) == before[:3]
    assert owner("anonymous", "a") == ana
    assert not Consent.objects.exists()
    assert consent_states([ana.pk])[ana.pk].allows("", "") is None
    # No trait the shop does not keep already.
    assert traits_of(ana) == {}


def test_what_saleor_does_not_say_a_page_may() -> None:
    deliver_order("O1", "ana@x.example")
    traits = {"email": "ana@x.example", "name": "Ana Lim", "locale": "ms-MY"}
    tell(page(), call("identify", 9, anon="a", traits=traits))
    ana = contact_find(address="ana@x.example")
    assert (ana.first_name, ana.last_name, ana.language) == ("Ana", "Lim", "ms-my")
    # And a server before it, however old.
    told = {"email": "ana@x.example", "firstName": "Anna", "lastName": "L."}
    tell(server(), call("identify", 1, user="crm-1", traits=told))
    ana.refresh_from_db()
    assert (ana.first_name, ana.last_name) == ("Anna", "L.")


def test_a_servers_trait_stands_above_a_pages_whenever_it_was_said() -> None:
    shop, backend = page(), server()
    told = {"email": "ana@x.example", "favouriteColour": "red", "size": 7, "nested": {"a": 1}}
    tell(backend, call("identify", 1, user="crm-1", traits=told))
    ana = contact_find(address="ana@x.example")
    assert traits_of(ana) == {"favourite_colour": "red", "size": Decimal(7)}
    said = {"email": "ana@x.example", "favouriteColour": "blue", "other": 1}
    tell(shop, call("identify", 50, anon="a", traits=said))
    assert traits_of(ana)["favourite_colour"] == "red"
    ben = {"email": "ben@x.example"}
    tell(backend, call("identify", 1, user="crm-2", traits=ben))
    tell(shop, call("identify", 50, anon="b", traits={**said, **ben}))
    ben_contact = contact_find(address="ben@x.example")
    assert traits_of(ben_contact) == {"favourite_colour": "blue"}
    assert Trait.objects.get(contact=ben_contact).source == "browser"
    trait_set(contact=ben_contact, name="favourite_colour", value="green", at=at(2), source="staff")
    assert traits_of(ben_contact) == {"favourite_colour": "green"}
    # A value of another kind is left out, and the others are kept.
    tell(
        backend,
        call("identify", 60, user="crm-1", traits={"size": "large", "favouriteColour": "x"}),
    )
    assert traits_of(ana) == {"favourite_colour": "x", "size": Decimal(7)}


def test_a_server_makes_somebody_known_by_their_address() -> None:
    tell(server(), call("identify", 3, user="crm-1", traits={"email": "Ana@x.example"}))
    ana = contact_find(address="ana@x.example")
    assert (ana.email, ana.is_anonymous, ana.has_account) == ("Ana@x.example", False, False)
    assert owner("external", "crm-1") == ana
    assert Contact.objects.count() == 1
    deliver_account("VXNlcjox", "ana@x.example")
    assert owner("external", "crm-1").has_account
    assert Contact.objects.count() == 1


@pytest.mark.parametrize(
    "address", ["", "no", "a b@x.example", "a@b", "@x.example", "a\n@x.example"]
)
def test_what_is_no_address_is_none(address: str) -> None:
    tell(server(), call("identify", user="crm-1", traits={"email": address}))
    assert not Identity.objects.filter(kind="email").exists()
    assert not IdentityClaim.objects.exists()


def test_an_account_is_met_by_its_id_in_saleor_whatever_comes_first() -> None:
    tell(server(), view(1, user="VXNlcjox"), call("identify", 1, user="VXNlcjox", anon="a"))
    tell(page(), view(2, anon="a"))
    placeholder = owner("external", "VXNlcjox")
    assert owner("anonymous", "a") == placeholder
    # Only Saleor makes accounts.
    assert not Identity.objects.filter(kind="saleor_user").exists()
    deliver_account("VXNlcjox", "ana@x.example")
    ana = contact_find(address="ana@x.example")
    assert owner("external", "VXNlcjox") == owner("anonymous", "a") == ana
    assert views(ana) == 2
    assert Contact.objects.count() == 1


def test_an_id_follows_the_address_a_server_named_last_and_joins_nobody() -> None:
    backend = server()
    for number, name in enumerate(("ana", "ben")):
        deliver_account(f"U{number}", f"{name}@x.example")
    told = [
        call("identify", 1, user="crm", traits={"email": "ana@x.example"}),
        view(2, user="crm"),
        call("identify", 3, user="crm", traits={"email": "ben@x.example"}),
    ]
    ana, ben = (contact_find(address=f"{name}@x.example") for name in ("ana", "ben"))
    for order in permutations(told):
        point = transaction.savepoint()
        for item in order:
            tell(backend, item)
        assert owner("external", "crm") == ben
        assert (views(ana), views(ben)) == (0, 1)
        assert Contact.objects.count() == 2
        transaction.savepoint_rollback(point)


def test_aliases_are_one_and_lead_where_any_of_them_does() -> None:
    backend = server()
    told = [
        call("alias", 1, user="new", previous="old"),
        call("identify", 2, user="old", traits={"email": "ana@x.example"}),
        view(3, user="new"),
        call("alias", 4, user="newest", previous="new"),
        view(5, user="newest"),
        view(6, anon="old"),
    ]
    for order in (told, told[::-1]):
        point = transaction.savepoint()
        for item in order:
            tell(backend, item)
        ana = contact_find(address="ana@x.example")
        assert views(ana) == 3
        assert Contact.objects.count() == 1
        transaction.savepoint_rollback(point)


def test_a_pages_alias_joins_no_ids() -> None:
    tell(server(), call("identify", 1, user="crm-1", traits={"email": "ana@x.example"}))
    tell(page(), call("alias", 2, user="mine", previous="crm-1"), view(3, anon="x", user="mine"))
    ana = contact_find(address="ana@x.example")
    assert owner("external", "crm-1") == ana
    assert owner("external", "mine") != ana
    assert views(ana) == 0


def test_visitors_follow_an_address_to_another_account() -> None:
    deliver_account("U1", "ana@x.example", 10)
    tell(
        page(),
        call("identify", 11, anon="a", traits={"email": "ana@x.example", "firstName": "Page"}),
        view(12, anon="a"),
        call("identify", 13, anon="a", user="nobody"),
    )
    assert views(owner("saleor_user", "U1")) == 1
    deliver_account("U2", "ana@x.example", 30)
    assert views(owner("saleor_user", "U1")) == 0
    assert views(owner("saleor_user", "U2")) == 1
    # With what the page said of them.
    assert "anonymous:a" not in owner("saleor_user", "U1").field_versions
    assert "anonymous:a" in owner("saleor_user", "U2").field_versions


def test_an_erased_person_does_not_come_back_with_their_visits() -> None:
    shop, backend = page(), server()
    tell(backend, call("identify", 1, user="crm-1", traits={"email": "ana@x.example"}))
    tell(
        shop,
        call("identify", 2, anon="a", traits={"email": "ana@x.example"}),
        view(3, anon="a"),
    )
    contact_erase(contact=contact_find(address="ana@x.example"), at=NOW, now=NOW)
    for model in (Contact, Identity, IdentityClaim, Event):
        assert not model.objects.exists(), model
    assert {row.kind for row in Tombstone.objects.all()} == {"email", "anonymous", "external"}
    assert not RawEvent.objects.exclude(body=b"").exists()
    # What comes late, and what comes again.
    tell(shop, view(4, anon="a"), call("identify", 5, anon="z", traits={"email": "ana@x.example"}))
    tell(backend, view(5, user="crm-1"))
    assert not Contact.objects.exists()
    assert not RawEvent.objects.exclude(body=b"").exists()
    # Who comes after that is somebody new.
    later = NOW + timedelta(days=2)
    with mock.patch.object(clock, "now", return_value=later):
        shop.batch({**view(anon="a"), "timestamp": (NOW + timedelta(days=1)).isoformat()})
        understand(later)
    assert Contact.objects.get().is_anonymous


def test_a_visitor_who_waits_for_an_erased_address_goes_with_it() -> None:
    deliver_order("O1", "ben@x.example")
    tell(
        page(),
        call("identify", 1, anon="a", traits={"email": "old@x.example"}),
        view(2, anon="a"),
        call("identify", 1, anon="b", traits={"email": "ben@x.example"}),
    )
    person_erase(user_id="", address="old@x.example", at=NOW, now=NOW)
    assert not Identity.objects.filter(value="a").exists()
    assert Identity.objects.filter(value="b").exists()
    assert not IdentityClaim.objects.filter(target="old@x.example").exists()
    assert not Event.objects.filter(kind="product_viewed").exists()


def test_visitors_who_never_came_back_are_forgotten_and_nobody_else_is() -> None:
    tell(page(), view(1, anon="a"), view(2, anon="b"))
    tell(server(), view(1, user="crm-1"))
    deliver_order("O1", "ana@x.example")
    later = NOW + timedelta(days=conf().anonymous_days)
    with mock.patch.object(clock, "now", return_value=later):
        page().batch({**view(anon="b"), "timestamp": later.isoformat()})
    understand(later)
    with mock.patch.object(clock, "now", return_value=later):
        visitors_chore()
    assert set(Identity.objects.values_list("value", flat=True)) == {"b", "crm-1", "ana@x.example"}
    assert not Tombstone.objects.exists()
    assert EventKey.objects.filter(kind="track").count() == 3
    assert visitors_prune(before=later, now=later, limit=1) == 0


def test_conditions_count_what_a_person_did_on_the_site() -> None:
    deliver_order("O1", "ana@x.example")
    tell(
        page(),
        view(1, anon="a"),
        view(2, anon="a"),
        call("track", 3, anon="a", event="Quiz Finished"),
        call("identify", 4, anon="a", traits={"email": "ana@x.example"}),
    )
    for of, times in (("product_viewed", 2), ("track:quiz_finished", 1), ("product_added", 0)):
        asked = condition_parse({"fact": "contact.did", "op": "eq", "value": times, "of": of})
        assert people_find(condition=asked, now=NOW).get().email == "ana@x.example"


def test_who_is_one_with_whom() -> None:
    groups = groups_of([("a", "b"), ("c", "d"), ("b", "c"), ("e", "e")])
    assert groups["a"] == groups["d"] == frozenset("abcd")
    assert groups["e"] == frozenset("e")
