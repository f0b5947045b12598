"""The app's page and boxes in the Dashboard: shells, content, headers, who may see what."""

from __future__ import annotations

import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.staticfiles import finders
from django.test import Client
from django.urls import reverse

from saleor_automation import clock
from saleor_automation.delivery.models import Message, SendingControl
from saleor_automation.emails.models import Brand
from saleor_automation.inbox.models import RawEvent
from saleor_automation.people.models import Contact, Identity, Suppression
from saleor_automation.people.services import contact_unsubscribe
from saleor_automation.saleor_app.installations import refusal_count
from saleor_automation.saleor_app.models import Installation, Refusal
from saleor_automation.sequences.models import Heartbeat
from saleor_automation.sequences.services import sequence_switch
from saleor_automation.shop.models import ShopOrder
from saleor_automation.studio.dashboard import figures, health
from saleor_automation.studio.dashboard.recipients import LIMIT
from tests.dashboard import install, token

from .helpers import (
    NOW,
    contact,
    email_version,
    fault,
    message,
    sent_message,
    standing_at,
    waiting_sequence,
)

pytestmark = pytest.mark.django_db

SHELLS = [
    "/saleor/app",
    "/saleor/app/",
    "/saleor/app/home",
    "/saleor/app/customer",
    "/saleor/app/order",
]
CONTENTS = {
    "/saleor/app/overview": {"MANAGE_ORDERS", "MANAGE_USERS", "MANAGE_SETTINGS", "MANAGE_APPS"},
    "/saleor/app/home/data": {"MANAGE_ORDERS", "MANAGE_USERS", "MANAGE_SETTINGS", "MANAGE_APPS"},
    "/saleor/app/customer/mails": {"MANAGE_USERS"},
    "/saleor/app/order/mails": {"MANAGE_ORDERS"},
}
CUSTOMER, ORDER = "VXNlcjo3", "T3JkZXI6MQ=="


@pytest.fixture(autouse=True)
def installed(db: None) -> Installation:
    return install()


def ask(client: Client, path: str, given: str | None = None, **query: str) -> Any:
    given = token() if given is None else given
    return client.get(path, query, headers={"Authorization": f"Bearer {given}"} if given else {})


def text(response: Any) -> str:
    return " ".join(response.content.decode().split())


# --- shells and headers -------------------------------------------------------------


@pytest.mark.parametrize("path", SHELLS)
def test_a_shell_is_framed_by_the_dashboard_alone(client: Client, path: str) -> None:
    response = client.get(path, {"theme": "dark", "id": "x", "saleorApiUrl": "y"})
    assert response.status_code == 200
    assert "X-Frame-Options" not in response
    policy = dict(
        part.strip().split(" ", 1) for part in response["Content-Security-Policy"].split(";")
    )
    assert policy["frame-ancestors"] == (
        "http://localhost:8000 http://localhost:* http://127.0.0.1:*"
    )
    assert policy["default-src"] == policy["script-src"] == policy["style-src"] == "'self'"
    assert (policy["form-action"], policy["base-uri"]) == ("'none'", "'none'")
    assert response["Cache-Control"] == "no-store"
    assert response["Referrer-Policy"] == "no-referrer"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert not response.cookies
    assert 'data-theme="dark"' in text(response)


def test_the_setting_names_who_may_frame(client: Client, settings: Any) -> None:
    settings.SALEOR_AUTOMATION = {
        **settings.SALEOR_AUTOMATION,
        "dashboard_origins": "https://dash.shop.example, https://*.shop.example",
    }
    policy = client.get("/saleor/app")["Content-Security-Policy"]
    assert policy.endswith("frame-ancestors https://dash.shop.example https://*.shop.example")
    settings.SALEOR_AUTOMATION = {**settings.SALEOR_AUTOMATION, "dashboard_origins": ""}
    settings.SALEOR_AUTOMATION = {**settings.SALEOR_AUTOMATION, "saleor_api_url": ""}
    assert client.get("/saleor/app")["Content-Security-Policy"].endswith("frame-ancestors 'none'")


def test_a_shell_holds_no_data_and_nothing_inline(client: Client) -> None:
    sequence = waiting_sequence("Secret plan")
    page = text(client.get("/saleor/app", {"theme": '"><script>alert(1)</script>'}))
    assert sequence.name not in page
    assert "Kertas" not in page
    assert "alert(1)" not in page
    assert "style=" not in page
    assert "onclick" not in page
    scripts = page.split("<script")[1:]
    # One file, and the words as data, which no browser runs.
    assert len(scripts) == 2
    assert 'src="/static/' in scripts[0]
    assert 'type="application/json"' in scripts[1]


