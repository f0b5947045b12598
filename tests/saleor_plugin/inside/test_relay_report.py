"""What the relay tells the Studio of itself, and when."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from saleor_automation.contract.plugin_report import report_parse
from saleor_automation.saleor_plugin import relay as relay_module
from saleor_automation.saleor_plugin.models import RelayState
from saleor_automation.saleor_plugin.relay import relay_run
from saleor_automation.saleor_plugin.state import state_change

pytestmark = pytest.mark.django_db


def state() -> RelayState:
    return RelayState.objects.get()


def test_the_report_says_how_things_are(capturing, people, our_app):
    state_change(report_checked_at=None)
    relay_run()
    [(_, headers, body)] = [item for item in capturing.got if item[0] == "/saleor/plugin"]
    assert headers["Saleor-Event"] == "automation_plugin_report"
    report = report_parse(body)
    assert report.capture is True
    assert report.outbox.pending == 0
    assert report.recipient_id == capturing.bodies("customer_updated")[0]["recipient"]["id"]


def test_a_report_is_not_repeated_without_news(capturing, configuration):
    state_change(report_checked_at=None)
    relay_run()
    state_change(report_checked_at=None)
    relay_run()
    assert len(capturing.reports) == 1
    configuration(capture=False)
    state_change(report_checked_at=None)
    relay_run()
    assert [report["capture"] for report in capturing.reports] == [True, False]


def test_a_report_comes_every_hour(capturing):
    state_change(report_checked_at=None)
    relay_run()
    hour_ago = timezone.now() - timedelta(minutes=61)
    state_change(report_checked_at=hour_ago, report_sent_at=hour_ago)
    relay_run()
    assert len(capturing.reports) == 2


def test_plugin_only_keeps_the_webhooks_off(capturing, configuration, our_app, model):
    webhook = model("webhook.Webhook").objects.create(app=our_app, is_active=True)
    configuration(webhooks=False)
    relay_run()
    webhook.refresh_from_db()
    assert webhook.is_active is False


def test_a_report_that_fails_does_not_fail_the_relay(capturing, people, monkeypatch, caplog):
    def broken(**fields):
        raise ZeroDivisionError

    monkeypatch.setattr(relay_module, "report_send_if_due", broken)
    assert relay_run() == 3
    assert "could not report" in caplog.text


def test_an_error_is_forgotten_once_the_studio_answers_with_nothing_left_to_send(capturing):
    state_change(report_checked_at=None, failures=2, last_error="No answer.")
    relay_run()
    assert (state().failures, state().last_error) == (0, "")
    state_change(report_checked_at=None, report_digest="")
    relay_run()
    assert capturing.reports[-1]["outbox"]["lastError"] == ""
