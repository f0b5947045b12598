"""What Saleor calls; mounted under ``saleor/``."""

from __future__ import annotations

from django.urls import path

from .manifest import manifest_view
from .register import register_view
from .webhooks import webhook_receive

urlpatterns = [
    path("webhooks/", webhook_receive, name="saleor_webhooks"),
    path("manifest", manifest_view, name="saleor_manifest"),
    path("register", register_view, name="saleor_register"),
]