def test_the_shell_brings_its_words_in_every_language(client: Client) -> None:
    assert set(client.get("/saleor/app").context["words"]) == {"en", "ms"}


@pytest.mark.parametrize(
    "name", ["wagtailadmin_home", "wagtailadmin_login", "automation_mails:index"]
)
def test_every_other_page_refuses_frames(admin_client: Client, name: str) -> None:
    assert admin_client.get(reverse(name))["X-Frame-Options"] in {"DENY", "SAMEORIGIN"}


@pytest.mark.parametrize("path", CONTENTS)
def test_content_is_not_framed_kept_or_cookied(client: Client, path: str) -> None:
    response = ask(client, path)
    assert response["X-Frame-Options"] == "DENY"
    assert response["Cache-Control"] == "no-store"
    assert not response.cookies
    assert "Cookie" not in response.get("Vary", "")


@pytest.mark.parametrize("path", [*SHELLS, *CONTENTS])
def test_other_methods_are_refused(client: Client, path: str) -> None:
    for method in ("post", "put", "delete"):
        assert getattr(client, method)(path).status_code == 405


# --- who may see --------------------------------------------------------------------


@pytest.mark.parametrize("path", CONTENTS)
def test_each_permission_opens_what_it_should_and_no_more(client: Client, path: str) -> None:
    for name in ("MANAGE_ORDERS", "MANAGE_USERS", "MANAGE_SETTINGS", "MANAGE_APPS", "MANAGE_PAGES"):
        response = ask(client, path, token(user_permissions=[name]))
        assert response.status_code == (200 if name in CONTENTS[path] else 403), name
        assert ('data-reason="permission"' in text(response)) == (response.status_code == 403)


@pytest.mark.parametrize("path", CONTENTS)
def test_a_token_that_does_not_do_is_told_why(client: Client, path: str) -> None:
    for given, status, reason in (
        ("", 401, "missing"),
        ("nonsense", 401, "invalid"),
        (token(exp=1), 401, "expired"),
        (token(iss="https://other.example/graphql/"), 401, "foreign"),
        (token(app="QXBwOjI="), 401, "foreign"),
        (token(type="access"), 401, "foreign"),
        (token(is_staff=False), 403, "not_staff"),
        (token("unknown"), 503, "keys"),
    ):
        response = ask(client, path, given)
        assert response.status_code == status, reason
        assert f'data-reason="{reason}"' in text(response)
        assert response.get("WWW-Authenticate") == ("Bearer" if status == 401 else None)


def test_a_cookie_is_no_token(admin_client: Client) -> None:
    assert ask(admin_client, "/saleor/app/overview", "").status_code == 401


def test_a_token_in_the_address_or_of_another_scheme_is_not_read(client: Client) -> None:
    assert client.get("/saleor/app/overview", {"token": token()}).status_code == 401
    headers = {"Authorization": f"Basic {token()}"}
    assert client.get("/saleor/app/overview", headers=headers).status_code == 401


# --- the overview -------------------------------------------------------------------


def test_an_empty_studio_says_what_to_do_first(client: Client) -> None:
    page = text(ask(client, "/saleor/app/overview"))
    assert "Kertas &amp; Co" in page
    assert "Before the first mail leaves" in page
    assert "There is no sequence yet." in page
    assert "The shop has sent nothing yet." in page
    assert "The worker is not at work" in page
    assert "It was never seen." in page


def test_steps_are_ticked_off_and_go_away(client: Client) -> None:
    Brand.objects.update_or_create(
        channel="",
        defaults={
            "name": "Kertas",
            "from_email": "hello@kertas.example",
            "postal_address": "12 Jalan Tun Razak",
            "website_url": "https://kertas.example",
            "basket_url": "https://kertas.example/?c={checkout_id}",
        },
    )
    SendingControl.objects.create(pk=1, consent_policy="opt_in")
    assert [step.done for step in health.steps(any_on=False)] == [True, True, False, False]
    SendingControl.objects.update(bound_at=NOW)
    assert [step.done for step in health.steps(any_on=True)] == [True] * 4
    sequence = waiting_sequence()
    sequence_switch(sequence=sequence.key, name=sequence.name, state="on", now=NOW)
    assert "Before the first mail leaves" not in text(ask(client, "/saleor/app/overview"))


