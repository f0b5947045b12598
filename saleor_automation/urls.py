"""The Studio's own addresses: what Saleor, mail programs and shoppers call."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver

app_name = "saleor_automation"

urlpatterns: list[URLPattern | URLResolver] = []
