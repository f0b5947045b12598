"""Which user of the Studio a staff member of the shop is, and what opened it once already.

Knows links and digests. Neither tokens nor codes are stored, only their SHA-256: who
reads this database cannot log in with it. Times are real, not the shop's.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models


class StaffLink(models.Model):
    """A staff member of a Saleor and their user here.

    The address is not part of it: it may pass on to somebody else.
    """

    #: GraphQL URL of the Saleor.
    issuer = models.CharField(max_length=255)
    #: Saleor's global id of the user.
    saleor_user = models.CharField(max_length=128)
    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="saleor_staff"
    )
    #: As Saleor gave it last.
    email = models.CharField(max_length=254, blank=True, default="")
    seen_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["issuer", "saleor_user"], name="sa_staff_link_once")
        ]

    def __str__(self) -> str:
        return self.email or self.saleor_user


class SpentToken(models.Model):
    """A Dashboard token that opened the Studio, so that it does not open it again."""

    #: SHA-256, hex.
    digest = models.CharField(max_length=64, primary_key=True)
    #: After it the token is refused anyway, and the row may go.
    expires_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.digest[:8]


class LoginCode(models.Model):
    """A code in an address that opens the Studio once, within a minute."""

    #: SHA-256, hex, of the code.
    digest = models.CharField(max_length=64, primary_key=True)
    link = models.ForeignKey(StaffLink, on_delete=models.CASCADE)
    #: Where it leads: a path of the Studio.
    path = models.CharField(max_length=255)
    expires_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.digest[:8]


class RoleOffer(models.Model):
    """What a role's group was given, so that what an administrator took away stays away."""

    group = models.OneToOneField("auth.Group", on_delete=models.CASCADE, primary_key=True)
    #: "app.codename" of each permission given once.
    permissions = models.JSONField(default=list)

    def __str__(self) -> str:
        return str(self.group_id)
