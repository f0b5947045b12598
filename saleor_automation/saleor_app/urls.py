"""What Saleor calls; mounted under ``saleor/``."""

from __future__ import annotations

from django.urls import path

from .manifest import manifest_view
from .plugin_reports import plugin_report_receive
from .register import register_view
from .webhooks import webhook_receive

urlpatterns = [
    path("webhooks/", webhook_receive, name="saleor_webhooks"),
    path("manifest", manifest_view, name="saleor_manifest"),
    path("register", register_view, name="saleor_register"),
    path("plugin", plugin_report_receive, name="saleor_plugin"),
]
