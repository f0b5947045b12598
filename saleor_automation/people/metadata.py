"""Consent as shops write it into Saleor's metadata. Pure.

The one convention found in the field is Saleor's Paper storefront:
``paper.marketing_opt_in`` ("true" or "false") with ``paper.marketing_opt_in_at``. Other
keys follow the same form.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

YES = frozenset({"true", "1", "yes", "on", "granted"})
NO = frozenset({"false", "0", "no", "off", "withdrawn"})


@dataclass(frozen=True, slots=True)
class Heard:
    """What a flag says."""

    state: str
    at: datetime


def consent_read(
    metadata: Mapping[str, str], *, key: str, at: datetime, latest: datetime
) -> Heard | None:
    """Return what the flag ``key`` says, or None when it is missing or unclear.

    ``<key>_at`` dates it, but never later than ``latest``, the payload's own time, since
    it comes from a browser. Without it ``at`` dates it.
    """
    value = metadata.get(key, "").strip().lower()
    if value not in YES | NO:
        return None
    said = _moment(metadata.get(f"{key}_at", ""))
    return Heard(
        state="granted" if value in YES else "withdrawn", at=min(said, latest) if said else at
    )


def _moment(value: str) -> datetime | None:
    try:
        parsed = datetime.fromisoformat(value.strip())
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
