"""The app is removed, switched off and on, and installed again: what the webhook answers."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime, timedelta
from unittest import mock

import pytest

from saleor_automation import clock
from saleor_automation.exceptions import SaleorAPIError, SaleorInstallationError
from saleor_automation.inbox.models import RawEvent
from saleor_automation.inbox.services import raw_events_process
from saleor_automation.saleor_app.api import graphql
from saleor_automation.saleor_app.installations import (
    inactive_words,
    installation_current,
    installation_forget,
)
from saleor_automation.saleor_app.models import Installation, Refusal
from saleor_automation.saleor_app.register import RETRY_WINDOW, installation_register
from saleor_automation.saleor_app.upkeep import upkeep_run
from tests.appsaleor import AppSaleor
from tests.recorded import PATH, IngestClient

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
APP, OTHER = "QXBwOjE=", "QXBwOjI="


@pytest.fixture(scope="module")
def shared_saleor():
    saleor = AppSaleor()
    yield saleor
    saleor.close()


@pytest.fixture
def saleor(shared_saleor, settings):
    shared_saleor.reset()
    settings.SALEOR_AUTOMATION = {
        **settings.SALEOR_AUTOMATION,
        "saleor_api_url": shared_saleor.url,
    }
    return shared_saleor


@pytest.fixture(autouse=True)
def _still_clock():
    installation_forget()
    names = ("django.request", "saleor_automation.saleor_app.lifecycle")
    for name in names:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    with (
        mock.patch.object(clock, "now", return_value=NOW),
        mock.patch.object(clock, "wall", return_value=NOW),
    ):
        yield
    for name in names:
        logging.getLogger(name).setLevel(logging.NOTSET)
    installation_forget()


@pytest.fixture
def installation(saleor):
    return installation_register(api_url=saleor.url, token="good-token")


def news(event, *, app=APP, recipient=APP, seconds=0, **changes):
    kind = {"app_deleted": "AppDeleted", "app_status_changed": "AppStatusChanged"}[event]
    content = {
        "__typename": kind,
        "issuedAt": (NOW + timedelta(seconds=seconds)).isoformat(),
        "version": "3.23.28",
        "issuingPrincipal": None,
        "recipient": {"id": recipient},
        "app": {"id": app, "isActive": False, **changes},
    }
    return json.dumps(content).encode()


def order(recipient=APP, **changes):
    content = {
        "__typename": "OrderUpdated",
        "issuedAt": "2026-03-01T11:59:00+00:00",
        "recipient": {"id": recipient},
        "order": None,
        **changes,
    }
    return json.dumps(content).encode()


def send(saleor, event, body):
    headers = {
        "Saleor-Event": event,
        "Saleor-Api-Url": saleor.url,
        "Saleor-Signature": saleor.sign(body),
    }
    answer = IngestClient().post(PATH, body=body, headers=headers)
    content = json.loads(answer.content)
    return answer.status_code, content.get("status") or content["error"]["message"]


def test_a_removed_app_loses_its_token_and_keeps_its_data(saleor, installation):
    Installation.objects.update(permissions=["MANAGE_USERS"])

    assert send(saleor, "app_deleted", news("app_deleted")) == (202, "applied")

    row = Installation.objects.get()
    assert (row.token, row.is_active, row.inactive_reason) == ("", False, "removed")
    assert (row.app_id, row.permissions) == (APP, ["MANAGE_USERS"])
    assert not RawEvent.objects.exists()
    with pytest.raises(SaleorAPIError, match=r"removed from Saleor\. Install it again"):
        graphql(query="{ app { id } }")


def test_what_comes_after_the_removal_is_to_come_again(saleor, installation):
    """The plugin's relay keeps what it has until the app is installed again."""
    send(saleor, "app_deleted", news("app_deleted"))
    assert send(saleor, "order_updated", order())[0] == 503
    assert send(saleor, "app_deleted", news("app_deleted"))[0] == 503


def test_an_app_that_is_switched_off_keeps_its_token(saleor, installation):
    assert send(saleor, "app_status_changed", news("app_status_changed")) == (202, "applied")

    row = Installation.objects.get()
    assert (row.token, row.is_active, row.inactive_reason) == ("good-token", False, "switched_off")
    with pytest.raises(SaleorAPIError, match="switched off in Saleor"):
        graphql(query="{ app { id } }")
    # What the plugin relays meanwhile is not lost.
    assert send(saleor, "order_updated", order())[0] == 202


