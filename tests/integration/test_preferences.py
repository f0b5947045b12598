"""The page of preferences, and what a person's wishes do to mails."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.test import Client, RequestFactory
from django.urls import reverse

from saleor_automation import clock
from saleor_automation.delivery.links import links_for
from saleor_automation.delivery.models import Message, SendingControl
from saleor_automation.delivery.preferences import preferences
from saleor_automation.people.consent import suppressed
from saleor_automation.people.identities import contacts_merge, identities_lock
from saleor_automation.people.models import Consent, Contact, Suppression
from saleor_automation.people.preferences.models import Preference, Topic
from saleor_automation.people.services import contact_subscribed, suppression_add
from saleor_automation.studio.portrait import standing_of
from tests.engine import Play, mails, sequence_make, settle
from tests.sending import planned

State = Message.State


@pytest.fixture
def topics(db: None) -> None:
    Topic.objects.create(
        key="welcome",
        texts={"en": {"name": "First steps", "description": "Five mails"}, "ms": {"name": "Mula"}},
    )
    Topic.objects.create(key="news", position=1, texts={"en": {"name": "News"}})
    Topic.objects.create(key="gone", position=2, offered=False)


@pytest.fixture
def aina(welcomed: Play, topics: None) -> Contact:
    """Somebody to whom a first mail of the topic "welcome" is planned."""
    return Contact.objects.get()


def page(contact: Contact) -> str:
    message = Message.objects.filter(contact=contact).first()
    assert message is not None
    url = links_for(contact_id=contact.pk, message_id=message.pk)["preferences"]
    return url.removeprefix("https://studio.example")


def save(contact: Contact, **values: object) -> str:
    response = Client().post(page(contact), values)
    assert response.status_code == 200
    return response.content.decode()


FORM = {"shown": ["welcome", "news"], "pause": "none", "often": "all", "tracking": ""}


def hidden(html: str) -> dict[str, list[str]]:
    """Return the fields of the way back."""
    (form,) = re.findall(r'<form method="post">((?:<input type="hidden"[^>]*>)+)<button', html)
    fields: dict[str, list[str]] = {}
    for name, value in re.findall(r'name="([^"]*)" value="([^"]*)"', form):
        fields.setdefault(name, []).append(value)
    return fields


def test_the_page_shows_what_stands_and_changes_nothing(aina: Contact) -> None:
    for ask in (Client().get, Client().head):
        response = ask(page(aina))
        assert response.status_code == 200
    head = RequestFactory().head(page(aina))
    answer = preferences(head, page(aina).split("/")[2])
    assert answer.content == b""
    assert int(answer["Content-Length"]) == len(Client().get(page(aina)).content)
    html = Client().get(page(aina)).content.decode()
    assert "First steps" in html
    assert "Five mails" in html
    assert "News" in html
    assert "a•••@shopper.example" in html
    assert "aina@" not in html
    assert "Gone" not in html
    assert html.count("checked") == 5, "both topics, no pause, as it comes, not decided"
    assert not Consent.objects.exists()
    assert not Preference.objects.exists()


def test_a_topic_off_and_the_way_back(aina: Contact, play: Play) -> None:
    html = save(aina, **{**FORM, "topic": ["news"]})
    assert "You get no mails about: First steps." in html
    assert contact_subscribed(contact=aina, topic="welcome") is False
    assert contact_subscribed(contact=aina, topic="news") is None, "nothing was said about it"
    row = Consent.objects.get()
    assert (row.topic, row.wording, row.source) == ("welcome", "First steps", "preferences")
    settle()
    assert [mail[2:] for mail in mails()] == [(State.SKIPPED, "unsubscribed")]

    play.clock.forward(seconds=5)
    html = save(aina, **hidden(html))
    assert "You get mails about: First steps." in html
    assert contact_subscribed(contact=aina, topic="welcome") is True
    assert Consent.objects.count() == 2


def test_saving_the_same_again_says_nothing_new(aina: Contact) -> None:
    save(aina, **{**FORM, "topic": ["news"], "often": "fewer"})
    assert "Nothing was changed" in save(aina, **{**FORM, "topic": ["news"], "often": "fewer"})
    assert Consent.objects.count() == 1


def test_nothing_at_all_then_only_one_topic(aina: Contact, play: Play) -> None:
    assert "You get no offers" in save(aina, **{**FORM, "topic": ["news"], "everything": "off"})
    assert contact_subscribed(contact=aina, topic="news") is False
    play.clock.forward(seconds=5)
    html = save(aina, **{**FORM, "topic": ["news"]})
    assert "You get mails about: News." in html
    assert contact_subscribed(contact=aina, topic="news") is True
    assert contact_subscribed(contact=aina, topic="welcome") is False
    assert contact_subscribed(contact=aina, topic="another") is False, "nobody chose it"
    assert contact_subscribed(contact=aina) is False


def test_a_box_ticked_beforehand_does_not_bring_the_other_topics_back(
    aina: Contact, play: Play
) -> None:
    save(aina, everything="off")
    play.clock.forward(seconds=5)
    save(aina, **{**FORM, "topic": ["news"]})
    assert standing_of(aina)["why"] == "They want mail only about: news."
    shopper = play.world.shoppers["aina"]
    shopper.metadata = {"paper.marketing_opt_in": "true"}
    play.clock.forward(hours=1)
    play.basket(shopper, "b")
    assert contact_subscribed(contact=aina, topic="welcome") is False
    assert contact_subscribed(contact=aina, topic="another") is False
    assert contact_subscribed(contact=aina, topic="news") is True


def test_nothing_and_back_to_what_it_was(aina: Contact, play: Play) -> None:
    save(aina, **{**FORM, "topic": ["welcome"]})
    play.clock.forward(seconds=5)
    html = save(aina, everything="off")
    play.clock.forward(seconds=5)
    save(aina, **hidden(html))
    assert contact_subscribed(contact=aina, topic="welcome") is True
    assert contact_subscribed(contact=aina, topic="news") is False


def test_everything_again_leaves_what_was_refused_one_by_one(aina: Contact, play: Play) -> None:
    save(aina, **{**FORM, "topic": ["welcome"]})
    play.clock.forward(seconds=5)
    save(aina, everything="off")
    play.clock.forward(seconds=5)
    assert "You get our mails again." in save(aina, everything="on")
    assert contact_subscribed(contact=aina, topic="welcome") is True
    assert contact_subscribed(contact=aina, topic="news") is False
    assert contact_subscribed(contact=aina, topic="another") is True


def test_what_a_choice_cannot_change_is_said(aina: Contact) -> None:
    notice = "At the moment no mail from us goes to this address"
    assert notice not in Client().get(page(aina)).content.decode()
    suppression_add(contact=aina, reason="complaint", at=clock.now())
    assert notice in save(aina, everything="on")
    assert Suppression.objects.get().reason == "complaint"
    settle()
    assert Message.objects.get().reason == "suppressed"


def test_taking_off_every_topic_is_a_no_to_everything(aina: Contact) -> None:
    save(aina, **FORM)
    assert contact_subscribed(contact=aina, topic="another") is False


def test_somebody_who_never_said_a_word_says_none_by_choosing_a_language(aina: Contact) -> None:
    SendingControl.objects.update(consent_policy=SendingControl.Policy.OPT_IN)
    html = save(aina, **{**FORM, "language": "ms"})
    assert not Consent.objects.exists()
    assert not Suppression.objects.exists()
    assert "Bahasa Melayu" in html
    assert 'lang="ms"' in html
    assert "Mula" in html
    aina.refresh_from_db()
    assert aina.language == "ms"


def test_a_topic_the_form_did_not_have_stays_as_it_was(aina: Contact) -> None:
    Topic.objects.create(key="fresh", texts={"en": {"name": "Fresh"}})
    save(aina, **{**FORM, "topic": ["news"]})
    assert contact_subscribed(contact=aina, topic="fresh") is None


def test_what_makes_no_sense_changes_nothing(aina: Contact) -> None:
    year = (clock.now() + timedelta(days=365)).isoformat()
    for pause in (year, "9999", "31", "yesterday", "2026-99-99T00:00:00+00:00", "\x00"):
        html = save(aina, pause=pause, tracking="maybe", language="tlh", shown="gone", often="")
        assert "Nothing was changed" in html
    assert not Consent.objects.exists()
    assert not Preference.objects.exists()


def test_a_pause_ends_a_mail_that_makes_no_sense_by_then(aina: Contact) -> None:
    html = save(aina, **{**FORM, "topic": ["welcome", "news"], "pause": "30"})
    assert "No offers, reminders or news until 2 December 2026." in html
    assert "Until 2 December 2026" in html
    settle()
    assert [mail[2:] for mail in mails()] == [(State.SKIPPED, "person_paused")]


def test_a_pause_holds_a_mail_and_its_end_sends_it(aina: Contact, play: Play) -> None:
    Message.objects.update(expires_at=None)
    save(aina, pause="30")
    settle()
    message = Message.objects.get()
    assert (message.state, message.reason) == (State.PLANNED, "held_pause")
    assert message.due_at == clock.now() + timedelta(days=30)
    play.clock.forward(hours=1)
    assert "The pause is over." in save(aina, pause="none")
    settle()
    assert Message.objects.get().state == State.ACCEPTED


def test_a_pause_never_holds_mails_about_orders(aina: Contact) -> None:
    Message.objects.update(purpose=Message.Purpose.TRANSACTIONAL)
    save(aina, pause="90", often="fewer", everything="off")
    settle()
    assert Message.objects.get().state == State.ACCEPTED


def test_fewer_is_one_marketing_mail_a_week(play: Play, topics: None) -> None:
    for name in ("one", "two", "three"):
        sequence_make(name, "joined", [0])
    planned(play, "aina")
    Message.objects.update(expires_at=None)
    aina = Contact.objects.get()
    assert "at most one such mail a week" in save(aina, often="fewer")
    settle()
    states = sorted(Message.objects.values_list("state", "reason"))
    assert states == [(State.ACCEPTED, ""), *[(State.PLANNED, "held_seldom")] * 2]
    for sent in (2, 3):
        play.clock.forward(days=7)
        settle()
        assert Message.objects.filter(state=State.ACCEPTED).count() == sent
        left = Message.objects.filter(state=State.ACCEPTED).order_by("-handed_over_at")
        gap = left.values_list("handed_over_at", flat=True)
        assert gap[0] - gap[1] >= timedelta(days=7)


def test_a_yes_by_the_link_shows_that_the_mailbox_is_theirs(aina: Contact, play: Play) -> None:
    save(aina, everything="off")
    play.clock.forward(seconds=5)
    save(aina, everything="on")
    assert set(Consent.objects.filter(state="granted").values_list("basis", flat=True)) == {
        "double_opt_in"
    }
    Message.objects.update(to_address="old@shopper.example")
    play.clock.forward(seconds=5)
    save(aina, everything="off")
    play.clock.forward(seconds=5)
    save(aina, everything="on")
    assert Consent.objects.filter(state="granted", basis="opt_in").exists()


def test_links_of_one_page_do_not_open_another(aina: Contact) -> None:
    message = Message.objects.get()
    links = links_for(contact_id=aina.pk, message_id=message.pk)
    tokens = {name: url.split("/")[4] for name, url in links.items()}
    assert tokens["preferences"] != tokens["unsubscribe"]
    for view in ("unsubscribe", "view_mail", "basket_link"):
        url = reverse(f"saleor_automation:{view}", args=[tokens["preferences"]])
        assert Client().get(url).status_code == 404
    url = reverse("saleor_automation:preferences", args=[tokens["unsubscribe"]])
    assert Client().get(url).status_code == 404
    assert Client().post(url, {"everything": "off"}).status_code == 404
    assert Client().put(page(aina)).status_code == 405
    url = page(aina)
    aina.delete()
    Message.objects.update(contact=None)
    assert Client().get(url).status_code == 410
    assert Client().post(url, {"everything": "off"}).status_code == 410


def test_the_unsubscribe_page_leads_back(aina: Contact, play: Play) -> None:
    message = Message.objects.get()
    url = links_for(contact_id=aina.pk, message_id=message.pk)["unsubscribe"]
    client = Client(enforce_csrf_checks=True)
    html = client.post(url.removeprefix("https://studio.example")).content.decode()
    (action,) = set(re.findall(r'action="([^"]+)"', html))
    assert action == links_for(contact_id=aina.pk, message_id=message.pk)["preferences"]
    play.clock.forward(seconds=5)
    client.post(action.removeprefix("https://studio.example"), {"everything": "on"})
    assert contact_subscribed(contact=aina) is True
    assert suppressed([aina])[aina.pk] == []
    settle()
    assert Message.objects.get().state == State.ACCEPTED


def test_the_page_of_somebody_whose_guest_merged(aina: Contact) -> None:
    url = page(aina)
    winner = Contact.objects.create(created_at=clock.now(), email="aina@shopper.example")
    identities_lock(user_id="", address="aina@shopper.example")
    save(aina, pause="30", often="fewer")
    contacts_merge(winner=winner, loser=aina, now=clock.now())
    assert Preference.objects.get().contact == winner
    assert Client().post(url, {"everything": "off"}).status_code == 200
    assert contact_subscribed(contact=winner) is False


@pytest.mark.parametrize("winner_is_newer", [True, False])
def test_of_two_wishes_the_newer_stays(db: None, winner_is_newer: bool) -> None:
    now = clock.now()
    one, two = (Contact.objects.create(created_at=now) for _ in "ab")
    Preference.objects.create(contact=one, fewer=True, changed_at=now)
    later = now + timedelta(days=1 if not winner_is_newer else -1)
    Preference.objects.create(contact=two, tracking="no", changed_at=later)
    contacts_merge(winner=one, loser=two, now=now)
    row = Preference.objects.get()
    assert row.contact == one
    assert (row.fewer, row.tracking) == ((True, "") if winner_is_newer else (False, "no"))


def test_a_chosen_language_outlives_what_orders_say(aina: Contact, play: Play) -> None:
    save(aina, language="ms")
    shopper = play.world.shoppers["aina"]
    play.clock.forward(days=1)
    play.basket(shopper, "b")
    play.buy("b")
    aina.refresh_from_db()
    assert aina.language == "ms"
