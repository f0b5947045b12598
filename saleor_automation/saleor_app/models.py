"""The Saleor this Studio serves, the requests it refused, and how far it was looked through.

Knows the installation and its token, which is never logged or shown.
"""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Installation(models.Model):
    """The one Saleor this Studio is installed in."""

    class Inactive(models.TextChoices):
        """Why the app is not active in Saleor; "" when it is."""

        REMOVED = "removed", _("removed from Saleor")
        SWITCHED_OFF = "switched_off", _("switched off in Saleor")
        #: Removed or switched off; Saleor before 3.23 does not say which.
        UNKNOWN = "unknown", _("not known to Saleor any more")

    #: The URL Saleor calls itself by; it never changes after the first install.
    api_url = models.CharField(max_length=255, unique=True)
    #: Our app's global id there; a webhook's ``recipient.id`` must equal it.
    app_id = models.CharField(max_length=64, blank=True, default="")
    #: Secret.
    token = models.CharField(max_length=255, blank=True, default="")
    #: Saleor's public keys, a JWKS document, and when they were fetched.
    jwks = models.JSONField(default=dict)
    jwks_fetched_at = models.DateTimeField(null=True, blank=True)
    saleor_version = models.CharField(max_length=32, blank=True, default="")
    shop_name = models.CharField(max_length=255, blank=True, default="")
    is_active = models.BooleanField(default=True)
    inactive_reason = models.CharField(
        max_length=16, choices=Inactive.choices, blank=True, default=""
    )
    installed_at = models.DateTimeField()
    #: ``issuedAt`` of the newest event about the app itself.
    news_at = models.DateTimeField(null=True, blank=True)
    #: The app's id before it was installed again, taken until then in real time: Saleor 3.21
    #: goes on trying to deliver what it made for the app that was removed.
    previous_app_id = models.CharField(max_length=64, blank=True, default="")
    previous_until = models.DateTimeField(null=True, blank=True)
    #: A query was refused: ask soon whether Saleor still knows the app. Real time.
    doubted_at = models.DateTimeField(null=True, blank=True)
    #: What Saleor said of the app when it was last asked, and when (real time).
    asked_at = models.DateTimeField(null=True, blank=True)
    #: Release whose manifest Saleor installed.
    app_version = models.CharField(max_length=60, blank=True, default="")
    permissions = models.JSONField(default=list)
    #: The app's webhooks as last compared (``own_webhooks.Kept``), and when.
    webhooks = models.JSONField(default=dict)
    webhooks_at = models.DateTimeField(null=True, blank=True)
    #: Problems shown on Saleor's Dashboard (``problems``), by key.
    problems = models.JSONField(default=dict)
    #: The newest report of our plugin inside Saleor: ``contract.plugin_report``, as JSON.
    plugin_report = models.JSONField(null=True, blank=True)
    plugin_report_at = models.DateTimeField(null=True, blank=True)
    #: When a report last said that more events were given up than the one before.
    plugin_dropped_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.api_url


class Refusal(models.Model):
    """How many webhooks were refused on a day, per reason."""

    class Reason(models.TextChoices):
        SIGNATURE = "signature", _("wrong signature")
        UNKNOWN_KEY = "unknown_key", _("signed with a key we could not find")
        KEYS_UNREACHABLE = "keys_unreachable", _("Saleor's keys could not be fetched")
        SHOP = "shop", _("another shop")
        RECIPIENT = "recipient", _("meant for another app")
        EVENT = "event", _("not the event its header names")
        TOO_LARGE = "too_large", _("too large")
        NOT_INSTALLED = "not_installed", _("not installed yet")
        MALFORMED = "malformed", _("signed, but not JSON (stored as a fault)")
        INCOMPLETE = "incomplete", _("Saleor could not fill it in (stored)")

    day = models.DateField()
    reason = models.CharField(max_length=24, choices=Reason.choices)
    count = models.PositiveIntegerField(default=0)
    last_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["day", "reason"], name="sa_refusal_once")]

    def __str__(self) -> str:
        return f"{self.day} {self.reason} {self.count}"


class Watermark(models.Model):
    """How far one kind of thing in Saleor was looked through, and how that went last."""

    class Source(models.TextChoices):
        POLL = "poll", _("reconciliation poll")
        BACKFILL = "backfill", _("history import")

    class Kind(models.TextChoices):
        DELIVERIES = "deliveries", _("failed deliveries")
        CUSTOMERS = "customers", _("customers")
        ORDERS = "orders", _("orders")
        CHECKOUTS = "checkouts", _("baskets")
        VANISHED = "vanished", _("deleted accounts")

    source = models.CharField(max_length=16, choices=Source.choices)
    kind = models.CharField(max_length=16, choices=Kind.choices)
    #: What changed in Saleor up to this time, by Saleor's clock, is stored.
    reached_at = models.DateTimeField(null=True, blank=True)
    #: The run under way: changes from when to when it looks at, Saleor's cursor of the last
    #: stored page, and the newest change it met. ``since`` is None when no run is under way.
    since = models.DateTimeField(null=True, blank=True)
    until = models.DateTimeField(null=True, blank=True)
    cursor = models.TextField(blank=True, default="")
    newest_at = models.DateTimeField(null=True, blank=True)
    #: Rows to ask for at a time, as Saleor's limits allow.
    page_size = models.PositiveSmallIntegerField(default=50)
    #: The last run: real times, counts, and why it ended early ("" when it did not).
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    looked_at = models.PositiveIntegerField(default=0)
    new = models.PositiveIntegerField(default=0)
    known = models.PositiveIntegerField(default=0)
    faults = models.PositiveIntegerField(default=0)
    problem = models.TextField(blank=True, default="")
    #: What the kind wants to remember until its next run.
    memory = models.JSONField(default=dict)
    claim = models.UUIDField(null=True, blank=True)
    #: Real time, not the shop's: see ``clock``.
    claimed_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["source", "kind"], name="sa_watermark_once")]

    def __str__(self) -> str:
        return f"{self.source} {self.kind}"
