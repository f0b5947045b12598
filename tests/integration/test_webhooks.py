"""The webhook's answers, one by one, as the table in its docstring promises them."""

from __future__ import annotations

import io
import json
import logging
from datetime import UTC, datetime, timedelta
from unittest import mock

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from django.db import OperationalError

from saleor_automation import clock
from saleor_automation.inbox.models import Event, RawEvent
from saleor_automation.inbox.services import raw_events_process
from saleor_automation.saleor_app import verification, webhooks
from saleor_automation.saleor_app.installations import installation_forget
from saleor_automation.saleor_app.models import Installation, Refusal
from tests.recorded import PATH, IngestClient
from tests.shared import TinySaleor

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def shared_saleor():
    saleor = TinySaleor()
    yield saleor
    saleor.close()


@pytest.fixture
def saleor(shared_saleor):
    known = dict(shared_saleor.keys)
    shared_saleor.asked.clear()
    yield shared_saleor
    shared_saleor.keys = known


@pytest.fixture(autouse=True)
def _quiet():
    logging.getLogger("django.request").setLevel(logging.CRITICAL)
    yield
    logging.getLogger("django.request").setLevel(logging.NOTSET)


@pytest.fixture(autouse=True)
def _still_clock():
    installation_forget()
    with (
        mock.patch.object(clock, "now", return_value=NOW),
        mock.patch.object(clock, "wall", return_value=NOW),
    ):
        yield
    installation_forget()


@pytest.fixture
def installation(saleor):
    return Installation.objects.create(
        api_url=saleor.url,
        app_id="QXBwOjE=",
        token="good-token",
        jwks=saleor.jwks(),
        jwks_fetched_at=NOW - timedelta(hours=1),
        installed_at=NOW,
    )


def key_make():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def body_of(**changes):
    content = {
        "issuedAt": "2026-03-01T11:59:00+00:00",
        "version": "3.23.28",
        "issuingPrincipal": None,
        "recipient": {"id": "QXBwOjE="},
        "user": {
            "id": "VXNlcjox",
            "email": "Ana@Example.com",
            "dateJoined": "2026-03-01T11:59:00Z",
        },
    }
    return json.dumps(content | changes).encode()


def headers_of(saleor, body, **changes):
    headers = {
        "Saleor-Event": "customer_created",
        "Saleor-Api-Url": saleor.url,
        "Saleor-Signature": saleor.sign(body),
    }
    return {name: value for name, value in (headers | changes).items() if value is not None}


def send(saleor, body=None, *, environ=None, **headers):
    body = body_of() if body is None else body
    changes = {name.replace("_", "-"): value for name, value in headers.items()}
    return IngestClient().post(
        PATH, body=body, headers=headers_of(saleor, body, **changes), **(environ or {})
    )


def refused_as(answer, status, reason):
    """Assert a refusal: its status, words for a person, its count, and nothing stored."""
    assert answer.status_code == status
    assert json.loads(answer.content)["error"]["message"]
    assert not RawEvent.objects.exists()
    counted = list(Refusal.objects.values_list("reason", "count", "day"))
    assert counted == ([(reason, 1, NOW.date())] if reason else [])


def test_a_good_delivery_is_stored(saleor, installation):
    body = body_of()

    answer = send(saleor, body)

    assert answer.status_code == 202
    assert json.loads(answer.content) == {"status": "stored"}
    raw = RawEvent.objects.get()
    assert (bytes(raw.body), raw.event_type, raw.source) == (body, "customer_created", "webhook")
    assert (raw.received_at, raw.api_url, raw.state) == (NOW, saleor.url, "pending")
    assert not Refusal.objects.exists()


def test_a_repeated_delivery_is_taken_and_not_stored_again(saleor, installation):
    send(saleor)
    answer = send(saleor)
    assert (answer.status_code, json.loads(answer.content)) == (202, {"status": "duplicate"})
    assert RawEvent.objects.count() == 1


