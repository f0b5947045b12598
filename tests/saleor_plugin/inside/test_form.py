"""The form in the Dashboard: what saving it does and what its status says."""

from __future__ import annotations

import re

import pytest
from django.apps import apps
from django.core.exceptions import ValidationError

from saleor_automation.saleor_plugin import plugin as plugin_module
from saleor_automation.saleor_plugin.models import RelayState
from saleor_automation.saleor_plugin.plugin import AutomationPlugin

pytestmark = pytest.mark.django_db


@pytest.fixture
def connects(monkeypatch):
    """Whether a worker was asked to connect, as if there were one."""
    from saleor_automation.saleor_plugin import tasks

    asked: list[bool] = []
    monkeypatch.setattr(plugin_module, "has_broker", lambda: True)
    monkeypatch.setattr(tasks.connect, "delay", lambda: asked.append(True))
    return asked


def shown(plugin) -> dict[str, object]:
    return {field["name"]: field["value"] for field in plugin().resolve_plugin_configuration(None)}


def test_dashboard_finds_it_at_once_and_once_per_shop():
    assert AutomationPlugin.DEFAULT_ACTIVE is True
    assert AutomationPlugin.CONFIGURATION_PER_CHANNEL is False
    assert re.fullmatch(r"[.0-9A-Za-z_-]{1,128}", AutomationPlugin.PLUGIN_ID)


def test_every_field_has_a_default_and_a_structure():
    names = [field["name"] for field in AutomationPlugin.DEFAULT_CONFIGURATION]
    assert sorted(names) == sorted(AutomationPlugin.CONFIG_STRUCTURE)


def test_capture_is_off_and_webhooks_are_on_at_first(plugin):
    values = shown(plugin)
    assert (values["capture"], values["webhooks"], values["studio_url"]) == (False, True, "")
    assert "address of your Studio" in values["status"]


def test_the_address_is_cleaned_and_a_worker_connects(
    configuration, plugin, connects, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        configuration(studio_url=" https://studio.example/saleor/manifest ", capture="true")
    assert connects == [True]
    assert shown(plugin)["studio_url"] == "https://studio.example"
    assert "Connecting to the Studio" in shown(plugin)["status"]
    assert RelayState.objects.get().capturing is False


def test_nothing_is_asked_of_a_worker_before_the_commit(configuration, connects):
    configuration(studio_url="https://studio.example")
    assert connects == []


def test_switched_off_no_worker_is_asked(
    configuration, connects, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        configuration(active=False, studio_url="https://studio.example")
    assert connects == []


def test_a_bad_address_is_refused_at_its_field_and_not_saved(configuration, plugin):
    configuration(studio_url="https://studio.example")
    with pytest.raises(ValidationError) as raised:
        configuration(studio_url="studio.example")
    [error] = raised.value.error_dict["studio_url"]
    assert error.code == "invalid"
    assert "https://studio.example.com" in error.message
    assert shown(plugin)["studio_url"] == "https://studio.example"


def test_a_broker_that_is_away_does_not_fail_the_form(
    configuration, monkeypatch, django_capture_on_commit_callbacks, caplog
):
    from saleor_automation.saleor_plugin import tasks

    def away():
        raise ConnectionError

    monkeypatch.setattr(plugin_module, "has_broker", lambda: True)
    monkeypatch.setattr(tasks.connect, "delay", away)
    with django_capture_on_commit_callbacks(execute=True):
        configuration(studio_url="https://studio.example")
    assert "could not reach the Celery broker" in caplog.text


def test_without_a_broker_the_status_says_so(configuration, plugin, monkeypatch):
    monkeypatch.setattr(plugin_module, "has_broker", lambda: False)
    configuration(studio_url="https://studio.example")
    assert "CELERY_BROKER_URL" in shown(plugin)["status"]


def test_not_migrated_the_form_saves_and_says_what_to_do(without_tables, configuration, plugin):
    configuration(studio_url="https://studio.example", capture=True)
    assert "manage.py migrate" in shown(plugin)["status"]


def test_status_of_a_connected_shop(capturing, plugin, connects):
    assert shown(plugin)["status"].startswith(
        "Connected. Events reach the Studio from this plugin;"
    )


def test_a_status_that_cannot_be_found_out_does_not_break_the_page(plugin, monkeypatch):
    from saleor_automation.saleor_plugin import standing

    def broken(*args, **kwargs):
        raise ZeroDivisionError

    monkeypatch.setattr(standing, "standing_current", broken)
    assert "ZeroDivisionError" in shown(plugin)["status"]


def test_showing_the_form_does_not_change_the_plugin(plugin):
    here = plugin()
    before = [dict(field) for field in here.configuration]
    here.resolve_plugin_configuration(None)
    assert here.configuration == before


def test_the_relay_is_in_the_beat_schedule(settings):
    entry = settings.CELERY_BEAT_SCHEDULE["saleor-automation-relay"]
    assert entry["task"] == "saleor_automation.saleor_plugin.tasks.relay"
    assert entry["schedule"].total_seconds() == 10


def test_the_beat_entry_names_a_task_that_is_there():
    from saleor_automation.saleor_plugin import tasks
    from saleor_automation.saleor_plugin.apps import RELAY_TASK

    assert tasks.relay.name == RELAY_TASK


def test_a_saleor_we_do_not_know_still_starts(monkeypatch, caplog):
    from saleor_automation.saleor_plugin import signals

    def broken():
        raise LookupError

    monkeypatch.setattr(signals, "connect", broken)
    apps.get_app_config("saleor_automation_plugin").ready()
    assert "cannot listen to new rows" in caplog.text
