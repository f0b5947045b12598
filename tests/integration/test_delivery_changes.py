"""People who are erased, merged or moved while a mail to them is on its way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core import mail
from django.db import transaction
from django.test import Client

from saleor_automation import clock
from saleor_automation.conf import conf
from saleor_automation.contract.values import iso
from saleor_automation.delivery import sender
from saleor_automation.delivery.models import Message, MessageContent
from saleor_automation.people.identities import contacts_merge
from saleor_automation.people.models import Consent, Contact, Identity, Suppression
from saleor_automation.people.profile import user_key
from saleor_automation.people.services import contact_erase
from tests.engine import Play, basket_sequence, sending_open, settle
from tests.sending import first_mail, one_round, outcome

State = Message.State


def meanwhile(monkeypatch: pytest.MonkeyPatch, act: Callable[[], Any]) -> None:
    """Do ``act`` while the batch asks Saleor, outside any transaction."""
    real = sender.truth_ask

    def asking(**kwargs: Any) -> Any:
        act()
        return real(**kwargs)

    monkeypatch.setattr(sender, "truth_ask", asking)


def test_nobody_is_mailed_after_erasure(welcomed: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    def erase() -> None:
        for contact in Contact.objects.all():
            contact_erase(contact=contact, at=clock.now(), now=clock.now())

    meanwhile(monkeypatch, erase)
    one_round()
    one_round()
    assert (Contact.objects.count(), len(mail.outbox), MessageContent.objects.count()) == (0, 0, 0)
    assert outcome() == (State.SKIPPED, "erased")


def account(**more: Any) -> Contact:
    now, user, email = clock.now(), "VXNlcjo5", "other@x.example"
    heard = {user_key(user): {"account.email": [iso(now), email]}}
    contact = Contact.objects.create(created_at=now, email=email, field_versions=heard, **more)
    for kind, value in (("saleor_user", user), ("email", email)):
        Identity.objects.create(kind=kind, value=value, contact=contact, as_of=now)
    return contact


def merge_into(winner: Contact) -> None:
    with transaction.atomic():
        for loser in Contact.objects.exclude(pk=winner.pk):
            contacts_merge(winner=winner, loser=loser, now=clock.now())


def test_a_merge_while_sending_hears_the_winners_no(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    sending_open()
    basket_sequence()
    play.basket(play.shopper("aina", account=False), "b")
    play.clock.forward(minutes=46)
    settle()
    play.clock.forward(minutes=61)
    one_round("enrollments")
    winner = account()
    Consent.objects.create(contact=winner, state="withdrawn", source="account", at=clock.now())
    meanwhile(monkeypatch, lambda: merge_into(winner))
    one_round()
    one_round()
    assert mail.outbox == []
    assert outcome() == (State.SKIPPED, "declined")


def test_a_changed_address_is_used(welcomed: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    meanwhile(monkeypatch, lambda: Contact.objects.update(email="new@shopper.example"))
    one_round()
    assert mail.outbox == []
    one_round()
    assert [message.to for message in mail.outbox] == [["new@shopper.example"]]
    assert first_mail().to_address == "new@shopper.example"


def test_the_unsubscribe_link_outlives_a_merge(play: Play) -> None:
    sending_open()
    basket_sequence()
    play.basket(play.shopper("aina", account=False), "b")
    play.clock.forward(minutes=46)
    settle()
    play.clock.forward(minutes=61)
    settle()
    link = mail.outbox[0].extra_headers["List-Unsubscribe"].strip("<>")
    merge_into(account())
    path = link.removeprefix(conf().public_url)
    assert Client().post(path, {"List-Unsubscribe": "One-Click"}).status_code == 200
    assert Suppression.objects.get().reason == "unsubscribed"
    view = path.removesuffix("unsubscribe/")
    assert Client().get(view).status_code == 200


def test_mails_follow_a_basket_to_its_real_owner(play: Play) -> None:
    """A left x@ for y@; a guest fills a basket as x@; then B opens an account with x@."""
    from saleor_automation.demo import bodies
    from saleor_automation.demo.world import Shopper

    basket_sequence()
    sending_open()
    former = play.shopper("x")
    play.clock.forward(days=1)
    former.email = "y@shopper.example"
    changed = {**bodies.customer(former), "updatedAt": clock.now().isoformat()}
    play.tell("customer_updated", {"user": changed})
    assert Contact.objects.get().email == "y@shopper.example"
    play.basket(Shopper("guest", "x@shopper.example", "G", "R"), "b")
    play.clock.forward(minutes=1)
    newcomer = Shopper("b", "x@shopper.example", "B", "R")
    play.world.shoppers["b"] = newcomer
    play.world.join(newcomer, clock.now())
    play.tell("customer_created", {"user": bodies.customer(newcomer)})
    for minutes in (46, 61):
        play.clock.forward(minutes=minutes)
        settle()
    assert [message.to for message in mail.outbox] == [["x@shopper.example"]]
