"""From the Dashboard into the Studio: who comes in, once, where to, and as whom."""

from __future__ import annotations

import dataclasses
import logging
import time
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse

from saleor_automation import clock
from saleor_automation.saleor_app.installations import installation_forget
from saleor_automation.saleor_app.models import Installation
from saleor_automation.sequences.models import SequenceSwitch
from saleor_automation.studio.dashboard import codes
from saleor_automation.studio.dashboard.models import LoginCode, SpentToken, StaffLink
from saleor_automation.studio.dashboard.places import PLACES, place_path
from saleor_automation.studio.dashboard.roles import EDITOR, MAILS, ROLES, TECHNICAL, roles_of
from saleor_automation.studio.pages import EmailPage
from saleor_automation.studio.starter import starter_load
from tests.dashboard import API_URL, EVERYTHING, ORIGIN, install, token

from .helpers import email_version, sent_message, waiting_sequence

pytestmark = pytest.mark.django_db

OPEN, CODE, ENTER = "/saleor/app/open", "/saleor/app/code", "/saleor/app/enter"


@pytest.fixture(autouse=True)
def installed(db: None) -> Installation:
    return install()


@pytest.fixture(autouse=True)
def quiet() -> Any:
    logging.getLogger("django.request").setLevel(logging.CRITICAL)
    yield
    logging.getLogger("django.request").setLevel(logging.NOTSET)


def post(client: Client, given: str, *, origin: str | None = ORIGIN, path: str = OPEN) -> Any:
    """Post the form the Dashboard's menu posts."""
    fields = {"accessToken": given, "appId": "QXBwOjE=", "saleorApiUrl": API_URL}
    return client.post(path, fields, headers={"Origin": origin} if origin is not None else {})


def code(client: Client, given: str, place: str = "") -> Any:
    return client.post(CODE, {"next": place}, headers={"Authorization": f"Bearer {given}"})


def logged_in(client: Client) -> User | None:
    pk = client.session.get("_auth_user_id")
    return User.objects.get(pk=pk) if pk else None


def closed(response: Any, status: int) -> str:
    """Check that the Studio stayed shut, and return what was said."""
    assert response.status_code == status
    assert "sessionid" not in response.cookies
    assert response["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in response["Content-Security-Policy"]
    return " ".join(response.content.decode().split())


# --- the form -----------------------------------------------------------------------


def test_a_staff_member_is_logged_in_and_led_on(client: Client) -> None:
    response = post(client, token())
    assert (response.status_code, response["Location"]) == (303, reverse("wagtailadmin_home"))
    assert response["Cache-Control"] == "no-store"
    user = logged_in(client)
    assert user is not None
    assert user.email == user.get_full_name() == "aisyah@shop.example"
    assert not user.has_usable_password()
    assert not user.is_superuser
    assert not user.is_staff
    assert client.get(reverse("wagtailadmin_home")).status_code == 200
    assert timedelta(hours=11) < timedelta(seconds=client.session.get_expiry_age())
    assert timedelta(seconds=client.session.get_expiry_age()) <= timedelta(hours=12)


@pytest.mark.parametrize("place", sorted(PLACES))
def test_each_place_is_reached(client: Client, place: str) -> None:
    response = post(client, token(), path=f"{OPEN}?next={place}")
    assert response["Location"] == place_path(place)
    assert client.get(response["Location"], follow=True).status_code == 200


@pytest.mark.parametrize(
    "place",
    [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "/studio/",
        "mail:../../x",
        "mail:",
        "mail:https://evil.example",
        "home\r\nLocation: https://evil.example",
        "account",
    ],
)
def test_no_other_place_is_reached(client: Client, place: str) -> None:
    for response in (
        client.post(
            f"{OPEN}",
            {"accessToken": token()},
            headers={"Origin": ORIGIN},
            QUERY_STRING=f"next={place}",
        ),
        client.get(OPEN, {"next": place}),
    ):
        assert "leads nowhere" in closed(response, 400)
    answer = code(client, token(), place)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"]
    assert logged_in(client) is None
    assert not StaffLink.objects.exists()


def test_a_token_opens_the_studio_once(client: Client) -> None:
    given = token()
    assert post(client, given).status_code == 303
    stranger = Client()
    response = post(stranger, given)
    # Led to a page that asks for a login of the browser's own, and it has none.
    assert (response.status_code, response["Location"]) == (303, OPEN)
    assert "sessionid" not in response.cookies
    said = closed(stranger.get(OPEN), 401)
    assert "is used or has run out" in said
    assert reverse("wagtailadmin_login") in said
    assert logged_in(stranger) is None


def test_who_presses_twice_comes_in_with_the_first_login(client: Client) -> None:
    given = token()
    post(client, given)
    response = client.get(post(client, given, path=f"{OPEN}?next=mails")["Location"])
    assert (response.status_code, response["Location"]) == (303, place_path("mails"))


def test_a_token_that_ran_out_opens_nothing(client: Client) -> None:
    response = post(client, token(exp=int(time.time()) - 60))
    assert response["Location"] == OPEN
    assert logged_in(client) is None
    closed(client.get(OPEN), 401)
    # A menu left open for longer than five minutes: who is logged in goes on.
    post(client, token())
    response = post(client, token(exp=int(time.time()) - 60), path=f"{OPEN}?next=emails")
    assert client.get(response["Location"])["Location"] == place_path("emails")


def test_somebody_logged_in_without_access_does_not_come_in(client: Client) -> None:
    client.force_login(User.objects.create_user("nobody"))
    closed(client.get(OPEN), 401)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"iss": "https://other.example/graphql/"}, 401),
        ({"app": "QXBwOjI="}, 401),
        ({"type": "access"}, 401),
        ({"kid": "evil"}, 503),
        ({"is_staff": False}, 403),
        ({"user_permissions": ["MANAGE_PRODUCTS"]}, 403),
    ],
)
def test_other_tokens_are_refused(client: Client, changes: dict[str, Any], status: int) -> None:
    given = token(**changes)
    closed(post(client, given), status)
    assert code(client, given).status_code == status
    assert logged_in(client) is None
    assert not User.objects.exists()
    assert not LoginCode.objects.exists()


