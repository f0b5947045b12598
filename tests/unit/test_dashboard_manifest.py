"""Where each Saleor is told to show us, and who may frame our pages."""

from __future__ import annotations

import re

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.urls import resolve

from saleor_automation.saleor_app.extensions import extensions_for
from saleor_automation.saleor_app.manifest import PERMISSIONS, manifest_build
from saleor_automation.saleor_app.origins import origin_among, origins_parse
from tests.shared import SALEOR, needs_schemas

VERSIONS = [(3, 21), (3, 22), (3, 23), (3, 24)]


def targets(version: tuple[int, int]) -> set[tuple[str, str]]:
    return {(item["mount"], item["target"]) for item in extensions_for(version)}


def test_3_21_gets_nothing_it_does_not_know() -> None:
    assert targets((3, 21)) == {
        ("NAVIGATION_CUSTOMERS", "APP_PAGE"),
        ("CUSTOMER_DETAILS_MORE_ACTIONS", "POPUP"),
        ("ORDER_DETAILS_MORE_ACTIONS", "POPUP"),
    }
    assert not any("options" in item or "identifier" in item for item in extensions_for((3, 21)))


def test_3_22_gets_boxes_and_a_tab() -> None:
    assert targets((3, 22)) == {
        ("NAVIGATION_CUSTOMERS", "APP_PAGE"),
        ("NAVIGATION_CUSTOMERS", "NEW_TAB"),
        ("CUSTOMER_DETAILS_WIDGETS", "WIDGET"),
        ("ORDER_DETAILS_WIDGETS", "WIDGET"),
    }
    assert not any("identifier" in item for item in extensions_for((3, 22)))


@pytest.mark.parametrize("version", [(3, 23), (3, 24)])
def test_from_3_23_on_the_first_page_and_identifiers_too(version: tuple[int, int]) -> None:
    assert targets(version) == targets((3, 22)) | {("HOMEPAGE_WIDGETS", "WIDGET")}
    names = [item["identifier"] for item in extensions_for(version)]
    assert len(set(names)) == len(names)


@needs_schemas
@pytest.mark.parametrize("version", ["3.21", "3.22"])
def test_mounts_and_targets_are_in_the_schema(version: str) -> None:
    # From 3.23 on they are plain strings, and the Dashboard decides.
    schema = (SALEOR / "schema" / f"{version}.graphql").read_text()

    def enum(name: str) -> set[str]:
        found = re.search(rf"enum {name}\b[^{{]*{{(.*?)}}", schema, re.DOTALL)
        assert found
        return set(re.findall(r"^\s+([A-Z_]+)", found[1], re.MULTILINE))

    major, minor = version.split(".")
    asked = extensions_for((int(major), int(minor)))
    assert {item["mount"] for item in asked} <= enum("AppExtensionMountEnum")
    assert {item["target"] for item in asked} <= enum("AppExtensionTargetEnum")


@pytest.mark.parametrize("version", VERSIONS)
def test_the_manifest_leads_to_pages_that_exist(version: tuple[int, int]) -> None:
    manifest = manifest_build(version)
    assert manifest["appUrl"] == "https://studio.example/saleor/app"
    assert manifest["extensions"] == extensions_for(version)
    for item in manifest["extensions"]:
        # Saleor refuses an extension that asks for more than its app.
        assert set(item["permissions"]) <= set(PERMISSIONS)
        # The Dashboard joins a relative address to the app's as it is.
        absolute = item["url"] if item["target"] != "APP_PAGE" else manifest["appUrl"] + item["url"]
        assert absolute.startswith("https://studio.example/")
        assert resolve(absolute.removeprefix("https://studio.example"))


@pytest.mark.parametrize(
    ("setting", "api_url", "expected"),
    [
        ("", "https://shop.example/graphql/", ("https://shop.example",)),
        ("", "https://Shop.example:8443/graphql/", ("https://shop.example:8443",)),
        (
            "",
            "https://kertas.eu.saleor.cloud/graphql/",
            ("https://kertas.eu.saleor.cloud", "https://*.saleor.cloud"),
        ),
        ("", "https://saleor.cloud.evil.example/graphql/", ("https://saleor.cloud.evil.example",)),
        (
            "",
            "http://127.0.0.1:8000/graphql/",
            ("http://127.0.0.1:8000", "http://localhost:*", "http://127.0.0.1:*"),
        ),
        ("", "", ()),
        ("", "https://shop.example;evil/graphql/", ()),
        (
            "https://dashboard.shop.example/, https://*.shop.example",
            "https://api.shop.example/graphql/",
            ("https://dashboard.shop.example", "https://*.shop.example"),
        ),
    ],
)
def test_origins(setting: str, api_url: str, expected: tuple[str, ...]) -> None:
    assert origins_parse(setting, api_url) == expected


@pytest.mark.parametrize(
    "setting",
    [
        "*",
        "https://*",
        "https:",
        "shop.example",
        "ftp://shop.example",
        "https://shop.example/dashboard",
        "https://shop.example;script-src",
        "https://a.*.example",
        "'self'",
        "https://user@shop.example",
    ],
)
def test_what_is_no_origin_is_refused(setting: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="scheme and host"):
        origins_parse(setting, "")


@pytest.mark.parametrize(
    ("origin", "allowed", "expected"),
    [
        ("https://shop.example", ["https://shop.example"], True),
        ("http://shop.example", ["https://shop.example"], False),
        ("https://shop.example:444", ["https://shop.example"], False),
        ("https://shop.example.evil", ["https://shop.example"], False),
        ("https://shopxexample", ["https://shop.example"], False),
        ("https://a.saleor.cloud", ["https://*.saleor.cloud"], True),
        ("https://a.eu.saleor.cloud", ["https://*.saleor.cloud"], True),
        ("https://saleor.cloud", ["https://*.saleor.cloud"], False),
        ("https://evilsaleor.cloud", ["https://*.saleor.cloud"], False),
        ("https://a.saleor.cloud.evil", ["https://*.saleor.cloud"], False),
        ("http://localhost:9000", ["http://localhost:*"], True),
        ("http://localhost", ["http://localhost:*"], True),
        ("http://localhost.evil:9000", ["http://localhost:*"], False),
        ("null", ["https://shop.example"], False),
        ("", ["https://shop.example"], False),
        ("https://shop.example", [], False),
    ],
)
def test_an_origin_is_among_them_or_not(origin: str, allowed: list[str], expected: bool) -> None:
    assert origin_among(origin, allowed) is expected
