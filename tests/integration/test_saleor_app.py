"""Installing: the manifest, the handshake and calls to Saleor, over real HTTP."""

from __future__ import annotations

import json
import logging
from unittest import mock

import pytest
from django.db import OperationalError
from django.test import RequestFactory

from saleor_automation.exceptions import SaleorAPIError
from saleor_automation.saleor_app.api import graphql
from saleor_automation.saleor_app.installations import installation_forget
from saleor_automation.saleor_app.manifest import manifest_view
from saleor_automation.saleor_app.models import Installation
from saleor_automation.saleor_app.register import register_view
from tests.shared import TinySaleor, needs_schemas, saleor_schema

SECRET = "good-token"
SCHEMAS = ["3.21", "3.22", "3.23", "3.24-alpha"]


@pytest.fixture(scope="module")
def shared_saleor():
    saleor = TinySaleor()
    yield saleor
    saleor.close()


@pytest.fixture
def saleor(shared_saleor, settings):
    """A Saleor this Studio is told to serve."""
    shared_saleor.asked.clear()
    settings.SALEOR_AUTOMATION = {
        "public_url": "https://studio.example",
        "saleor_api_url": shared_saleor.url,
    }
    installation_forget()
    logging.getLogger("saleor_automation.saleor_app.register").setLevel(logging.CRITICAL)
    yield shared_saleor
    logging.getLogger("saleor_automation.saleor_app.register").setLevel(logging.NOTSET)
    installation_forget()


def register(api_url, content=None, **headers):
    content = {"auth_token": SECRET} if content is None else content
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    request = RequestFactory().post(
        "/saleor/register",
        body,
        content_type="application/json",
        headers={"Saleor-Api-Url": api_url, "Saleor-Schema-Version": "3.23", **headers},
    )
    response = register_view(request)
    return response.status_code, json.loads(response.content)


def manifest(version=None):
    headers = {"Saleor-Schema-Version": version} if version else {}
    # Saleor sends "Host: localhost" without a port.
    request = RequestFactory().get("/saleor/manifest", headers={"Host": "localhost", **headers})
    return json.loads(manifest_view(request).content)


@pytest.mark.django_db
def test_a_real_token_installs(saleor):
    assert register(saleor.url) == (200, {"success": True})

    installation = Installation.objects.get()
    assert (installation.api_url, installation.app_id) == (saleor.url, "QXBwOjE=")
    assert (installation.token, installation.jwks) == (SECRET, saleor.jwks())
    assert (installation.shop_name, installation.saleor_version) == ("Kedai Kopi", "3.23.28")


@pytest.mark.django_db
def test_installing_again_replaces_the_token(saleor):
    register(saleor.url)
    saleor.tokens["second"] = "QXBwOjI="

    assert register(saleor.url, {"auth_token": "second"})[0] == 200

    installation = Installation.objects.get()
    assert (installation.token, installation.app_id) == ("second", "QXBwOjI=")


@pytest.mark.django_db
def test_a_false_token_changes_nothing(saleor):
    register(saleor.url)

    status, answer = register(saleor.url, {"auth_token": "invented"})

    assert status == 502
    assert "did not recognise the token" in answer["error"]["message"]
    assert Installation.objects.get().token == SECRET


@pytest.mark.django_db
@pytest.mark.parametrize("identifier", ["other.app", "", None])
def test_a_token_of_another_app_changes_nothing(saleor, identifier):
    register(saleor.url)
    saleor.tokens["others"], saleor.identifiers["others"] = "QXBwOjM=", identifier

    status, answer = register(saleor.url, {"auth_token": "others"})

    assert status == 502
    assert "another app's" in answer["error"]["message"]
    assert "saleor.automation" in answer["error"]["message"]
    assert Installation.objects.get().token == SECRET


@pytest.mark.django_db
def test_another_shop_is_not_even_called(saleor):
    stranger = TinySaleor()
    try:
        status, answer = register(stranger.url)
    finally:
        stranger.close()

    assert status == 403
    assert "SALEOR_AUTOMATION_SALEOR_API_URL" in answer["error"]["message"]
    assert stranger.asked == saleor.asked == []
    assert not Installation.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "header", ["Saleor-Domain", "X-Saleor-Domain", "Host", "X-Forwarded-Host", "Origin", "Referer"]
)
def test_no_other_header_decides_whom_we_call(saleor, header):
    stranger = TinySaleor()
    try:
        host = stranger.url.split("/")[2]
        status, _answer = register(saleor.url, {"auth_token": "invented"}, **{header: host})
    finally:
        stranger.close()
    assert status == 502
    assert stranger.asked == []


@pytest.mark.django_db
@pytest.mark.parametrize(
    "url",
    [
        "",
        "http://169.254.169.254/graphql/",
        "file:///etc/passwd",
        "http://user@{host}/graphql/",
        "http://{host}@evil.example/graphql/",
        "http://{host}/graphql/?x=http://evil.example",
        "http://{host}/graphql/../admin/",
        "http://{host}//graphql/",
    ],
)
def test_no_address_but_the_configured_one_is_called(saleor, url):
    host = saleor.url.split("/")[2]
    assert register(url.format(host=host))[0] == 403
    assert saleor.asked == []


@pytest.mark.django_db
def test_a_slash_forgotten_in_the_setting_is_forgiven(saleor, settings):
    settings.SALEOR_AUTOMATION = {"saleor_api_url": saleor.url.rstrip("/")}
    assert register(saleor.url)[0] == 200
    assert Installation.objects.get().api_url == saleor.url


