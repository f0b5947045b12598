"""One view of each customer: who they are, and what they said about being written to.

Knows identities, consent and suppression. Must not know sequences or mails.
"""

from __future__ import annotations

import uuid
from typing import Any

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
    #: A visitor: no address, no account, and no id a server told us.
    is_anonymous = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    #: What was heard, per identity and slot: see ``people.profile``. The fields follow from it.
    field_versions = models.JSONField(default=dict)

    class Meta:
        verbose_name = _("contact")
        verbose_name_plural = _("contacts")
        permissions = [("export_contact", "Can export contacts")]

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


class IdentityClaim(models.Model):
    """That a visitor, or an id in another system, was said to be somebody: when, and who.

    Whose a visitor's doings are follows from all of these: see ``people.attribution``.
    """

    identity = models.ForeignKey(
        Identity, on_delete=models.CASCADE, related_name="claims", db_index=False
    )
    at = models.DateTimeField()
    #: ``email`` or ``external``. An account is an external id that Saleor knows too.
    target_kind = models.CharField(max_length=16, choices=Identity.Kind.choices)
    target = models.CharField(max_length=254)
    #: A server said so, not a page in somebody's browser.
    is_trusted = models.BooleanField(default=False)
    #: What the page said of them besides: the weakest evidence.
    values = models.JSONField(default=dict)
    #: Whom it led to when that was looked at last.
    contact = models.ForeignKey(
        Contact, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["identity", "at", "target_kind", "target", "is_trusted"],
                name="sa_claim_once",
            )
        ]
        indexes = [models.Index(fields=["target_kind", "target"], name="sa_claim_target")]

    def __str__(self) -> str:
        return f"{self.target_kind}:{self.target} {self.at:%Y-%m-%d %H:%M}"


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


class ContactFigures(models.Model):
    """What follows from a person's orders and doings; computed, never entered.

    Only ``people.figures`` writes it, for everybody a payload speaks of; who has no row was
    not computed yet.
    """

    contact = models.OneToOneField(
        Contact, on_delete=models.CASCADE, primary_key=True, related_name="figures"
    )
    #: Orders placed, those cancelled or expired left out.
    orders = models.PositiveIntegerField(default=0)
    first_order_at = models.DateTimeField(null=True, blank=True)
    last_order_at = models.DateTimeField(null=True, blank=True)
    #: When they last did something themselves.
    last_seen_at = models.DateTimeField(null=True, blank=True)
    #: Name in the time zone database; "" when it cannot be guessed.
    zone = models.CharField(max_length=64, blank=True, default="")
    #: From 0 (no idea) to 1 (the country has one time).
    zone_confidence = models.FloatField(default=0)

    def __str__(self) -> str:
        return f"{self.contact_id}: {self.orders}"


class ContactSpend(models.Model):
    """What a person spent in one currency: gross, with shipping, less what was paid back."""

    contact = models.ForeignKey(
        Contact, on_delete=models.CASCADE, related_name="spends", db_index=False
    )
    currency = models.CharField(max_length=3)
    orders = models.PositiveIntegerField(default=0)
    gross = models.DecimalField(max_digits=20, decimal_places=4, default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["contact", "currency"], name="sa_spend_once")
        ]
        indexes = [models.Index(fields=["currency", "gross"], name="sa_spend_gross")]

    def __str__(self) -> str:
        return f"{self.gross} {self.currency}"


class ConsentStanding(models.Model):
    """What a person's words about marketing mail come to, so that the database can be asked.

    Only ``people.standings`` writes it. The row of topic "" is there for everybody it looked
    at; that of another topic when something was said about it.
    """

    contact = models.ForeignKey(
        Contact, on_delete=models.CASCADE, related_name="standings", db_index=False
    )
    topic = models.CharField(max_length=64, blank=True, default="")
    #: yes, no or unsaid.
    said = models.CharField(max_length=8)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["contact", "topic"], name="sa_standing_once")
        ]

    def __str__(self) -> str:
        return f"{self.topic or 'all'}: {self.said}"


class TraitType(models.Model):
    """A trait the shop keeps of people, and what kind of value it has: decided by its first."""

    class Kind(models.TextChoices):
        TEXT = "text", _("text")
        NUMBER = "number", _("number")
        FLAG = "flag", _("yes or no")
        MOMENT = "moment", _("date")

    name = models.CharField(max_length=64, primary_key=True)
    kind = models.CharField(max_length=8, choices=Kind.choices)

    class Meta:
        verbose_name = _("trait")
        verbose_name_plural = _("traits")

    def __str__(self) -> str:
        return self.name


class Trait(models.Model):
    """What is known of a person under a name: the newest thing said. One column holds it."""

    contact = models.ForeignKey(
        Contact, on_delete=models.CASCADE, related_name="traits", db_index=False
    )
    type = models.ForeignKey(TraitType, on_delete=models.CASCADE, db_index=False)
    text = models.CharField(max_length=255, blank=True, default="")
    #: The text in small letters, which two databases would make differently.
    folded = models.CharField(max_length=510, blank=True, default="")
    number = models.DecimalField(max_digits=24, decimal_places=6, null=True, blank=True)
    flag = models.BooleanField(null=True, blank=True)
    moment = models.DateTimeField(null=True, blank=True)
    source = models.CharField(max_length=32)
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["contact", "type"], name="sa_trait_once")]
        indexes = [
            models.Index(fields=["type", "folded"], name="sa_trait_text"),
            models.Index(fields=["type", "number"], name="sa_trait_number"),
        ]

    def __str__(self) -> str:
        return f"{self.type_id}: {self.value}"

    @property
    def value(self) -> Any:
        """Return the value: a text, a Decimal, a bool or a datetime in UTC."""
        return getattr(self, self.type.kind)


class Tag(models.Model):
    """A word staff, an import or a sequence put on a person; off again, it says so."""

    contact = models.ForeignKey(
        Contact, on_delete=models.CASCADE, related_name="tags", db_index=False
    )
    #: Lower case.
    name = models.CharField(max_length=64)
    on = models.BooleanField(default=True)
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["contact", "name"], name="sa_tag_once")]
        indexes = [models.Index(fields=["name"], condition=Q(on=True), name="sa_tag_on")]

    def __str__(self) -> str:
        return self.name


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
