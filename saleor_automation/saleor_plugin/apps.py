"""Django app inside Saleor.

Saleor's DEFAULT_AUTO_FIELD differs from ours, so the type of keys is fixed here. What
needs Saleor is done only where Saleor is: the app also loads beside Django alone.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from django.apps import AppConfig, apps
from django.conf import settings
from django.utils.translation import gettext_lazy as _

logger = logging.getLogger(__name__)

RELAY_TASK = "saleor_automation.saleor_plugin.tasks.relay"
#: Seconds between two relays: what a person waits for an email to start at the most.
RELAY_EVERY = 10
#: Seconds a relay may wait for a worker. With none running they must not pile up in the
#: broker; with a busy one they must not all run out before their turn.
RELAY_EXPIRES = 600


class AutomationPluginConfig(AppConfig):
    name = "saleor_automation.saleor_plugin"
    label = "saleor_automation_plugin"
    verbose_name = _("Saleor Automation plugin")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        schedule = getattr(settings, "CELERY_BEAT_SCHEDULE", None)
        if isinstance(schedule, dict):
            schedule["saleor-automation-relay"] = {
                "task": RELAY_TASK,
                "schedule": timedelta(seconds=RELAY_EVERY),
            }
        if apps.is_installed("saleor.account"):
            try:
                from .signals import connect

                connect()
            except Exception:
                # A Saleor we do not know must still start; the hooks capture without it.
                logger.exception("Saleor Automation cannot listen to new rows")