def test_no_token_is_refused(client: Client) -> None:
    closed(post(client, ""), 401)
    closed(client.post(OPEN, headers={"Origin": ORIGIN}), 401)
    closed(client.post(f"{OPEN}?accessToken={token()}", headers={"Origin": ORIGIN}), 401)


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "",
        None,
        "http://localhost.evil.example:9000",
        "https://studio.example",
    ],
)
def test_a_form_from_elsewhere_is_refused(client: Client, origin: str | None) -> None:
    given = token()
    said = closed(post(client, given, origin=origin), 403)
    assert "SALEOR_AUTOMATION_DASHBOARD_ORIGINS" in said
    assert (origin or "an unnamed place") in said
    # It was not used up: somebody else must not take it away.
    assert post(client, given).status_code == 303


def test_the_dashboard_of_the_setting_may_post(client: Client, settings: Any) -> None:
    settings.SALEOR_AUTOMATION = {
        **settings.SALEOR_AUTOMATION,
        "dashboard_origins": "https://dash.shop.example",
    }
    closed(post(client, token()), 403)
    assert post(client, token(), origin="https://dash.shop.example").status_code == 303


def test_other_methods_are_refused(client: Client) -> None:
    for path, methods in (
        (OPEN, ("put", "delete")),
        (CODE, ("get", "put", "delete")),
        (ENTER, ("post", "put", "delete")),
    ):
        for method in methods:
            assert getattr(client, method)(path).status_code == 405, (path, method)


def test_nothing_is_installed(client: Client, installed: Installation) -> None:
    installed.delete()
    installation_forget()
    closed(post(client, token()), 503)
    assert code(client, token()).status_code == 503


def test_tokens_and_codes_are_not_stored(client: Client) -> None:
    given = token()
    post(client, given)
    url = code(client, given).json()["url"]
    stored = repr(list(SpentToken.objects.values())) + repr(list(LoginCode.objects.values()))
    assert given not in stored
    assert parse_qs(urlsplit(url).query)["code"][0] not in stored


def test_what_has_run_out_is_removed(client: Client) -> None:
    past = clock.wall() - timedelta(minutes=10)
    SpentToken.objects.create(digest="old", expires_at=past)
    post(client, token())
    LoginCode.objects.create(
        digest="old", link=StaffLink.objects.get(), path="/studio/", expires_at=past
    )
    code(client, token())
    assert not SpentToken.objects.filter(pk="old").exists()
    assert not LoginCode.objects.filter(pk="old").exists()


def test_a_spent_token_is_remembered_for_as_long_as_it_would_do(client: Client) -> None:
    post(client, token())
    left = SpentToken.objects.get().expires_at - clock.wall()
    assert timedelta(seconds=305) < left < timedelta(seconds=325)


