"""The columns the plugin reads."""

# ruff: noqa: DJ008
from __future__ import annotations

from django.db import models


class PluginConfiguration(models.Model):
    identifier = models.CharField(max_length=128)
    name = models.CharField(max_length=128)
    channel = models.IntegerField(null=True)
    active = models.BooleanField(default=False)
    configuration = models.JSONField(default=list)


class EmailTemplate(models.Model):
    plugin_configuration = models.ForeignKey(
        PluginConfiguration, related_name="email_templates", on_delete=models.CASCADE
    )
    name = models.CharField(max_length=255)
    value = models.TextField()
