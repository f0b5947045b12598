"""Write keys: made, known again, revoked.

Knows the rows. A request must not read its key from the database each time, so a key
that was found is kept in the process for a few seconds of real time. Several keys of one
scope may be valid at once: that is how one is exchanged for another.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import time
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db.models import Q
from django.utils.translation import gettext as _

from saleor_automation.exceptions import UsageError
from saleor_automation.saleor_app.origins import origin_among

from .models import WriteKey

#: Seconds a revoked key may still be taken by a process that kept it.
CACHE_SECONDS = 5.0
#: Keys kept; more than a shop has.
MOST_KEPT = 500
USED = timedelta(minutes=1)

_ORIGIN = re.compile(r"https?://(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*(:(\d{1,5}|\*))?")
_kept: dict[str, tuple[float, WriteKey]] = {}


def key_digest(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()


def write_key_create(
    *, name: str, kind: str, now: datetime, channel: str = "", origins: Iterable[str] = ()
) -> tuple[WriteKey, str]:
    """Make a key; return its row and the key itself, which nobody sees again.

    Raises UsageError for a browser key without an origin, and for what is no origin.
    """
    found = sorted({origin.strip().rstrip("/").lower() for origin in origins} - {""})
    wrong = [origin for origin in found if not _ORIGIN.fullmatch(origin)]
    if wrong:
        raise UsageError(
            _(
                "“%(origin)s” is no origin. Write scheme and host only, such as "
                "https://shop.example or https://*.shop.example."
            )
            % {"origin": wrong[0]}
        )
    if kind == WriteKey.Kind.BROWSER and not found:
        raise UsageError(
            _("A browser key needs the address of the shop, such as https://shop.example.")
        )
    key = f"{'sab' if kind == WriteKey.Kind.BROWSER else 'sas'}_{secrets.token_urlsafe(24)}"
    row = WriteKey.objects.create(
        name=name.strip()[:64],
        kind=kind,
        digest=key_digest(key),
        hint=key[-4:],
        channel=channel,
        origins=found if kind == WriteKey.Kind.BROWSER else [],
        created_at=now,
    )
    return row, key


def write_key_revoke(*, key: WriteKey, now: datetime) -> None:
    """Let a key in no more; within seconds in other processes. Safe to repeat."""
    WriteKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=now)
    keys_forget()


def write_key_find(key: str) -> WriteKey | None:
    """Return the row of a key that may be used, or None."""
    digest, at = key_digest(key), time.monotonic()
    kept = _kept.get(digest)
    if kept is not None and at - kept[0] < CACHE_SECONDS:
        return kept[1]
    found = WriteKey.objects.filter(digest=digest, revoked_at=None).first()
    if found is None:
        _kept.pop(digest, None)
        return None
    if len(_kept) >= MOST_KEPT:
        _kept.clear()
    _kept[digest] = (at, found)
    return found


def keys_forget() -> None:
    """Drop what this process keeps."""
    _kept.clear()


def write_key_used(*, key: WriteKey, now: datetime) -> None:
    """Note that a key was used, once a minute."""
    if key.last_used_at is not None and now - key.last_used_at < USED:
        return
    key.last_used_at = now
    WriteKey.objects.filter(Q(last_used_at=None) | Q(last_used_at__lt=now), pk=key.pk).update(
        last_used_at=now
    )


def scope_of(key: WriteKey) -> str:
    """Return within what a message id counts once: the keys of one kind and channel.

    So a call that is repeated under a new key is known, and a page in a browser cannot take
    the ids of a server.
    """
    scope = f"{key.kind}:{key.channel}"
    if len(scope) > 128:
        scope = f"{key.kind}:{hashlib.sha256(key.channel.encode()).hexdigest()}"
    return scope


def origin_known(origin: str) -> bool:
    """Say whether a page of this origin may use any key: asked before a key is shown."""
    rows = WriteKey.objects.filter(kind=WriteKey.Kind.BROWSER, revoked_at=None)
    return any(origin_among(origin, found) for found in rows.values_list("origins", flat=True))
