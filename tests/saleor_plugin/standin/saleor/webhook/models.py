"""The columns the plugin reads."""

# ruff: noqa: DJ008
from __future__ import annotations

from django.db import models

from saleor.app.models import App


class Webhook(models.Model):
    app = models.ForeignKey(App, related_name="webhooks", on_delete=models.CASCADE)
    is_active = models.BooleanField(default=True)


class WebhookEvent(models.Model):
    webhook = models.ForeignKey(Webhook, related_name="events", on_delete=models.CASCADE)
    event_type = models.CharField(max_length=128)
