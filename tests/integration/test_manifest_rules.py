"""The manifest against what each Saleor refuses at the installation.

The rules are those of ``saleor/app/manifest_validations.py`` (3.21, 3.22),
``manifest_schema.py`` (3.23, 3.24), ``validators.py`` and the columns of ``App`` and
``Webhook`` in all four, written down here one by one; the subscriptions are validated
against each version's own schema.
"""

from __future__ import annotations

import mimetypes
import re
import struct
from typing import Any

import pytest
from django.contrib.staticfiles import finders
from django.core.validators import URLValidator
from django.test import override_settings

from saleor_automation.checks import check_manifest
from saleor_automation.contract.subscriptions import SUBSCRIPTIONS
from saleor_automation.saleor_app import manifest, own_webhooks
from saleor_automation.saleor_app.lifecycle import SHOP_QUERY, STATE_QUERY
from saleor_automation.saleor_app.manifest import (
    LOGO,
    PERMISSIONS,
    address_problems,
    manifest_build,
)
from saleor_automation.saleor_app.own_webhooks import Plan, plan_requests, webhooks_query
from saleor_automation.saleor_app.problems import Problem, request_make
from tests.shared import needs_schemas, saleor_schema

SCHEMAS = {(3, 21): "3.21", (3, 22): "3.22", (3, 23): "3.23", (3, 24): "3.24-alpha"}
VERSIONS = list(SCHEMAS)


class AppURLValidator(URLValidator):
    """Saleor's own, word for word (``saleor/app/validators.py``)."""

    host_re = "(" + URLValidator.hostname_re + URLValidator.domain_re + "|localhost)"
    regex = re.compile(
        r"^(?:[a-z0-9.+-]*)://"
        r"(?:[^\s:@/]+(?::[^\s:@/]*)?@)?"
        r"(?:" + URLValidator.ipv4_re + "|" + URLValidator.ipv6_re + "|" + host_re + ")"
        r"(?::\d{2,5})?"
        r"(?:[/?#][^\s]*)?"
        r"\Z",
        re.IGNORECASE,
    )


valid_url = AppURLValidator()


@pytest.fixture(params=VERSIONS, ids=lambda version: SCHEMAS[version])
def version(request: pytest.FixtureRequest) -> tuple[int, int]:
    found: tuple[int, int] = request.param
    return found


def test_what_every_saleor_requires_is_there(version: tuple[int, int]) -> None:
    made = manifest_build(version)
    for name in ("id", "name", "version", "tokenTargetUrl"):
        assert made[name], name
    for webhook in made["webhooks"]:
        assert webhook["name"]
        assert webhook["query"]
        assert isinstance(webhook["isActive"], bool)


def test_every_text_fits_its_column(version: tuple[int, int]) -> None:
    made = manifest_build(version)
    assert len(made["name"]) <= manifest.MAX_NAME
    assert len(made["author"]) <= manifest.MAX_NAME
    assert len(made["version"]) <= 60
    assert len(made["id"]) <= 256
    assert len(made["appUrl"]) <= manifest.MAX_APP_URL
    for webhook in made["webhooks"]:
        assert len(webhook["name"]) <= 255
        assert len(webhook["targetUrl"]) <= manifest.MAX_TARGET_URL
        assert len(webhook.get("identifier", "")) <= 256


def test_every_address_passes_saleors_validator(version: tuple[int, int]) -> None:
    made = manifest_build(version)
    addresses = [made["appUrl"], made["tokenTargetUrl"], made["brand"]["logo"]["default"]]
    for address in [*addresses, *(webhook["targetUrl"] for webhook in made["webhooks"])]:
        valid_url(address)


def test_extensions_say_what_every_saleor_requires(version: tuple[int, int]) -> None:
    for extension in manifest_build(version)["extensions"]:
        assert {"label", "url", "mount"} <= set(extension)
        assert set(extension.get("permissions", [])) <= set(PERMISSIONS)


def test_the_version_asked_for_fits_all_four_and_their_prereleases() -> None:
    assert manifest_build((3, 21))["requiredSaleorVersion"] == ">=3.21 <4"


def test_no_permission_is_asked_that_3_24_refuses(version: tuple[int, int]) -> None:
    assert manifest_build(version)["permissions"] == list(PERMISSIONS)
    assert "MANAGE_APPS" not in PERMISSIONS


def test_every_permission_is_needed_and_justified_in_a_line() -> None:
    needed = {item.permission for item in SUBSCRIPTIONS} - {""}
    assert set(PERMISSIONS) == needed
    for why in PERMISSIONS.values():
        assert 10 < len(str(why)) < 100
        assert "\n" not in str(why)


