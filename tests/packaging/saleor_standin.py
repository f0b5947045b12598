"""The few parts of Saleor's plugin classes that the plugin is called through.

Written after saleor/plugins/base_plugin.py of 3.23: same names, same order of calls
when a person saves the form. Import nothing but the standard library: it is also
copied into an environment that holds only Django.
"""

from __future__ import annotations

import sys
from enum import Enum
from types import ModuleType, SimpleNamespace


class ConfigurationTypeField:
    STRING = "String"
    OUTPUT = "OUTPUT"


class PluginErrorCode(Enum):
    INVALID = "invalid"


class BasePlugin:
    PLUGIN_NAME = ""
    PLUGIN_ID = ""
    CONFIG_STRUCTURE: dict = {}
    CONFIGURATION_PER_CHANNEL = True
    DEFAULT_CONFIGURATION: list = []
    DEFAULT_ACTIVE = False

    def __init__(self, *, configuration, active):
        given = [dict(f) for f in configuration if f["name"] in self.CONFIG_STRUCTURE]
        names = {field["name"] for field in given}
        given += [dict(f) for f in self.DEFAULT_CONFIGURATION if f["name"] not in names]
        self.configuration = [{**f, **self.CONFIG_STRUCTURE[f["name"]]} for f in given]
        self.active = active

    @classmethod
    def validate_plugin_configuration(cls, plugin_configuration, **kwargs):
        return

    @classmethod
    def pre_save_plugin_configuration(cls, plugin_configuration):
        return

    @classmethod
    def save_plugin_configuration(cls, plugin_configuration, cleaned_data):
        wanted = {f["name"]: f["value"] for f in cleaned_data.get("configuration", [])}
        for field in plugin_configuration.configuration:
            kind = cls.CONFIG_STRUCTURE[field["name"]]["type"]
            if field["name"] in wanted and kind != ConfigurationTypeField.OUTPUT:
                field["value"] = wanted[field["name"]]
        plugin_configuration.active = cleaned_data.get("active", plugin_configuration.active)
        cls.validate_plugin_configuration(plugin_configuration)
        cls.pre_save_plugin_configuration(plugin_configuration)
        plugin_configuration.save()
        return plugin_configuration


def stored_configuration(plugin_class):
    """Return what stands in for Saleor's PluginConfiguration row."""
    row = SimpleNamespace(
        configuration=[dict(field) for field in plugin_class.DEFAULT_CONFIGURATION],
        active=plugin_class.DEFAULT_ACTIVE,
        saved=None,
    )
    row.save = lambda: setattr(row, "saved", [dict(field) for field in row.configuration])
    return row


def modules() -> dict[str, ModuleType]:
    """Return the modules to put into ``sys.modules``."""
    made = {
        name: ModuleType(name)
        for name in (
            "saleor",
            "saleor.plugins",
            "saleor.plugins.base_plugin",
            "saleor.plugins.error_codes",
        )
    }
    made["saleor.plugins.base_plugin"].BasePlugin = BasePlugin
    made["saleor.plugins.base_plugin"].ConfigurationTypeField = ConfigurationTypeField
    made["saleor.plugins.error_codes"].PluginErrorCode = PluginErrorCode
    return made


def install() -> None:
    """Make ``import saleor.plugins...`` find this stand-in in this process."""
    sys.modules.update(modules())
