"""Write keys, and what was refused beside them.

Knows who may tell the Studio something. Must not know what is told.
"""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class WriteKey(models.Model):
    """What a storefront or a server shows to be let in; the key itself is not kept."""

    class Kind(models.TextChoices):
        BROWSER = "browser", _("browser")
        SERVER = "server", _("server")

    name = models.CharField(max_length=64)
    kind = models.CharField(max_length=8, choices=Kind.choices)
    #: SHA-256, hex: a key has 192 bits of chance, so there is nothing to try.
    digest = models.CharField(max_length=64, unique=True)
    #: The last four letters, to tell keys apart.
    hint = models.CharField(max_length=4)
    #: Sales channel what it tells belongs to; "" means none in particular.
    channel = models.CharField(max_length=255, blank=True, default="")
    #: Origins of the pages it may be used on, for a browser key.
    origins = models.JSONField(default=list)
    created_at = models.DateTimeField()
    #: To the minute.
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("write key")
        verbose_name_plural = _("write keys")

    def __str__(self) -> str:
        return f"{self.name} …{self.hint}"


class TrackRefusal(models.Model):
    """How many calls or requests were not taken, per key, day and reason."""

    class Reason(models.TextChoices):
        UNKNOWN_KEY = "unknown_key", _("key unknown or revoked")
        ORIGIN = "origin", _("from a page the key is not for")
        LIMIT = "limit", _("more than the limit")
        BOT = "bot", _("robots and previews")
        MALFORMED = "malformed", _("not as Segment writes it")
        TOO_LARGE = "too_large", _("too large")

    #: Null: of a key nobody knows.
    key = models.ForeignKey(WriteKey, null=True, blank=True, on_delete=models.CASCADE)
    day = models.DateField()
    reason = models.CharField(max_length=16, choices=Reason.choices)
    count = models.PositiveIntegerField(default=0)
    last_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["key", "day", "reason"], name="sa_track_refusal_once"),
            models.UniqueConstraint(
                fields=["day", "reason"],
                condition=Q(key__isnull=True),
                name="sa_track_refusal_nobody",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.reason} {self.count}"
