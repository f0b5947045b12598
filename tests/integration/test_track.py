"""The track API's answers: everything its docstring lists, and what is kept of a call."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import mock

import pytest
from django.db import OperationalError
from django.test import Client
from django.urls import reverse

from saleor_automation import clock
from saleor_automation.exceptions import UsageError
from saleor_automation.inbox.models import Event, EventKey, RawEvent
from saleor_automation.inbox.services import raw_events_process, raw_events_prune
from saleor_automation.inbox.track import limits, storing
from saleor_automation.inbox.track.keys import (
    keys_forget,
    write_key_create,
    write_key_revoke,
)
from saleor_automation.inbox.track.limits import Limiter, refusals
from saleor_automation.inbox.track.models import TrackRefusal, WriteKey
from tests.tracking import (
    AGENT,
    NOW,
    SHOP,
    Caller,
    forget,
    page,
    send,
    server,
    told,
    understand,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _still() -> Iterator[None]:
    forget()
    with mock.patch.object(clock, "now", return_value=NOW):
        yield
    forget()


def viewed(number: int = 1, **changes: Any) -> dict[str, Any]:
    return {
        "type": "track",
        "event": "Product Viewed",
        "messageId": f"m-{number}",
        "anonymousId": "visitor",
        "timestamp": NOW.isoformat(),
        "properties": {"product_id": "p-1"},
        **changes,
    }


def stored() -> list[dict[str, Any]]:
    return told(RawEvent.objects.filter(source="track").order_by("pk"))


def counted(reason: str, key: WriteKey | None = None) -> int:
    refusals.write(now=NOW, force=True)
    row = TrackRefusal.objects.filter(reason=reason, key=key).first()
    return row.count if row else 0


SINGLE = [
    ("identify", {"userId": "u"}),
    ("track", {"userId": "u", "event": "Signed Up"}),
    ("page", {"anonymousId": "a", "properties": {"path": "/"}}),
    ("screen", {"anonymousId": "a", "name": "Home"}),
    ("group", {"userId": "u", "groupId": "g"}),
    ("alias", {"userId": "u", "previousId": "a"}),
]


@pytest.mark.parametrize(("name", "content"), SINGLE)
@pytest.mark.parametrize("tail", ["", "/"])
def test_each_call_is_stored_before_it_is_answered(name: str, content: Any, tail: str) -> None:
    answer = server().call(f"{name}{tail}", {**content, "messageId": "m"})

    assert (answer.status, answer.content) == (200, {"success": True, "accepted": 1})
    [call] = stored()
    assert (call["type"], call["id"]) == (name, "m")
    assert int(answer.headers["Content-Length"]) == len(answer.body)


def test_the_letters_of_segments_script_for_browsers_do_as_well() -> None:
    shop = page()
    body = {**viewed(), "writeKey": shop.key}
    answer = send("POST", "/v1/t", json.dumps(body).encode(), shop.headers)
    assert answer.status == 200
    assert stored()[0]["type"] == "track"


def test_a_host_project_that_mounts_the_urls_answers_the_same(client: Client) -> None:
    shop = page()
    answer = client.post(
        reverse("saleor_automation:track", args=["batch"]),
        json.dumps({"batch": [viewed()], "writeKey": shop.key}),
        content_type="text/plain",
        headers={"Origin": SHOP, "User-Agent": AGENT},
    )
    assert answer.status_code == 200
    assert answer["Access-Control-Allow-Origin"] == SHOP
    assert len(stored()) == 1


def test_a_malformed_call_takes_no_other_with_it() -> None:
    key = server()
    wrong: list[Any] = [
        7,
        {"type": "dance", "userId": "u"},
        {"type": "track", "userId": "u"},
        {"type": "track", "event": " \x00", "userId": "u"},
        {"type": "identify"},
        {"type": "identify", "userId": {"a": 1}},
        {"type": "identify", "userId": "u" * 255},
        {"type": "alias", "userId": "u"},
        {"type": "page", "userId": "u", "timestamp": "yesterday"},
        {"type": "page", "userId": True},
    ]
    answer = key.batch(viewed(1), *wrong, viewed(2))

    assert answer.status == 200
    assert answer.content["accepted"] == 2
    assert [problem["index"] for problem in answer.content["malformed"]] == list(range(1, 11))
    assert "“event” is missing" in answer.content["malformed"][2]["message"]
    assert [call["id"] for call in stored()] == ["m-1", "m-2"]
    assert counted("malformed", key.row) == len(wrong)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        b'{"batch": 1}',
        b'{"batch": [NaN]}',
        b'{"batch": ' + b"[" * 20000 + b"]" * 20000 + b"}",
    ],
)
def test_what_is_no_request_is_told_so(body: bytes) -> None:
    key = server()
    answer = key.call("batch", body)
    assert (answer.status, answer.content["code"]) == (400, "malformed")
    assert counted("malformed", key.row) == 1
    assert not RawEvent.objects.exists()


def test_a_single_call_that_is_none_is_told_so() -> None:
    answer = server().call("track", {"userId": "u"})
    assert answer.status == 400
    assert answer.content["message"] == "“event” is missing: it is the name of what happened."
    assert not RawEvent.objects.exists()


def test_an_empty_batch_stores_nothing() -> None:
    assert server().batch().content == {"success": True, "accepted": 0}
    assert not RawEvent.objects.exists()


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": ""},
        {"Authorization": "Basic !"},
        {"Authorization": "Bearer x"},
        {"Authorization": "Basic c2FzX3Vua25vd246"},
    ],
)
def test_without_a_key_nothing_is_taken(headers: dict[str, str]) -> None:
    answer = server().call("batch", {"batch": [viewed()]}, **headers)
    assert (answer.status, answer.content["code"]) == (401, "unknown_key")
    assert counted("unknown_key") == 1
    assert not RawEvent.objects.exists()


def test_a_revoked_key_lets_nobody_in_and_another_of_its_scope_does() -> None:
    old, new = server("old"), server("new")
    assert old.batch(viewed(1)).status == 200
    assert new.batch(viewed(2)).status == 200
    write_key_revoke(key=old.row, now=NOW)
    assert old.batch(viewed(3)).status == 401
    # What came under the old key is known under the new one.
    assert new.batch(viewed(1)).content["accepted"] == 1
    understand()
    assert Event.objects.count() == 2


def test_a_key_revoked_by_another_process_ends_within_seconds() -> None:
    key = server()
    assert key.batch(viewed(1)).status == 200
    WriteKey.objects.filter(pk=key.row.pk).update(revoked_at=NOW)
    assert key.batch(viewed(2)).status == 200
    with mock.patch("saleor_automation.inbox.track.keys.time.monotonic", return_value=10**9):
        assert key.batch(viewed(3)).status == 401


def test_a_key_is_kept_as_a_digest_and_dated_when_used() -> None:
    key = server()
    assert key.key not in json.dumps(list(WriteKey.objects.values()), default=str)
    assert key.row.hint == key.key[-4:]
    key.batch(viewed())
    assert WriteKey.objects.get().last_used_at == NOW


@pytest.mark.parametrize(
    ("origins", "words"),
    [
        ([], "needs the address"),
        (["shop.example"], "no origin"),
        (["https://shop.example/page"], "no origin"),
        (["https://*"], "no origin"),
    ],
)
def test_a_browser_key_is_for_some_origins(origins: list[str], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        write_key_create(name="x", kind="browser", origins=origins, now=NOW)


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        (SHOP, 200),
        ("HTTPS://SHOP.example", 200),
        ("http://shop.example", 403),
        ("https://shop.example.evil.example", 403),
        ("https://evil-shop.example", 403),
        ("null", 403),
        ("", 403),
    ],
)
def test_a_browser_key_works_on_its_own_pages_alone(origin: str, status: int) -> None:
    shop = page()
    answer = shop.call("batch", {"batch": [viewed()]}, Origin=origin)
    assert answer.status == status
    assert RawEvent.objects.count() == (status == 200)
    assert ("Access-Control-Allow-Origin" in answer.headers) == (status == 200)
    assert "Access-Control-Allow-Credentials" not in answer.headers
    if status == 200:
        assert answer.headers["Access-Control-Allow-Origin"] == origin
        assert answer.headers["Vary"] == "Origin"
    else:
        assert counted("origin", shop.row) == 1


def test_a_server_key_in_a_browser_is_refused() -> None:
    answer = server().call("batch", {"batch": [viewed()]}, Origin=SHOP)
    assert (answer.status, answer.content["code"]) == (403, "origin")
    assert not RawEvent.objects.exists()


def test_a_preflight_is_answered_to_the_shops_own_pages() -> None:
    page("https://*.shop.example")
    asked = {"Access-Control-Request-Method": "POST"}
    answer = send("OPTIONS", "/v1/batch", b"", {"Origin": "https://my.shop.example", **asked})
    assert answer.status == 204
    assert answer.headers["Access-Control-Allow-Origin"] == "https://my.shop.example"
    assert answer.headers["Access-Control-Allow-Headers"] == "authorization, content-type"
    for origin in ("https://evil.example", ""):
        answer = send("OPTIONS", "/v1/batch", b"", {"Origin": origin, **asked})
        assert answer.status == 403
        assert "Access-Control-Allow-Origin" not in answer.headers


def test_other_methods_and_paths() -> None:
    answer = send("GET", "/v1/batch", b"", {})
    assert (answer.status, answer.headers["Allow"]) == (405, "POST, OPTIONS")
    assert send("POST", "/v1/dance", b"", {}).status == 404
    assert send("POST", "/v1/batch/more", b"", {}).status == 404


def test_a_packed_body_is_unpacked_but_no_bomb() -> None:
    key = server()
    packed = gzip.compress(json.dumps({"batch": [viewed()]}).encode())
    assert key.call("batch", packed, Content_Encoding="gzip").status == 200
    assert len(stored()) == 1
    bomb = gzip.compress(b" " * 50_000_000)
    assert key.call("batch", bomb, Content_Encoding="gzip").status == 413
    assert key.call("batch", b"no gzip", Content_Encoding="gzip").status == 400
    assert key.call("batch", packed, Content_Encoding="br").status == 415


def test_sizes_are_those_of_segment() -> None:
    key = server()
    large = viewed(1, properties={"text": "x" * 33_000})
    answer = key.batch(large, viewed(2))
    assert answer.content["accepted"] == 1
    assert "32768 bytes" in answer.content["malformed"][0]["message"]
    assert key.call("track", {**large, "type": "track"}).status == 400
    answer = key.call("batch", b" " * (500 * 1024 + 1))
    assert (answer.status, answer.content["code"]) == (413, "too_large")
    assert counted("too_large") == 1
    answer = key.call("batch", {"batch": [{}] * 2501})
    assert (answer.status, answer.content["code"]) == (413, "too_large")
    assert counted("too_large", key.row) == 1


def test_robots_are_counted_and_not_stored() -> None:
    shop = page()
    for agent in ("Googlebot/2.1", "HeadlessChrome/131", "facebookexternalhit/1.1", ""):
        answer = shop.call("batch", {"batch": [viewed(1), viewed(2)]}, User_Agent=agent)
        assert (answer.status, answer.content["accepted"]) == (200, 0)
    ahead = shop.call("batch", {"batch": [viewed(1)]}, Sec_Purpose="prefetch")
    assert ahead.content["accepted"] == 0
    assert counted("bot", shop.row) == 9
    key = server()
    told_of = key.batch(viewed(1, context={"userAgent": "bingbot/2.0"}), viewed(2))
    assert told_of.content["accepted"] == 1
    assert [call["id"] for call in stored()] == ["m-2"]


def test_a_key_that_brings_too_much_waits(settings: Any) -> None:
    settings.SALEOR_AUTOMATION = {**settings.SALEOR_AUTOMATION, "track_server_rate": 2}
    key, other = server(), server("other")
    assert key.batch(*(viewed(n) for n in range(30))).status == 200
    answer = key.batch(viewed(99))
    assert (answer.status, answer.content["code"]) == (429, "limit")
    assert 1 <= int(answer.headers["Retry-After"]) <= 11
    assert counted("limit", key.row) == 1
    assert other.batch(viewed(99)).status == 200


def test_a_bucket_fills_again() -> None:
    limiter = Limiter()
    assert limiter.wait_seconds(1, 10, 0.0) == 0
    limiter.take(1, 150)
    assert limiter.wait_seconds(1, 10, 0.0) == 6
    assert limiter.wait_seconds(1, 10, 5.0) == 1
    assert limiter.wait_seconds(1, 10, 5.2) == 0
    assert limiter.wait_seconds(1, 0, 0.0) == 0


def test_refusals_are_written_together() -> None:
    with mock.patch.object(limits.time, "monotonic", side_effect=[100.0, 100.5, 101.5]):
        for _number in range(3):
            refusals.add(None, "bot")
            refusals.write(now=NOW)
    assert TrackRefusal.objects.get().count == 3


def test_a_database_that_is_away_is_no_success() -> None:
    key = server()
    with mock.patch.object(storing, "raw_event_store", side_effect=OperationalError("row: a@b.c")):
        answer = key.batch(viewed())
    assert answer.status == 503
    assert b"a@b.c" not in answer.body
    assert key.batch(viewed()).status == 200


def test_a_body_that_ended_early_is_no_success() -> None:
    shop = page()
    body = json.dumps({"batch": [viewed()], "writeKey": shop.key}).encode()
    answer = send("POST", "/v1/batch", body, shop.headers, length=len(body) + 1)
    assert (answer.status, answer.content["code"]) == (503, "unavailable")
    assert send("POST", "/v1/batch", body, shop.headers).status == 200


def test_a_request_that_comes_again_is_stored_once_and_a_call_counts_once() -> None:
    key = server()
    for number in range(3):
        # Libraries date each try anew.
        answer = key.batch(
            viewed(1), viewed(2), sentAt=(NOW + timedelta(seconds=number)).isoformat()
        )
        assert answer.content["accepted"] == 2
    assert RawEvent.objects.count() == 1
    # Regrouped by a library that was told to wait.
    key.batch(viewed(2), viewed(3))
    understand()
    assert Event.objects.count() == EventKey.objects.filter(kind="track").count() == 3


def test_a_call_counts_once_after_its_body_is_gone_and_once_per_scope() -> None:
    key = server()
    key.batch(viewed(1))
    understand()
    raw_events_prune(before=NOW + timedelta(days=1))
    RawEvent.objects.all().delete()
    key.batch(viewed(1))
    understand()
    assert Event.objects.count() == 1
    page().batch(viewed(1))
    server(channel="other").batch(viewed(1))
    understand()
    assert Event.objects.count() == 3


def test_a_call_without_a_message_id_counts_once_too() -> None:
    key = server()
    call = viewed(1)
    del call["messageId"]
    for _number in range(2):
        key.batch(call, {**call, "properties": {"product_id": "p-2"}})
        understand()
    assert Event.objects.count() == 2
    key.batch(viewed(1, messageId="x" * 5000))
    understand()
    assert Event.objects.count() == 3


@pytest.mark.parametrize(
    ("said", "sent", "at"),
    [
        # An hour ahead, told a minute later.
        ("2026-03-02T10:00:00Z", "2026-03-02T10:01:00Z", NOW - timedelta(minutes=1)),
        # Years behind.
        ("2001-01-01T00:00:00Z", "2001-01-01T00:00:30Z", NOW - timedelta(seconds=30)),
        ("2026-03-02T08:00:00Z", None, NOW - timedelta(hours=1)),
        ("2026-03-02T16:00:00+08:00", None, NOW - timedelta(hours=1)),
        # Nobody tells of what is to come.
        ("2027-01-01T00:00:00Z", None, NOW),
        ("2026-03-02T09:05:00Z", "2026-03-02T09:00:00Z", NOW),
        ("0001-01-01T00:00:00Z", None, datetime(2000, 1, 1, tzinfo=UTC)),
        ("2026-03-02T08:00:00Z", "nonsense", NOW - timedelta(hours=1)),
        (None, "2026-03-02T08:00:00Z", NOW),
    ],
)
def test_a_wrong_clock_is_put_right(said: str | None, sent: str | None, at: datetime) -> None:
    server().batch(viewed(1, timestamp=said), **({"sentAt": sent} if sent else {}))
    assert datetime.fromisoformat(stored()[0]["at"]) == at


def test_age_never_rejects_and_history_starts_nothing() -> None:
    old = (NOW - timedelta(days=30)).isoformat()
    server().batch(viewed(1), viewed(2, timestamp=old))
    server().call("import", {"batch": [viewed(3, timestamp=old)]})
    understand()
    found = {event.key.object_id: event for event in Event.objects.select_related("key")}
    assert [found[f"m-{n}"].late for n in (1, 2, 3)] == [False, True, True]
    assert [found[f"m-{n}"].backfill for n in (1, 2, 3)] == [False, False, True]


def test_what_names_machines_or_people_is_left_out_at_the_door() -> None:
    server().batch(
        viewed(
            1,
            context={"ip": "203.0.113.9", "userAgent": AGENT, "device": {"id": "device-7"}},
            properties={
                "product_id": "p-1",
                "price": 19.99,
                "in_stock": True,
                "note": "write to ana@x.example",
                "nested": {"secret": 1},
                "url": "https://shop.example/p/7?token=secret",
                "products": [{"product_id": "p-2", "quantity": 2, "email": "b@x.example"}],
            },
        ),
        {
            "type": "page",
            "messageId": "m-2",
            "anonymousId": "a",
            "context": {
                "page": {
                    "url": "https://shop.example/reset/?token=secret",
                    "referrer": "https://search.example/?q=ana",
                    "title": "Reset",
                    "search": "?token=secret",
                }
            },
        },
    )
    body = bytes(RawEvent.objects.get().body).decode()
    for word in ("203.0.113.9", "Mozilla", "device-7", "secret", "@", "q=ana"):
        assert word not in body
    first, second = stored()
    assert first["properties"] == {
        "product_id": "p-1",
        "price": 19.99,
        "in_stock": True,
        "url": "/p/7",
        "products": [{"product_id": "p-2", "quantity": 2}],
    }
    assert second["properties"] == {
        "path": "/reset/",
        "title": "Reset",
        "referrer": "search.example",
    }


def test_events_stand_under_segments_names_and_no_name_of_saleors() -> None:
    names = {
        "Product Viewed": "product_viewed",
        "product_added": "product_added",
        "Checkout Started": "checkout_started",
        "Order Completed": "order_completed",
        "Newsletter  Opened!": "track:newsletter_opened",
        # Only Saleor says that somebody ordered.
        "Ordered": "track:ordered",
        "日本": "track:日本",
    }
    server(channel="kl").batch(
        *(viewed(n, event=name) for n, name in enumerate(names)),
        {"type": "page", "anonymousId": "a", "messageId": "p"},
        {"type": "screen", "anonymousId": "a", "messageId": "s", "name": "Home"},
        {"type": "group", "anonymousId": "a", "messageId": "g", "groupId": "team"},
        viewed(50, event="x" * 300),
        viewed(51, event="x" * 254 + "y"),
    )
    understand()
    found = {row.key.object_id: row for row in Event.objects.select_related("key")}
    assert [found[f"m-{n}"].kind for n in range(len(names))] == list(names.values())
    assert [found[n].kind for n in "psg"] == ["page_viewed", "screen_viewed", "grouped"]
    long = {found["m-50"].kind, found["m-51"].kind}
    assert len(long) == 2
    assert all(len(kind) <= 64 for kind in long)
    assert found["m-0"].data == {
        "by": "server",
        "key": WriteKey.objects.get().pk,
        "channel": "kl",
        "name": "Product Viewed",
        "product": "p-1",
        "properties": {"product_id": "p-1"},
    }


def test_lone_surrogates_and_nul_are_no_trouble() -> None:
    key = server()
    body = (
        b'{"batch": [{"type": "identify", "userId": "u\\u0000\\ud800", "messageId": "m\\u0000",'
        b' "traits": {"a\\u0000": "b\\ud800"}},'
        b' {"type": "track", "userId": "u", "event": "e\\ud800"}]}'
    )
    assert key.call("batch", body).content["accepted"] == 2
    understand()
    assert Event.objects.count() == 2


def test_calls_of_another_version_are_a_fault_and_not_a_crash() -> None:
    key: Caller = server()
    key.batch(viewed())
    RawEvent.objects.update(body=b'{"calls": [{}]}')
    raw_events_process(ids=list(RawEvent.objects.values_list("pk", flat=True)), now=NOW)
    assert RawEvent.objects.get().state == RawEvent.State.FAULT


def test_bodies_that_wait_are_understood_together_and_a_bad_one_alone(
    django_assert_max_num_queries: Any,
) -> None:
    shop, backend = page(), server()
    for number in range(20):
        (shop if number % 2 else backend).batch(viewed(number, anonymousId=f"v-{number}"))
    with django_assert_max_num_queries(100):
        understand()
    assert Event.objects.count() == 20
    for number in range(20, 24):
        shop.batch(viewed(number))
    bad = RawEvent.objects.order_by("-pk")[2]
    RawEvent.objects.filter(pk=bad.pk).update(body=b"{}")
    ids = list(RawEvent.objects.filter(state="pending").values_list("pk", flat=True))
    assert raw_events_process(ids=ids, now=NOW) == 3
    assert RawEvent.objects.get(state="fault").pk == bad.pk
    assert Event.objects.count() == 23


def test_keys_are_asked_for_again_when_the_process_forgot() -> None:
    key = server()
    key.batch(viewed(1))
    keys_forget()
    assert key.batch(viewed(2)).status == 200
