"""Opening the Studio once: tokens that were used, and codes for an address.

Knows the two tables and their times. The database decides what is first, so it holds
over any number of processes; what has run out is removed whenever something is added.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

from django.db import IntegrityError, transaction

from saleor_automation import clock
from saleor_automation.saleor_app.dashboard_tokens import LEEWAY, Staff

from .models import LoginCode, SpentToken, StaffLink

#: Seconds a code is good for: the Dashboard opens it at once.
CODE_SECONDS = 60


def token_spend(staff: Staff) -> bool:
    """Use a verified token up; return False when it was used before."""
    SpentToken.objects.filter(expires_at__lt=clock.wall()).delete()
    try:
        with transaction.atomic():
            SpentToken.objects.create(
                digest=staff.digest, expires_at=staff.expires_at + timedelta(seconds=2 * LEEWAY)
            )
    except IntegrityError:
        return False
    return True


def code_make(*, link: StaffLink, path: str) -> str:
    """Return a code that logs ``link``'s user in once and leads to ``path``."""
    now = clock.wall()
    LoginCode.objects.filter(expires_at__lt=now).delete()
    code = secrets.token_urlsafe(32)
    LoginCode.objects.create(
        digest=_digest(code),
        link=link,
        path=path,
        expires_at=now + timedelta(seconds=CODE_SECONDS),
    )
    return code


def code_spend(code: str) -> LoginCode | None:
    """Use a code up; return None when it is unknown, used or has run out."""
    rows = LoginCode.objects.filter(pk=_digest(code))
    found = rows.select_related("link__user").first()
    # Of two at once only one deletes the row.
    if found is None or not rows.delete()[0]:
        return None
    return found if found.expires_at > clock.wall() else None


def _digest(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()
