"""What the plugin keeps in Saleor's database: what waits, and how the relay is doing.

Rows of the outbox hold ids, never a customer's data; the one exception is an account
that is gone by the time it is told about, whose address travels in ``extra`` until
it is sent. No foreign key leads to Saleor's tables: an insert must take no lock there.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils import timezone


class Outbox(models.Model):
    """One thing that happened and has not reached the Studio yet."""

    #: As the App's webhooks name it: "order_created".
    event = models.CharField(max_length=64)
    #: What it is about; a key of ``events.MODELS``.
    kind = models.CharField(max_length=16)
    #: Primary key in Saleor, as text.
    object_id = models.CharField(max_length=64)
    #: Who did it: "user:5", "app:2", or "" when nobody is known.
    principal = models.CharField(max_length=32, default="")
    #: What cannot be read later: the merchant's wish to notify, an account that is gone.
    extra = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=timezone.now)
    #: Not to be taken before; moved when a relay takes the row and when sending failed.
    available_at = models.DateTimeField(default=timezone.now)
    attempts = models.PositiveIntegerField(default=0)
    #: HTTP status of a refusal that was meant for this row alone; 0 when none.
    refused = models.PositiveSmallIntegerField(default=0)

    objects: ClassVar[models.Manager[Outbox]] = models.Manager()

    def __str__(self) -> str:
        return f"{self.event} {self.object_id}"


class RelayState(models.Model):
    """The one row that says how the plugin is doing."""

    class Connection(models.TextChoices):
        NONE = "none"
        CONNECTED = "connected"
        FAILED = "failed"

    PK = 1

    #: Whether events are written down; the only field a shopper's request reads.
    capturing = models.BooleanField(default=False)
    #: The Studio that answered, as it was typed; capture needs it to be today's.
    studio_url = models.CharField(max_length=200, default="")
    connection = models.CharField(
        max_length=16, choices=Connection.choices, default=Connection.NONE
    )
    #: Why it failed and what to do.
    connection_words = models.TextField(default="")
    connected_at = models.DateTimeField(null=True)
    #: A connecting task holds this turn until then.
    connecting_until = models.DateTimeField(null=True)
    #: When a relay ran last, whether or not it had anything to send.
    relay_at = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    sent = models.PositiveBigIntegerField(default=0)
    #: Rows given up: outbox full, or too old.
    dropped = models.PositiveBigIntegerField(default=0)
    dropped_at = models.DateTimeField(null=True)
    #: Rows whose object was gone before they were sent: a basket that was bought.
    gone = models.PositiveBigIntegerField(default=0)
    #: Times in a row the Studio could not be reached, and when to try again.
    failures = models.PositiveIntegerField(default=0)
    retry_at = models.DateTimeField(null=True)
    last_error = models.TextField(default="")
    #: What Saleor said about a payload it could not fill.
    payload_error = models.TextField(default="")
    report_checked_at = models.DateTimeField(null=True)
    report_sent_at = models.DateTimeField(null=True)
    report_digest = models.CharField(max_length=64, default="")

    objects: ClassVar[models.Manager[RelayState]] = models.Manager()

    def __str__(self) -> str:
        return self.connection
