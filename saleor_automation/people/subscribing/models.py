"""Requests to get mail, the words people saw, and where a confirmation is asked for."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _


class OptInRule(models.Model):
    """Whether people of a sales channel must confirm by mail that they want mail."""

    #: "" is the rule of every channel without one of its own.
    channel = models.CharField(max_length=255, blank=True, default="", unique=True)
    double = models.BooleanField(default=False)

    class Meta:
        verbose_name = _("opt-in rule")
        verbose_name_plural = _("opt-in rules")

    def __str__(self) -> str:
        return f"{self.channel or '*'}: {'double' if self.double else 'single'}"


class SignupWording(models.Model):
    """The sentence people agree to, in one language. Rows are added, never changed."""

    language = models.CharField(max_length=16)
    version = models.PositiveIntegerField()
    text = models.TextField()
    created_at = models.DateTimeField()
    #: Name of the user, kept when the user is gone.
    created_by = models.CharField(max_length=150, blank=True, default="")

    class Meta:
        verbose_name = _("sign-up wording")
        verbose_name_plural = _("sign-up wordings")
        constraints = [
            models.UniqueConstraint(fields=["language", "version"], name="sa_signup_wording_once")
        ]

    def __str__(self) -> str:
        return f"{self.language} {self.version}"


class SubscriptionRequest(models.Model):
    """Somebody asked for mail to an address; whether it is theirs is not known yet."""

    class State(models.TextChoices):
        RECEIVED = "received", _("received")
        ASKED = "asked", _("asked to confirm")
        CONFIRMED = "confirmed", _("confirmed")
        #: No confirmation was needed.
        GRANTED = "granted", _("subscribed")
        #: Nothing came of it, see ``reason``.
        CLOSED = "closed", _("closed")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    #: As it was written.
    address = models.CharField(max_length=254)
    #: See ``people.digests``.
    address_digest = models.CharField(max_length=64)
    #: None while it is only received.
    contact = models.ForeignKey(
        "saleor_automation.Contact", null=True, blank=True, on_delete=models.CASCADE
    )
    channel = models.CharField(max_length=255, blank=True, default="")
    language = models.CharField(max_length=16, blank=True, default="")
    #: Keys of topics; empty: everything.
    topics = models.JSONField(default=list)
    #: Where it was asked: form, checkout, order, account, address.
    source = models.CharField(max_length=16)
    #: The words the person saw, and their version.
    wording = models.TextField(blank=True, default="")
    #: Codes of ``defence``: why it is not believed without a confirmation.
    signals = models.JSONField(default=list)
    state = models.CharField(max_length=12, choices=State.choices, default=State.RECEIVED)
    reason = models.CharField(max_length=32, blank=True, default="")
    requested_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, blank=True)
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("subscription request")
        verbose_name_plural = _("subscription requests")
        indexes = [
            models.Index(fields=["state", "requested_at"], name="sa_subscription_state"),
            models.Index(fields=["address_digest"], name="sa_subscription_address"),
        ]

    def __str__(self) -> str:
        return f"{self.source} {self.state}"


class SignupCount(models.Model):
    """How often something was seen in a window of time: every web process counts here."""

    scope = models.CharField(max_length=16)
    #: HMAC-SHA-256, hex: neither addresses nor networks are kept.
    digest = models.CharField(max_length=64)
    window = models.DateTimeField()
    count = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name = _("sign-up count")
        verbose_name_plural = _("sign-up counts")
        constraints = [
            models.UniqueConstraint(
                fields=["scope", "digest", "window"], name="sa_signup_count_once"
            )
        ]
        indexes = [models.Index(fields=["window"], name="sa_signup_count_age")]

    def __str__(self) -> str:
        return f"{self.scope} {self.count}"
