"""One view of each customer: who they are, and what they said about being written to.

Knows identities, consent and suppression. Must not know sequences or mails.
"""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class Contact(models.Model):
    """One person the shop knows."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    #: The address mails go to, as the person wrote it; "" when none is known.
    email = models.CharField(max_length=254, blank=True, default="")
    first_name = models.CharField(max_length=256, blank=True, default="")
    last_name = models.CharField(max_length=256, blank=True, default="")
    #: BCP 47, lower case ("en", "ms", "pt-br"); "" when unknown.
    language = models.CharField(max_length=16, blank=True, default="")
    country = models.CharField(max_length=2, blank=True, default="")
    #: The channel seen last.
    channel = models.CharField(max_length=255, blank=True, default="")
    has_account = models.BooleanField(default=False)
    is_staff = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    #: What was heard, per identity and slot: see ``people.profile``. The fields follow from it.
    field_versions = models.JSONField(default=dict)

    class Meta:
        verbose_name = _("contact")
        verbose_name_plural = _("contacts")

    def __str__(self) -> str:
        return self.email or str(self.pk)


class Identity(models.Model):
    """A name a contact is known under in some system."""

    class Kind(models.TextChoices):
        EMAIL = "email", _("email address")
        SALEOR_USER = "saleor_user", _("shop account")
        ANONYMOUS = "anonymous", _("anonymous visitor")
        EXTERNAL = "external", _("other system")

    kind = models.CharField(max_length=16, choices=Kind.choices)
    #: An address is lower-cased; a shop account is Saleor's global id.
    value = models.CharField(max_length=254)
    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="identities")
    #: Time of the newest evidence for it.
    as_of = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kind", "value"], name="sa_identity_once")]

    def __str__(self) -> str:
        return f"{self.kind}:{self.value}"


class Consent(models.Model):
    """What a person said, once. Rows are added, never changed."""

    class State(models.TextChoices):
        GRANTED = "granted", _("agreed")
        WITHDRAWN = "withdrawn", _("withdrew")
        #: What staff entered before was a mistake; see ``people.consent``.
        RETRACTED = "retracted", _("entered by mistake")

    contact = models.ForeignKey(
        Contact, on_delete=models.CASCADE, related_name="consents", db_index=False
    )
    #: Sales channel it is for; "" means all.
    channel = models.CharField(max_length=255, blank=True, default="")
    #: Topic it is for; "" means all marketing.
    topic = models.CharField(max_length=64, blank=True, default="")
    state = models.CharField(max_length=16, choices=State.choices)
    #: Legal basis: opt_in, double_opt_in, soft_opt_in, import.
    basis = models.CharField(max_length=32, blank=True, default="")
    #: Where it was said: checkout, account, order, unsubscribe, preferences, import, staff;
    #: write_back is a sighting of what we wrote into the account ourselves.
    source = models.CharField(max_length=64)
    #: The words the person saw, and their version.
    wording = models.TextField(blank=True, default="")
    at = models.DateTimeField()
    #: Of an account's flag that has no date of its own: it may have been set at any time from
    #: then to ``at``. Null: dated.
    since = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["contact", "channel", "topic", "state", "source", "at"],
                name="sa_consent_once",
            )
        ]
        indexes = [models.Index(fields=["contact", "-at"], name="sa_consent_contact")]

    def __str__(self) -> str:
        return f"{self.state} {self.topic or 'all'} {self.at:%Y-%m-%d}"


class ConsentWriteBack(models.Model):
    """What is to be, or was, written to a person's account in Saleor: their last word here.

    One row per person. A newer word replaces an older one that was not written yet.
    """

    class State(models.TextChoices):
        PENDING = "pending", _("waiting")
        DONE = "done", _("written")
        #: The shop itself says it, or something newer.
        NEEDLESS = "needless", _("not needed any more")
        FAILED = "failed", _("given up")

    contact = models.OneToOneField(
        Contact, on_delete=models.CASCADE, primary_key=True, related_name="consent_write_back"
    )
    said = models.CharField(max_length=16, choices=Consent.State.choices)
    said_at = models.DateTimeField()
    state = models.CharField(max_length=8, choices=State.choices, default=State.PENDING)
    due_at = models.DateTimeField()
    tries = models.PositiveSmallIntegerField(default=0)
    #: Times Saleor was written to for this person, ever.
    writes = models.PositiveIntegerField(default=0)
    #: Saleor's words when it did not work, shortened.
    detail = models.CharField(max_length=255, blank=True, default="")

    class Meta:
        indexes = [
            models.Index(fields=["due_at"], condition=Q(state="pending"), name="sa_write_back_due"),
        ]

    def __str__(self) -> str:
        return f"{self.said} {self.state}"


class Suppression(models.Model):
    """An address that must not be written to, whatever consent says."""

    class Reason(models.TextChoices):
        UNSUBSCRIBED = "unsubscribed", _("unsubscribed")
        HARD_BOUNCE = "hard_bounce", _("mailbox does not exist")
        COMPLAINT = "complaint", _("marked as spam")
        MANUAL = "manual", _("by the shop")

    #: HMAC-SHA-256, hex, of the lower-cased address: outlives the contact.
    address_digest = models.CharField(max_length=64)
    contact = models.ForeignKey(Contact, null=True, blank=True, on_delete=models.SET_NULL)
    channel = models.CharField(max_length=255, blank=True, default="")
    topic = models.CharField(max_length=64, blank=True, default="")
    reason = models.CharField(max_length=16, choices=Reason.choices)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["address_digest", "channel", "topic"], name="sa_suppression_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.reason} {self.at:%Y-%m-%d}"


class Tombstone(models.Model):
    """All that is left of an erased person: enough to keep them from coming back."""

    kind = models.CharField(max_length=16, choices=Identity.Kind.choices)
    #: HMAC-SHA-256, hex, of the identity's value.
    digest = models.CharField(max_length=64)
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kind", "digest"], name="sa_tombstone_once")]

    def __str__(self) -> str:
        return f"{self.kind} {self.at:%Y-%m-%d}"