def test_an_app_that_is_switched_on_again_works(saleor, installation):
    send(saleor, "app_status_changed", news("app_status_changed"))
    on = news("app_status_changed", seconds=5, isActive=True)
    assert send(saleor, "app_status_changed", on) == (202, "applied")
    row = Installation.objects.get()
    assert (row.is_active, row.inactive_reason) == (True, "")
    assert graphql(query="{ app { id } }") == {"app": {"id": APP}}


def test_news_that_overtook_each_other_leave_the_newest(saleor, installation):
    on = news("app_status_changed", seconds=5, isActive=True)
    send(saleor, "app_status_changed", on)
    assert send(saleor, "app_status_changed", news("app_status_changed")) == (202, "known")
    assert Installation.objects.get().is_active


def test_a_replay_of_old_news_changes_nothing(saleor, installation):
    off = news("app_status_changed")
    send(saleor, "app_status_changed", off)
    upkeep_run()  # asked, Saleor knows it again
    assert Installation.objects.get().is_active

    assert send(saleor, "app_status_changed", off) == (202, "known")

    assert Installation.objects.get().is_active


def test_a_removal_counts_even_when_it_is_told_late(saleor, installation):
    send(saleor, "app_status_changed", news("app_status_changed", seconds=5, isActive=True))
    assert send(saleor, "app_deleted", news("app_deleted")) == (202, "applied")
    assert Installation.objects.get().inactive_reason == "removed"


def test_news_of_another_app_changes_nothing(saleor, installation):
    """An app that may manage apps hears of others."""
    assert send(saleor, "app_deleted", news("app_deleted", app=OTHER)) == (202, "known")
    assert Installation.objects.get().is_active


@pytest.mark.parametrize(
    ("event", "body", "status"),
    [
        ("app_deleted", news("app_deleted", recipient=OTHER), 403),
        ("app_deleted", news("app_status_changed"), 403),
        ("order_updated", news("app_deleted"), 403),
        ("app_deleted", order(), 403),
    ],
)
def test_forged_news_is_refused(saleor, installation, event, body, status):
    assert send(saleor, event, body)[0] == status
    assert Installation.objects.get().is_active


def test_unsigned_news_is_refused(saleor, installation):
    body = news("app_deleted")
    headers = {
        "Saleor-Event": "app_deleted",
        "Saleor-Api-Url": saleor.url,
        "Saleor-Signature": saleor.sign(b"other"),
    }
    assert IngestClient().post(PATH, body=body, headers=headers).status_code == 401
    assert Installation.objects.get().is_active


def test_news_that_says_nothing_becomes_a_fault(saleor, installation, caplog):
    caplog.set_level(logging.CRITICAL, logger="saleor_automation.saleor_app.webhooks")
    body = json.loads(news("app_status_changed"))
    del body["app"]["isActive"]
    assert send(saleor, "app_status_changed", json.dumps(body).encode()) == (202, "stored")
    raw = RawEvent.objects.get()
    raw_events_process(ids=[raw.pk], now=NOW)
    raw.refresh_from_db()
    assert raw.state == RawEvent.State.FAULT
    assert Installation.objects.get().is_active


def test_installing_again_works_and_the_removal_told_late_does_not_touch_it(saleor, installation):
    send(saleor, "app_deleted", news("app_deleted"))
    saleor.tokens = {"second": OTHER}

    again = installation_register(api_url=saleor.url, token="second")

    assert (again.pk, again.app_id, again.token) == (installation.pk, OTHER, "second")
    assert (again.is_active, again.inactive_reason) == (True, "")
    late = news("app_deleted", seconds=60)
    assert send(saleor, "app_deleted", late) == (202, "known")
    assert Installation.objects.get().token == "second"


def test_what_was_made_for_the_app_before_is_taken_while_saleor_still_tries(saleor, installation):
    """Saleor 3.21 goes on delivering for an app that was removed."""
    saleor.tokens = {"second": OTHER}
    installation_register(api_url=saleor.url, token="second")

    assert send(saleor, "order_updated", order(APP))[0] == 202
    assert send(saleor, "order_updated", order(OTHER))[0] == 202
    with mock.patch.object(clock, "wall", return_value=NOW + RETRY_WINDOW):
        assert send(saleor, "order_updated", order(APP, version="late"))[0] == 403
    assert Refusal.objects.get().reason == "recipient"


def test_another_process_that_still_knows_the_app_before_reads_again_before_it_refuses(
    saleor, installation
):
    """403 is final: an event made for the app just installed would be lost."""
    assert installation_current().app_id == APP  # kept in this process
    Installation.objects.update(app_id=OTHER)
    assert send(saleor, "order_updated", order(OTHER))[0] == 202


