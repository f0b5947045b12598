"""Payloads: what is understood, what is refused, and which facts a state proves."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saleor_automation.contract import kinds
from saleor_automation.contract.app_events import app_event_of
from saleor_automation.contract.payloads import event_agrees, parse
from saleor_automation.contract.signing import key_id
from saleor_automation.contract.subscriptions import SUBSCRIPTIONS
from saleor_automation.demo.script import Scene
from saleor_automation.demo.stage import Stage
from saleor_automation.demo.world import Shopper, World
from saleor_automation.exceptions import ContractError

ISSUED = "2026-03-01T12:00:00+00:00"
KNOWN_EVENTS = (
    kinds.CUSTOMER_EVENTS
    | kinds.CHECKOUT_EVENTS
    | kinds.ORDER_EVENTS
    | kinds.FULFILLMENT_EVENTS
    | kinds.APP_EVENTS
)


def order_body(event="order_updated", *, envelope=None, **changes):
    order = {
        "id": "T3JkZXI6MQ==",
        "number": "1",
        "created": "2026-03-01T10:00:00+00:00",
        "updatedAt": "2026-03-01T11:00:00+00:00",
        "status": "UNFULFILLED",
        "userEmail": "Ana@Example.com",
        "languageCodeEnum": "PT_BR",
        "chargeStatus": "NONE",
        "isPaid": False,
        "checkoutId": None,
        "channel": {"slug": "default-channel", "currencyCode": "EUR"},
        "user": None,
        "total": {"currency": "EUR", "gross": {"amount": 10.1}, "net": {"amount": 8.5}},
        "lines": [],
        "fulfillments": [],
    }
    content = {
        "issuedAt": ISSUED,
        "recipient": {"id": "QXBwOjE="},
        "order": {**order, **changes},
        **(envelope or {}),
    }
    return event, json.dumps(content).encode()


def kinds_of(event, body):
    return sorted(fact.kind for fact in parse(event, body).facts)


@pytest.mark.parametrize(
    ("event", "changes", "expected"),
    [
        ("order_created", {"status": "UNCONFIRMED"}, ["ordered"]),
        ("order_created", {"status": "DRAFT"}, []),
        ("order_updated", {"status": "UNFULFILLED"}, ["confirmed", "ordered"]),
        ("order_confirmed", {"status": "CANCELED"}, ["cancelled", "confirmed", "ordered"]),
        ("order_updated", {"status": "CANCELED"}, ["cancelled", "ordered"]),
        ("order_updated", {"chargeStatus": "FULL"}, ["confirmed", "ordered", "paid"]),
        ("order_updated", {"chargeStatus": "PARTIAL"}, ["confirmed", "ordered"]),
        ("order_updated", {"status": "FULFILLED"}, ["confirmed", "fulfilled", "ordered"]),
        ("order_expired", {"status": "UNCONFIRMED"}, ["expired", "ordered"]),
        (
            "order_refunded",
            {"totalRefunded": {"amount": 5}},
            ["confirmed", "ordered", "refunded"],
        ),
    ],
)
def test_facts_come_from_the_state_and_where_it_hides_them_from_the_name(event, changes, expected):
    assert kinds_of(*order_body(event, **changes)) == expected


def test_a_cancelled_order_with_two_parcels_tells_everything():
    parcels = [
        {"id": "F1", "status": "FULFILLED", "trackingNumber": "A1", "created": ISSUED},
        {"id": "F2", "status": "FULFILLED", "trackingNumber": "", "created": ISSUED},
        {"id": "F3", "status": "WAITING_FOR_APPROVAL", "trackingNumber": "", "created": ISSUED},
    ]
    facts = parse(*order_body("order_updated", status="CANCELED", fulfillments=parcels)).facts
    assert [(fact.kind, fact.object_id, fact.transition) for fact in facts] == [
        ("ordered", "T3JkZXI6MQ==", ""),
        ("shipped", "F1", "A1"),
        ("shipped", "F2", ""),
        ("cancelled", "T3JkZXI6MQ==", ""),
    ]


def test_the_merchants_wish_not_to_tell_the_customer_is_kept():
    parcel = {"id": "F1", "status": "FULFILLED", "trackingNumber": "A1", "created": ISSUED}
    event, body = order_body(
        "fulfillment_created", envelope={"notifyCustomer": False, "fulfillment": parcel}
    )
    [shipped] = [fact for fact in parse(event, body).facts if fact.kind == kinds.SHIPPED]
    assert shipped.data["notify"] is False
    assert shipped.data["order"] == "T3JkZXI6MQ=="


@pytest.mark.parametrize("amount", [5, 5.0, 5.50, 0.1])
def test_one_refund_is_one_transition_however_it_is_written(amount):
    whole = parse(*order_body("order_updated", totalRefunded={"amount": amount})).facts
    text = f"{Decimal(str(amount)).normalize():f}"
    assert [fact.transition for fact in whole if fact.kind == kinds.REFUNDED] == [text]


def test_amounts_keep_every_digit():
    order = parse(*order_body()).snapshot
    assert (order.total_gross, order.total_net) == (Decimal("10.1000"), Decimal("8.5000"))
    assert (order.language, order.currency) == ("pt-br", "EUR")


def test_a_long_tracking_number_still_makes_a_key():
    parcel = {"id": "F1", "status": "FULFILLED", "trackingNumber": "9" * 255, "created": ISSUED}
    facts = parse(*order_body(fulfillments=[parcel])).facts
    assert all(len(fact.transition) <= 128 for fact in facts)


def test_a_basket_we_touched_ourselves_is_no_news_of_the_shopper():
    basket = {"id": "C1", "created": ISSUED, "updatedAt": ISSUED, "lines": []}
    content = {"issuedAt": ISSUED, "recipient": {"id": "QXBwOjE="}, "checkout": basket}
    own = {"__typename": "App", "id": "QXBwOjE="}
    theirs = {"__typename": "App", "id": "QXBwOjI="}
    for principal, expected in (
        (own, []),
        (theirs, ["basket_changed"]),
        (None, ["basket_changed"]),
    ):
        body = json.dumps({**content, "issuingPrincipal": principal}).encode()
        assert kinds_of("checkout_updated", body) == expected


def test_a_null_object_tells_nothing():
    body = json.dumps({"issuedAt": ISSUED, "checkout": None}).encode()
    parsed = parse("checkout_updated", body)
    assert (parsed.snapshot, parsed.facts) == (None, ())


def test_a_null_object_with_an_error_is_a_fault_that_says_what_to_check():
    errors = [{"message": "To access this path you need MANAGE_ORDERS."}]
    body = json.dumps({"issuedAt": ISSUED, "order": None, "errors": errors}).encode()
    with pytest.raises(ContractError, match=r"MANAGE_ORDERS.*Check the permissions"):
        parse("order_created", body)


def test_the_wrapped_form_is_understood():
    event, body = order_body("order_created")
    wrapped = json.dumps({"data": {"orderCreated": json.loads(body)}}).encode()
    assert parse(event, wrapped) == parse(event, body)


def test_an_event_we_do_not_know_says_so():
    with pytest.raises(ContractError, match="product_updated"):
        parse("product_updated", json.dumps({"issuedAt": ISSUED}).encode())


@pytest.mark.parametrize(
    "changes",
    [
        {"id": None},
        {"id": "x" * 129},
        {"created": "yesterday"},
        {"created": None},
        {"updatedAt": 5},
        {"created": "0001-01-01T00:00:00+14:00"},
        {"total": {"gross": {"amount": "10"}}},
        {"total": {"gross": {"amount": 1e30}}},
        {"lines": [{"id": "L", "quantity": -1}]},
        {"lines": [{"id": "L", "quantity": 2**40}]},
        {"lines": "none"},
        {"user": "VXNlcjox"},
        {"isPaid": "yes"},
        {"number": {}},
    ],
)
def test_a_broken_promise_is_a_contract_error(changes):
    with pytest.raises(ContractError):
        parse(*order_body(**changes))


@pytest.mark.parametrize(
    "body", [b"", b"{", b"null", b'"x"', b"\xff", b'{"issuedAt": NaN}', b"[" * 100_000, b"{}"]
)
def test_what_is_not_an_event_is_a_contract_error(body):
    with pytest.raises(ContractError):
        parse("order_created", body)


def test_what_databases_refuse_never_gets_through():
    body = order_body(number="1\x00\ud8002")[1]
    number = parse("order_created", body).snapshot.number
    assert number == "1?2"


# Two levels by hand: st.recursive warns, now and then, that it did not recurse.
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
NESTED = st.lists(LEAVES, max_size=3) | st.dictionaries(st.text(), LEAVES, max_size=3)
JSON = LEAVES | NESTED | st.lists(NESTED, max_size=2)
FIELDS = ["id", "number", "created", "updatedAt", "status", "userEmail", "isPaid", "channel"]
FIELDS += ["user", "total", "lines", "fulfillments", "metadata", "shippingAddress"]


@given(
    event=st.sampled_from(sorted(kinds.ORDER_EVENTS | kinds.FULFILLMENT_EVENTS)),
    changes=st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=3),
)
def test_any_order_payload_is_understood_or_refused_in_words(event, changes):
    body = order_body(event, **changes)[1]
    try:
        parsed = parse(event, body)
    except ContractError:
        return
    json.dumps([fact.data for fact in parsed.facts]).encode()
    assert all(fact.kind in kinds.ALL for fact in parsed.facts)


def test_everything_subscribed_to_is_understood():
    assert {item.identifier for item in SUBSCRIPTIONS} == KNOWN_EVENTS


def app_body(**changes):
    content = {"issuedAt": ISSUED, "recipient": {"id": "QXBwOjE="}, "app": {"id": "QXBwOjE="}}
    return json.dumps({**content, **changes}).encode()


def test_news_of_the_app_itself_is_no_fact_of_anybody():
    for event, app in (
        ("app_deleted", {"id": "QXBwOjE="}),
        ("app_status_changed", {"id": "QXBwOjE=", "isActive": False}),
    ):
        parsed = parse(event, app_body(app=app))
        assert (parsed.snapshot, parsed.facts) == (None, ())


@pytest.mark.parametrize(
    ("event", "app"),
    [
        ("app_deleted", None),
        ("app_deleted", {"isActive": False}),
        ("app_deleted", {"id": ""}),
        ("app_status_changed", {"id": "QXBwOjE="}),
        ("app_status_changed", {"id": "QXBwOjE=", "isActive": "no"}),
    ],
)
def test_news_of_the_app_that_says_nothing_is_refused_in_words(event, app):
    with pytest.raises(ContractError, match="“"):
        parse(event, app_body(app=app))


def test_a_removed_app_is_not_active_whatever_the_payload_says():
    event = app_event_of("app_deleted", json.loads(app_body(app={"id": "A", "isActive": True})))
    assert (event.app_id, event.is_removed, event.is_active) == ("A", True, False)


def header_of(**fields):
    return base64.urlsafe_b64encode(json.dumps(fields).encode()).decode().rstrip("=")


def test_the_key_id_of_a_detached_signature():
    header = header_of(alg="RS256", b64=False, crit=["b64"], kid="k1")
    assert key_id(f"{header}..c2VhbA") == "k1"


@pytest.mark.parametrize(
    "fields",
    [
        {"alg": "HS256", "b64": False, "crit": ["b64"], "kid": "k"},
        {"alg": "none", "b64": False, "crit": ["b64"], "kid": "k"},
        {"alg": "RS256", "kid": "k"},
        {"alg": "RS256", "b64": True, "crit": ["b64"], "kid": "k"},
        {"alg": "RS256", "b64": False, "kid": "k"},
        {"alg": "RS256", "b64": False, "crit": ["b64"]},
        {"alg": "RS256", "b64": False, "crit": ["b64"], "kid": 5},
    ],
)
def test_any_other_header_is_refused_before_a_key_is_tried(fields):
    with pytest.raises(ContractError):
        key_id(f"{header_of(**fields)}..c2VhbA")


@given(st.text(max_size=60))
def test_no_text_breaks_the_reading_of_a_signature(text):
    with pytest.raises(ContractError):
        key_id(text)


def test_times_are_utc_whatever_they_are_written_in():
    order = parse(*order_body(created="2026-03-01T18:00:00+08:00")).snapshot
    assert order.created_at == datetime(2026, 3, 1, 10, tzinfo=UTC)
    assert order.created_at.utcoffset().total_seconds() == 0


def test_every_event_we_ask_for_says_its_type_as_its_subscription_does():
    for item in SUBSCRIPTIONS:
        assert f"... on {kinds.EVENT_TYPES[item.identifier]} {{" in item.query
        assert "event {\n    __typename " in item.query
    assert kinds.EVENT_TYPES.keys() == KNOWN_EVENTS


def test_the_demos_bodies_say_their_type():
    shopper = Shopper("aina", "aina@example.com", "Aina", "R")
    world = World()
    world.shoppers["aina"] = shopper
    stage = Stage(world, site="http://shop", app_id="QXBwOjE=")
    for act, event in (("join", "customer_created"), ("delete", "account_deleted")):
        [said] = stage.play(Scene(1, "09:00", "aina", act))
        content = json.loads(said.body)
        assert (said.event, content["__typename"]) == (event, kinds.EVENT_TYPES[event])
        assert event_agrees(event, content)
        assert not event_agrees("customer_deleted", content)
