"""The page "Saleor", and what editors are told of others who mail the same."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from unittest import mock

import pytest
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse

from saleor_automation import clock
from saleor_automation.contract.plugin_report import (
    PLUGIN,
    OtherSender,
    OutboxState,
    PluginReport,
)
from saleor_automation.delivery.models import SenderDecision
from saleor_automation.exceptions import SaleorAPIError
from saleor_automation.inbox.models import RawEvent
from saleor_automation.saleor_app.installations import installation_forget, refusal_count
from saleor_automation.saleor_app.lifecycle import AppState
from saleor_automation.saleor_app.models import Installation
from saleor_automation.saleor_app.own_webhooks import Plan
from saleor_automation.saleor_app.plugin_reports import plugin_report_keep
from saleor_automation.saleor_app.upkeep import Upkeep
from saleor_automation.sequences.models import SequenceSwitch
from saleor_automation.studio.problems import problems_chore, problems_find, queue_stopped_tell
from saleor_automation.studio.sequences import Sequence

from .helpers import fault, user_with, waiting_sequence

pytestmark = pytest.mark.django_db
PAGE = "automation_saleor:index"
SERVICE = {"purpose": "transactional", "trigger": "ordered"}
USER_EMAIL = OtherSender(PLUGIN, "user_email", "User emails", ("order_confirmation",))


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    installation_forget()
    yield
    installation_forget()


@pytest.fixture
def installation() -> Installation:
    return Installation.objects.create(
        api_url="https://shop.example/graphql/",
        app_id="QXBwOjE=",
        token="t",
        shop_name="Kedai Kopi",
        saleor_version="3.23.28",
        permissions=["MANAGE_CHECKOUTS", "MANAGE_ORDERS", "MANAGE_USERS"],
        asked_at=clock.wall(),
        webhooks={"active": 26, "inactive": 0},
        installed_at=clock.now(),
    )


def report(*senders: OtherSender, **changes: Any) -> None:
    said = PluginReport(
        **{
            "issued_at": clock.wall(),
            "recipient_id": "QXBwOjE=",
            "version": "0.1.0",
            "saleor_version": "3.23.28",
            "capture": True,
            "webhooks_active": True,
            "other_senders": senders,
            **changes,
        }
    )
    plugin_report_keep(installation=Installation.objects.get(), report=said)


def text_of(client: Client, address: str) -> str:
    return " ".join(client.get(address).content.decode().split())


def page(client: Client) -> str:
    return text_of(client, reverse(PAGE))


def test_before_the_installation_the_page_says_where_to_install(admin_client: Client) -> None:
    assert "https://studio.example/saleor/manifest" in page(admin_client)


def test_a_sound_connection(admin_client: Client, installation: Installation) -> None:
    shown = page(admin_client)
    assert "The shop and the Studio are connected." in shown
    assert "Kedai Kopi" in shown
    assert "installed and active" in shown
    for code in ("MANAGE_USERS", "MANAGE_ORDERS", "MANAGE_CHECKOUTS"):
        assert code in shown
    assert "who bought, what was shipped" in shown
    assert "Extensions, Installed" in shown, "where to look without the plugin"


def test_the_token_is_never_shown(admin_client: Client, installation: Installation) -> None:
    Installation.objects.update(token="very-secret-token")
    assert "very-secret-token" not in page(admin_client)


def _removed() -> None:
    Installation.objects.update(token="", is_active=False, inactive_reason="removed")


def _old_outbox() -> None:
    report(outbox=OutboxState(pending=3, oldest_age_seconds=3600, last_error="refused"))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (_removed, "was removed from Saleor"),
        (
            lambda: Installation.objects.update(is_active=False, inactive_reason="switched_off"),
            "switched off in Saleor",
        ),
        (
            lambda: Installation.objects.update(is_active=False, inactive_reason="unknown"),
            "does not know the app any more",
        ),
        (lambda: Installation.objects.update(permissions=["MANAGE_USERS"]), "MANAGE_ORDERS"),
        (
            lambda: Installation.objects.update(webhooks={"error": "Cannot query x"}),
            "Cannot query x.",
        ),
        (lambda: Installation.objects.update(webhooks={"inactive": 2}), "2 of the app"),
        (
            lambda: refusal_count(reason="incomplete", now=clock.now()),
            "could not fill in some of the events",
        ),
        (
            lambda: report(issued_at=clock.wall() - timedelta(hours=4)),
            "reported for the last time",
        ),
        (_old_outbox, "Events wait inside Saleor"),
        (lambda: report(outbox=OutboxState(dropped=1)), "gave up events"),
    ],
)
def test_trouble_is_shown_everywhere_in_the_same_words(
    admin_client: Client, installation: Installation, change: Any, says: str
) -> None:
    change()
    assert says in page(admin_client)
    assert says in text_of(admin_client, reverse("wagtailadmin_home"))
    assert [says in problem.message for problem in problems_find()].count(True) == 1


def test_in_plugin_only_webhooks_that_are_off_are_no_trouble(
    admin_client: Client, installation: Installation
) -> None:
    Installation.objects.update(webhooks={"active": 0, "inactive": 26})
    report(webhooks_active=False)
    assert "The shop and the Studio are connected." in page(admin_client)


def test_events_given_up_long_ago_are_not_mentioned(
    admin_client: Client, installation: Installation
) -> None:
    report(outbox=OutboxState(dropped=1), issued_at=clock.wall() - timedelta(days=8))
    report(outbox=OutboxState(dropped=1))
    assert "gave up events" not in page(admin_client)


def post(client: Client, **returns: Any) -> list[str]:
    with mock.patch("saleor_automation.studio.saleor.upkeep_run", **returns) as run:
        answer = client.post(reverse(PAGE))
    assert answer.status_code == 302
    run.assert_called_once_with(now=True)
    return [str(message) for message in get_messages(answer.wsgi_request)]


KNOWN = AppState(is_known=True)
MENDED = Upkeep(KNOWN, Plan(create=({},), update=(("W1", {}),), delete=("W2",)))


@pytest.mark.parametrize(
    ("returns", "says"),
    [
        ({"return_value": MENDED}, "1 new, 1 changed, 1 removed"),
        ({"return_value": Upkeep(KNOWN, Plan())}, "webhooks are up to date"),
        ({"return_value": Upkeep(AppState(is_known=False))}, "does not know the app"),
        ({"side_effect": SaleorAPIError("Saleor is away.")}, "Saleor is away."),
    ],
)
def test_the_button_asks_saleor_and_says_what_was_mended(
    admin_client: Client, installation: Installation, returns: Any, says: str
) -> None:
    Installation.objects.update(is_active=False, inactive_reason="unknown")
    [words] = post(admin_client, **returns)
    assert says in words


def test_looking_changes_nothing(admin_client: Client, installation: Installation) -> None:
    with mock.patch("saleor_automation.saleor_app.lifecycle.graphql_call") as call:
        page(admin_client)
    call.assert_not_called()


def test_who_may_not_change_sending_sees_nothing(client: Client) -> None:
    client.force_login(user_with("reader", "view_message"))
    assert client.get(reverse(PAGE)).status_code == 302


def switch_url(sequence: Sequence) -> str:
    name = Sequence.snippet_viewset.get_url_name("switch")
    return reverse(name, args=[sequence.pk, "on"])


def state_of(sequence: Sequence) -> str:
    return str(SequenceSwitch.objects.get(sequence=sequence.key).state)


def test_a_service_sequence_others_send_too_is_not_turned_on_without_a_decision(
    admin_client: Client, installation: Installation
) -> None:
    sequence = waiting_sequence(**SERVICE)
    report(USER_EMAIL)
    shown = text_of(admin_client, switch_url(sequence))
    assert "What about User emails?" in shown
    assert "Switch it off in Saleor before you turn the sequence on." in shown

    answer = admin_client.post(switch_url(sequence))

    assert answer.status_code == 200
    assert "Decide first" in answer.content.decode()
    assert state_of(sequence) == "off"
    assert not SenderDecision.objects.exists()


@pytest.mark.parametrize("choice", ["theirs_off", "both"])
def test_with_a_decision_it_is_turned_on_and_the_decision_kept(
    admin_client: Client, installation: Installation, choice: str
) -> None:
    sequence = waiting_sequence(**SERVICE)
    report(USER_EMAIL)

    assert admin_client.post(switch_url(sequence), {"choice": choice}).status_code == 302

    assert state_of(sequence) == "on"
    decision = SenderDecision.objects.get()
    assert (decision.sequence, decision.choice) == (sequence.key, choice)
    assert (decision.decided_by, decision.senders) == ("admin", ["user_email"])
    assert "Last decided by admin" in text_of(admin_client, switch_url(sequence))


def test_a_choice_that_is_none_turns_nothing_on(
    admin_client: Client, installation: Installation
) -> None:
    sequence = waiting_sequence(**SERVICE)
    report(USER_EMAIL)
    admin_client.post(switch_url(sequence), {"choice": "whatever"})
    assert state_of(sequence) == "off"


@pytest.mark.parametrize("changes", [{"purpose": "marketing", "trigger": "ordered"}, {}])
def test_a_marketing_sequence_asks_nothing(
    admin_client: Client, installation: Installation, changes: dict[str, str]
) -> None:
    sequence = waiting_sequence(**changes)
    report(USER_EMAIL)
    assert "What about" not in text_of(admin_client, switch_url(sequence))
    admin_client.post(switch_url(sequence))
    assert state_of(sequence) == "on"


def test_without_the_plugin_the_switch_says_where_to_look(
    admin_client: Client, installation: Installation
) -> None:
    sequence = waiting_sequence(**SERVICE)
    assert "Extensions, Installed" in text_of(admin_client, switch_url(sequence))
    admin_client.post(switch_url(sequence))
    assert state_of(sequence) == "on"


def test_one_that_runs_when_another_sender_appears_is_shown_as_held(
    admin_client: Client, installation: Installation
) -> None:
    sequence = waiting_sequence(**SERVICE)
    admin_client.post(switch_url(sequence))
    report(USER_EMAIL)
    home = text_of(admin_client, reverse("wagtailadmin_home"))
    assert "is held: User emails sends the same mail" in home
    edit = reverse(Sequence.snippet_viewset.get_url_name("edit"), args=[sequence.pk])
    assert "Decide: others send this too" in text_of(admin_client, edit)
    assert [problem.key for problem in problems_find()][-1] == f"others.{sequence.key}"
    admin_client.post(switch_url(sequence), {"choice": "both"})
    assert "Customers get two mails, as was decided." in text_of(
        admin_client, reverse("wagtailadmin_home")
    )
    assert not any(problem.key.startswith("others.") for problem in problems_find())


def test_publishing_a_service_sequence_warns(
    admin_client: Client, installation: Installation
) -> None:
    from .test_sequence_admin import form, url

    report(USER_EMAIL)
    steps = form([("wait", {"amount": "3", "unit": "hours"})], **SERVICE)
    answer = admin_client.post(url("add"), {**steps, "action-publish": "1"})
    words = [str(message) for message in get_messages(answer.wsgi_request)]
    assert any("User emails sends the same mail" in said for said in words)


def test_a_draft_warns_of_nothing(admin_client: Client, installation: Installation) -> None:
    from .test_sequence_admin import form, url

    report(USER_EMAIL)
    steps = form([("wait", {"amount": "3", "unit": "hours"})], **SERVICE)
    answer = admin_client.post(url("add"), steps)
    words = [str(message) for message in get_messages(answer.wsgi_request)]
    assert not any("User emails" in said for said in words)


def test_a_studio_in_which_nothing_runs_complains_of_nothing(installation: Installation) -> None:
    assert problems_find() == []


def test_a_running_shop_is_told_why_no_mail_leaves(installation: Installation) -> None:
    sequence = waiting_sequence()
    SequenceSwitch.objects.update_or_create(
        sequence=sequence.key, defaults={"state": "on", "changed_at": clock.now()}
    )
    [problem] = problems_find()
    assert (problem.key, problem.is_critical) == ("sending", True)
    assert "No sender is chosen" in problem.message


def test_what_was_not_understood_is_told_with_where_to_look(installation: Installation) -> None:
    fault()
    [problem] = problems_find()
    assert "https://studio.example/studio/automation/not-understood/" in problem.message
    RawEvent.objects.update(state=RawEvent.State.DONE)
    assert problems_find() == []


def test_trouble_with_telling_is_no_trouble_for_the_worker(
    installation: Installation, caplog: pytest.LogCaptureFixture
) -> None:
    away = mock.patch(
        "saleor_automation.studio.problems.problems_tell", side_effect=SaleorAPIError("away")
    )
    with away:
        problems_chore()
        queue_stopped_tell()
    assert caplog.text.count("away") == 2


def test_a_queue_that_stands_still_is_told_beside_all_else(installation: Installation) -> None:
    fault()
    with mock.patch("saleor_automation.studio.problems.problems_tell") as tell:
        queue_stopped_tell()
    [problems] = tell.call_args.args
    assert [problem.key for problem in problems] == ["queue", "faults"]
