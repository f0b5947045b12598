"""The plugin as Saleor calls it, and the address a person types."""

from __future__ import annotations

import importlib
import re
import sys

import pytest
from django.core.exceptions import ValidationError

from saleor_automation.saleor_plugin.studio import manifest_url, next_step, studio_url_clean

from . import saleor_standin

PLUGIN = "saleor_automation.saleor_plugin.plugin"


@pytest.fixture
def plugin_class(monkeypatch):
    for name, module in saleor_standin.modules().items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.delitem(sys.modules, PLUGIN, raising=False)
    yield importlib.import_module(PLUGIN).AutomationPlugin
    sys.modules.pop(PLUGIN, None)


def shown(plugin) -> dict[str, str]:
    return {f["name"]: f["value"] for f in plugin.resolve_plugin_configuration(None)}


def test_dashboard_finds_it_at_once_and_once_per_shop(plugin_class):
    assert plugin_class.DEFAULT_ACTIVE is True
    assert plugin_class.CONFIGURATION_PER_CHANNEL is False
    assert re.fullmatch(r"[.0-9A-Za-z_-]{1,128}", plugin_class.PLUGIN_ID)


def test_every_field_has_a_default_and_a_structure(plugin_class):
    names = [field["name"] for field in plugin_class.DEFAULT_CONFIGURATION]
    assert sorted(names) == sorted(plugin_class.CONFIG_STRUCTURE)


def test_saving_an_address_tells_where_to_install_from(plugin_class):
    row = saleor_standin.stored_configuration(plugin_class)
    plugin_class.save_plugin_configuration(
        row, {"configuration": [{"name": "studio_url", "value": " https://studio.example/ "}]}
    )

    assert row.saved[0] == {"name": "studio_url", "value": "https://studio.example"}
    plugin = plugin_class(configuration=row.saved, active=row.active)
    assert "https://studio.example/saleor/manifest" in shown(plugin)["status"]


def test_a_bad_address_is_refused_at_its_field_and_not_saved(plugin_class):
    row = saleor_standin.stored_configuration(plugin_class)
    with pytest.raises(ValidationError) as raised:
        plugin_class.save_plugin_configuration(
            row, {"configuration": [{"name": "studio_url", "value": "studio.example"}]}
        )

    [error] = raised.value.error_dict["studio_url"]
    assert error.code == "invalid"
    assert "https://studio.example.com" in error.message
    assert row.saved is None


def test_status_asks_for_the_address_first(plugin_class):
    assert "address" in shown(plugin_class(configuration=[], active=True))["status"]


def test_showing_the_form_does_not_change_the_plugin(plugin_class):
    plugin = plugin_class(configuration=[], active=True)
    before = [dict(field) for field in plugin.configuration]
    plugin.resolve_plugin_configuration(None)
    assert plugin.configuration == before


def test_it_has_no_hook_yet_so_it_cannot_slow_the_shop(plugin_class):
    own = {name for name in vars(plugin_class) if not name.startswith("_") and name.islower()}
    assert own == {"validate_plugin_configuration", "resolve_plugin_configuration"}


def test_outside_saleor_it_says_where_it_belongs(monkeypatch):
    monkeypatch.delitem(sys.modules, PLUGIN, raising=False)
    with pytest.raises(ImportError, match="loaded by Saleor itself"):
        importlib.import_module(PLUGIN)


def test_a_broken_saleor_shows_its_own_error(plugin_class, monkeypatch):
    class Broken:
        @staticmethod
        def find_spec(name, path=None, target=None):
            if name == "saleor.plugins.error_codes":
                raise ModuleNotFoundError("No module named 'graphene'", name="graphene")

    monkeypatch.delitem(sys.modules, PLUGIN)
    monkeypatch.delitem(sys.modules, "saleor.plugins.error_codes")
    sys.modules["saleor.plugins"].__path__ = []
    monkeypatch.setattr(sys, "meta_path", [Broken, *sys.meta_path])
    with pytest.raises(ModuleNotFoundError, match="graphene"):
        importlib.import_module(PLUGIN)


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("", ""),
        ("   ", ""),
        ("https://studio.example", "https://studio.example"),
        ("https://studio.example//", "https://studio.example"),
        ("http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
        ("https://shop.example/studio/", "https://shop.example/studio"),
        ("https://studio.example/saleor/manifest", "https://studio.example"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_address_is_kept_clean(typed, kept):
    assert studio_url_clean(typed) == kept


@pytest.mark.parametrize(
    "typed",
    [
        "studio.example",
        "ftp://studio.example",
        "https://",
        "https://studio.example:99999",
        "https://studio.example:0",
        "https://[::1",
        "https://user:secret@studio.example",
        "https://studio.example/?a=1",
        "https://studio.example/#top",
        "https://studio .example",
    ],
)
def test_address_that_cannot_work_is_refused(typed):
    with pytest.raises(ValueError, match=r"\."):
        studio_url_clean(typed)


def test_address_error_does_not_repeat_a_password():
    with pytest.raises(ValueError, match="password") as raised:
        studio_url_clean("https://user:secret@studio.example")
    assert "secret" not in str(raised.value)


def test_status_when_switched_off():
    assert "on" in next_step("https://studio.example", active=False)
    assert manifest_url("https://s.example") == "https://s.example/saleor/manifest"
