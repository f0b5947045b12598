"""The Message ledger: what is to be mailed, was mailed, was not, and why.

Knows states and keys. A message walks
``planned > claimed > handed_over > accepted | ambiguous | failed``, or ends as
``skipped`` or ``expired`` with a reason. ``handed_over`` is committed before the
provider is called, so a crash after it is ambiguous, never a second mail.
"""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _


class Message(models.Model):
    """One email to one contact."""

    class State(models.TextChoices):
        PLANNED = "planned", _("planned")
        CLAIMED = "claimed", _("being prepared")
        HANDED_OVER = "handed_over", _("handed to the mail server")
        ACCEPTED = "accepted", _("sent")
        AMBIGUOUS = "ambiguous", _("unclear")
        FAILED = "failed", _("failed")
        SKIPPED = "skipped", _("not sent")
        EXPIRED = "expired", _("too late to send")

    class Source(models.TextChoices):
        STEP = "step", _("sequence")
        CAMPAIGN = "campaign", _("campaign")
        SYSTEM = "system", _("system")
        TEST = "test", _("test")

    class Purpose(models.TextChoices):
        MARKETING = "marketing", _("marketing")
        TRANSACTIONAL = "transactional", _("transactional")

    #: UUID version 5 of ``key``: the idempotency key, and part of the Message-ID.
    id = models.UUIDField(primary_key=True, editable=False)
    #: What this mail is, in words a database can keep unique:
    #: ``step/<enrollment>/<node>/<occurrence>``.
    key = models.CharField(max_length=200)
    source = models.CharField(max_length=16, choices=Source.choices)
    purpose = models.CharField(max_length=16, choices=Purpose.choices)
    topic = models.CharField(max_length=64, blank=True, default="")
    #: Sales channel.
    channel = models.CharField(max_length=255, blank=True, default="")
    # The index below begins with the contact; one of the key's own would only cost writes.
    contact = models.ForeignKey(
        "saleor_automation.Contact",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="messages",
        db_index=False,
    )
    enrollment = models.ForeignKey(
        "saleor_automation.Enrollment",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="messages",
    )
    #: Key of the Sequence and of the step, kept when the enrollment is gone.
    sequence = models.UUIDField(null=True, blank=True)
    node = models.CharField(max_length=64, blank=True, default="")
    email_key = models.UUIDField()
    email_version = models.ForeignKey(
        "saleor_automation.EmailVersion",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        db_index=False,
    )
    to_address = models.CharField(max_length=254, blank=True, default="")
    state = models.CharField(max_length=12, choices=State.choices, default=State.PLANNED)
    #: A code of ``delivery.reasons`` for skipped, expired, failed, deferred or settled.
    reason = models.CharField(max_length=64, blank=True, default="")
    #: The mail server's own words, shortened.
    detail = models.CharField(max_length=255, blank=True, default="")
    planned_at = models.DateTimeField()
    due_at = models.DateTimeField()
    #: After it the mail makes no sense any more; null means never.
    expires_at = models.DateTimeField(null=True, blank=True)
    handed_over_at = models.DateTimeField(null=True, blank=True)
    #: How old Saleor's word about the basket or order was when it was decided that the mail
    #: goes, in seconds; null when there was nothing to ask.
    truth_age = models.PositiveSmallIntegerField(null=True, blank=True)
    settled_at = models.DateTimeField(null=True, blank=True)
    provider_id = models.CharField(max_length=255, blank=True, default="")
    #: Claims that came to nothing, not even a hold: a row that kills workers is stopped by it.
    attempts = models.PositiveSmallIntegerField(default=0)
    #: Times the mail server put it off.
    tries = models.PositiveSmallIntegerField(default=0)
    claim = models.UUIDField(null=True, blank=True)
    #: Real time, not the shop's: see ``clock``.
    claimed_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        constraints = [models.UniqueConstraint(fields=["key"], name="sa_message_once")]
        indexes = [
            models.Index(
                F("due_at"),
                condition=Q(state__in=["planned", "claimed"]),
                name="sa_message_due",
            ),
            models.Index(
                fields=["claimed_until"],
                condition=Q(state="handed_over"),
                name="sa_message_in_flight",
            ),
            models.Index(
                fields=["handed_over_at"],
                condition=Q(state="ambiguous", settled_at=None),
                name="sa_message_ambiguous",
            ),
            models.Index(fields=["contact", "-planned_at"], name="sa_message_contact"),
            models.Index(fields=["-planned_at"], name="sa_message_newest"),
        ]

    def __str__(self) -> str:
        return self.key


class MessageContent(models.Model):
    """What a mail was rendered from: the same bytes can be made again from it.

    Kept apart from the ledger because it is fat and may be pruned.
    """

    message = models.OneToOneField(
        Message, on_delete=models.CASCADE, primary_key=True, related_name="content"
    )
    subject = models.TextField()
    #: The plain values the templates saw.
    context = models.JSONField()
    #: Sender, headers and date: what else the bytes depend on.
    envelope = models.JSONField(default=dict)

    def __str__(self) -> str:
        return self.subject


class SenderDecision(models.Model):
    """What a person decided about a sequence whose mails something else sends as well."""

    class Choice(models.TextChoices):
        #: Believed until our plugin reports that it is on after all.
        THEIRS_OFF = "theirs_off", _("The shop's own mail is switched off; only ours is sent")
        BOTH = "both", _("Send both: customers get two mails")

    #: Key of the editor's Sequence.
    sequence = models.UUIDField(primary_key=True)
    choice = models.CharField(max_length=16, choices=Choice.choices)
    #: Ids of the senders it is about; another one that appears is not decided.
    senders = models.JSONField(default=list)
    decided_at = models.DateTimeField()
    #: Name of the user, kept when the user is gone.
    decided_by = models.CharField(max_length=150)

    class Meta:
        verbose_name = _("decision about another sender")
        verbose_name_plural = _("decisions about other senders")

    def __str__(self) -> str:
        return f"{self.sequence}: {self.choice}"


class SendingControl(models.Model):
    """Whether mail may leave: one row."""

    class Policy(models.TextChoices):
        UNSET = "", _("not chosen yet")
        OPT_IN = "opt_in", _("only people who agreed")
        SOFT_OPT_IN = "soft_opt_in", _("also people who used the shop, until they say no")

    paused = models.BooleanField(default=False)
    consent_policy = models.CharField(
        max_length=16, choices=Policy.choices, blank=True, default=Policy.UNSET
    )
    #: What sending is bound to: a restored copy differs in one of them.
    bound_environment = models.CharField(max_length=64, blank=True, default="")
    bound_host = models.CharField(max_length=255, blank=True, default="")
    bound_database = models.CharField(max_length=255, blank=True, default="")
    bound_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("sending")

    def __str__(self) -> str:
        return "paused" if self.paused else "open"
