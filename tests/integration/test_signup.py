"""Signing up: the form, what is done with it, and the confirmation by mail."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.test import Client

from saleor_automation import clock
from saleor_automation.conf import conf
from saleor_automation.delivery.confirming import confirm_address, confirm_read
from saleor_automation.delivery.models import Message, SendingControl
from saleor_automation.delivery.signup import stamp_make
from saleor_automation.emails.models import EmailVersion
from saleor_automation.emails.system import CONFIRMATION
from saleor_automation.inbox.models import RawEvent
from saleor_automation.inbox.services import raw_event_store, raw_events_process
from saleor_automation.people.consent import consent_states
from saleor_automation.people.models import Consent, Contact, Suppression
from saleor_automation.people.preferences.models import Topic
from saleor_automation.people.services import (
    contact_erase,
    contact_subscribed,
    contact_unsubscribe,
)
from saleor_automation.people.subscribing.models import (
    OptInRule,
    SignupCount,
    SubscriptionRequest,
)
from saleor_automation.people.subscribing.services import requests_prune, requests_work
from saleor_automation.people.subscribing.wording import wording_write
from saleor_automation.people.verification.models import Verification
from saleor_automation.shop.models import Channel
from tests.engine import Play, sending_open, sequence_make, settle
from tests.sending import planned

State = SubscriptionRequest.State
CONFIRM_BODY = "<p>Hi</p><a href='{{ subscription.confirm_url }}'>Yes</a>"


@pytest.fixture
def studio(play: Play) -> Play:
    """A Studio that may mail and has the email that asks."""
    sending_open()
    EmailVersion.objects.create(
        email_key=CONFIRMATION,
        language="en",
        number=2,
        digest="confirm",
        status=EmailVersion.Status.READY,
        is_current=True,
        title="Confirm",
        subject="Do you want our mails?",
        html=CONFIRM_BODY,
        text="{{ subscription.confirm_url }}",
        variables=["subscription.confirm_url"],
        created_at=clock.now(),
    )
    Topic.objects.create(key="news", texts={"en": {"name": "News"}})
    return play


def sign_up(
    email: str = "new@shopper.example", *, age: float = 10, ip: str = "203.0.113.5", **more: Any
) -> Any:
    stamp = stamp_make(clock.wall() - timedelta(seconds=age)) if age else ""
    values = {"email": email, "stamp": stamp, "language": "en", **more}
    headers = more.pop("headers", {})
    return Client(enforce_csrf_checks=True, headers=headers).post(
        "/subscribe/", values, REMOTE_ADDR=ip
    )


def worked() -> SubscriptionRequest:
    requests_work(now=clock.now())
    return SubscriptionRequest.objects.latest("requested_at")


def link() -> str:
    """Return the link in the newest mail."""
    body = mail.outbox[-1].alternatives[0][0]
    (url,) = re.findall(r"href='(https://studio.example/subscribe/confirm/[^']+)'", str(body))
    return str(url).removeprefix("https://studio.example")


def test_the_form_changes_nothing_when_it_is_looked_at(studio: Play) -> None:
    for ask in (Client().get, Client().head):
        assert ask("/subscribe/?channel=none&language=ms").status_code == 200
    html = Client().get("/subscribe/").content.decode()
    assert "News" in html
    assert 'name="stamp"' in html
    assert not SubscriptionRequest.objects.exists()
    assert not SignupCount.objects.exists()
    response = Client().get("/subscribe/")
    assert "X-Frame-Options" not in response, "a shop may frame it"
    assert "frame-ancestors" not in response["Content-Security-Policy"]


def test_one_step_where_no_confirmation_is_asked(studio: Play) -> None:
    assert sign_up(wording="en-0").status_code == 200
    assert not Contact.objects.exists(), "the answer does not depend on whom the shop knows"
    request = worked()
    assert (request.state, request.signals) == (State.GRANTED, [])
    contact = Contact.objects.get()
    assert (contact.email, contact.language) == ("new@shopper.example", "en")
    row = Consent.objects.get()
    assert (row.basis, row.source) == ("opt_in", "signup_form")
    assert "at any time. (en, version 0)" in row.wording
    assert contact_subscribed(contact=contact) is True
    settle()
    assert mail.outbox == []


def test_double_opt_in_end_to_end(studio: Play) -> None:
    OptInRule.objects.create(channel="", double=True)
    wording_write(language="en", text="Send me  news.", by="mei", now=clock.now())
    sign_up("New@Shopper.example", wording="en-1", topic="news")
    request = worked()
    assert request.state == State.ASKED
    contact = Contact.objects.get()
    assert contact_subscribed(contact=contact, topic="news") is None
    settle()
    (sent,) = mail.outbox
    assert sent.to == ["New@Shopper.example"]
    message = Message.objects.get()
    assert (message.source, message.purpose) == ("system", "transactional")
    url = link()
    for ask in (Client().get, Client().head):
        assert ask(url).status_code == 200
    assert "n•••" not in Client().get(url).content.decode()
    assert "N•••@Shopper.example" in Client().get(url).content.decode()
    assert not Consent.objects.exists()

    response = Client(enforce_csrf_checks=True).post(url)
    assert response.status_code == 200
    assert "You are signed up" in response.content.decode()
    row = Consent.objects.get()
    assert (row.basis, row.source, row.topic) == ("double_opt_in", "confirmation", "news")
    assert row.wording == "Send me news. (en, version 1) Confirmed by “Confirm” (en, version 2)."
    assert contact_subscribed(contact=contact, topic="news") is True
    assert Verification.objects.get().own_delivered_at is not None
    assert "already" in Client().post(url).content.decode()
    assert Consent.objects.count() == 1
    assert SubscriptionRequest.objects.get().state == State.CONFIRMED


def test_a_channel_may_have_a_rule_of_its_own(studio: Play) -> None:
    Channel.objects.create(slug="de")
    OptInRule.objects.create(channel="de", double=True)
    sign_up("a@shopper.example", channel="de")
    assert worked().state == State.ASKED
    studio.clock.forward(seconds=1)
    sign_up("b@shopper.example", channel="nowhere")
    request = worked()
    assert (request.state, request.channel) == (State.GRANTED, "")


@pytest.mark.parametrize(
    ("how", "signal"),
    [
        ({"age": 1}, "too_fast"),
        ({"age": 0}, "no_stamp"),
        ({"age": 25 * 3600}, "no_stamp"),
        ({"age": 0, "stamp": "123.forged"}, "no_stamp"),
        ({"email": "a@mailinator.com"}, "doubtful"),
        ({"email": "info@shopper.example"}, "doubtful"),
        ({"headers": {"X-Forwarded-For": "198.51.100.1"}}, "unknown_origin"),
        ({"ip": ""}, "unknown_origin"),
    ],
)
def test_any_signal_asks_for_a_confirmation(studio: Play, how: Any, signal: str) -> None:
    assert sign_up(**how).status_code == 200
    request = worked()
    assert (request.state, request.signals) == (State.ASKED, [signal])


@pytest.mark.parametrize("code", ["en-7", "en\x00-1", "xx-0", "en-99999999999", "-"])
def test_words_that_never_were_are_not_kept(studio: Play, code: str) -> None:
    assert sign_up(wording=code, topic="\x00", channel="a\x00").status_code == 200
    request = worked()
    assert (request.wording, request.topics, request.channel) == ("", [], "")


def test_what_robots_fill_in_is_not_kept(studio: Play) -> None:
    response = sign_up(website="https://spam.example")
    assert response.status_code == 200
    assert response.content == sign_up("other@shopper.example").content
    assert SubscriptionRequest.objects.count() == 1


@pytest.mark.parametrize("email", ["", "nonsense", "a@b@c", "a" * 300 + "@x.example", "\x00@x.my"])
def test_what_is_no_address_is_said_at_once(studio: Play, email: str) -> None:
    response = sign_up(email)
    assert response.status_code == 400
    assert "does not look like an e-mail address" in response.content.decode()
    assert not SubscriptionRequest.objects.exists()


def test_the_answer_is_the_same_whoever_is_known(studio: Play) -> None:
    studio.shopper("aina")
    Suppression.objects.create(address_digest="x", reason="manual", at=clock.now())
    answers = {
        sign_up(email).content
        for email in ("aina@shopper.example", "new@shopper.example", "a@mailinator.com")
    }
    assert len(answers) == 1


def test_a_stranger_cannot_take_back_somebodys_no(studio: Play) -> None:
    studio.shopper("aina")
    aina = Contact.objects.get()
    contact_unsubscribe(contact=aina, at=clock.now())
    studio.clock.forward(hours=1)
    sign_up("aina@shopper.example")
    request = worked()
    assert (request.state, request.signals) == (State.ASKED, ["said_no"])
    assert contact_subscribed(contact=aina) is False
    settle()
    studio.clock.forward(hours=1)
    Client().post(link())
    assert contact_subscribed(contact=aina) is True


def test_what_a_stranger_types_changes_nothing_about_a_person(studio: Play) -> None:
    studio.shopper("aina")
    before = Contact.objects.values().get()
    sign_up("AINA@shopper.example", language="ms", age=0)
    worked()
    assert Contact.objects.values().get() == before


def test_who_gets_it_already_is_not_asked_again(studio: Play) -> None:
    sign_up()
    worked()
    studio.clock.forward(seconds=1)
    sign_up(age=0)
    request = worked()
    assert (request.state, request.reason) == (State.CLOSED, "subscribed")
    settle()
    assert mail.outbox == []


def test_a_mailbox_is_asked_three_times_a_day_however_it_is_written(studio: Play) -> None:
    spellings = ["ken.dra@gmail.com", "k.endra@gmail.com", "kendra+x@gmail.com", "KENDRA@gmail.com"]
    for email in spellings:
        sign_up(email, age=0)
        studio.clock.forward(seconds=1)
    requests_work(now=clock.now())
    rows = list(SubscriptionRequest.objects.order_by("requested_at"))
    assert [row.state for row in rows] == ["asked"] * 3 + ["closed"]
    assert rows[3].reason == "mailbox_limit"
    assert ["respelled" in row.signals for row in rows[:3]] == [False, True, True]
    studio.clock.forward(days=1)
    sign_up("kendra@gmail.com", age=0)
    assert worked().state == State.ASKED


def test_a_burst_of_dotted_addresses(studio: Play) -> None:
    for number in range(7):
        sign_up(f"a.b.c.d{number}@gmail.com", ip=f"198.51.{number}.1")
    requests_work(now=clock.now())
    dotted = ["dotted" in row.signals for row in SubscriptionRequest.objects.order_by("address")]
    assert dotted.count(True) == 2


def test_a_host_that_sends_many_is_asked_to_wait(studio: Play) -> None:
    codes = [sign_up(f"p{number}@shopper.example").status_code for number in range(12)]
    assert codes == [200] * 10 + [429] * 2
    response = sign_up("p99@shopper.example")
    assert response["Retry-After"] == "3600"
    requests_work(now=clock.now())
    signals = [row.signals for row in SubscriptionRequest.objects.order_by("requested_at", "pk")]
    assert sum("busy_origin" in found for found in signals) == 7
    assert sign_up("other@shopper.example", ip="203.0.114.5").status_code == 200
    studio.clock.forward(hours=1)
    assert sign_up("p99@shopper.example").status_code == 200


def test_a_network_that_sends_many_is_asked_to_wait(studio: Play) -> None:
    codes = [
        sign_up(f"p{number}@shopper.example", ip=f"2001:db8:1:{number:x}::1").status_code
        for number in range(62)
    ]
    assert codes == [200] * 60 + [429] * 2


def test_behind_a_proxy_the_address_it_saw_counts(studio: Play, settings: Any) -> None:
    settings.SALEOR_AUTOMATION = {**settings.SALEOR_AUTOMATION, "proxies": 1}
    for number in range(11):
        # What the sender adds in front is not believed.
        headers = {"X-Forwarded-For": f"10.0.0.{number}, 198.51.100.7"}
        last = sign_up(f"p{number}@shopper.example", ip="127.0.0.1", headers=headers)
    assert last.status_code == 429
    other = {"X-Forwarded-For": "198.51.100.7, 203.0.113.9"}
    assert sign_up("q@shopper.example", ip="127.0.0.1", headers=other).status_code == 200


def test_counts_name_nobody(studio: Play) -> None:
    sign_up("kendra@gmail.com")
    worked()
    kept = str(list(SignupCount.objects.values()))
    assert "kendra" not in kept
    assert "203.0.113" not in kept
    studio.clock.forward(days=4)
    requests_prune(now=clock.now())
    assert not SignupCount.objects.exists()


def test_a_link_is_good_for_seven_days(studio: Play) -> None:
    sign_up(age=0)
    worked()
    settle()
    studio.clock.forward(days=7, seconds=1)
    assert Client().get(link()).status_code == 410
    response = Client().post(link())
    assert response.status_code == 410
    assert "too old" in response.content.decode()
    assert not Consent.objects.exists()


def test_links_that_are_wrong_or_whose_person_is_gone(studio: Play) -> None:
    sign_up(age=0)
    worked()
    settle()
    url = link()
    assert Client().post(url[:-3] + "xx/").status_code == 404
    assert Client().put(url).status_code == 405
    assert Client().put("/subscribe/").status_code == 405
    contact = Contact.objects.get()
    Contact.objects.update(email="moved@shopper.example")
    assert Client().post(url).status_code == 410
    contact_erase(contact=contact, at=clock.now(), now=clock.now())
    assert not SubscriptionRequest.objects.exists()
    assert Client().post(url).status_code == 410
    assert confirm_read("") is None
    assert confirm_address(Message(source="step", key="confirm/x")) == ""


def test_erasing_forgets_what_was_only_received(studio: Play) -> None:
    studio.shopper("aina")
    sign_up("aina@shopper.example")
    contact_erase(contact=Contact.objects.get(), at=clock.now(), now=clock.now())
    assert not SubscriptionRequest.objects.exists()


def test_who_never_confirms_is_forgotten(studio: Play) -> None:
    studio.shopper("aina")
    sign_up(age=0)
    sign_up("aina@shopper.example", age=0)
    requests_work(now=clock.now())
    settle()
    studio.clock.forward(days=36)
    assert requests_prune(now=clock.now()) == 0
    studio.clock.forward(days=2)
    assert requests_prune(now=clock.now()) == 2
    assert Contact.objects.get().email == "aina@shopper.example"
    assert set(Message.objects.filter(source="system").values_list("to_address", flat=True)) == {
        "",
        "aina@shopper.example",
    }


def test_an_email_without_the_link_is_not_sent(studio: Play) -> None:
    EmailVersion.objects.update(variables=[])
    sign_up(age=0)
    worked()
    settle()
    message = Message.objects.get()
    assert (message.state, message.reason) == ("planned", "no_confirm_link")
    EmailVersion.objects.filter(email_key=CONFIRMATION).update(
        variables=["subscription.confirm_url"]
    )
    studio.clock.forward(hours=1)
    settle()
    assert Message.objects.get().state == "accepted"


# What the shop's own flags lead to.


def test_a_first_yes_at_the_checkout_is_asked_to_confirm_once(studio: Play) -> None:
    OptInRule.objects.create(channel="", double=True)
    shopper = studio.shopper("aina", account=False)
    shopper.metadata = {"paper.marketing_opt_in": "true"}
    basket = studio.basket(shopper, "b")
    studio.touch(basket)
    request = SubscriptionRequest.objects.get()
    assert (request.source, request.state) == ("checkout", State.ASKED)
    settle()
    Client().post(link())
    contact = Contact.objects.get()
    assert consent_states([contact.pk])[contact.pk].confirmed("", "")


def test_mail_goes_only_to_who_confirmed_and_waits_for_who_was_asked(studio: Play) -> None:
    OptInRule.objects.create(channel="", double=True)
    sequence_make("welcome", "joined", [0])
    planned(studio, "aina")
    aina = Contact.objects.get()
    settle()
    assert Message.objects.get().reason == "unconfirmed", "nobody asked her"

    Message.objects.all().delete()
    planned(studio, "badrul")
    badrul = Contact.objects.exclude(pk=aina.pk).get()
    sign_up("badrul@shopper.example")
    worked()
    settle()
    held = Message.objects.get(source="step", contact=badrul)
    assert (held.state, held.reason) == ("planned", "held_unconfirmed")
    Client().post(link())
    settle()
    held.refresh_from_db()
    assert held.state == "accepted"
    studio.clock.forward(hours=1)
    contact_unsubscribe(contact=badrul, at=clock.now())
    state = consent_states([badrul.pk])[badrul.pk]
    assert not state.confirmed("welcome", ""), "a no ends it"


def test_a_doubtful_address_is_asked_when_its_person_said_yes(studio: Play) -> None:
    sending_open(SendingControl.Policy.OPT_IN)
    sequence_make("welcome", "joined", [0])
    planned(studio, "aina", "badrul")
    sending_open(SendingControl.Policy.OPT_IN)
    for name in ("aina", "badrul"):
        Contact.objects.filter(first_name=name.title()).update(email=f"{name}@mailinator.com")
    badrul = Contact.objects.get(first_name="Badrul")
    Consent.objects.create(contact=badrul, state="granted", source="account", at=clock.now())
    settle()
    settle()
    held = Message.objects.get(source="step", contact=badrul)
    assert (held.state, held.reason) == ("planned", "held_unconfirmed")
    silent = Message.objects.get(contact__first_name="Aina")
    assert (silent.state, silent.reason) == ("skipped", "address:disposable")
    (asking,) = mail.outbox
    assert asking.to == ["badrul@mailinator.com"]
    studio.clock.forward(minutes=5)
    Client().post(link())
    settle()
    held.refresh_from_db()
    assert held.state == "accepted"


@pytest.mark.parametrize(("source", "asked"), [("webhook", True), ("backfill", False)])
def test_history_brought_in_asks_nobody(studio: Play, source: str, asked: bool) -> None:
    OptInRule.objects.create(channel="", double=True)
    shopper = studio.shopper("aina", account=False)
    shopper.metadata = {"paper.marketing_opt_in": "true"}
    studio.holding = True
    studio.basket(shopper, "b")
    ((event, body),) = studio.held
    raw_event_store(
        source=source,
        event_type=event,
        api_url=conf().saleor_api_url,
        body=body,
        now=clock.now(),
    )
    raw_events_process(ids=list(RawEvent.objects.values_list("pk", flat=True)), now=clock.now())
    assert Consent.objects.get().state == "granted"
    assert SubscriptionRequest.objects.exists() is asked
