"""Django app inside Saleor.

Saleor's DEFAULT_AUTO_FIELD differs from ours, so the type of keys is fixed here.
"""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AutomationPluginConfig(AppConfig):
    name = "saleor_automation.saleor_plugin"
    label = "saleor_automation_plugin"
    verbose_name = _("Saleor Automation plugin")
    default_auto_field = "django.db.models.BigAutoField"