def test_news_of_the_app_is_asked_only_where_no_permission_is_needed(
    version: tuple[int, int],
) -> None:
    events = {event for webhook in own_webhooks.wanted(version) for event in webhook["asyncEvents"]}
    assert ({"APP_DELETED", "APP_STATUS_CHANGED"} <= events) is (version >= (3, 23))


def test_identifiers_are_unique_where_they_are_known(version: tuple[int, int]) -> None:
    found = [webhook.get("identifier") for webhook in manifest_build(version)["webhooks"]]
    if version >= (3, 23):
        assert len(set(found)) == len(found)
        assert all(found)
    else:
        assert set(found) == {None}


def test_the_logo_is_what_saleor_takes(version: tuple[int, int]) -> None:
    """A PNG by its name (nothing may follow it), square, 256 pixels at least."""
    url = manifest_build(version)["brand"]["logo"]["default"]
    assert url.startswith("https://studio.example/")
    assert mimetypes.guess_type(url)[0] == "image/png"
    path = finders.find(LOGO)
    assert path is not None
    with open(path, "rb") as file:
        head = file.read(24)
    assert head[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", head[16:24])
    assert width == height >= 256


def test_the_logo_may_come_from_where_static_files_are() -> None:
    with override_settings(STATIC_URL="https://cdn.example/s/"):
        assert manifest.logo_url() == f"https://cdn.example/s/{LOGO}"


@pytest.mark.parametrize(
    "url",
    [
        "https://studio.example",
        "http://studio:8000",
        "http://localhost:8080",
        "http://127.0.0.1:8080",
        "http://[::1]:8080",
        "https://a-b.c1.example/prefix",
        "https://kedai-köpi.example",
        "https://xn--kpi-sna.example",
        "http://studio_1:8000",
        "https://-studio.example",
        "https://studio.example:8",
        "https://studio..example",
        "https://stu dio.example",
    ],
)
def test_our_check_of_the_address_agrees_with_saleors_validator(url: str) -> None:
    try:
        valid_url(url)
        taken = True
    except Exception:
        taken = False
    assert (address_problems(url) == []) is taken


@pytest.mark.parametrize(("length", "count"), [(192, 0), (193, 1), (238, 1), (239, 2)])
def test_an_address_too_long_for_saleors_columns_is_found(length: int, count: int) -> None:
    url = "https://studio.example/" + "x" * (length - 23)
    assert len(address_problems(url)) == count


def test_the_system_check_says_what_to_do(settings: Any) -> None:
    assert check_manifest(None) == []
    settings.SALEOR_AUTOMATION = {"public_url": "http://studio_1:8000"}
    [found] = check_manifest(None)
    assert found.id == "saleor_automation.E010"
    assert "studio_1" in found.msg
    assert "SALEOR_AUTOMATION_PUBLIC_URL" in str(found.hint)


def schema_of(version: tuple[int, int]) -> Any:
    return saleor_schema(SCHEMAS[version])


@needs_schemas
def test_every_document_we_send_is_valid_against_that_saleors_schema(
    version: tuple[int, int],
) -> None:
    from graphql import parse, validate

    known = schema_of(version)
    webhooks = manifest_build(version)["webhooks"]
    documents = [webhook["query"] for webhook in webhooks]
    documents += [STATE_QUERY, SHOP_QUERY, webhooks_query(version)]
    want = own_webhooks.wanted(version)[0]
    plan = Plan(create=(want,), update=(("W1", want),), delete=("W2",))
    documents += [query for query, _variables in plan_requests(plan)]
    if version >= (3, 22):
        documents.append(request_make([Problem("a.b", "Wrong.")], ["c.d"])[0])
    for document in documents:
        assert validate(known, parse(document)) == [], document


@needs_schemas
def test_every_value_we_send_fits_that_saleors_inputs(version: tuple[int, int]) -> None:
    from graphql import GraphQLInputObjectType

    known = schema_of(version)
    inputs = {name: known.get_type(name) for name in ("WebhookCreateInput", "WebhookUpdateInput")}
    [create] = own_webhooks.plan_make(own_webhooks.wanted(version)[:1], []).create
    for kind in inputs.values():
        assert isinstance(kind, GraphQLInputObjectType)
        assert set(create) <= set(kind.fields)
    if version >= (3, 22):
        problem = known.get_type("AppProblemCreateInput")
        assert isinstance(problem, GraphQLInputObjectType)
        _query, variables = request_make([Problem("a.b", "Wrong.", is_critical=True)], [])
        assert set(variables["i0"]) <= set(problem.fields)


@needs_schemas
def test_every_event_is_one_that_saleor_has(version: tuple[int, int]) -> None:
    events = schema_of(version).get_type("WebhookEventTypeAsyncEnum").values
    for webhook in manifest_build(version)["webhooks"]:
        assert set(webhook["asyncEvents"]) <= set(events)
