from __future__ import annotations


class ConfigurationTypeField:
    STRING = "String"
    BOOLEAN = "Boolean"
    OUTPUT = "OUTPUT"


class BasePlugin:
    PLUGIN_NAME = ""
    PLUGIN_ID = ""
    PLUGIN_DESCRIPTION = ""
    CONFIG_STRUCTURE: dict | None = None
    CONFIGURATION_PER_CHANNEL = True
    DEFAULT_CONFIGURATION: list = []
    DEFAULT_ACTIVE = False

    def __init__(self, *, configuration, active, requestor_getter=None, **kwargs):
        given = [dict(f) for f in configuration if f["name"] in self.CONFIG_STRUCTURE]
        names = {field["name"] for field in given}
        given += [dict(f) for f in self.DEFAULT_CONFIGURATION if f["name"] not in names]
        self.configuration = [{**f, **self.CONFIG_STRUCTURE[f["name"]]} for f in given]
        self.active = active
        self.requestor = requestor_getter() if requestor_getter else None

    @classmethod
    def validate_plugin_configuration(cls, plugin_configuration, **kwargs):
        return

    @classmethod
    def pre_save_plugin_configuration(cls, plugin_configuration):
        return

    @classmethod
    def save_plugin_configuration(cls, plugin_configuration, cleaned_data):
        wanted = {f["name"]: f["value"] for f in cleaned_data.get("configuration") or []}
        have = {field["name"] for field in plugin_configuration.configuration}
        for name in wanted.keys() - have:
            plugin_configuration.configuration.append({"name": name, "value": ""})
        for field in plugin_configuration.configuration:
            kind = cls.CONFIG_STRUCTURE[field["name"]]["type"]
            if field["name"] in wanted and kind != ConfigurationTypeField.OUTPUT:
                value = wanted[field["name"]]
                if kind == ConfigurationTypeField.BOOLEAN and not isinstance(value, bool):
                    value = value.lower() == "true"
                field["value"] = value
        plugin_configuration.active = cleaned_data.get("active", plugin_configuration.active)
        cls.validate_plugin_configuration(plugin_configuration)
        cls.pre_save_plugin_configuration(plugin_configuration)
        plugin_configuration.save()
        for field in plugin_configuration.configuration:
            field.update(cls.CONFIG_STRUCTURE[field["name"]])
        return plugin_configuration
