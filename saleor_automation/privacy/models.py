"""What people asked for about their data, what the shop keeps how long, and how that went.

Knows requests and rules. A request names nobody by itself: it points to the contact, and
keeps only that it was made and answered once the contact is erased.
"""

from __future__ import annotations

import uuid

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

#: A month at least: nobody is forgotten by a slip of the finger while they shop.
MONTHS = [MinValueValidator(1), MaxValueValidator(1200)]


class DataRequest(models.Model):
    """One request of a person about their own data."""

    class Kind(models.TextChoices):
        ACCESS = "access", _("send me my data")
        ERASURE = "erasure", _("erase me")

    class State(models.TextChoices):
        #: A mail with a link is on its way; whoever asked may be anybody.
        ASKED = "asked", _("to be confirmed by mail")
        CONFIRMED = "confirmed", _("confirmed, to be done by staff")
        DONE = "done", _("done")
        EXPIRED = "expired", _("never confirmed")
        DECLINED = "declined", _("declined")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=8, choices=Kind.choices)
    state = models.CharField(max_length=10, choices=State.choices, default=State.ASKED)
    contact = models.ForeignKey(
        "saleor_automation.Contact",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="data_requests",
    )
    #: Id of the Message with the link.
    message = models.UUIDField(unique=True)
    asked_at = models.DateTimeField()
    confirmed_at = models.DateTimeField(null=True, blank=True)
    done_at = models.DateTimeField(null=True, blank=True)
    #: Why it was declined, in the words of staff.
    note = models.CharField(max_length=255, blank=True, default="")

    class Meta:
        verbose_name = _("request about data")
        verbose_name_plural = _("requests about data")
        indexes = [
            models.Index(fields=["-asked_at"], name="sa_data_request_newest"),
            models.Index(fields=["state", "asked_at"], name="sa_data_request_state"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.state}"


class RetentionRules(models.Model):
    """How long what is kept: one row. Null keeps it for good."""

    #: Months after which what happened is forgotten; orders themselves stay.
    event_months = models.PositiveSmallIntegerField(null=True, blank=True, validators=MONTHS)
    #: Months after which a mail's content is forgotten; that it was sent stays.
    mail_months = models.PositiveSmallIntegerField(null=True, blank=True, validators=MONTHS)
    #: Months after which somebody without account, order and consent is forgotten.
    idle_months = models.PositiveSmallIntegerField(null=True, blank=True, validators=MONTHS)

    class Meta:
        verbose_name = _("retention")

    def __str__(self) -> str:
        return f"{self.event_months} {self.mail_months} {self.idle_months}"


class RetentionRun(models.Model):
    """One day's forgetting, and what it came to."""

    started_at = models.DateTimeField()
    #: Null: its time was up, and it is gone on with.
    finished_at = models.DateTimeField(null=True, blank=True)
    events = models.PositiveIntegerField(default=0)
    mails = models.PositiveIntegerField(default=0)
    people = models.PositiveIntegerField(default=0)

    class Meta:
        indexes = [models.Index(fields=["-started_at"], name="sa_retention_run_newest")]

    def __str__(self) -> str:
        return f"{self.started_at:%Y-%m-%d}"
