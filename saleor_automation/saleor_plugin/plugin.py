"""The plugin Saleor finds through the entry point ``saleor.plugins``.

Knows Saleor's plugin classes, so it imports inside Saleor only. The form and what
saving it starts are here; the hooks are in ``hooks``. Importing must never raise
inside Saleor: it would not start.
"""

from __future__ import annotations

import logging
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import DEFAULT_DB_ALIAS, transaction

from .configuration import (
    CAPTURE,
    PLUGIN_ID,
    STATUS,
    STUDIO_URL,
    WEBHOOKS,
    Configuration,
    configuration_from,
)
from .studio import studio_url_clean

try:
    from saleor.core.db.connection import allow_writer
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

from .hooks import CaptureHooks

logger = logging.getLogger(__name__)


class AutomationPlugin(CaptureHooks, BasePlugin):
    """Connect Saleor to a Studio, write down what happens, and carry it there."""

    PLUGIN_ID = PLUGIN_ID
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
        {"name": STUDIO_URL, "value": ""},
        {"name": CAPTURE, "value": False},
        {"name": WEBHOOKS, "value": True},
        {"name": STATUS, "value": ""},
    ]
    CONFIG_STRUCTURE = {
        STUDIO_URL: {
            "type": ConfigurationTypeField.STRING,
            "label": "Studio address",
            "help_text": (
                "Where your Studio answers, for example https://studio.example.com. Saving "
                "installs its App, with permission to read customers, orders and checkouts."
            ),
        },
        CAPTURE: {
            "type": ConfigurationTypeField.BOOLEAN,
            "label": "Capture events",
            "help_text": (
                "Write events down in Saleor's database and send them until the Studio has "
                "them, so that none is lost while it is down."
            ),
        },
        WEBHOOKS: {
            "type": ConfigurationTypeField.BOOLEAN,
            "label": "Saleor also sends webhooks",
            "help_text": (
                "Both ways at once are fine: the Studio counts each event once. Switch off to "
                "send from this plugin only."
            ),
        },
        STATUS: {
            "type": ConfigurationTypeField.OUTPUT,
            "label": "Status",
            "help_text": "How things are, and what to do next. Reload the page to see it anew.",
        },
    }

    @classmethod
    def validate_plugin_configuration(cls, plugin_configuration: Any, **kwargs: object) -> None:
        """Clean the address in place.

        Raises ValidationError on ``studio_url``, which the Dashboard shows at the field.
        """
        for field in plugin_configuration.configuration:
            if field["name"] != STUDIO_URL:
                continue
            try:
                field["value"] = studio_url_clean(field.get("value") or "")
            except ValueError as error:
                raise ValidationError(
                    {STUDIO_URL: ValidationError(str(error), code=PluginErrorCode.INVALID.value)}
                ) from error

    @classmethod
    def save_plugin_configuration(cls, plugin_configuration: Any, cleaned_data: Any) -> Any:
        """Save the form, let capture follow it, and leave the rest to a worker."""
        saved = super().save_plugin_configuration(plugin_configuration, cleaned_data)
        configuration = configuration_from(saved.configuration, active=saved.active)
        try:
            with allow_writer():
                _follow(configuration)
        except Exception:
            # The form is saved; what is amiss, the status field says.
            logger.exception("Saleor Automation could not act on its saved form")
        return saved

    def resolve_plugin_configuration(self, request: object) -> list[dict[str, Any]]:
        """Return the fields the Dashboard shows, the status computed now."""
        # Copies: Saleor clears ``self.configuration`` when the plugin is collected.
        fields = [dict(field) for field in self.configuration]
        configuration = configuration_from(fields, active=self.active)
        for field in fields:
            if field["name"] == STATUS:
                field["value"] = _status(configuration)
        return fields


def _follow(configuration: Configuration) -> None:
    from .state import capture_adjust, is_migrated

    if not is_migrated():
        return
    capture_adjust(configuration)
    if configuration.active and has_broker():
        transaction.on_commit(_connect_later, using=DEFAULT_DB_ALIAS)


def _connect_later() -> None:
    try:
        from .tasks import connect

        connect.delay()
    except Exception:
        logger.exception("Saleor Automation could not reach the Celery broker; save again")


def has_broker() -> bool:
    """Tell whether tasks run in a worker; without one Saleor runs them in the request."""
    return not getattr(settings, "CELERY_TASK_ALWAYS_EAGER", False)


def _status(configuration: Configuration) -> str:
    try:
        from .standing import standing_current
        from .status import status_words

        with allow_writer():
            return status_words(standing_current(configuration, has_broker=has_broker()))
    except Exception as error:
        logger.exception("Saleor Automation could not tell its status")
        return (
            f"The status could not be found out ({type(error).__name__}); Saleor's log has the "
            "details. The shop is not affected."
        )
