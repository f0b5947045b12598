"""What ``saleor-automation check`` says of one thing.

Knows levels and words' places only.
"""

from __future__ import annotations

from dataclasses import dataclass

from saleor_automation.conf import conf

OK, WARN, PROBLEM = "ok", "warn", "problem"
SKIPPED = "Not looked at, since the database is not ready."


@dataclass(frozen=True)
class Finding:
    """What was found about one thing; ``advice`` says what to do, "" when nothing."""

    about: str
    level: str
    text: str
    advice: str = ""


def at_page(advice: str, page: str = "") -> str:
    """Return ``advice`` with the address where to follow it."""
    place = f"automation/{page}" if page else ""
    return f"{advice}\n{conf().public_url}/studio/{place}"