# --- the code -----------------------------------------------------------------------


def test_a_code_opens_the_studio_once(client: Client) -> None:
    answer = code(client, token(), "mails")
    assert answer.status_code == 200
    assert not answer.cookies
    url = answer.json()["url"]
    assert url.startswith("https://studio.example/saleor/app/enter?code=")
    browser = Client()
    response = browser.get(url.removeprefix("https://studio.example"))
    assert (response.status_code, response["Location"]) == (303, place_path("mails"))
    assert response["Referrer-Policy"] == "no-referrer"
    assert logged_in(browser) is not None
    stranger = Client()
    closed(stranger.get(url.removeprefix("https://studio.example")), 401)
    # Whoever used it goes on with their own login.
    assert browser.get(url.removeprefix("https://studio.example")).status_code == 303


def test_the_pages_token_may_be_used_for_many_codes(client: Client) -> None:
    given = token()
    assert [code(client, given).status_code for _time in range(3)] == [200] * 3
    assert StaffLink.objects.count() == 1


def test_a_code_runs_out(client: Client) -> None:
    url = code(client, token()).json()["url"].removeprefix("https://studio.example")
    LoginCode.objects.update(expires_at=clock.wall() - timedelta(seconds=1))
    closed(client.get(url), 401)
    assert logged_in(client) is None
    assert codes.CODE_SECONDS <= 60


@pytest.mark.parametrize("query", ["", "?code=", "?code=guess", "?code=" + "x" * 5000])
def test_a_code_cannot_be_guessed(client: Client, query: str) -> None:
    closed(client.get(ENTER + query), 401)


def test_a_code_leads_to_a_mail(client: Client) -> None:
    mail = sent_message(email_version())
    url = code(client, token(), f"mail:{mail.pk}").json()["url"]
    response = client.get(url.removeprefix("https://studio.example"), follow=True)
    assert response.redirect_chain[0][0] == reverse("automation_mails:detail", args=[mail.pk])
    assert response.status_code == 200


# --- as whom ------------------------------------------------------------------------


def test_the_same_person_is_the_same_user_whatever_their_address(client: Client) -> None:
    post(client, token())
    first = logged_in(client)
    post(client, token(email="aisyah.new@shop.example"))
    again = logged_in(client)
    assert again == first
    assert again is not None
    assert again.email == again.first_name == "aisyah.new@shop.example"


def test_an_address_opens_nobody_elses_user(client: Client) -> None:
    owner = User.objects.create_superuser("owner", "owner@shop.example", "secret")
    other = User.objects.create_user("owner@shop.example", "owner@shop.example", "secret")
    post(client, token(email="owner@shop.example"))
    assert logged_in(client) not in {None, owner, other}


def test_people_of_two_saleors_with_one_id_are_two(client: Client, installed: Installation) -> None:
    post(client, token())
    first = logged_in(client)
    Installation.objects.update(api_url="https://moved.example/graphql/")
    installation_forget()
    post(client, token(iss="https://moved.example/graphql/"))
    assert logged_in(client) not in {None, first}


def test_a_name_entered_in_the_studio_stays(client: Client) -> None:
    post(client, token())
    User.objects.update(first_name="Aisyah", last_name="Rahman")
    post(client, token(email="new@shop.example"))
    user = logged_in(client)
    assert user is not None
    assert (user.get_full_name(), user.email) == ("Aisyah Rahman", "new@shop.example")


def test_a_deactivated_user_stays_out(client: Client) -> None:
    url = code(client, token()).json()["url"].removeprefix("https://studio.example")
    User.objects.update(is_active=False)
    assert "deactivated" in closed(post(client, token()), 403)
    assert "deactivated" in closed(client.get(url), 403)
    answer = code(client, token())
    assert (answer.status_code, logged_in(client)) == (403, None)
    assert not User.objects.get().is_active


def test_another_persons_login_in_the_same_browser_ends(client: Client) -> None:
    post(client, token())
    before = client.session.session_key
    post(client, token(user_id="VXNlcjoy", email="ben@shop.example"))
    user = logged_in(client)
    assert user is not None
    assert user.email == "ben@shop.example"
    assert client.session.session_key != before


# --- roles --------------------------------------------------------------------------


def groups() -> set[str]:
    return set(StaffLink.objects.get().user.groups.values_list("name", flat=True))


