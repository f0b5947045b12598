"""``POST /saleor/plugin``: every answer its docstring promises."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime, timedelta
from unittest import mock

import pytest
from django.test import Client

from saleor_automation import clock
from saleor_automation.contract.plugin_report import (
    APP,
    PLUGIN,
    REPORT_EVENT,
    REPORT_PATH,
    OtherSender,
    PluginReport,
    report_write,
)
from saleor_automation.saleor_app.installations import installation_forget
from saleor_automation.saleor_app.models import Installation, Refusal
from saleor_automation.saleor_app.plugin_reports import plugin_report_current
from tests.shared import TinySaleor

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def saleor():
    saleor = TinySaleor()
    yield saleor
    saleor.close()


@pytest.fixture(autouse=True)
def installation(saleor):
    installation_forget()
    logging.getLogger("django.request").setLevel(logging.CRITICAL)
    with (
        mock.patch.object(clock, "now", return_value=NOW),
        mock.patch.object(clock, "wall", return_value=NOW),
    ):
        yield Installation.objects.create(
            api_url=saleor.url,
            app_id="QXBwOjE=",
            token="good-token",
            jwks=saleor.jwks(),
            jwks_fetched_at=NOW,
            installed_at=NOW,
        )
    logging.getLogger("django.request").setLevel(logging.NOTSET)
    installation_forget()


def report(**changes):
    return PluginReport(
        **{
            "issued_at": NOW,
            "recipient_id": "QXBwOjE=",
            "version": "0.1.0",
            "saleor_version": "3.23.28",
            "capture": True,
            "webhooks_active": False,
            "other_senders": (
                OtherSender(PLUGIN, "mirumee.notifications.user_email", "User emails", ("x",)),
                OtherSender(APP, "saleor.app.smtp", "SMTP"),
            ),
            **changes,
        }
    )


def send(saleor, body, **headers):
    given = {
        "Saleor-Event": REPORT_EVENT,
        "Saleor-Api-Url": saleor.url,
        "Saleor-Signature": saleor.sign(body),
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    answer = Client(enforce_csrf_checks=True).post(
        REPORT_PATH, body, content_type="application/json", headers=given
    )
    content = json.loads(answer.content)
    return answer.status_code, content.get("status") or content["error"]["message"]


def test_a_report_is_kept_and_read_back(saleor):
    said = report()
    assert send(saleor, report_write(said)) == (202, "kept")
    assert plugin_report_current() == said


def test_the_newest_report_counts(saleor):
    send(saleor, report_write(report(capture=False, issued_at=NOW + timedelta(minutes=1))))
    assert send(saleor, report_write(report())) == (202, "older")
    assert plugin_report_current().capture is False


def test_the_same_report_again_is_fine(saleor):
    body = report_write(report())
    assert send(saleor, body)[0] == send(saleor, body)[0] == 202


def test_only_what_is_understood_is_kept(saleor):
    body = json.dumps({**json.loads(report_write(report())), "extra": "x" * 1000}).encode()
    send(saleor, body)
    assert "extra" not in Installation.objects.get().plugin_report


@pytest.mark.parametrize(
    ("changes", "headers", "status", "reason"),
    [
        ({"recipient": {"id": "QXBwOjI="}}, {}, 403, "recipient"),
        ({"recipient": None}, {}, 403, "recipient"),
        ({"capture": None}, {}, 400, "malformed"),
        ({"issuedAt": "yesterday"}, {}, 400, "malformed"),
        ({}, {"Saleor_Event": "order_paid"}, 400, "malformed"),
        ({}, {"Saleor_Api_Url": "https://other.example/graphql/"}, 403, "shop"),
        ({}, {"Saleor_Signature": "nonsense"}, 401, "signature"),
    ],
)
def test_what_is_no_report_for_us_is_refused(saleor, changes, headers, status, reason):
    body = json.dumps({**json.loads(report_write(report())), **changes}).encode()
    assert send(saleor, body, **headers)[0] == status
    assert Refusal.objects.get().reason == reason
    assert Installation.objects.get().plugin_report is None


def test_a_signed_body_that_is_no_json_is_refused(saleor):
    assert send(saleor, b"{")[0] == 400


def test_a_signature_of_another_report_is_refused(saleor):
    other = saleor.sign(report_write(report(capture=False)))
    assert send(saleor, report_write(report()), Saleor_Signature=other)[0] == 401


def test_a_report_that_is_too_large_is_not_read(saleor):
    assert send(saleor, b" " * (64 * 1024 + 1))[0] == 413


def test_before_the_installation_it_is_to_come_again(saleor):
    Installation.objects.all().delete()
    installation_forget()
    assert send(saleor, report_write(report()))[0] == 503


def test_other_methods_are_not_allowed():
    answer = Client().get(REPORT_PATH)
    assert (answer.status_code, answer["Allow"]) == (405, "POST")


def test_an_event_is_no_report_and_a_report_is_no_event(saleor):
    """Both are signed with the same key for the same app."""
    from saleor_automation.inbox.models import Event, RawEvent
    from saleor_automation.inbox.services import raw_events_process
    from tests.recorded import PATH, IngestClient

    body = report_write(report())
    headers = {
        "Saleor-Event": "customer_deleted",
        "Saleor-Api-Url": saleor.url,
        "Saleor-Signature": saleor.sign(body),
    }
    IngestClient().post(PATH, body=body, headers=headers)
    raw_events_process(ids=list(RawEvent.objects.values_list("pk", flat=True)), now=NOW)
    assert not Event.objects.exists()
