"""Sequence: a sequence as editors write it."""

from __future__ import annotations

import uuid

from django.db import models


class Sequence(models.Model):
    """The editor's draft of a sequence."""

    key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    name = models.CharField(max_length=255)

    def __str__(self) -> str:
        return self.name
