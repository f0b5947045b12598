"""One shop's life, once by each way in: the App alone, the plugin alone, and both at once.

What the Studio makes of it must not depend on the way, nor count anything twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from tests.saleor import expect, ways
from tests.saleor.driver import new_address
from tests.saleor.machine import wait_for
from tests.saleor.studio import Studio

OPT_IN = "paper.marketing_opt_in"


@pytest.fixture(scope="module", params=ways.ALL)
def way(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def studio(way, studio_make, driver) -> Iterator[Studio]:
    one = studio_make(way)
    try:
        ways.connect(way, driver, one)
        one.ask("open_for_business")
        yield one
    finally:
        one.close()


def test_the_app_is_installed_and_its_webhooks_are_on_or_off_as_chosen(studio, driver, way):
    app = driver.app("saleor.automation")
    known = studio.ask("installation")
    version = driver.version
    assert app["isActive"]
    assert (known["app_id"], known["api_url"]) == (app["id"], driver.api_url)
    assert known["saleor_version"] == version
    minor = ".".join(version.split(".")[:2])
    assert len(app["webhooks"]) == len(studio.manifest(minor)["webhooks"])
    assert {webhook["isActive"] for webhook in app["webhooks"]} == {way != ways.PLUGIN}


def test_a_new_customer_is_welcomed(studio, driver):
    email = new_address("new")
    driver.register(email, languageCode="EN")
    user = driver.customer_id(email)
    expect.fact(studio, "joined", user)
    contact = expect.person(studio, email)
    assert contact["has_account"]
    assert not contact["is_staff"]
    assert ["saleor_user", user] in contact["identities"]
    row = expect.entered(studio, expect.WELCOME, email)
    assert row["entry_key"] == user
    [mail] = wait_for(lambda: studio.mails(email), "the first mail arrives")
    assert mail.parsed()["List-Unsubscribe"]


def test_a_guest_who_leaves_a_basket_is_reminded_after_a_while(studio, driver):
    email = new_address("guest")
    begun = datetime.now(UTC)
    basket = driver.basket()
    driver.nobody.say("checkoutEmailUpdate", id=basket, email=email)
    driver.lines_add(basket)
    expect.fact(studio, "basket_changed", basket)
    row = expect.entered(studio, expect.BASKET, email)
    assert (row["entry_key"], row["state"]) == (basket, "debouncing")
    # Quiet for 45 minutes, counted from the last change.
    due = datetime.fromisoformat(row["due_at"]) - begun
    assert timedelta(minutes=44) < due < timedelta(minutes=47)
    assert studio.mails(email) == []
    # Once for the quiet, once for the hour before the first reminder.
    _until_mailed(studio, email)
    [mail] = studio.mails(email)
    text = mail.parsed().get_body(("plain",)).get_content()
    # The id is a key to the basket: only the redirect of the Studio tells it.
    assert basket not in text
    [link] = set(re.findall(rf"{re.escape(studio.url)}/m/\S+/basket/", text))
    answer = requests.get(link, allow_redirects=False, timeout=30)
    assert answer.status_code == 302
    assert parse_qs(urlsplit(answer.headers["Location"]).query) == {"checkout": [basket]}
    driver.address(basket)
    driver.complete(basket)
    # Saleor is asked, so it is known at once.
    answer = requests.get(link, allow_redirects=False, timeout=30)
    assert (answer.status_code, basket in answer.text) == (200, False)


def test_a_basket_that_was_bought_is_not_reminded_of(studio, driver):
    email = new_address("buyer")
    basket = driver.basket(email=email)
    expect.entered(studio, expect.BASKET, email)
    driver.address(basket)
    order = driver.complete(basket)
    expect.fact(studio, "ordered", order["id"])
    studio.ask("hasten", email=email)
    assert expect.ended(studio, expect.BASKET, email)["reason"] == "ordered"
    assert studio.mails(email) == []


def test_a_customer_has_one_identity_over_account_and_basket(studio, driver):
    email = new_address("regular")
    shopper = driver.register(email)
    basket = driver.basket(by=shopper)
    row = expect.entered(studio, expect.BASKET, email)
    assert row["entry_key"] == basket
    named = [c for c in studio.ask("contacts") if ["email", email] in c["identities"]]
    assert len(named) == 1
    assert ["saleor_user", driver.customer_id(email)] in named[0]["identities"]


def test_an_order_from_payment_to_parcel_counts_each_fact_once(studio, driver):
    email = new_address("order")
    order = driver.buy(email)
    driver.paid(order)
    parcel = driver.fulfil(order, tracking="RM 1")
    expect.fact(studio, "fulfilled", order["id"])
    expect.fact(studio, "shipped", parcel)
    expect.fact(studio, "paid", order["id"])
    row = expect.entered(studio, expect.PURCHASE, email)
    assert row["entry_key"] == order["id"]
    studio.settled()
    assert expect.kinds(studio, order=order["id"]) == {
        "ordered": 1,
        "confirmed": 1,
        "paid": 1,
        "shipped": 1,
        "fulfilled": 1,
    }
    assert {e["transition"] for e in studio.events(kind="shipped", object=parcel)} == {"RM 1"}
    driver.tracking(parcel, "RM 2")
    wait_for(
        lambda: (
            {e["transition"] for e in studio.events(kind="shipped", object=parcel)}
            == {"RM 1", "RM 2"}
        ),
        "the new tracking number is known",
    )
    expect.entered(studio, expect.PURCHASE, email)


def test_a_cancelled_order_is_known_and_started_nothing(studio, driver):
    email = new_address("cancelled")
    order = driver.buy(email)
    driver.cancel(order)
    expect.fact(studio, "cancelled", order["id"])
    studio.settled()
    assert studio.enrollments(email=email, sequence=expect.PURCHASE) == []


def test_a_refund_is_known_with_its_sum_and_stops_the_sequence(studio, driver):
    email = new_address("refunded")
    order = driver.buy(email)
    driver.paid(order)
    driver.fulfil(order, tracking="RM 3")
    expect.entered(studio, expect.PURCHASE, email)
    driver.refund(order, "5.00")
    assert expect.fact(studio, "refunded", order["id"])["transition"] == "5"
    studio.ask("hasten", email=email)
    assert expect.ended(studio, expect.PURCHASE, email)["reason"] == "refunded"


def test_consent_given_in_the_basket_and_taken_back_in_the_account(studio, driver):
    email = new_address("consent")
    shopper = driver.register(email)
    user = driver.customer_id(email)
    basket = driver.basket(by=shopper)
    driver.metadata(basket, driver.nobody, **{OPT_IN: "true"})
    _said(studio, email, ["granted"])
    driver.metadata(user, **{OPT_IN: "false"})
    _said(studio, email, ["granted", "withdrawn"])


def test_a_guest_says_no_in_the_basket(studio, driver):
    email = new_address("no")
    basket = driver.basket(email=email)
    driver.metadata(basket, driver.nobody, **{OPT_IN: "false"})
    _said(studio, email, ["withdrawn"])


def test_a_customer_who_leaves_is_forgotten(studio, driver, shop):
    email = new_address("leaver")
    shopper = driver.register(email)
    expect.person(studio, email)
    shopper.say("accountRequestDeletion", channel="suite-shop", redirectUrl=f"{shop.url}/gone")
    token = wait_for(
        lambda: (
            (shop.faults / f"token-{email}").is_file()
            and (shop.faults / f"token-{email}").read_text()
        ),
        "the shopper gets the token",
    )
    driver.leave(shopper, token)
    _forgotten(studio, email)


def test_a_customer_deleted_by_staff_is_forgotten(studio, driver, way):
    email = new_address("deleted")
    driver.register(email)
    expect.person(studio, email)
    driver.customer_delete(email)
    if not ways.told_of_deletion(way, driver):
        studio.days_pass()
    _forgotten(studio, email)


def test_nothing_was_refused_or_misunderstood_and_it_came_by_the_way_chosen(studio, way):
    studio.settled()
    assert studio.ask("refusals") == []
    sources = {body["source"] for body in studio.ask("bodies")}
    wanted = {
        ways.APP: {"webhook"},
        ways.PLUGIN: {"relay"},
        ways.BOTH: {"webhook", "relay"},
    }[way]
    assert sources - {"poll"} == wanted


def test_every_fact_of_an_order_or_account_is_there_once(studio):
    """The keys see to it in the database; this looks at what came out."""
    facts = [
        (event["kind"], event["object"])
        for event in studio.ask("events")
        if event["kind"] in expect.ONCE
    ]
    assert len(facts) == len(set(facts))


def _until_mailed(studio: Studio, email: str) -> None:
    """Skip waits until the first mail arrives."""

    def mailed() -> bool:
        studio.ask("hasten", email=email)
        return bool(studio.mails(email))

    wait_for(mailed, f"{email} gets a mail", pause=0.5)


def _said(studio: Studio, email: str, states: list[str]) -> None:
    def said() -> bool:
        contact = studio.contact(email)
        return bool(contact) and [c["state"] for c in contact["consents"]] == states

    wait_for(said, f"{email} said {states}", pause=0.3)


def _forgotten(studio: Studio, email: str) -> None:
    wait_for(lambda: studio.contact(email) is None, f"{email} is forgotten", pause=0.3)
    assert studio.enrollments(email=email) == []