def test_another_process_that_still_knows_a_removed_app_asks_to_come_again(saleor, installation):
    assert installation_current().app_id == APP
    Installation.objects.update(token="", app_id=APP)
    assert send(saleor, "order_updated", order(OTHER))[0] == 503


def test_of_two_registrations_at_once_the_one_still_valid_wins(saleor, installation):
    """The first proved its token, then the app was removed and installed again."""
    saleor.tokens = {"slow": "QXBwOjM=", "second": OTHER}
    real = IntermediateInstall(saleor)
    with (
        mock.patch("saleor_automation.saleor_app.register.jwks_fetch", real),
        pytest.raises(SaleorAPIError, match="did not recognise"),
    ):
        installation_register(api_url=saleor.url, token="slow")
    assert Installation.objects.get().token == "second"


class IntermediateInstall:
    """Installs the app again between the proof of a token and its keeping."""

    def __init__(self, saleor):
        self.saleor, self.done = saleor, False

    def __call__(self, api_url):
        if not self.done:
            self.done = True
            del self.saleor.tokens["slow"]
            installation_register(api_url=api_url, token="second")
        return self.saleor.jwks()


def test_two_first_registrations_at_once_leave_one_row(saleor):
    saleor.tokens = {"slow": APP, "second": OTHER}
    with (
        mock.patch("saleor_automation.saleor_app.register.jwks_fetch", IntermediateInstall(saleor)),
        pytest.raises(SaleorAPIError, match="did not recognise"),
    ):
        installation_register(api_url=saleor.url, token="slow")
    assert Installation.objects.get().token == "second"


@pytest.mark.parametrize("version", ["3.21.69", "3.22.67"])
def test_before_3_23_a_refused_query_makes_us_ask_and_notice(saleor, installation, version):
    saleor.version, saleor.is_on = version, False
    with pytest.raises(SaleorInstallationError, match="does not know our app"):
        graphql(query="{ orders(first: 1) { totalCount } }")
    assert Installation.objects.get().doubted_at == NOW

    upkeep_run()

    row = Installation.objects.get()
    assert (row.is_active, row.inactive_reason, row.token) == (False, "unknown", "good-token")
    assert "install it again" in inactive_words(row)


def test_an_app_switched_on_again_is_noticed_without_being_told(saleor, installation):
    saleor.is_on = False
    Installation.objects.update(doubted_at=NOW)
    upkeep_run()
    assert not Installation.objects.get().is_active
    saleor.is_on = True

    upkeep_run()

    row = Installation.objects.get()
    assert (row.is_active, row.inactive_reason, row.doubted_at) == (True, "", None)


def test_a_refused_query_of_an_app_that_is_known_leaves_it_active(saleor, installation):
    Installation.objects.update(doubted_at=NOW)
    upkeep_run()
    row = Installation.objects.get()
    assert (row.is_active, row.doubted_at) == (True, None)


def test_a_saleor_that_does_not_answer_is_no_removal(saleor, installation):
    Installation.objects.update(doubted_at=NOW)
    with (
        mock.patch(
            "saleor_automation.saleor_app.lifecycle.graphql_call",
            side_effect=SaleorAPIError("away"),
        ),
        pytest.raises(SaleorAPIError),
    ):
        upkeep_run()
    assert Installation.objects.get().is_active


def test_an_answer_that_comes_after_a_new_installation_does_not_spoil_it(saleor, installation):
    from saleor_automation.saleor_app.lifecycle import AppState, state_keep

    saleor.tokens = {"second": OTHER}
    installation_register(api_url=saleor.url, token="second")

    state_keep(installation=installation, state=AppState(is_known=False))

    assert Installation.objects.get().is_active


def test_an_answer_older_than_the_news_does_not_undo_them(saleor, installation):
    """Saleor was asked, then the app was switched off, then the answer is written down."""
    from saleor_automation.saleor_app.lifecycle import AppState, state_keep

    send(saleor, "app_status_changed", news("app_status_changed"))

    state_keep(installation=installation, state=AppState(is_known=True))

    row = Installation.objects.get()
    assert (row.is_active, row.inactive_reason) == (False, "switched_off")
    assert row.doubted_at is not None, "it is asked again soon"


def test_events_saleor_could_not_fill_in_are_stored_and_counted(saleor, installation):
    body = order(errors=[{"message": "needs MANAGE_USERS"}], order={"id": "T3JkZXI6MQ=="})
    assert send(saleor, "order_updated", body) == (202, "stored")
    assert Refusal.objects.get().reason == "incomplete"
    assert saleor.questions == 2  # the installation's own; none in the webhook
