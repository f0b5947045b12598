"""System checks find what is wrong and say what to do."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import pytest

from saleor_automation import checks


def ids(messages: list[Any]) -> list[str]:
    assert all(message.hint for message in messages)
    return [message.id.removeprefix("saleor_automation.") for message in messages]


def test_the_ready_made_settings_are_right() -> None:
    assert ids([*checks.check_settings(None), *checks.check_database(None)]) == []
    assert checks.check_mjml(None) == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"colour": "red"}, ["E001"]),
        ({"public_url": "studio.example"}, ["E002"]),
        ({"saleor_api_url": "ftp://shop/graphql/"}, ["E002"]),
        ({"lease_seconds": 300.0}, ["E003"]),
        ({"dashboard_origins": "shop.example"}, ["E013"]),
        ({"dashboard_origins": "https://dashboard.shop.example"}, []),
    ],
)
def test_settings(settings: Any, changes: dict[str, Any], expected: list[str]) -> None:
    settings.SALEOR_AUTOMATION = {**settings.SALEOR_AUTOMATION, **changes}
    assert ids(checks.check_settings(None)) == expected


@pytest.mark.parametrize(
    ("database", "expected"),
    [
        ({"ENGINE": "django.db.backends.postgresql"}, ["W001"]),
        ({"ENGINE": "django.db.backends.postgresql", "CONN_MAX_AGE": 60}, []),
        ({"ENGINE": "django.db.backends.sqlite3"}, ["E005"]),
        (
            {
                "ENGINE": "django.db.backends.postgresql",
                "CONN_MAX_AGE": 60,
                "ATOMIC_REQUESTS": True,
            },
            ["E004"],
        ),
    ],
)
def test_database(
    monkeypatch: pytest.MonkeyPatch, database: dict[str, Any], expected: list[str]
) -> None:
    from django.conf import settings

    monkeypatch.setattr(settings, "DATABASES", {"default": database})
    assert ids(checks.check_database(None)) == expected


def test_another_package_named_mjml(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mjml", ModuleType("mjml"))
    assert ids(checks.check_mjml(None)) == ["E006"]
