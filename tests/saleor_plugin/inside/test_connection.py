"""Connecting to a Studio: every way it can fail says what to do."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from saleor_automation.saleor_plugin import connection as connection_module
from saleor_automation.saleor_plugin.connection import studio_connect
from saleor_automation.saleor_plugin.models import Outbox, RelayState
from saleor_automation.saleor_plugin.relay import relay_run
from saleor_automation.saleor_plugin.state import state_change

pytestmark = pytest.mark.django_db


def state() -> RelayState:
    return RelayState.objects.get()


@pytest.fixture
def loopback(monkeypatch):
    """Let Saleor's own client reach the Studio of this test, which is on loopback."""
    try:
        from saleor.core.http_client import HTTPClient
    except ModuleNotFoundError:
        return
    monkeypatch.setattr(HTTPClient.config, "ip_filter_enable", False)


def test_it_installs_its_app_and_starts_to_capture(configuration, studio, model, loopback):
    configuration(studio_url=studio.url, capture=True)
    assert studio_connect() is True
    app = model("app.App").objects.get(identifier="saleor.automation")
    assert (app.is_active, app.is_installed) == (True, True)
    assert state().connection == "connected"
    assert state().capturing is True
    assert not model("app.AppInstallation").objects.exists()


def test_again_it_only_looks(configuration, studio, model, loopback):
    configuration(studio_url=studio.url, capture=True)
    studio_connect()
    studio_connect()
    assert model("app.App").objects.filter(identifier="saleor.automation").count() == 1


def test_capture_waits_for_the_switch(configuration, studio, loopback):
    configuration(studio_url=studio.url, capture=False)
    studio_connect()
    assert state().capturing is False


def test_plugin_only_switches_the_webhooks_off_and_on_again(configuration, studio, model, loopback):
    webhooks = model("webhook.Webhook").objects
    configuration(studio_url=studio.url, capture=True, webhooks=False)
    studio_connect()
    assert list(webhooks.values_list("is_active", flat=True)) == [False]
    configuration(webhooks=True)
    studio_connect()
    assert list(webhooks.values_list("is_active", flat=True)) == [True]


def test_no_address_is_no_connection(configuration, studio, our_app):
    configuration(studio_url="")
    assert studio_connect() is False
    assert state().connection == "none"


def test_a_studio_that_is_not_there(configuration):
    configuration(studio_url="http://127.0.0.1:9", capture=True)
    assert studio_connect() is False
    assert "cannot be reached" in state().connection_words
    assert state().capturing is False


def test_a_studio_started_later_is_found_without_saving_again(
    configuration, studio, model, loopback
):
    manifest, studio.manifest = studio.manifest, {}
    configuration(studio_url=studio.url, capture=True)
    studio_connect()
    assert state().connection == "failed"
    studio.manifest = manifest
    relay_run()
    assert state().connection == "failed", "not before its time"
    state_change(retry_at=timezone.now())
    relay_run()
    assert state().connection == "connected"


@pytest.mark.parametrize(
    ("manifest", "words"),
    [
        ({"id": "somebody.else"}, "another app than a Studio"),
        ([], "another app than a Studio"),
    ],
)
def test_what_is_no_studio(configuration, studio, manifest, words):
    studio.manifest = manifest
    configuration(studio_url=studio.url)
    studio_connect()
    assert words in state().connection_words


def test_more_permissions_than_granted_are_not_given_silently(configuration, studio, model):
    studio.manifest["permissions"].append("MANAGE_STAFF")
    configuration(studio_url=studio.url)
    studio_connect()
    assert "MANAGE_STAFF" in state().connection_words
    assert "Install the App yourself" in state().connection_words
    assert not model("app.App").objects.exists()


def test_a_handshake_the_studio_refuses_is_told_in_its_words(
    configuration, studio, model, loopback
):
    studio.register_status, studio.words = 403, "This Studio serves another shop."
    configuration(studio_url=studio.url)
    studio_connect()
    assert "This Studio serves another shop." in state().connection_words
    assert "SALEOR_AUTOMATION_SALEOR_API_URL" in state().connection_words
    studio.register_status = 200
    studio_connect()
    assert state().connection == "connected"
    # What the failed attempt left in the Dashboard is gone.
    assert not model("app.AppInstallation").objects.exists()


def test_a_private_address_saleor_refuses_says_which_setting(configuration, studio, monkeypatch):
    class InvalidIPAddress(Exception):
        pass

    def refuse(url):
        raise InvalidIPAddress

    monkeypatch.setattr(connection_module, "fetch_manifest", refuse)
    configuration(studio_url=studio.url)
    studio_connect()
    assert "HTTP_IP_FILTER_ALLOW_LOOPBACK_IPS" in state().connection_words


def test_a_failure_nobody_thought_of_is_told_too(configuration, studio, monkeypatch, caplog):
    def broken(url):
        raise ZeroDivisionError

    monkeypatch.setattr(connection_module, "manifest_read", broken)
    configuration(studio_url=studio.url)
    studio_connect()
    assert "ZeroDivisionError" in state().connection_words


def test_two_tasks_do_not_install_twice(configuration, studio, model):
    configuration(studio_url=studio.url)
    state_change(connecting_until=timezone.now() + timedelta(minutes=1))
    assert studio_connect() is False
    assert not model("app.App").objects.exists()


def test_a_task_that_died_does_not_block_for_ever(configuration, studio, our_app):
    configuration(studio_url=studio.url)
    state_change(connecting_until=timezone.now() - timedelta(seconds=1))
    assert studio_connect() is True
    assert state().connecting_until is None


def test_saving_again_while_the_studio_is_away_keeps_capturing(capturing, configuration):
    capturing.manifest = {}
    configuration(capture=True)
    studio_connect()
    assert state().capturing is True
    assert "another app" in state().last_error


def test_webhooks_follow_the_form_though_the_studio_is_away(
    capturing, configuration, our_app, model
):
    webhook = model("webhook.Webhook").objects.create(app=our_app, is_active=False)
    capturing.manifest = {}
    configuration(webhooks=True)
    studio_connect()
    webhook.refresh_from_db()
    assert webhook.is_active is True


def test_connecting_again_gives_refused_rows_another_try(capturing, customer):
    later = timezone.now() + timedelta(hours=5)
    Outbox.objects.create(
        event="customer_updated",
        kind="user",
        object_id="1",
        attempts=4,
        refused=403,
        available_at=later,
    )
    studio_connect()
    assert Outbox.objects.get(attempts=4).available_at <= timezone.now()