def test_what_the_plugin_relays_says_so(saleor, installation):
    send(saleor, Saleor_Automation_Source="relay")
    assert RawEvent.objects.get().source == "relay"


def test_a_signed_body_that_is_not_json_is_stored_and_shown_as_a_fault(saleor, installation):
    answer = send(saleor, b'{"issuedAt": ')

    assert answer.status_code == 202
    raw = RawEvent.objects.get()
    assert raw_events_process(ids=[raw.pk], now=NOW) == 0
    raw.refresh_from_db()
    assert raw.state == RawEvent.State.FAULT
    assert "not JSON" in raw.fault
    assert Refusal.objects.get().reason == Refusal.Reason.MALFORMED
    assert not Event.objects.exists()


def test_a_signed_json_list_is_stored_as_a_fault_too(saleor, installation):
    assert send(saleor, b"[1]").status_code == 202
    raw = RawEvent.objects.get()
    raw_events_process(ids=[raw.pk], now=NOW)
    raw.refresh_from_db()
    assert "not an object" in raw.fault


@pytest.mark.parametrize(
    "signature",
    [
        None,
        "",
        "nonsense",
        "a.b.c",
        "..",
        "eyJhbGciOiJub25lIn0..AAAA",
        "\xff\xfe..\xff",
        "eyJhbGciOiJSUzI1NiIsImtpZCI6Im9uZSJ9..AAAA",
    ],
)
def test_a_missing_or_garbled_signature_is_final(saleor, installation, signature):
    refused_as(send(saleor, Saleor_Signature=signature), 401, "signature")


def test_a_signature_of_another_body_is_final(saleor, installation):
    refused_as(send(saleor, Saleor_Signature=saleor.sign(b"{}")), 401, "signature")


def test_a_signature_by_a_stranger_under_our_key_id_is_final(saleor, installation):
    stranger = TinySaleor()
    try:
        refused_as(send(saleor, Saleor_Signature=stranger.sign(body_of())), 401, "signature")
    finally:
        stranger.close()


def test_an_access_token_of_the_shop_is_not_a_signature(saleor, installation):
    """Saleor signs tokens with the same key: a token vouches for itself, not for a body."""
    token = jwt.encode({"sub": "x"}, saleor.keys["one"], "RS256", headers={"kid": "one"})
    refused_as(send(saleor, Saleor_Signature=token), 401, "signature")


def test_a_detached_signature_over_an_encoded_payload_is_not_taken(saleor, installation):
    token = jwt.encode({"sub": "x"}, saleor.keys["one"], "RS256", headers={"kid": "one"})
    header, _payload, seal = token.split(".")
    refused_as(send(saleor, Saleor_Signature=f"{header}..{seal}"), 401, "signature")


def test_another_algorithm_is_not_taken(saleor, installation):
    key = saleor.keys["one"]
    fields = {"kid": "one", "b64": False, "crit": ["b64"]}
    signature = jwt.api_jws.encode(
        body_of(), key, "RS512", headers=fields, is_payload_detached=True
    )
    refused_as(send(saleor, Saleor_Signature=signature), 401, "signature")


def test_a_new_key_is_fetched_once_and_works(saleor, installation):
    saleor.keys["two"] = key_make()
    body = body_of()

    answer = send(saleor, body, Saleor_Signature=saleor.sign(body, "two"))

    assert answer.status_code == 202
    assert saleor.asked == ["/.well-known/jwks.json"]
    assert {key["kid"] for key in Installation.objects.get().jwks["keys"]} == {"one", "two"}


def test_a_key_nobody_lists_is_tried_again_later(saleor, installation):
    saleor.keys["ghost"] = key_make()
    body = body_of()
    signature = saleor.sign(body, "ghost")
    del saleor.keys["ghost"]

    refused_as(send(saleor, body, Saleor_Signature=signature), 503, "unknown_key")


