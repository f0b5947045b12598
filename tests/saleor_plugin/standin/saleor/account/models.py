"""The columns the plugin reads."""

# ruff: noqa: DJ008
from __future__ import annotations

from django.db import models


class User(models.Model):
    email = models.EmailField(unique=True)
    first_name = models.CharField(max_length=256, default="")
    is_staff = models.BooleanField(default=False)
