"""What was received, and the business facts it held.

Knows bodies, keys and times. Must not know what a fact means for shop, people or
sequences: they listen to ``signals.facts_recorded``.
"""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class RawEvent(models.Model):
    """One received body, unique on its hash; may be pruned once processed."""

    class Source(models.TextChoices):
        WEBHOOK = "webhook", _("webhook")
        RELAY = "relay", _("plugin relay")
        POLL = "poll", _("reconciliation poll")
        BACKFILL = "backfill", _("history import")
        TRACK = "track", _("track API")
        #: Events alone: what the Studio itself found.
        OWN = "own", _("the Studio itself")

    class State(models.TextChoices):
        PENDING = "pending", _("waiting")
        DONE = "done", _("understood")
        FAULT = "fault", _("not understood")

    #: SHA-256, hex, over api_url, event_type and body, each followed by a newline. Of a
    #: body we asked for, the object alone counts: the time of asking does not.
    #: Unique by the constraint below: ``unique=True`` would add an index for LIKE.
    digest = models.CharField(max_length=64)
    source = models.CharField(max_length=16, choices=Source.choices)
    event_type = models.CharField(max_length=64)
    api_url = models.CharField(max_length=255)
    body = models.BinaryField()
    received_at = models.DateTimeField()
    state = models.CharField(max_length=8, choices=State.choices, default=State.PENDING)
    #: Why it was not understood, in words for a person.
    fault = models.TextField(blank=True, default="")
    processed_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    claim = models.UUIDField(null=True, blank=True)
    #: Real time, not the shop's: see ``clock``.
    claimed_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("received event")
        verbose_name_plural = _("received events")
        indexes = [
            models.Index(fields=["id"], condition=Q(state="pending"), name="sa_raw_pending"),
            models.Index(fields=["-received_at"], condition=Q(state="fault"), name="sa_raw_fault"),
        ]
        constraints = [models.UniqueConstraint(fields=["digest"], name="sa_raw_once")]

    def __str__(self) -> str:
        return f"{self.event_type} {self.pk}"


class EventKey(models.Model):
    """The key under which a fact counts once, kept for ever and small.

    Payload tables can be pruned or partitioned; this one never is.
    """

    kind = models.CharField(max_length=32)
    object_id = models.CharField(max_length=128)
    transition = models.CharField(max_length=128, blank=True, default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "object_id", "transition"], name="sa_event_key_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.object_id} {self.transition}".strip()


class Event(models.Model):
    """One business fact: (shipped, fulfillment, tracking number), (ordered, order)."""

    key = models.OneToOneField(EventKey, on_delete=models.CASCADE, related_name="event")
    kind = models.CharField(max_length=64)
    #: Written by ``people`` once it knows whose fact it is.
    contact = models.ForeignKey(
        "saleor_automation.Contact",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        db_index=False,
    )
    #: Of a tracked event: the visitor, or the id in another system, it was told of. Whose it
    #: is follows from that, and may become known later.
    visitor = models.ForeignKey(
        "saleor_automation.Identity",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        db_index=False,
    )
    #: When it happened in the shop: the earliest time any delivery gives for it.
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    #: Arrived more than ``entry_window_hours`` after it happened.
    late = models.BooleanField(default=False)
    #: Came from a history import; starts nothing.
    backfill = models.BooleanField(default=False)
    source = models.CharField(max_length=16, choices=RawEvent.Source.choices)
    #: Ids of what it is about: order, checkout, user, channel. No addresses.
    data = models.JSONField(default=dict)
    raw = models.ForeignKey(RawEvent, null=True, blank=True, on_delete=models.SET_NULL)

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        indexes = [
            models.Index(fields=["contact", "-occurred_at"], name="sa_event_contact"),
            models.Index(fields=["kind", "-occurred_at"], name="sa_event_kind"),
            models.Index(
                fields=["visitor"], condition=Q(visitor__isnull=False), name="sa_event_visitor"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.occurred_at:%Y-%m-%d %H:%M}"