def test_the_overview_counts(client: Client) -> None:
    now = clock.now()
    sequence = waiting_sequence()
    sequence_switch(sequence=sequence.key, name=sequence.name, state="on", now=now)
    waiting_sequence("Asleep")
    version = email_version()
    for days in (0, 0, 2, 30):
        sent_message(version, sequence=sequence.key, handed_over_at=now - timedelta(days=days))
    message(sequence=sequence.key, state=Message.State.SKIPPED, handed_over_at=None)
    page = text(ask(client, "/saleor/app/overview"))
    assert "<dt>Mails, last 7 days</dt><dd>3</dd>" in page
    assert "<dd>1 of 2</dd>" in page
    assert page.index("Patience") < page.index("Asleep")
    assert page.count("<rect") == 7
    assert [mails for _day, mails in figures.mails_per_day(now=now)] == [0, 0, 0, 0, 1, 0, 2]


def test_bars_are_as_high_as_the_most(client: Client) -> None:
    day = NOW.date()
    made = figures.bars([(day, 0), (day, 1), (day, 400), (day, 200)])
    assert [bar.height for bar in made] == [2, 2, 56, 28]
    assert [bar.y + bar.height for bar in made] == [56] * 4
    assert [bar.x for bar in made] == [0, 30, 60, 90]
    assert figures.bars([]) == []


def test_what_is_wrong_is_said(client: Client) -> None:
    now = clock.now()
    Heartbeat.objects.create(name="queue", at=clock.wall() - timedelta(hours=1))
    refusal_count(reason=Refusal.Reason.SIGNATURE, now=now)
    refusal_count(reason=Refusal.Reason.SIGNATURE, now=now)
    refusal_count(reason=Refusal.Reason.SHOP, now=now - timedelta(days=8))
    fault()
    page = text(ask(client, "/saleor/app/overview"))
    assert "It was last seen 60 minutes ago." in page
    assert "2 x wrong signature" in page
    assert "another shop" not in page
    assert "One thing the shop sent was not understood." in page
    assert "Mail does not leave at the moment." in page
    assert "The shop last sent something on 2 Mar 2026, 09:00." in page


def test_what_is_fine_is_said_too(client: Client) -> None:
    Heartbeat.objects.create(name="queue", at=clock.wall())
    fault(state=RawEvent.State.DONE)
    page = text(ask(client, "/saleor/app/overview"))
    assert "The worker is at work." in page
    assert "Everything the shop sent was understood." in page
    assert "No webhook was refused in the last 7 days." in page


def test_other_senders_are_named(installed: Installation) -> None:
    installed.plugin_report = {  # type: ignore[attr-defined]
        "otherSenders": [
            {"kind": "plugin", "id": "mirumee.notifications.user_email", "name": "User emails"},
            {"kind": "app", "id": "saleor.app.smtp"},
            "nonsense",
        ]
    }
    last = health.signs(installation=installed, now=NOW, steps=[])[-1]
    assert last.lines == ("User emails", "saleor.app.smtp")
    for report in (None, {}, {"otherSenders": []}, {"otherSenders": None}, []):
        installed.plugin_report = report  # type: ignore[attr-defined]
        assert len(health.signs(installation=installed, now=NOW, steps=[])) == 5


def test_the_overview_names_nobody(client: Client) -> None:
    sequence = waiting_sequence()
    sent_message(email_version(), sequence=sequence.key, contact=contact())
    fault(b'{"email": "aisyah@example.com"}')
    for path in ("/saleor/app/overview", "/saleor/app/home/data"):
        assert "aisyah@example" not in text(ask(client, path))


def test_names_of_the_shop_are_escaped(client: Client) -> None:
    waiting_sequence("<img src=x onerror=alert(1)>")
    assert "<img" not in text(ask(client, "/saleor/app/overview"))


@pytest.mark.parametrize("path", CONTENTS)
def test_queries_do_not_grow_with_the_shop(
    client: Client, path: str, django_assert_max_num_queries: Any
) -> None:
    person = contact()
    Identity.objects.create(kind="saleor_user", value=CUSTOMER, contact=person, as_of=NOW)
    ShopOrder.objects.create(saleor_id=ORDER, contact=person)
    version = email_version()
    for number in range(12):
        sequence = waiting_sequence(f"Number {number}")
        sent_message(version, sequence=sequence.key, contact=person)
    with django_assert_max_num_queries(22):
        ask(client, path, id=ORDER if "order" in path else CUSTOMER)


# --- language -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("locale", "accept", "expected"),
    [
        ("ms", "en", "ms"),
        ("ms-MY", "en", "ms"),
        ("en", "ms", "en"),
        ("en-GB", "ms", "en"),
        ("de", "", "en"),
        ("id", "ms-MY,ms;q=0.9", "ms"),
        ("../x", "", "en"),
        ("", "ms", "ms"),
    ],
)
def test_the_language_is_the_dashboards_or_the_browsers(
    client: Client, locale: str, accept: str, expected: str
) -> None:
    response = client.get(
        "/saleor/app/overview",
        {"locale": locale},
        headers={"Authorization": f"Bearer {token()}", "Accept-Language": accept},
    )
    assert response["Content-Language"] == expected


