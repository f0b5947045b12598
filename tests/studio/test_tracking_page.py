"""The page of the track API: keys made, shown once and revoked; what came last."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest
from django.test import Client
from django.urls import reverse

from saleor_automation import clock
from saleor_automation.inbox.models import RawEvent
from saleor_automation.inbox.track.keys import key_digest, write_key_find
from saleor_automation.inbox.track.models import WriteKey
from saleor_automation.people.models import Contact, Identity
from saleor_automation.shop.models import Channel
from saleor_automation.studio.timeline import timeline
from tests.tracking import NOW, forget, page, server, understand

from .helpers import user_with

pytestmark = pytest.mark.django_db
URL = "automation_tracking:index"


@pytest.fixture(autouse=True)
def _still() -> Iterator[None]:
    forget()
    with mock.patch.object(clock, "now", return_value=NOW):
        yield
    forget()


def made(client: Client, **changes: str) -> Any:
    given = {"name": "storefront", "kind": "browser", "origins": "https://shop.example"}
    return client.post(reverse(URL), {**given, **changes})


def test_a_key_is_shown_once_with_what_to_write_where(admin_client: Client) -> None:
    Channel.objects.create(slug="kl")
    response = made(
        admin_client, channel="kl", origins="https://shop.example\nhttps://*.shop.example/"
    )
    key = WriteKey.objects.get()
    secret = response.context["secret"]
    content = response.content.decode()
    assert write_key_find(secret) == key
    assert key.digest == key_digest(secret)
    assert (key.kind, key.channel) == ("browser", "kl")
    assert key.origins == ["https://*.shop.example", "https://shop.example"]
    assert content.count(secret) == 2
    assert "&lt;script&gt;" in content
    assert "https://studio.example/v1/track-" in content
    assert "no-store" in response["Cache-Control"]
    again = admin_client.get(reverse(URL)).content.decode()
    assert secret not in again
    assert f"…{secret[-4:]}" in again


def test_a_servers_key_has_no_addresses(admin_client: Client) -> None:
    response = made(admin_client, kind="server", name="CRM")
    assert WriteKey.objects.get().origins == []
    assert "analytics.host = &quot;https://studio.example&quot;" in response.content.decode()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"origins": ""}, "needs the address of the shop"),
        ({"origins": "shop.example"}, "is no origin"),
        ({"name": ""}, "This field is required"),
        ({"channel": "unknown"}, "Select a valid choice"),
        ({"kind": "both"}, "Select a valid choice"),
    ],
)
def test_what_is_wrong_is_said(admin_client: Client, changes: dict[str, str], words: str) -> None:
    assert words in made(admin_client, **changes).content.decode()
    assert not WriteKey.objects.exists()


def test_a_key_is_revoked(admin_client: Client) -> None:
    shop = page()
    address = reverse(URL)
    response = admin_client.post(address, {"revoke": shop.row.pk}, follow=True)
    assert "lets nobody in any more" in response.content.decode()
    assert write_key_find(shop.key) is None
    assert ">revoked<" in response.content.decode().replace("\n", "").replace("  ", "")
    for wrong in ("999", "x"):
        response = admin_client.post(address, {"revoke": wrong}, follow=True)
        assert "There is no such key." in response.content.decode()


def test_what_came_last_and_what_was_refused(admin_client: Client, client: Client) -> None:
    shop = page()
    shop.batch(
        {
            "type": "track",
            "event": "Product Viewed",
            "anonymousId": "a",
            "messageId": "1",
            "properties": {"name": "<b>Cushion</b>"},
        },
        {"type": "track", "event": "Quiz <i>done</i>", "anonymousId": "a", "messageId": "2"},
        {
            "type": "page",
            "anonymousId": "a",
            "messageId": "3",
            "context": {"page": {"path": "/about/"}},
        },
        {"type": "dance"},
    )
    content = admin_client.get(reverse(URL)).content.decode()
    assert "1 request waits to be understood" in content
    understand()
    content = admin_client.get(reverse(URL)).content.decode()
    for words in (
        "Looked at a product",
        "&lt;b&gt;Cushion&lt;/b&gt;",
        "Quiz &lt;i&gt;done&lt;/i&gt;",
        "Looked at a page",
        "/about/",
        "Anonymous visitor",
        "not as Segment writes it: 1",
    ):
        assert words in content, words
    assert "requests wait" not in content
    # Keys are one thing, people another.
    client.force_login(user_with("technician", "change_writekey"))
    content = client.get(reverse(URL)).content.decode()
    assert "Looked at a product" in content
    assert "Anonymous visitor" not in content


def test_a_persons_line_tells_what_they_looked_at() -> None:
    page().batch(
        {
            "type": "track",
            "event": "Product Viewed",
            "anonymousId": "a",
            "messageId": "1",
            "properties": {"slug": "cushion"},
        },
        {
            "type": "track",
            "event": "Products Searched",
            "anonymousId": "a",
            "messageId": "2",
            "properties": {"query": "wool"},
        },
        {
            "type": "page",
            "anonymousId": "a",
            "messageId": "3",
            "context": {"page": {"path": "/about/", "title": "About us"}},
        },
    )
    understand()
    line = timeline(contact=Contact.objects.get(), mails=False)
    assert {(entry.title, entry.detail) for entry in line.entries} == {
        ("Looked at a product", "cushion"),
        ("Products Searched", "wool"),
        ("Looked at a page", "About us"),
    }


def test_visitors_are_in_the_list_when_asked_for(admin_client: Client) -> None:
    page().batch({"type": "page", "anonymousId": "a"})
    traits = {"email": "ana@x.example"}
    server().batch({"type": "identify", "userId": "crm-1", "anonymousId": "b", "traits": traits})
    understand()
    index = reverse("automation_people:index")
    assert [
        [str(row) for row in admin_client.get(index, query).context["object_list"]]
        for query in ({}, {"visitors": "only"})
    ] == [["ana@x.example"], [str(Identity.objects.get(value="a").contact_id)]]
    found = admin_client.get(index, {"visitors": "with"})
    assert len(found.context["object_list"]) == 2
    assert "Anonymous visitor" in found.content.decode()
    visitor = Identity.objects.get(value="a").contact
    detail = reverse("automation_people:detail", args=[visitor.pk])
    assert "no, a visitor nobody knows" in admin_client.get(detail).content.decode()
    ana = Identity.objects.get(value="crm-1").contact
    detail = reverse("automation_people:detail", args=[ana.pk])
    content = admin_client.get(detail).content.decode()
    assert "crm-1" in content
    assert "Said who they are" in content


def test_a_body_that_is_not_understood_shows_as_such(admin_client: Client) -> None:
    server().batch({"type": "page", "userId": "u"})
    row = RawEvent.objects.get()
    RawEvent.objects.update(state=RawEvent.State.FAULT, fault="These calls …")
    detail = reverse("automation_faults:detail", args=[row.pk])
    assert "These calls" in admin_client.get(detail).content.decode()
