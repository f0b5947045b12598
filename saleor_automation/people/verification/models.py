"""What was found about addresses and domains, and what the shop does about it.

An address is kept by its digest alone, with its domain: enough to know it again, not
enough to write to it. Must not know how anything is found.
"""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Verification(models.Model):
    """What is known about one address."""

    #: See ``people.digests``.
    address_digest = models.CharField(max_length=64, unique=True)
    #: ASCII, lower case; "" when the address has none.
    domain = models.CharField(max_length=253, blank=True, default="")
    #: Codes of ``verification.verdicts``.
    verdict = models.CharField(max_length=16)
    #: The reason that decides, and all of them.
    reason = models.CharField(max_length=32)
    reasons = models.JSONField(default=list)
    #: The domain that was probably meant.
    suggestion = models.CharField(max_length=253, blank=True, default="")
    #: Per layer what was found, from which list or answer, and when.
    evidence = models.JSONField(default=dict)
    #: A mail service of ours said so, last.
    own_delivered_at = models.DateTimeField(null=True, blank=True)
    own_hard_bounce_at = models.DateTimeField(null=True, blank=True)
    checked_at = models.DateTimeField()
    #: Null: it stays so until lists or rules change.
    expires_at = models.DateTimeField(null=True, blank=True)
    #: Rules and lists it was judged by.
    checker = models.CharField(max_length=32)

    class Meta:
        verbose_name = _("verified address")
        verbose_name_plural = _("verified addresses")
        indexes = [
            models.Index(fields=["verdict", "reason"], name="sa_verification_counts"),
            models.Index(fields=["checked_at"], name="sa_verification_age"),
        ]

    def __str__(self) -> str:
        return f"{self.domain} {self.verdict} {self.reason}"


class DomainCheck(models.Model):
    """What the DNS last said about mail to a domain, shared by all its addresses."""

    #: ASCII, lower case.
    domain = models.CharField(max_length=253, primary_key=True)
    #: A DNS reason of ``verification.verdicts``.
    reason = models.CharField(max_length=32)
    #: Mail hosts, the preferred one first.
    hosts = models.JSONField(default=list)
    detail = models.CharField(max_length=200, blank=True, default="")
    answered_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    #: Tries without an answer since the last answer.
    failures = models.PositiveSmallIntegerField(default=0)

    class Meta:
        verbose_name = _("domain check")
        verbose_name_plural = _("domain checks")
        indexes = [models.Index(fields=["expires_at"], name="sa_domain_check_age")]

    def __str__(self) -> str:
        return f"{self.domain} {self.reason}"


class AddressPolicy(models.Model):
    """What the shop decided about doubtful addresses: one row."""

    #: By reason, what may be sent; a reason left out has its default.
    choices = models.JSONField(default=dict)

    class Meta:
        verbose_name = _("address policy")

    def __str__(self) -> str:
        return "address policy"
