"""Compiled emails and the sender's identity.

Knows immutable versions and brands. Must not know Wagtail pages, sequences or
how a mail leaves the house.
"""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from .validators import basket_url_validate, color_validate, web_address_validate


class Brand(models.Model):
    """Who a mail comes from and how it looks, per sales channel."""

    #: Sales channel; "" is the brand of every channel without one of its own.
    channel = models.CharField(
        _("channel"),
        max_length=255,
        blank=True,
        default="",
        unique=True,
        help_text=_("Slug of the sales channel. Leave empty for the default brand."),
    )
    name = models.CharField(_("shop name"), max_length=128)
    from_name = models.CharField(_("sender name"), max_length=128, blank=True, default="")
    from_email = models.EmailField(_("sender address"), blank=True, default="")
    reply_to = models.EmailField(_("reply-to address"), blank=True, default="")
    postal_address = models.TextField(
        _("postal address"),
        blank=True,
        default="",
        help_text=_("Printed in every footer; the law of most countries asks for it."),
    )
    website_url = models.URLField(
        _("website"), blank=True, default="", validators=[web_address_validate]
    )
    basket_url = models.CharField(
        _("link to a basket"),
        max_length=500,
        blank=True,
        default="",
        validators=[basket_url_validate],
        help_text=_(
            "May hold {checkout_id}, {checkout_token}, {channel} and {language}, for example "
            "https://shop.example/checkout?checkout={checkout_id}"
        ),
    )
    logo_url = models.URLField(_("logo"), blank=True, default="", validators=[web_address_validate])
    color_primary = models.CharField(
        _("button colour"), max_length=7, default="#1f4b3f", validators=[color_validate]
    )
    color_text = models.CharField(
        _("text colour"), max_length=7, default="#222222", validators=[color_validate]
    )
    color_background = models.CharField(
        _("background colour"), max_length=7, default="#f4f1ec", validators=[color_validate]
    )
    font_family = models.CharField(
        _("font"), max_length=200, default="Helvetica, Arial, sans-serif"
    )

    class Meta:
        verbose_name = _("brand")
        verbose_name_plural = _("brands")

    def __str__(self) -> str:
        return self.name


class EmailVersion(models.Model):
    """One email in one language, compiled: Liquid templates, never changed again."""

    class Status(models.TextChoices):
        READY = "ready", _("ready")
        FAILED = "failed", _("failed")

    #: ``translation_key`` of the page: all languages of one email share it.
    email_key = models.UUIDField()
    language = models.CharField(max_length=16)
    number = models.PositiveIntegerField()
    digest = models.CharField(max_length=64)
    status = models.CharField(max_length=8, choices=Status.choices)
    #: The one new mails use; at most one per email and language.
    is_current = models.BooleanField(default=False)
    title = models.CharField(max_length=255)
    subject = models.TextField(blank=True, default="")
    preheader = models.TextField(blank=True, default="")
    html = models.TextField(blank=True, default="")
    text = models.TextField(blank=True, default="")
    #: Variable paths the templates use, for example ["basket.lines", "contact.first_name"].
    variables = models.JSONField(default=list)
    diagnostics = models.JSONField(default=list)
    compiler = models.CharField(max_length=64, blank=True, default="")
    page_id = models.PositiveBigIntegerField(null=True, blank=True)
    revision_id = models.PositiveBigIntegerField(null=True, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        verbose_name = _("email version")
        verbose_name_plural = _("email versions")
        constraints = [
            models.UniqueConstraint(
                fields=["email_key", "language", "number"], name="sa_email_version_number"
            ),
            models.UniqueConstraint(
                fields=["email_key", "language", "digest"], name="sa_email_version_digest"
            ),
            models.UniqueConstraint(
                fields=["email_key", "language"],
                condition=Q(is_current=True),
                name="sa_email_version_current",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.title} ({self.language}, {self.number})"