@pytest.mark.django_db
def test_what_saleor_says_of_the_app_is_kept(saleor):
    register(saleor.url)
    installation = Installation.objects.get()
    assert installation.permissions == ["MANAGE_CHECKOUTS", "MANAGE_ORDERS", "MANAGE_USERS"]
    assert installation.app_version == "0.1.0"
    assert installation.asked_at is not None


@pytest.mark.django_db
def test_a_token_is_sent_with_post(saleor):
    response = register_view(RequestFactory().get("/saleor/register"))
    assert (response.status_code, response["Allow"]) == (405, "POST")
    assert json.loads(response.content)["error"]["message"]


@pytest.mark.django_db
def test_a_database_that_is_down_is_explained_and_the_token_not_logged(saleor, caplog):
    error = OperationalError(f"Failing row contains ({SECRET})")
    with mock.patch("saleor_automation.saleor_app.register._keep", side_effect=error):
        status, answer = register(saleor.url)
    assert status == 503
    assert "Install the app again" in answer["error"]["message"]
    assert SECRET not in caplog.text + str(answer)


@pytest.mark.django_db
def test_an_app_installed_switched_off_is_refused_with_what_to_do(saleor):
    """Its token is nobody's to Saleor, as is a forged one."""
    status, answer = register(saleor.url, {"auth_token": "of-an-app-that-is-off"})
    assert status == 502
    assert "install_app --activate" in answer["error"]["message"]


@pytest.mark.django_db
def test_without_a_configured_shop_the_answer_says_what_to_set(saleor, settings):
    settings.SALEOR_AUTOMATION = {}
    status, answer = register(saleor.url)
    assert status == 403
    assert "Set SALEOR_AUTOMATION_SALEOR_API_URL" in answer["error"]["message"]


@pytest.mark.django_db
def test_a_database_of_another_shop_is_not_taken_over(saleor, settings):
    register(saleor.url)
    other = TinySaleor()
    settings.SALEOR_AUTOMATION = {"saleor_api_url": other.url}
    try:
        status, answer = register(other.url)
    finally:
        other.close()
    assert status == 403
    assert "another shop before" in answer["error"]["message"]
    assert Installation.objects.get().api_url == saleor.url


@pytest.mark.django_db
@pytest.mark.parametrize("content", [b"", b"{", [], {}, {"auth_token": ""}, {"auth_token": 1}])
def test_what_is_not_saleors_form_is_refused(saleor, content):
    status, answer = register(saleor.url, content)
    assert status == 400
    assert "auth_token" in answer["error"]["message"]


@pytest.mark.django_db
def test_a_saleor_that_cannot_be_called_back_is_explained(saleor, settings):
    gone = TinySaleor()
    gone.close()
    settings.SALEOR_AUTOMATION = {"saleor_api_url": gone.url}
    status, answer = register(gone.url)
    assert status == 502
    assert "SALEOR_AUTOMATION_SALEOR_CALL_URL" in answer["error"]["message"]
    assert SECRET not in answer["error"]["message"]


@pytest.mark.django_db
def test_saleor_may_be_called_under_another_address_than_its_own(saleor, settings):
    own = "https://shop.example/graphql/"
    settings.SALEOR_AUTOMATION = {"saleor_api_url": own, "saleor_call_url": saleor.url}

    assert register(own)[0] == 200

    assert Installation.objects.get().api_url == own
    assert "/.well-known/jwks.json" in saleor.asked


@pytest.mark.django_db
def test_queries_run_as_the_installed_app(saleor):
    register(saleor.url)
    assert graphql(query="{ app { id } }")["app"]["id"] == "QXBwOjE="


@pytest.mark.django_db
def test_queries_before_the_install_say_where_to_install(saleor):
    with pytest.raises(SaleorAPIError, match=r"https://studio\.example/saleor/manifest"):
        graphql(query="{ app { id } }")


@pytest.mark.parametrize(
    ("version", "deletions", "identifiers"),
    [
        ("3.21", False, False),
        ("3.22", False, False),
        ("3.23", True, True),
        ("3.24", True, True),
        (None, False, False),
        ("nonsense", False, False),
    ],
)
def test_the_manifest_fits_the_saleor_that_asks(saleor, version, deletions, identifiers):
    made = manifest(version)
    events = [webhook["asyncEvents"] for webhook in made["webhooks"]]
    assert (["CUSTOMER_DELETED"] in events) is deletions
    assert all(("identifier" in webhook) is identifiers for webhook in made["webhooks"])
    assert all(len(names) == 1 for names in events)
    assert len({names[0] for names in events}) == len(events)


def test_the_manifests_addresses_are_the_configured_ones(saleor):
    made = manifest("3.23")
    assert made["tokenTargetUrl"] == "https://studio.example/saleor/register"
    assert {webhook["targetUrl"] for webhook in made["webhooks"]} == {
        "https://studio.example/saleor/webhooks/"
    }


def test_the_manifest_asks_no_more_than_its_webhooks_need(saleor):
    assert manifest("3.23")["permissions"] == ["MANAGE_USERS", "MANAGE_ORDERS", "MANAGE_CHECKOUTS"]


@needs_schemas
@pytest.mark.parametrize("schema", SCHEMAS)
def test_every_subscription_is_valid_against_saleors_schema(saleor, schema):
    from graphql import parse, validate

    known = saleor_schema(schema)
    webhooks = manifest(schema)["webhooks"]
    assert len(webhooks) > 20
    for webhook in webhooks:
        assert validate(known, parse(webhook["query"])) == [], webhook["name"]
        assert "__typename issuedAt" in webhook["query"]
        assert "recipient { id }" in webhook["query"]
