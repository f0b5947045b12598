"""The list of people, and the page that shows everything of one."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.html import escape

from saleor_automation.contract import kinds
from saleor_automation.delivery.models import Message, SendingControl
from saleor_automation.inbox.models import Event, EventKey
from saleor_automation.people.figures import figures_refresh
from saleor_automation.people.models import Consent, Contact, Identity, Suppression
from saleor_automation.people.services import (
    consent_record,
    contact_unsubscribe,
    suppression_add,
)
from saleor_automation.people.traits import traits_of
from saleor_automation.sequences.models import Enrollment
from saleor_automation.shop.models import ShopOrder
from saleor_automation.studio.listing import time_words
from saleor_automation.studio.portrait import fact_rows
from saleor_automation.studio.timeline import timeline, upcoming

from .helpers import (
    NOW,
    contact,
    email_version,
    message,
    sent_message,
    standing_at,
    user_with,
    waiting_sequence,
)

pytestmark = pytest.mark.django_db

INDEX = "automation_people:index"


def page_of(client: Client, person: Contact, **query: str) -> Any:
    return client.get(reverse("automation_people:detail", args=[person.pk]), query)


def order(person: Contact, number: str = "7", **changes: Any) -> ShopOrder:
    return ShopOrder.objects.create(
        **{
            "saleor_id": f"order-{number}",
            "number": number,
            "contact": person,
            "status": "UNFULFILLED",
            "placed_at": NOW,
            "currency": "MYR",
            "total_gross": Decimal(90),
            **changes,
        }
    )


def happened(person: Contact, kind: str, object_id: str, **changes: Any) -> Event:
    key = EventKey.objects.create(kind=kind, object_id=object_id)
    return Event.objects.create(
        **{
            "key": key,
            "kind": kind,
            "contact": person,
            "occurred_at": NOW,
            "recorded_at": NOW,
            "source": "webhook",
            **changes,
        }
    )


def test_without_people_the_page_says_who_will_come(admin_client: Client) -> None:
    assert "Nobody yet." in admin_client.get(reverse(INDEX)).content.decode()


def test_people_are_listed_with_what_they_ordered(admin_client: Client) -> None:
    buyer, guest = contact(), contact("ben@example.com", first_name="", has_account=False)
    order(buyer, "1")
    order(buyer, "2", placed_at=NOW + timedelta(days=3))
    # Not kept, so it does not count, here as on the page.
    order(buyer, "3", status="CANCELED", placed_at=NOW + timedelta(days=9))
    figures_refresh([buyer.pk], now=NOW)
    rows = {row.pk: row for row in admin_client.get(reverse(INDEX)).context["object_list"]}
    assert (rows[buyer.pk].order_count, rows[buyer.pk].ordered_at) == (2, NOW + timedelta(days=3))
    assert (rows[guest.pk].order_count, rows[guest.pk].ordered_at) == (0, None)
    # Somebody without a name is called by the address.
    assert admin_client.get(reverse(INDEX)).content.decode().count("ben@example.com") >= 2


def test_the_list_asks_as_much_for_fifty_people_as_for_one(
    admin_client: Client, django_assert_num_queries: Any
) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    contact("first@example.com")
    admin_client.get(reverse(INDEX))  # warms what Wagtail keeps
    with CaptureQueriesContext(connection) as one:
        admin_client.get(reverse(INDEX))
    for number in range(49):
        person = contact(f"{number}@example.com")
        order(person, str(number))
        figures_refresh([person.pk], now=NOW)
    with CaptureQueriesContext(connection) as fifty:
        admin_client.get(reverse(INDEX))
    assert len(fifty) == len(one)


def test_people_are_found_by_name_by_address_and_by_an_earlier_one(admin_client: Client) -> None:
    aisyah = contact("aisyah@example.com", last_name="Rahman", has_account=True)
    Identity.objects.create(kind="email", value="old@example.com", contact=aisyah, as_of=NOW)
    ben = contact("ben@example.com", first_name="Ben")
    order(ben)
    figures_refresh([ben.pk], now=NOW)

    def shown(**query: str) -> set[object]:
        return {row.pk for row in admin_client.get(reverse(INDEX), query).context["object_list"]}

    assert shown() == {aisyah.pk, ben.pk}
    assert shown(q="RAHMAN aisyah") == {aisyah.pk}
    assert shown(q="OLD@ex") == {aisyah.pk}
    assert shown(q="ben@") == {ben.pk}
    assert shown(account="True") == {aisyah.pk}
    assert shown(ordered="yes") == {ben.pk}
    assert shown(ordered="no") == {aisyah.pk}
    page = admin_client.get(reverse(INDEX), {"q": "zoe"}).content.decode()
    assert "Nobody fits" in page
    assert 'name="q"' in page


def test_one_line_of_time_holds_what_happened_in_the_shop_and_here(admin_client: Client) -> None:
    person = contact()
    bought = order(person)
    happened(person, kinds.ORDERED, bought.saleor_id, data={"order": bought.saleor_id})
    version = email_version()
    mail = sent_message(version, contact=person, handed_over_at=NOW + timedelta(hours=1))
    held = message(contact=person, state=Message.State.SKIPPED, reason="no_consent")
    sequence = waiting_sequence()
    node = str(next(iter(sequence.steps.raw_data))["id"])
    inside = standing_at(sequence, node, person, "k")
    consent_record(contact=person, state="granted", source="checkout", at=NOW + timedelta(hours=2))
    suppression_add(contact=person, reason=Suppression.Reason.HARD_BOUNCE, at=NOW)

    line = timeline(contact=person, mails=True)
    titles = [entry.title for entry in line.entries]
    assert titles[:2] == ["Agreed to marketing mail", "Sent: Hello Aisyah"]
    assert set(titles[2:]) == {
        "Placed an order",
        "Not sent: Mail not written yet",
        "Entered “Patience”",
        "The address was blocked",
    }
    details = {entry.title: entry.detail for entry in line.entries}
    assert details["Placed an order"] == "#7 · 90.00 MYR"
    assert details["Agreed to marketing mail"] == "at the checkout"
    assert details["Not sent: Mail not written yet"] == "The person never agreed to marketing mail."
    assert [entry.title for entry in upcoming(contact=person, mails=True)] == ["Patience"]

    page = page_of(admin_client, person).content.decode()
    for title in titles:
        assert escape(title) in page
    for pk in (mail.pk, held.pk):
        assert reverse("automation_mails:detail", args=[pk]) in page
    Enrollment.objects.filter(pk=inside.pk).update(
        state="exited", finished_at=NOW + timedelta(days=1), reason="ordered"
    )
    newest = timeline(contact=person, mails=True).entries[0]
    assert (newest.title, newest.detail) == ("Left “Patience”", "Placed an order.")


def test_a_long_life_comes_in_pages_without_gap_or_repeat() -> None:
    person = contact()
    for number in range(23):
        # Three things at a time: none is lost where a page ends.
        at = NOW + timedelta(hours=number // 3)
        happened(person, kinds.BASKET_CHANGED, f"b{number}", occurred_at=at, data={"n": number})
        message(
            contact=person, state=Message.State.SKIPPED, reason="left", planned_at=at, due_at=at
        )
    seen, before = [], None
    while True:
        line = timeline(contact=person, mails=True, before=before, limit=5)
        seen += line.entries
        if line.older is None:
            break
        before = line.older
    assert len(seen) == 46
    assert [entry.at for entry in seen] == sorted((entry.at for entry in seen), reverse=True)


def test_a_page_that_is_asked_for_nonsense_shows_the_newest(admin_client: Client) -> None:
    person = contact()
    happened(person, kinds.JOINED, "u1")
    for text in ("yesterday", "2026-13-45T00:00:00Z", "2026-01-01", "' OR 1=1", "%00"):
        assert "Created an account" in page_of(admin_client, person, before=text).content.decode()
    older = page_of(admin_client, person, before=NOW.isoformat()).content.decode()
    assert "Created an account" not in older
    assert "Nothing is known yet." in older


def test_money_of_two_currencies_is_not_added_and_what_was_paid_back_is_off(
    admin_client: Client,
) -> None:
    person = contact()
    order(person, "1", refunded_gross=Decimal(40))
    order(person, "2")
    order(person, "3", currency="SGD", total_gross=Decimal("12.5"))
    order(person, "4", status="CANCELED")
    figures_refresh([person.pk], now=NOW)
    page = page_of(admin_client, person).content.decode()
    assert "2 orders, 140.00 MYR" in page
    assert "1 order, 12.50 SGD" in page


@pytest.mark.parametrize(
    ("policy", "words"),
    [("opt_in", "They never agreed."), ("soft_opt_in", "They never said no")],
)
def test_whether_mail_may_go_follows_the_shops_policy(
    admin_client: Client, policy: str, words: str
) -> None:
    SendingControl.objects.update_or_create(pk=1, defaults={"consent_policy": policy})
    assert words in page_of(admin_client, contact()).content.decode()


def test_staff_notes_a_no_and_takes_a_mistake_back(admin_client: Client) -> None:
    person = contact()
    Identity.objects.create(kind="email", value=person.email, contact=person, as_of=NOW)
    no, undo = (reverse(f"automation_people:{name}", args=[person.pk]) for name in ("no", "undo"))
    assert admin_client.get(no).status_code == 405
    page = admin_client.post(no, follow=True).content.decode()
    assert "They said no." in page
    assert "take it back" in page
    assert Suppression.objects.filter(contact=person, reason="unsubscribed").exists()
    assert Consent.objects.get().wording == "Entered by admin"
    page = admin_client.post(undo, follow=True).content.decode()
    assert "is taken back" in page
    assert "They never agreed." in page
    assert not Suppression.objects.exists()
    # Both stay in the ledger.
    assert sorted(Consent.objects.values_list("state", flat=True)) == ["retracted", "withdrawn"]


def test_a_persons_own_no_is_nobody_elses_to_take_back(admin_client: Client) -> None:
    person = contact()
    contact_unsubscribe(contact=person, at=NOW)
    page = page_of(admin_client, person).content.decode()
    assert "take it back" not in page
    undo = reverse("automation_people:undo", args=[person.pk])
    assert "only they can" in admin_client.post(undo, follow=True).content.decode()
    assert Suppression.objects.count() == 1


def test_who_may_only_look_finds_no_button_and_cannot_post(client: Client) -> None:
    person = contact()
    client.force_login(user_with("reader", "view_contact"))
    assert "They told us no" not in page_of(client, person).content.decode()
    assert client.post(reverse("automation_people:no", args=[person.pk])).status_code == 302
    note = reverse("automation_people:note", args=[person.pk])
    assert client.post(note, {"tag": "vip"}).status_code == 302
    assert not Consent.objects.exists()
    assert not person.tags.exists()


def test_who_may_not_see_mails_sees_none_in_the_line(client: Client) -> None:
    person = contact()
    happened(person, kinds.JOINED, "u1")
    sent_message(email_version(), contact=person)
    message(contact=person)
    client.force_login(user_with("reader", "view_contact"))
    page = page_of(client, person).content.decode()
    assert "Created an account" in page
    assert "Hello Aisyah" not in page
    assert "automation/mails" not in page
    client.force_login(user_with("both", "view_contact", "view_message"))
    assert "Hello Aisyah" in page_of(client, person).content.decode()


def test_a_text_stays_as_it_was_typed_once_the_trait_is_one(admin_client: Client) -> None:
    person = contact()
    note = reverse("automation_people:note", args=[person.pk])
    for number, value in enumerate(("gold", "7", "yes", "2025-12-24")):
        admin_client.post(note, {"name": "level", "value": value})
        assert traits_of(person) == {"level": value}, number


def test_who_may_not_see_people_does_not(client: Client) -> None:
    person = contact()
    client.force_login(user_with("writer", "view_message"))
    for address in (reverse(INDEX), reverse("automation_people:detail", args=[person.pk])):
        response = client.get(address)
        assert response.status_code == 302
        assert "aisyah" not in response.content.decode()


def test_staff_notes_tags_and_traits_and_takes_them_off(admin_client: Client) -> None:
    person = contact()
    note = reverse("automation_people:note", args=[person.pk])

    def post(**data: str) -> str:
        return str(admin_client.post(note, data, follow=True).content.decode())

    assert "No tags yet." in page_of(admin_client, person).content.decode()
    assert "<span>wholesale</span>" in post(tag="Wholesale")
    page = post(name="Shoe size", value="42.50")
    assert "<dt>shoe_size</dt><dd>42.5 " in page
    post(name="member", value="yes")
    post(name="since", value="2025-12-24")
    post(name="level", value="<b>gold</b>")
    page = page_of(admin_client, person).content.decode()
    assert "<dd>yes " in page
    assert "24\N{NO-BREAK SPACE}Dec\N{NO-BREAK SPACE}2025" in page
    assert "&lt;b&gt;gold" in page
    assert "is no number" in post(name="shoe_size", value="big")
    assert "begins with a letter" in post(name="größe", value="1")
    assert "<span>wholesale</span>" not in post(tag="wholesale", off="1")
    assert "<dt>shoe_size</dt>" not in post(name="shoe_size", off="1")


def test_what_follows_from_orders_is_shown(admin_client: Client) -> None:
    person = contact(country="US")
    bought = order(person)
    for number, (slug, pieces) in enumerate(
        [("pens", 1), ("ink", 2), ("pens", 3), ("paper", 2), ("cards", 1), ("", 9)]
    ):
        bought.lines.create(saleor_id=f"l{number}", category_slug=slug, quantity=pieces)
    order(person, "8", status="CANCELED").lines.create(
        saleor_id="l9", category_slug="cards", quantity=50
    )
    happened(person, kinds.ORDERED, "order-7", occurred_at=NOW + timedelta(days=1))
    # Staff ships: nobody was seen.
    happened(person, kinds.SHIPPED, "parcel", occurred_at=NOW + timedelta(days=9))
    figures_refresh([person.pk], now=NOW)
    rows = dict(fact_rows(person))
    assert rows["Last seen"] == "3\N{NO-BREAK SPACE}Mar\N{NO-BREAK SPACE}2026, 09:00"
    assert rows["First order"] == rows["Last order"] == time_words(NOW)
    assert rows["Buys most from"] == "pens, ink, paper"
    assert rows["Time zone"] == "America/New York (a guess)"
