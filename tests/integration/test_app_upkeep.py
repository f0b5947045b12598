"""The app looks after itself in Saleor: permissions, webhooks after a release, problems."""

from __future__ import annotations

import io
import logging
from datetime import timedelta
from unittest import mock

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from saleor_automation import clock
from saleor_automation.exceptions import SaleorAPIError
from saleor_automation.saleor_app import own_webhooks, problems, upkeep
from saleor_automation.saleor_app.installations import installation_forget
from saleor_automation.saleor_app.models import Installation
from saleor_automation.saleor_app.problems import Problem, problems_tell
from saleor_automation.saleor_app.register import installation_register
from saleor_automation.saleor_app.upkeep import upkeep_chore, upkeep_run
from tests.appsaleor import AppSaleor

pytestmark = pytest.mark.django_db
VERSIONS = ["3.21.69", "3.22.67", "3.23.28", "3.24.0-a.0"]


@pytest.fixture(scope="module")
def shared_saleor():
    saleor = AppSaleor()
    yield saleor
    saleor.close()


@pytest.fixture
def saleor(shared_saleor, settings, request):
    shared_saleor.reset(getattr(request, "param", "3.23.28"))
    settings.SALEOR_AUTOMATION = {
        **settings.SALEOR_AUTOMATION,
        "saleor_api_url": shared_saleor.url,
    }
    installation_forget()
    logger = logging.getLogger("saleor_automation.saleor_app")
    logger.setLevel(logging.CRITICAL)
    installation_register(api_url=shared_saleor.url, token="good-token")
    shared_saleor.install_webhooks()
    shared_saleor.questions = 0
    yield shared_saleor
    logger.setLevel(logging.NOTSET)
    installation_forget()


@pytest.fixture
def later():
    """Move real time on."""
    moved = {"by": timedelta()}
    with mock.patch.object(clock, "wall", side_effect=lambda: timezone.now() + moved["by"]):
        yield lambda **by: moved.update(by=moved["by"] + timedelta(**by))


@pytest.mark.parametrize("saleor", VERSIONS, indirect=True)
def test_right_after_the_installation_nothing_is_to_be_mended(saleor):
    done = upkeep_run()
    assert done.plan is not None
    assert done.plan.size == 0
    assert saleor.requests == []
    row = Installation.objects.get()
    assert (row.webhooks["active"], row.webhooks["inactive"]) == (len(saleor.webhooks), 0)


def test_most_looks_ask_saleor_nothing(saleor, later):
    upkeep_run()
    saleor.questions = 0
    for _ in range(3):
        upkeep_run()
        later(minutes=5)
    assert saleor.questions == 0


def test_the_state_is_asked_hourly_and_the_webhooks_daily(saleor, later):
    upkeep_run()
    saleor.questions = 0
    later(minutes=61)
    assert upkeep_run().plan is None
    assert saleor.questions == 2  # app, shop
    later(hours=24)
    assert upkeep_run().plan is not None


@pytest.mark.parametrize("saleor", VERSIONS, indirect=True)
def test_a_release_with_other_documents_changes_the_webhooks_at_once(saleor, monkeypatch):
    upkeep_run()
    new = saleor.webhook("ORDER_PAID")["query"]
    saleor.webhook("ORDER_PAID")["query"] = "subscription { event { issuedAt } }"
    Installation.objects.update(webhooks={"digest": "of the release before"})

    plan = upkeep_run().plan

    assert plan is not None
    assert [values for _pk, values in plan.update] == [{"query": new}]
    assert saleor.webhook("ORDER_PAID")["query"] == new
    assert saleor.requests == [["update"]]


def test_a_new_public_address_is_brought_to_saleor(saleor, settings):
    upkeep_run()
    settings.SALEOR_AUTOMATION = {**settings.SALEOR_AUTOMATION, "public_url": "https://new.example"}

    upkeep_run()

    assert {w["targetUrl"] for w in saleor.webhooks} == {"https://new.example/saleor/webhooks/"}
    assert max(map(len, saleor.requests)) <= 4


def test_after_an_update_of_saleor_its_new_events_are_subscribed_to(saleor, later):
    saleor.reset("3.22.67")
    saleor.install_webhooks()
    Installation.objects.update(saleor_version="3.22.67")
    upkeep_run(now=True)
    saleor.version = "3.23.28"
    later(hours=2)

    upkeep_run()

    assert Installation.objects.get().saleor_version == "3.23.28"
    assert saleor.webhook("CUSTOMER_DELETED")["identifier"] == "customer_deleted"
    assert saleor.webhook("ORDER_PAID")["identifier"] == "order_paid"
    assert len(saleor.webhooks) == len({tuple(w["asyncEvents"]) for w in saleor.webhooks})


def test_in_plugin_only_new_webhooks_are_made_switched_off(saleor):
    for webhook in saleor.webhooks:
        webhook["isActive"] = False
    saleor.webhooks.pop()

    upkeep_run()

    assert {w["isActive"] for w in saleor.webhooks} == {False}
    assert Installation.objects.get().webhooks["active"] == 0