def test_unknown_keys_do_not_make_us_hammer_the_key_server(saleor, installation):
    saleor.keys["ghost"] = key_make()
    body = body_of()
    signature = saleor.sign(body, "ghost")
    del saleor.keys["ghost"]

    for _ in range(3):
        assert send(saleor, body, Saleor_Signature=signature).status_code == 503

    assert saleor.asked == ["/.well-known/jwks.json"]
    assert Refusal.objects.get(reason="unknown_key").count == 3


def test_keys_fetched_a_moment_ago_are_not_fetched_again(saleor, installation):
    Installation.objects.update(jwks_fetched_at=NOW - timedelta(seconds=59))
    saleor.keys["two"] = key_make()
    body = body_of()

    answer = send(saleor, body, Saleor_Signature=saleor.sign(body, "two"))

    refused_as(answer, 503, "unknown_key")
    assert saleor.asked == []


def test_a_key_another_process_fetched_is_found_without_asking(saleor, installation):
    assert send(saleor).status_code == 202
    saleor.keys["two"] = key_make()
    Installation.objects.update(jwks=saleor.jwks())
    body = body_of(version="3.23.29")

    assert send(saleor, body, Saleor_Signature=saleor.sign(body, "two")).status_code == 202
    assert saleor.asked == []


def test_an_unreachable_key_server_is_tried_again_later(saleor, installation):
    gone = TinySaleor()
    gone.close()
    Installation.objects.update(api_url=gone.url)
    body = body_of()
    gone.keys["two"] = key_make()

    answer = send(saleor, body, Saleor_Api_Url=gone.url, Saleor_Signature=gone.sign(body, "two"))

    refused_as(answer, 503, "keys_unreachable")


@pytest.mark.parametrize("api_url", [None, "", "https://other.example/graphql/"])
def test_another_shop_is_refused(saleor, installation, api_url):
    refused_as(send(saleor, Saleor_Api_Url=api_url), 403, "shop")


@pytest.mark.parametrize("recipient", [None, {}, {"id": "QXBwOjI="}, {"id": None}])
def test_an_event_for_another_app_is_refused(saleor, installation, recipient):
    refused_as(send(saleor, body_of(recipient=recipient)), 403, "recipient")


PERSON = {"id": "VXNlcjox", "email": "ana@example.com", "isStaff": False}
LIVING = {**PERSON, "firstName": "Ana", "updatedAt": "2026-03-01T11:59:00Z"}


@pytest.mark.parametrize(
    ("header", "changes"),
    [
        ("customer_deleted", {"__typename": "CustomerUpdated"}),
        ("customer_deleted", {"__typename": "CustomerUpdated", "user": PERSON}),
        ("customer_updated", {"__typename": "CustomerDeleted", "user": PERSON}),
        ("account_deleted", {"__typename": "CustomerDeleted", "user": PERSON}),
        ("order_expired", {"__typename": "OrderCreated", "order": {"id": "O1"}}),
        ("customer_deleted", {"__typename": None}),
        # Recorded with an older subscription, which did not select the type.
        ("customer_deleted", {"user": LIVING}),
        ("CUSTOMER_DELETED", {"user": LIVING}),
        ("account_deleted", {"user": {**PERSON, "isActive": True}}),
        ("account_deleted", {"user": {**PERSON, "dateJoined": None}}),
    ],
)
def test_a_body_under_another_events_name_is_refused(saleor, installation, header, changes):
    body = body_of(**changes)
    refused_as(send(saleor, body, Saleor_Event=header), 403, "event")
    data = json.dumps({"data": {"event": json.loads(body)}}).encode()
    assert send(saleor, data, Saleor_Event=header).status_code == 403


@pytest.mark.parametrize(
    ("header", "changes"),
    [
        ("customer_deleted", {"__typename": "CustomerDeleted", "user": PERSON}),
        ("account_deleted", {"__typename": "AccountDeleted", "user": PERSON}),
        ("Customer_Updated", {"__typename": "CustomerUpdated", "user": LIVING}),
        ("customer_deleted", {"user": {**PERSON, "firstName": "Ana", "lastName": ""}}),
        ("customer_updated", {"user": LIVING}),
    ],
)
def test_a_body_under_its_own_name_is_taken(saleor, installation, header, changes):
    assert send(saleor, body_of(**changes), Saleor_Event=header).status_code == 202


