"""The columns the plugin reads."""

# ruff: noqa: DJ008
from __future__ import annotations

import uuid

from django.db import models


class Order(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    status = models.CharField(max_length=32, default="unfulfilled")
    user_email = models.EmailField(default="")


class Fulfillment(models.Model):
    order = models.ForeignKey(Order, on_delete=models.CASCADE)
    tracking_number = models.CharField(max_length=255, default="")
