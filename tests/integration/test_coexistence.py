"""Service mails that something else in the shop sends too: nobody gets them twice by default."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core import mail

from saleor_automation import clock
from saleor_automation.contract.plugin_report import APP, PLUGIN, OtherSender, PluginReport
from saleor_automation.delivery import reasons
from saleor_automation.delivery.coexistence import (
    SAME_AS,
    coexistence_holds,
    conflicts_find,
    decision_keep,
    senders_of,
    undecided,
)
from saleor_automation.delivery.models import Message, SenderDecision
from saleor_automation.exceptions import UsageError
from saleor_automation.saleor_app.installations import installation_current, installation_forget
from saleor_automation.saleor_app.models import Installation
from saleor_automation.saleor_app.plugin_reports import plugin_report_keep
from saleor_automation.sequences.models import Enrollment
from tests.engine import mails, sending_open, sequence_make, settle

USER_EMAIL = OtherSender(
    PLUGIN, "mirumee.notifications.user_email", "User emails", ("order_confirmation",)
)
SMTP = OtherSender(APP, "saleor.app.smtp", "SMTP", ("ORDER_CREATED", "NOTIFY_USER"))


@pytest.fixture
def shop(play):
    """An installed shop whose plugin reports."""
    installation_forget()
    Installation.objects.create(
        api_url="http://localhost:8000/graphql/",
        app_id="QXBwOjE=",
        token="t",
        installed_at=clock.now(),
    )
    sending_open()
    yield play
    installation_forget()


def reported(*senders, at=None):
    installation = Installation.objects.get()
    report = PluginReport(
        issued_at=at or clock.now(),
        recipient_id="QXBwOjE=",
        version="0.1.0",
        saleor_version="3.23.28",
        capture=True,
        webhooks_active=True,
        other_senders=senders,
    )
    assert plugin_report_keep(installation=installation, report=report)
    return report


def confirmation(purpose="transactional", trigger="ordered"):
    return sequence_make("confirmation", trigger, [0], purpose=purpose)


def buys(play):
    aina = play.shopper("aina")
    play.basket(aina, "one")
    return play.buy("one")


def test_a_service_mail_somebody_else_sends_is_held_and_says_by_whom(shop):
    key = confirmation()
    reported(USER_EMAIL)
    buys(shop)
    settle()
    message = Message.objects.get()
    assert (message.state, message.reason) == ("planned", reasons.ALSO_SENT)
    assert message.detail == "User emails"
    assert "something else in the shop" in reasons.words(message.reason)
    assert mail.outbox == []
    assert conflicts_find()[key].is_open


def test_once_it_is_switched_off_in_saleor_the_held_mail_leaves(shop):
    confirmation()
    reported(USER_EMAIL)
    buys(shop)
    settle()
    shop.clock.forward(minutes=6)
    reported()
    settle()
    assert mails()[0][2] == "accepted"


def test_marketing_about_the_same_is_no_second_mail(shop):
    confirmation(purpose="marketing")
    reported(USER_EMAIL, SMTP)
    buys(shop)
    settle()
    assert mails()[0][2] == "accepted"
    assert conflicts_find() == {}


def test_a_service_mail_nobody_else_sends_leaves(shop):
    confirmation(trigger="ordered")
    reported(OtherSender(PLUGIN, "x", "X", ("order_canceled",)))
    buys(shop)
    settle()
    assert mails()[0][2] == "accepted"


def test_without_the_plugin_nothing_is_held(shop):
    confirmation()
    buys(shop)
    settle()
    assert mails()[0][2] == "accepted"


def decide(key, choice):
    decision_keep(sequence=key, choice=choice, decided_by="aisyah", now=clock.now())


def test_both_when_a_person_wants_both(shop):
    key = confirmation()
    reported(USER_EMAIL)
    decide(key, "both")
    buys(shop)
    settle()
    assert mails()[0][2] == "accepted"
    decision = SenderDecision.objects.get()
    assert (decision.decided_by, decision.senders) == ("aisyah", [USER_EMAIL.id])
    shop.clock.forward(hours=1)
    reported(USER_EMAIL)
    assert not conflicts_find()[key].is_open


def test_another_sender_that_appears_is_not_decided_about(shop):
    key = confirmation()
    reported(USER_EMAIL)
    decide(key, "both")
    shop.clock.forward(hours=1)
    reported(USER_EMAIL, SMTP)
    conflict = conflicts_find()[key]
    assert conflict.is_open
    assert conflict.names == "SMTP"
    buys(shop)
    settle()
    assert mails()[0][3] == "also_sent"


def test_switched_off_is_believed_until_the_plugin_says_otherwise(shop):
    key = confirmation()
    reported(USER_EMAIL)
    decide(key, "theirs_off")
    buys(shop)
    settle()
    assert mails()[0][2] == "accepted"

    shop.clock.forward(hours=1)
    reported(USER_EMAIL)

    conflict = conflicts_find()[key]
    assert conflict.is_open
    assert conflict.is_contradicted


@pytest.mark.parametrize("choice", ["", "perhaps"])
def test_only_a_real_decision_is_kept(shop, choice):
    key = confirmation()
    reported(USER_EMAIL)
    with pytest.raises(UsageError, match="theirs_off"):
        decide(key, choice)


def test_nothing_is_decided_about_what_nobody_else_sends(shop):
    key = confirmation()
    reported()
    with pytest.raises(UsageError, match="Nobody else"):
        decide(key, "both")


def test_what_a_person_entered_for_counts_not_what_the_sequence_is_now(shop):
    """The mail of an older version is the same mail to the customer."""
    key = confirmation()
    reported(USER_EMAIL)
    buys(shop)
    sequence_make_again(key)
    settle()
    assert mails()[0][3] == "also_sent"


def sequence_make_again(key):
    from saleor_automation.sequences.models import SequenceVersion
    from saleor_automation.sequences.services import sequence_publish

    graph = SequenceVersion.objects.get(sequence=key, is_current=True).graph
    graph = {**graph, "trigger": {"kind": "cancelled", "quiet_minutes": 0}}
    sequence_publish(sequence=key, name="confirmation", graph=graph, now=clock.now())


@pytest.mark.parametrize(
    ("trigger", "event"),
    [
        ("ordered", "order_confirmation"),
        ("ordered", "ORDER_CREATED"),
        ("paid", "order_payment_confirmation"),
        ("shipped", "order_fulfillment_confirmation"),
        ("shipped", "fulfillment_confirmation"),
        ("cancelled", "order_canceled"),
        ("joined", "account_confirmation"),
        ("refunded", "order_refund_confirmation"),
    ],
)
def test_their_events_and_our_triggers(shop, trigger, event):
    report = reported(OtherSender(APP, "a", "A", (event,)))
    assert senders_of(report, trigger)
    others = set(SAME_AS) - {trigger, "fulfilled"}
    assert not any(senders_of(report, other) for other in others)


@pytest.mark.parametrize("event", ["account_password_reset", "staff_order_confirmation", "x"])
def test_their_other_events_concern_nobody(shop, event):
    report = reported(OtherSender(APP, "a", "A", (event,)))
    assert not any(senders_of(report, trigger) for trigger in SAME_AS)
    assert not senders_of(report, "basket_changed")


def test_undecided_is_a_matter_of_whom_and_when(shop):
    at = clock.now()
    both = SenderDecision(choice="both", senders=["a"], decided_at=at)
    off = SenderDecision(choice="theirs_off", senders=["a"], decided_at=at)
    a, b = OtherSender(APP, "a", "A"), OtherSender(APP, "b", "B")
    assert undecided([a, b], None, at) == (a, b)
    assert undecided([a, b], both, at + timedelta(days=99)) == (b,)
    assert undecided([a, b], off, at) == (b,)
    assert undecided([a, b], off, at + timedelta(seconds=1)) == (a, b)


def test_a_batch_costs_no_query_when_nobody_else_sends(shop, django_assert_num_queries):
    key = confirmation()
    reported()
    buys(shop)
    message = Message(
        purpose="transactional", source="step", sequence=key, enrollment=Enrollment.objects.get()
    )
    installation_current()
    with django_assert_num_queries(0):
        assert coexistence_holds(messages=[message], now=clock.now()) == {}
