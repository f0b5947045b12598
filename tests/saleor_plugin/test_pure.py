"""What needs neither Saleor nor a database: addresses, words, waits, names."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from saleor_automation.contract.kinds import DELETION_EVENTS
from saleor_automation.contract.subscriptions import SUBSCRIPTIONS
from saleor_automation.saleor_plugin import backoff
from saleor_automation.saleor_plugin.bounds import (
    MAX_AGE_DAYS,
    MAX_ROWS,
    bounds_current,
    is_abandoned,
)
from saleor_automation.saleor_plugin.configuration import Configuration, configuration_from
from saleor_automation.saleor_plugin.events import HOOKS, KINDS, MODELS, NOTIFYING, WRAPPED_USER
from saleor_automation.saleor_plugin.status import Standing, age_words, status_words
from saleor_automation.saleor_plugin.studio import manifest_url, studio_url_clean

NOW = datetime(2026, 11, 3, 10, tzinfo=UTC)
URL = "https://studio.example"


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("", ""),
        ("   ", ""),
        ("https://studio.example", "https://studio.example"),
        ("https://studio.example//", "https://studio.example"),
        ("http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
        ("https://shop.example/studio/", "https://shop.example/studio"),
        ("https://studio.example/saleor/manifest", "https://studio.example"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_address_is_kept_clean(typed, kept):
    assert studio_url_clean(typed) == kept


@pytest.mark.parametrize(
    "typed",
    [
        "studio.example",
        "ftp://studio.example",
        "https://",
        "https://studio.example:99999",
        "https://studio.example:0",
        "https://[::1",
        "https://user:secret@studio.example",
        "https://studio.example/?a=1",
        "https://studio.example/#top",
        "https://studio .example",
        f"https://studio.example/{'x' * 180}",
    ],
)
def test_address_that_cannot_work_is_refused(typed):
    with pytest.raises(ValueError, match=r"\."):
        studio_url_clean(typed)


def test_address_error_does_not_repeat_a_password():
    with pytest.raises(ValueError, match="password") as raised:
        studio_url_clean("https://user:secret@studio.example")
    assert "secret" not in str(raised.value)


def test_manifest_address_fits_saleors_column():
    longest = studio_url_clean(f"https://studio.example/{'x' * 161}")
    assert len(manifest_url(longest)) == 200


def test_fields_are_read_as_saleor_stores_them():
    fields = [{"name": "studio_url", "value": URL}, {"name": "capture", "value": "true"}]
    read = configuration_from(fields, active=True)
    assert read == Configuration(active=True, studio_url=URL, capture=True, webhooks=True)
    assert configuration_from([{"name": "webhooks", "value": False}], active=True).webhooks is False


def test_every_event_the_app_asks_for_has_a_hook():
    asked = {item.event.lower() for item in SUBSCRIPTIONS} & set(KINDS)
    assert asked == set(HOOKS.values())
    assert set(KINDS.values()) == set(MODELS)
    assert asked >= NOTIFYING
    assert asked >= DELETION_EVENTS
    assert asked >= WRAPPED_USER


@pytest.mark.parametrize(
    ("wait", "first", "last"),
    [
        (backoff.studio_wait, 10, 60),
        (backoff.connect_wait, 60, 1800),
        (backoff.troubled_wait, 30, 1800),
        (backoff.refused_wait, 3600, 43200),
    ],
)
def test_waits_grow_to_a_limit_and_never_end(wait, first, last):
    assert first * 0.9 <= wait(1).total_seconds() <= first
    assert last * 0.9 <= wait(10**9).total_seconds() <= last
    assert wait(0) <= wait(2)


def test_bounds_come_from_the_environment_and_nonsense_is_not_taken(monkeypatch):
    assert bounds_current().rows == MAX_ROWS
    monkeypatch.setenv("SALEOR_AUTOMATION_OUTBOX_MAX_ROWS", "1000")
    monkeypatch.setenv("SALEOR_AUTOMATION_OUTBOX_MAX_AGE_DAYS", "-3")
    assert bounds_current().rows == 1000
    assert bounds_current().age == timedelta(days=MAX_AGE_DAYS)


def test_without_a_relay_capture_ends_after_two_days():
    assert is_abandoned(None, NOW)
    assert not is_abandoned(NOW - timedelta(hours=47), NOW)
    assert is_abandoned(NOW - timedelta(hours=49), NOW)


WELL = Standing(
    Configuration(active=True, studio_url=URL, capture=True),
    NOW,
    connection="connected",
    studio_url=URL,
    connected_at=NOW,
    has_app=True,
    app_is_active=True,
    webhooks_active=True,
    capturing=True,
    relay_at=NOW,
)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "from this plugin and by Saleor's webhooks"),
        ({"webhooks_active": False}, "webhooks are off"),
        ({"capturing": False}, "Switch capture on"),
        ({"capturing": False, "webhooks_active": False}, "nothing is sent"),
        ({"is_migrated": False}, "manage.py migrate"),
        ({"configuration": Configuration(active=False)}, "Switched off"),
        ({"configuration": Configuration()}, "Enter the address"),
        ({"has_broker": False}, "CELERY_BROKER_URL"),
        ({"connection": "none"}, "Connecting to the Studio"),
        ({"studio_url": "https://other.example"}, "Connecting to the Studio"),
        ({"connection": "failed", "connection_words": "No door."}, "No door. Or wait"),
        ({"has_app": False}, f"{URL}/saleor/manifest"),
        ({"app_is_active": False}, "Activate it"),
        ({"last_error": "No answer."}, "No answer. They wait"),
        (
            {"last_error": "No.", "app_manifest_url": "https://old.example/saleor/manifest"},
            "If the Studio moved, remove the App",
        ),
        ({"relay_at": NOW - timedelta(minutes=3)}, "Start Celery beat"),
        ({"relay_at": None, "connected_at": NOW - timedelta(minutes=3)}, "Start Celery beat"),
        ({"payload_error": "No rights."}, "No rights. Give the App"),
        ({"pending": 1, "oldest_age": timedelta(seconds=5)}, "1 event waits for 5 seconds."),
        ({"pending": 9, "oldest_age": timedelta(hours=2)}, "9 events wait, the oldest for 2 hours"),
        ({"pending": 9, "refused": 2}, "refused 2 of them"),
        ({"dropped": 4}, "number: 4 events."),
    ],
)
def test_status_says_what_to_do_next(changes, words):
    assert words in status_words(replace(WELL, **changes))


def test_an_app_installed_from_this_very_studio_has_not_moved():
    here = replace(WELL, last_error="No.", app_manifest_url=manifest_url(URL))
    assert "moved" not in status_words(here)


def test_status_of_a_shop_that_runs_well_says_nothing_else():
    assert status_words(WELL).count(".") == 2


def test_what_waits_and_what_was_lost_is_said_beside_any_trouble():
    said = status_words(replace(WELL, last_error="No answer.", pending=3, dropped=2))
    assert "No answer." in said
    assert "3 events wait" in said
    assert "number: 2 events." in said


@pytest.mark.parametrize(
    ("age", "words"),
    [
        (timedelta(0), "0 seconds"),
        (timedelta(seconds=1), "1 second"),
        (timedelta(seconds=119), "1 minute"),
        (timedelta(hours=25), "1 day"),
        (timedelta(days=3), "3 days"),
    ],
)
def test_ages_read_in_one_unit(age, words):
    assert age_words(age) == words