# --- mails to one person ------------------------------------------------------------


@pytest.fixture
def person(db: None) -> Contact:
    made = contact()
    Identity.objects.create(kind="saleor_user", value=CUSTOMER, contact=made, as_of=NOW)
    Identity.objects.create(kind="email", value=made.email, contact=made, as_of=NOW)
    return made


def test_mails_to_a_customer_are_listed_with_why_not(client: Client, person: Contact) -> None:
    mail = sent_message(email_version(), contact=person)
    message(contact=person, state=Message.State.SKIPPED, reason="unsubscribed", planned_at=NOW)
    sent_message(email_version(title="Other"), contact=contact("ben@example.com"))
    page = text(ask(client, "/saleor/app/customer/mails", id=CUSTOMER))
    assert "Hello Aisyah" in page
    assert f'data-place="mail:{mail.pk}"' in page
    assert "2 Mar 2026, 09:00" in page
    assert "The person unsubscribed." in page
    assert page.count("<li>") == 2


def test_an_unknown_customer_and_one_without_mails_look_alike(
    client: Client, person: Contact
) -> None:
    for customer in (CUSTOMER, "VXNlcjo5OTk=", "", "x" * 5000, "' OR 1=1 --"):
        page = text(ask(client, "/saleor/app/customer/mails", id=customer))
        assert "No e-mail was sent to this person, and none is planned." in page


def test_a_guests_order_shows_mails_to_its_address(client: Client, person: Contact) -> None:
    ShopOrder.objects.create(saleor_id=ORDER, email="Aisyah@Example.com")
    sent_message(email_version(), contact=person)
    assert "Hello Aisyah" in text(ask(client, "/saleor/app/order/mails", id=ORDER))


def test_an_order_without_anybody_shows_nothing(client: Client, person: Contact) -> None:
    ShopOrder.objects.create(saleor_id=ORDER, email="")
    Identity.objects.create(kind="email", value="", contact=person, as_of=NOW)
    sent_message(email_version(), contact=person)
    assert "No e-mail was sent" in text(ask(client, "/saleor/app/order/mails", id=ORDER))


def test_mails_about_the_order_are_marked(client: Client, person: Contact) -> None:
    ShopOrder.objects.create(saleor_id=ORDER, contact=person)
    sequence = waiting_sequence()
    node = next(iter(sequence.graph()["nodes"]))
    enrollment = standing_at(sequence, node, person, ORDER)
    enrollment.context = {"order": ORDER}
    enrollment.save()
    sent_message(email_version(), contact=person, enrollment=enrollment)
    sent_message(email_version(), contact=person)
    assert text(ask(client, "/saleor/app/order/mails", id=ORDER)).count("about this order") == 1
    assert "about this order" not in text(ask(client, "/saleor/app/customer/mails", id=CUSTOMER))


def test_only_the_newest_are_shown(client: Client, person: Contact) -> None:
    for number in range(LIMIT + 3):
        message(contact=person, planned_at=NOW + timedelta(hours=number))
    page = text(ask(client, "/saleor/app/customer/mails", id=CUSTOMER))
    assert page.count("<li>") == LIMIT
    assert "3 more are in the Studio." in page


def test_who_said_no_is_shown_as_such(client: Client, person: Contact) -> None:
    contact_unsubscribe(contact=person, at=NOW, source="unsubscribe_link")
    page = text(ask(client, "/saleor/app/customer/mails", id=CUSTOMER))
    assert "Not written to since 2 Mar 2026, 09:00: unsubscribed." in page
    Suppression.objects.update(topic="baskets")
    assert "Not written to" not in text(ask(client, "/saleor/app/customer/mails", id=CUSTOMER))


def test_an_erased_person_is_gone(client: Client, person: Contact) -> None:
    sent_message(email_version(), contact=person)
    person.delete()
    assert "No e-mail was sent" in text(ask(client, "/saleor/app/customer/mails", id=CUSTOMER))


def test_a_mail_to_nobody_known_is_not_shown_to_all(client: Client) -> None:
    message(contact=None, key=f"orphan/{uuid.uuid4()}")
    assert "No e-mail was sent" in text(ask(client, "/saleor/app/customer/mails", id=""))


# --- files --------------------------------------------------------------------------


def test_the_scripts_never_post_to_everybody() -> None:
    for name in ("appbridge.js", "dashboard.js"):
        found = finders.find(f"saleor_automation/{name}")
        assert isinstance(found, str)
        source = Path(found).read_text()
        assert "postMessage" not in source or ', "*")' not in source
        assert "localStorage" not in source
        assert "document.cookie" not in source
