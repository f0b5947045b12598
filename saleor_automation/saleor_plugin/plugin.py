"""The plugin Saleor finds through the entry point ``saleor.plugins``.

Knows Saleor's plugin classes, so it imports inside Saleor only. Has no event hooks
yet: events reach the Studio through the app it tells the person to install.
"""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError

from .studio import next_step, studio_url_clean

try:
    from saleor.plugins.base_plugin import BasePlugin, ConfigurationTypeField
    from saleor.plugins.error_codes import PluginErrorCode
except ModuleNotFoundError as error:
    # Only a missing Saleor is explained; a broken one must show its own error.
    if (error.name or "").partition(".")[0] != "saleor":
        raise
    raise ImportError(
        "saleor_automation.saleor_plugin.plugin is loaded by Saleor itself. Install "
        "saleor-automation into Saleor's environment; the Studio does not import it."
    ) from error


class AutomationPlugin(BasePlugin):
    """Tell the Dashboard where the Studio is and how to connect the two."""

    PLUGIN_ID = "saleor.automation"
    PLUGIN_NAME = "Saleor Automation"
    PLUGIN_DESCRIPTION = (
        "E-mail automation: welcome, abandoned basket and post-purchase sequences, "
        "written and watched in the Studio."
    )
    # The Dashboard of Saleor 3.22 and later lists only active plugins.
    DEFAULT_ACTIVE = True
    # Per channel Saleor would call hooks of customers once per loaded channel.
    CONFIGURATION_PER_CHANNEL = False
    # Saleor and its Dashboard read plain strings here, before any request has a language.
    DEFAULT_CONFIGURATION = [
        {"name": "studio_url", "value": ""},
        {"name": "status", "value": ""},
    ]
    CONFIG_STRUCTURE = {
        "studio_url": {
            "type": ConfigurationTypeField.STRING,
            "label": "Studio address",
            "help_text": "Where your Studio answers, for example https://studio.example.com.",
        },
        "status": {
            "type": ConfigurationTypeField.OUTPUT,
            "label": "What to do next",
            "help_text": "Changes after you save.",
        },
    }

    @classmethod
    def validate_plugin_configuration(cls, plugin_configuration: Any, **kwargs: object) -> None:
        """Clean the address in place.

        Raises ValidationError on ``studio_url``, which the Dashboard shows at the field.
        """
        for field in plugin_configuration.configuration:
            if field["name"] != "studio_url":
                continue
            try:
                field["value"] = studio_url_clean(field.get("value") or "")
            except ValueError as error:
                raise ValidationError(
                    {"studio_url": ValidationError(str(error), code=PluginErrorCode.INVALID.value)}
                ) from error

    def resolve_plugin_configuration(self, request: object) -> list[dict[str, Any]]:
        """Return the fields the Dashboard shows, the status computed now."""
        # Copies: Saleor clears ``self.configuration`` when the plugin is collected.
        fields = [dict(field) for field in self.configuration]
        values = {field["name"]: field.get("value") or "" for field in fields}
        for field in fields:
            if field["name"] == "status":
                field["value"] = next_step(values.get("studio_url", ""), active=self.active)
        return fields
