"""What days and names in a condition mean, for both ways of asking. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from .language import Ask

DAY = timedelta(days=1)


def since(ask: Ask, now: datetime) -> datetime | None:
    """Return the earliest moment an ask looks at; None when it looks back for ever."""
    return None if ask.days is None else now - ask.days * DAY


def whole_days(moment: datetime, now: datetime) -> int:
    """Return the whole days that passed since a moment; none of one that is to come."""
    return max(0, (now - moment) // DAY)


def of_name(ask: Ask) -> str:
    """Return what is asked of, as it is kept: tags and traits small, currencies large."""
    if ask.fact == "contact.spent":
        return ask.of.upper()
    if ask.fact in {"contact.bought_category", "contact.bought_product", "contact.consent"}:
        return ask.of
    return ask.of.lower()
