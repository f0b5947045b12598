"""The columns the plugin reads."""

# ruff: noqa: DJ008
from __future__ import annotations

import uuid

from django.db import models


class Checkout(models.Model):
    token = models.UUIDField(primary_key=True, default=uuid.uuid4)
    email = models.EmailField(default="")