@pytest.mark.parametrize(
    ("permissions", "expected"),
    [
        (["MANAGE_SETTINGS"], {EDITOR.name}),
        (["MANAGE_APPS"], {EDITOR.name, TECHNICAL.name}),
        (["MANAGE_ORDERS"], {MAILS.name}),
        (["MANAGE_USERS", "MANAGE_PRODUCTS"], {MAILS.name}),
        (EVERYTHING, {role.name for role in ROLES}),
    ],
)
def test_roles_follow_from_saleor(
    client: Client, permissions: list[str], expected: set[str]
) -> None:
    post(client, token(user_permissions=permissions))
    assert groups() == expected


def test_roles_are_taken_away_and_an_administrators_stay(client: Client) -> None:
    post(client, token())
    StaffLink.objects.get().user.groups.add(Group.objects.get_or_create(name="Moderators")[0])
    post(client, token(user_permissions=["MANAGE_ORDERS"]))
    assert groups() == {MAILS.name, "Moderators"}


def test_a_groups_permissions_are_the_administrators_after_the_first_time(client: Client) -> None:
    post(client, token())
    Group.objects.get(name=EDITOR.name).permissions.clear()
    assert post(client, token(jti="again")).status_code == 303
    assert not Group.objects.get(name=EDITOR.name).permissions.exists()


def test_what_a_release_adds_to_a_role_is_given_once(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    post(client, token())
    Group.objects.get(name=MAILS.name).permissions.clear()
    later = dataclasses.replace(
        MAILS, models=(*MAILS.models, ("saleor_automation", "view_verification"))
    )
    roles = tuple(later if role is MAILS else role for role in ROLES)
    monkeypatch.setattr("saleor_automation.studio.dashboard.roles.ROLES", roles)
    monkeypatch.setattr("saleor_automation.studio.dashboard.staff.ROLES", roles)
    assert post(client, token(jti="again")).status_code == 303
    given = Group.objects.get(name=MAILS.name).permissions
    assert given.get().codename == "view_verification"
    given.clear()
    assert post(client, token(jti="once more")).status_code == 303
    assert not given.exists()


def reached(client: Client, *names: str) -> set[str]:
    """Return the places that open; Wagtail leads away from those that do not."""
    found = set()
    for name in names:
        if client.get(place_path(name), follow=True).status_code == 200:
            response = client.get(place_path(name))
            if response.status_code == 200 or "/studio/pages/" in response["Location"]:
                found.add(name)
    return found


def test_who_manages_orders_reads_mails_and_changes_nothing(client: Client) -> None:
    post(client, token(user_permissions=["MANAGE_ORDERS"]))
    assert reached(client, *PLACES) == {"home", "sequences", "mails"}
    sequence = waiting_sequence()
    switch = reverse(sequence.snippet_viewset.get_url_name("switch"), args=[sequence.pk, "on"])
    assert client.post(switch).status_code == 302
    assert not SequenceSwitch.objects.filter(state="on").exists()


def test_who_manages_settings_edits_and_sees_no_customers(client: Client) -> None:
    starter_load(now=clock.now())
    post(client, token(user_permissions=["MANAGE_SETTINGS"]))
    assert reached(client, *PLACES) == {"home", "sequences", "emails", "brands", "sending"}
    sequence = waiting_sequence()
    switch = reverse(sequence.snippet_viewset.get_url_name("switch"), args=[sequence.pk, "on"])
    client.post(switch)
    assert SequenceSwitch.objects.get(sequence=sequence.key).state == "on"
    mail = sent_message(email_version())
    assert client.get(reverse("automation_mails:detail", args=[mail.pk])).status_code == 302


def test_who_manages_settings_publishes_emails(client: Client) -> None:
    starter_load(now=clock.now())
    post(client, token(user_permissions=["MANAGE_SETTINGS"]))
    user = logged_in(client)
    assert user is not None
    email = EmailPage.objects.first()
    assert email is not None
    may = email.permissions_for_user(user)
    assert (may.can_edit(), may.can_publish(), may.can_unpublish()) == (True, True, True)


def test_who_manages_apps_sees_what_was_not_understood(client: Client) -> None:
    post(client, token(user_permissions=["MANAGE_APPS"]))
    assert "faults" in reached(client, "faults")
    assert "mails" not in reached(client, "mails")


def test_nothing_gives_no_role() -> None:
    assert roles_of([]) == roles_of(["MANAGE_PRODUCTS", "manage_settings"]) == []