def test_an_upgrade_cut_short_goes_on_the_next_time(saleor, settings, later):
    saleor.webhooks.clear()
    real, calls = own_webhooks.graphql_call, []

    def fails_third(**kwargs):
        calls.append(kwargs)
        if len(calls) == 4:
            raise SaleorAPIError("Saleor cannot be reached.")
        return real(**kwargs)

    with (
        mock.patch.object(own_webhooks, "graphql_call", fails_third),
        pytest.raises(SaleorAPIError),
    ):
        upkeep_run()
    assert len(saleor.webhooks) == 8
    assert "cannot be reached" in Installation.objects.get().webhooks["error"]
    assert upkeep_run().plan is None  # not at once
    later(minutes=61)

    upkeep_run()

    assert len(saleor.webhooks) == len(own_webhooks.wanted((3, 23)))
    assert Installation.objects.get().webhooks["error"] == ""


def test_what_saleor_refuses_is_said_in_its_words(saleor):
    saleor.webhooks.pop()
    saleor.refuse = [{"field": "query", "message": "Cannot query field x."}]
    with pytest.raises(SaleorAPIError, match=r"query: Cannot query field x\."):
        upkeep_run()


def test_trouble_in_the_chore_is_logged_and_nothing_more(saleor, caplog):
    logging.getLogger("saleor_automation.saleor_app").setLevel(logging.WARNING)
    with mock.patch.object(upkeep, "state_ask", side_effect=SaleorAPIError("Saleor is away.")):
        Installation.objects.update(asked_at=None)
        upkeep_chore()
    assert "Saleor is away" in caplog.text


def test_webhooks_are_left_alone_when_saleors_version_is_not_known(saleor):
    """Taken for the oldest, a new Saleor would lose the webhooks the oldest does not know."""
    Installation.objects.update(saleor_version="")
    with mock.patch(
        "saleor_automation.saleor_app.lifecycle._shop", return_value={"name": "", "version": ""}
    ):
        assert upkeep_run(now=True).plan is None
    assert saleor.requests == []


def test_missing_permissions_are_noticed_and_kept(saleor):
    saleor.permissions = ["MANAGE_USERS"]
    assert upkeep_run(now=True).missing == ["MANAGE_ORDERS", "MANAGE_CHECKOUTS"]
    assert Installation.objects.get().permissions == ["MANAGE_USERS"]


def test_without_an_installation_nothing_is_asked(saleor):
    Installation.objects.all().delete()
    installation_forget()
    assert upkeep_run(now=True).state is None
    assert problems_tell([Problem("a.b", "Something is wrong.")]) == 0
    assert saleor.questions == 0


def run_command():
    out = io.StringIO()
    call_command("saleor_app", stdout=out)
    return out.getvalue()


def test_the_command_mends_and_says_what_it_did(saleor):
    saleor.webhooks.pop()
    assert "Webhooks: 1 created, 0 changed, 0 deleted" in run_command()
    assert "0 created, 0 changed, 0 deleted" in run_command()


def test_the_command_says_which_permissions_are_missing(saleor):
    saleor.permissions.remove("MANAGE_ORDERS")
    with pytest.raises(CommandError, match="MANAGE_ORDERS"):
        run_command()


def test_the_command_says_when_saleor_knows_the_app_no_more(saleor):
    saleor.is_on = False
    with pytest.raises(CommandError, match="install it again"):
        run_command()


BROKEN = Problem("connection.webhooks", "The webhooks are off.")
WORSE = Problem("sending", "Mail does not leave.", is_critical=True)


def test_a_problem_is_told_once_and_taken_back(saleor):
    assert problems_tell([BROKEN, WORSE]) == 2
    assert problems_tell([BROKEN, WORSE]) == 0
    assert [p["key"] for p in saleor.problems] == ["connection.webhooks", "sending"]
    assert "criticalThreshold" not in saleor.problems[0]
    assert saleor.problems[1]["criticalThreshold"] == 1

    assert problems_tell([WORSE]) == 1
    assert saleor.dismissed == ["connection.webhooks"]
    assert problems_tell([]) == 1
    assert problems_tell([]) == 0
    assert Installation.objects.get().problems == {}


def test_other_words_for_a_problem_are_told_again_but_not_all_the_time(saleor, later):
    problems_tell([BROKEN])
    other = Problem(BROKEN.key, "Two webhooks are off.")
    assert problems_tell([other]) == 0
    later(hours=7)
    assert problems_tell([other]) == 1
    assert saleor.problems[-1]["message"] == "Two webhooks are off."


def test_many_problems_never_make_more_mutations_than_saleor_takes(saleor):
    problems_tell([Problem(f"old.{n}", "Wrong.") for n in range(3)])
    many = [Problem(f"key.{n}", "Something is wrong.") for n in range(7)]
    told = [problems_tell(many) for _ in range(4)]
    assert told == [6, 3, 1, 0]
    assert max(map(len, saleor.requests)) == 4


@pytest.mark.parametrize("saleor", ["3.21.69"], indirect=True)
def test_a_saleor_without_problems_is_told_none(saleor):
    assert problems_tell([BROKEN]) == 0
    assert saleor.questions == 0


def test_a_problem_saleor_refuses_is_not_called_told(saleor):
    saleor.refuse = [{"field": "key", "message": "Too short."}]
    with pytest.raises(SaleorAPIError, match="Too short"):
        problems_tell([BROKEN])
    assert Installation.objects.get().problems == {}


def test_messages_and_keys_fit_saleor(saleor):
    problems_tell([Problem("sending", "x" * 5000)])
    assert len(saleor.problems[0]["message"]) <= problems.MAX_MESSAGE
    assert 3 <= len(saleor.problems[0]["key"]) <= 128
