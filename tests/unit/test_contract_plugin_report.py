"""The plugin's report: written by one side, understood by the other."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from saleor_automation.contract.plugin_report import (
    APP,
    PLUGIN,
    OtherSender,
    OutboxState,
    PluginReport,
    report_parse,
    report_write,
)
from saleor_automation.exceptions import ContractError

REPORT = PluginReport(
    issued_at=datetime(2026, 11, 3, 10, 0, 0, 5, tzinfo=UTC),
    recipient_id="QXBwOjE=",
    version="0.1.0",
    saleor_version="3.23.28",
    capture=True,
    webhooks_active=False,
    outbox=OutboxState(pending=3, oldest_age_seconds=61, dropped=2, last_error="Lampu padam: ✗"),
    other_senders=(
        OtherSender(
            PLUGIN, "mirumee.notifications.user_email", "User emails", ("order_confirmation",)
        ),
        OtherSender(APP, "saleor.app.smtp", "SMTP"),
    ),
)


def changed(**changes: object) -> bytes:
    return json.dumps({**json.loads(report_write(REPORT)), **changes}).encode()


def test_what_one_side_writes_the_other_reads():
    assert report_parse(report_write(REPORT)) == REPORT


def test_the_names_on_the_wire_are_saleors_way_of_writing():
    content = json.loads(report_write(REPORT))
    assert content["recipient"] == {"id": "QXBwOjE="}
    assert content["saleorVersion"] == "3.23.28"
    assert content["webhooksActive"] is False
    assert content["outbox"] == {
        "pending": 3,
        "oldestAgeSeconds": 61,
        "dropped": 2,
        "lastError": "Lampu padam: ✗",
    }
    assert content["otherSenders"][0]["events"] == ["order_confirmation"]


def test_a_newer_plugin_may_say_more():
    assert report_parse(changed(weather="rain")) == REPORT


def test_outbox_and_senders_may_be_missing():
    assert report_parse(changed(outbox=None, otherSenders=None)).outbox == OutboxState()


def test_a_long_error_is_cut_on_both_sides():
    report = report_parse(changed(outbox={"lastError": "x" * 10_000}))
    assert len(report.outbox.last_error) == 500


@pytest.mark.parametrize(
    "changes",
    [
        {"issuedAt": None},
        {"recipient": None},
        {"capture": "yes"},
        {"webhooksActive": None},
        {"outbox": {"pending": -1}},
        {"outbox": []},
        {"otherSenders": [{"kind": "pigeon", "id": "x"}]},
        {"otherSenders": [{"kind": "app"}]},
        {"otherSenders": [{"kind": "app", "id": "x", "events": "all"}]},
        {"otherSenders": [{"kind": "app", "id": "x", "events": [1]}]},
    ],
)
def test_what_is_not_a_report_is_refused(changes):
    with pytest.raises(ContractError):
        report_parse(changed(**changes))
