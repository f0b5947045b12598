"""The columns the plugin reads."""

# ruff: noqa: DJ008
from __future__ import annotations

from django.db import models


class App(models.Model):
    name = models.CharField(max_length=60)
    identifier = models.CharField(max_length=256, default="")
    is_active = models.BooleanField(default=True)
    is_installed = models.BooleanField(default=True)
    removed_at = models.DateTimeField(null=True)
    manifest_url = models.URLField(null=True)


class Permission(models.Model):
    codename = models.CharField(max_length=100)


class AppInstallation(models.Model):
    app_name = models.CharField(max_length=60)
    manifest_url = models.URLField()
    permissions = models.ManyToManyField(Permission)
    status = models.CharField(max_length=50, default="pending")
    message = models.CharField(max_length=255, null=True)
