"""Segments: conditions with a name, and who fulfils them now.

Knows the rows alone. ``services`` writes definitions, ``keeping`` and ``filling`` who is in.
"""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Segment(models.Model):
    """A condition with a name; its members are kept as people change."""

    class State(models.TextChoices):
        #: New or changed: everybody is looked at once, and nobody is told of it.
        FILLING = "filling", _("being counted")
        READY = "ready", _("up to date")

    #: What conditions call it: made of its first name, and never another one.
    key = models.CharField(max_length=64)
    name = models.CharField(_("name"), max_length=255)
    #: Stored data of the language of ``predicates.language``.
    condition = models.JSONField()
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    state = models.CharField(max_length=8, choices=State.choices, default=State.FILLING)
    #: The last person the filling has looked at, and how many it has.
    filled_up_to = models.UUIDField(null=True, blank=True)
    filled = models.PositiveIntegerField(default=0)
    #: When the database was last asked for everybody; null: never since it was filled.
    checked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("segment")
        verbose_name_plural = _("segments")
        default_permissions = ("view", "change")
        constraints = [models.UniqueConstraint(fields=["key"], name="sa_segment_key")]

    def __str__(self) -> str:
        return self.name


class SegmentMember(models.Model):
    """One stay of one person in one segment. Its id names the stay in the Events of it."""

    segment = models.ForeignKey(
        Segment, on_delete=models.CASCADE, related_name="members", db_index=False
    )
    contact = models.ForeignKey(
        "saleor_automation.Contact", on_delete=models.CASCADE, related_name="memberships"
    )
    since = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["segment", "contact"], name="sa_segment_member_once")
        ]

    def __str__(self) -> str:
        return f"{self.segment_id}: {self.contact_id}"
