"""Consent as shops write it into Saleor's metadata. Pure.

The one convention found in the field is Saleor's Paper storefront:
``paper.marketing_opt_in`` ("true" or "false") with ``paper.marketing_opt_in_at`` and
``paper.marketing_opt_in_source``. Other keys follow the same form. Only public metadata is
read: it is the shopper's own act, or passes for it. What we write ourselves carries our
name as its source, so that it is not taken for something the shopper did.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

#: What ``<key>_source`` holds when this product wrote the flag.
OURS = "saleor_automation"


@dataclass(frozen=True, slots=True)
class Words:
    """What a flag may say, lower case; the first of each is what is written."""

    yes: tuple[str, ...] = ("true", "1", "yes", "on", "granted")
    no: tuple[str, ...] = ("false", "0", "no", "off", "withdrawn")


@dataclass(frozen=True, slots=True)
class Flag:
    """What a flag says."""

    #: "granted" or "withdrawn".
    state: str
    #: When the shop says it was said; None when it does not.
    at: datetime | None
    #: It carries our own name. Somebody may have changed the flag alone since.
    ours: bool


def names_of(setting: str) -> tuple[str, ...]:
    """Return the names in a comma-separated setting, in order, each once."""
    return tuple(dict.fromkeys(name.strip() for name in setting.split(",") if name.strip()))


def words_of_settings(yes: str, no: str) -> Words:
    """Return the words of two comma-separated settings."""
    return Words(names_of(yes.lower()), names_of(no.lower()))


def flag_read(metadata: Mapping[str, str], keys: Sequence[str], words: Words) -> Flag | None:
    """Return what the first of ``keys`` that says something says; None when none does."""
    for key in keys:
        value = metadata.get(key, "").strip().lower()
        if value in words.yes or value in words.no:
            return Flag(
                state="granted" if value in words.yes else "withdrawn",
                at=moment_read(metadata.get(f"{key}_at", "")),
                ours=metadata.get(f"{key}_source", "") == OURS,
            )
    return None


def flag_write(key: str, state: str, at: datetime, words: Words) -> dict[str, str]:
    """Return the metadata that says ``state`` since ``at``, in our name."""
    return {
        key: words.yes[0] if state == "granted" else words.no[0],
        f"{key}_at": at.astimezone(UTC).isoformat(timespec="microseconds"),
        f"{key}_source": OURS,
    }


def flag_dated(flag: Flag, *, at: datetime, latest: datetime) -> datetime:
    """Return when a flag was said: its own date, never later than ``latest``, else ``at``.

    Its date comes from a browser. One that carries our name is the date of our own
    writing, and no date of what somebody changed since.
    """
    return min(flag.at, latest) if flag.at is not None and not flag.ours else at


def echo_of(flag: Flag, said: Collection[tuple[str, datetime]]) -> bool:
    """Whether a flag is what we wrote ourselves, given all that was said here."""
    return flag.ours and flag.at is not None and (flag.state, flag.at) in said


def moment_read(value: str) -> datetime | None:
    """Return a time in UTC; None when it is none."""
    try:
        parsed = datetime.fromisoformat(value.strip())
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