def test_the_log_does_not_quote_the_database(saleor, installation, caplog):
    error = OperationalError("Failing row contains (ana@example.com)")
    with mock.patch.object(webhooks, "store", side_effect=error):
        assert send(saleor).status_code == 503
    assert "A webhook could not be stored: OperationalError" in caplog.text
    assert "ana@example.com" not in caplog.text


def test_before_the_install_saleor_is_asked_to_come_again(saleor):
    refused_as(send(saleor), 503, "not_installed")


def test_the_installation_is_found_as_soon_as_it_exists(saleor):
    assert send(saleor).status_code == 503
    Installation.objects.create(
        api_url=saleor.url,
        app_id="QXBwOjE=",
        token="good-token",
        jwks=saleor.jwks(),
        installed_at=NOW,
    )
    assert send(saleor).status_code == 202


@pytest.mark.parametrize(
    ("module", "failing"), [(webhooks, "store"), (verification, "installation_current")]
)
def test_a_database_that_is_down_is_not_a_refusal(saleor, installation, module, failing, caplog):
    caplog.set_level(logging.CRITICAL, logger="saleor_automation.saleor_app.verification")
    with mock.patch.object(module, failing, side_effect=OperationalError("gone")):
        answer = send(saleor)
    refused_as(answer, 503, None)


def test_an_announced_body_that_is_too_large_is_not_read(saleor, installation, settings):
    settings.SALEOR_AUTOMATION = {**settings.SALEOR_AUTOMATION, "webhook_max_bytes": 1000}
    unread = mock.Mock(spec=io.BytesIO)
    answer = send(saleor, environ={"CONTENT_LENGTH": "1001", "wsgi.input": unread})
    refused_as(answer, 413, "too_large")
    unread.read.assert_not_called()


def test_a_body_without_a_length_is_read_to_the_limit_only(saleor, installation, settings):
    settings.SALEOR_AUTOMATION = {**settings.SALEOR_AUTOMATION, "webhook_max_bytes": 1000}
    endless = io.BytesIO(b" " * 100_000)
    answer = send(
        saleor,
        environ={"CONTENT_LENGTH": "", "wsgi.input": endless, "wsgi.input_terminated": True},
    )
    refused_as(answer, 413, "too_large")
    assert endless.tell() == 1001


def test_a_body_without_a_length_is_taken_when_the_server_ends_it(saleor, installation):
    answer = send(saleor, environ={"CONTENT_LENGTH": "", "wsgi.input_terminated": True})
    assert answer.status_code == 202


def test_bodies_larger_than_djangos_form_limit_are_taken(saleor, installation):
    body = body_of(padding="x" * 3_000_000)
    assert send(saleor, body).status_code == 202


def test_a_body_that_ends_early_is_asked_for_again(saleor, installation):
    answer = send(saleor, environ={"CONTENT_LENGTH": str(len(body_of()) + 1)})
    refused_as(answer, 503, None)


def test_other_methods_are_not_allowed(saleor, installation):
    refused_as(send(saleor, environ={"REQUEST_METHOD": "GET"}), 405, None)


def test_refusals_of_a_day_are_counted_together(saleor, installation):
    for _ in range(3):
        send(saleor, Saleor_Signature="nonsense")
    with mock.patch.object(clock, "now", return_value=NOW + timedelta(days=1)):
        send(saleor, Saleor_Signature="nonsense")
    assert list(Refusal.objects.order_by("day").values_list("count", flat=True)) == [3, 1]


def test_a_delivery_costs_one_statement(saleor, installation, django_assert_num_queries):
    send(saleor)
    with django_assert_num_queries(1):
        send(saleor, body_of(version="3.23.29"))
