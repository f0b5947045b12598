"""The Studio's Django app: wires receivers in the order of the data's way."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AutomationConfig(AppConfig):
    name = "saleor_automation"
    label = "saleor_automation"
    verbose_name = _("Saleor Automation")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from importlib import import_module

        import_module("saleor_automation.checks")
        # The order is the data's way: a stage hears of a fact after the stages before it.
        for stage in ("shop", "people", "sequences", "delivery", "privacy", "studio"):
            import_module(f"saleor_automation.{stage}.receivers").connect()
