"""EmailPage: an email as editors write it."""

from __future__ import annotations

from django.db import models
from wagtail.models import Page


class EmailIndexPage(Page):
    """A folder of emails, one tree per language."""


class EmailPage(Page):
    """One email in one language."""

    subject = models.CharField(max_length=255)
