"""Traits and tags: what the shop notes of a person beyond what Saleor knows.

Knows names, kinds and which of two things said is newer. Must not know where they come
from. The newest thing said of a name stands, so the order of arrival does not matter.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from django.db import transaction
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import gettext as _

from saleor_automation.exceptions import AutomationError

from .models import Contact, Tag, Trait, TraitType
from .segments.keeping import memberships_refresh

Kind = TraitType.Kind
#: Who tells a trait through the track API. A page in a browser is anybody's to write.
BROWSER, SERVER = "browser", "track"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
#: Numbers the column holds.
_LARGEST = Decimal(10) ** 18
_YES, _NO = frozenset({"true", "yes"}), frozenset({"false", "no"})


class TraitError(AutomationError):
    """A name or a value that cannot be kept; the words say what to write instead."""


def trait_kind(value: Any) -> str:
    """Return the kind a value has by itself: a text stays one, whatever it looks like."""
    if isinstance(value, bool):
        return Kind.FLAG
    if isinstance(value, int | float | Decimal):
        return Kind.NUMBER
    if isinstance(value, date):
        return Kind.MOMENT
    return Kind.TEXT


def trait_value(kind: str, value: Any) -> Any:
    """Return ``value`` as the kind's own type. Raises TraitError when it is not one.

    A date without a time is midnight UTC; a number keeps six places.
    """
    try:
        if kind == Kind.FLAG:
            return _flag(value)
        if kind == Kind.NUMBER:
            return _number(value)
        if kind == Kind.MOMENT:
            return _moment(value)
    except (ValueError, InvalidOperation):
        raise TraitError(
            _("%(value)s is no %(kind)s.") % {"value": repr(value), "kind": Kind(kind).label}
        ) from None
    text = str(value).replace("\x00", "").strip()
    if len(text) > 255:
        raise TraitError(_("A text may have 255 letters, not %(count)s.") % {"count": len(text)})
    return text


def _flag(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    if word in _YES | _NO:
        return word in _YES
    raise ValueError(value)


def _number(value: Any) -> Decimal:
    if isinstance(value, bool):
        raise ValueError(value)
    # By its text: a float's own digits go on for ever.
    found = Decimal(str(value).strip())
    if not found.is_finite() or abs(found) >= _LARGEST:
        raise ValueError(value)
    return round(found, 6)


def _moment(value: Any) -> datetime:
    found: date | None = value if isinstance(value, date) else None
    if found is None:
        text = str(value).strip()
        found = parse_datetime(text) or parse_date(text)
    if found is None:
        raise ValueError(value)
    if not isinstance(found, datetime):
        found = datetime(found.year, found.month, found.day, tzinfo=UTC)
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


@transaction.atomic
def trait_set(
    *,
    contact: Contact,
    name: str,
    value: Any,
    at: datetime,
    source: str,
    now: datetime | None = None,
) -> bool:
    """Note a trait; return whether that changed anything: what is newer stays.

    The first value of a name decides its kind. Raises TraitError for a name that is not
    small letters, digits and underscores, and for a value of another kind. Segments are
    looked at as of ``now``, the clock's time when it is not given.
    """
    changed = trait_put(contact=contact, name=name, value=value, at=at, source=source)
    if changed:
        memberships_refresh([contact.pk], now=now)
    return changed


def trait_put(*, contact: Contact, name: str, value: Any, at: datetime, source: str) -> bool:
    """Note a trait as ``trait_set`` does, for who looks at the segments of many people after."""
    if not _NAME.fullmatch(name):
        raise TraitError(
            _("A trait's name has small letters, digits and underscores, and begins with a letter.")
        )
    type_, _made = TraitType.objects.get_or_create(name=name, defaults={"kind": trait_kind(value)})
    typed = trait_value(type_.kind, value)
    _lock(contact)
    row = Trait.objects.filter(contact=contact, type=type_).first()
    if row is None:
        row = Trait(contact=contact, type=type_)
    elif (_rank(row.source), row.at, _order(row.value)) >= (_rank(source), at, _order(typed)):
        return False
    setattr(row, type_.kind, typed)
    row.folded = typed.lower() if isinstance(typed, str) else ""
    row.at, row.source = at, source[:32]
    row.save()
    return True


@transaction.atomic
def trait_remove(*, contact: Contact, name: str, now: datetime | None = None) -> None:
    """Forget a trait of one person."""
    _lock(contact)
    if Trait.objects.filter(contact=contact, type=name).delete()[0]:
        memberships_refresh([contact.pk], now=now)


def _lock(contact: Contact) -> None:
    # "no_key": inserting a row that points at the contact need not wait for us.
    Contact.objects.select_for_update(no_key=True).get(pk=contact.pk)


def _rank(source: str) -> int:
    """What a browser says never stands above anything else."""
    return 0 if source == BROWSER else 1


def _order(value: Any) -> str:
    """At one moment the greater text stands, whoever comes first."""
    return value.isoformat() if isinstance(value, datetime) else str(value)


@transaction.atomic
def tag_set(
    *, contact: Contact, name: str, on: bool, at: datetime, now: datetime | None = None
) -> bool:
    """Put a tag on a person, or take it off; return whether that changed anything.

    Raises TraitError for an empty or too long name. At one moment "off" stands. Segments are
    looked at as of ``now``, the clock's time when it is not given.
    """
    changed = _tag_put(contact=contact, name=name, on=on, at=at)
    if changed:
        memberships_refresh([contact.pk], now=now)
    return changed


def _tag_put(*, contact: Contact, name: str, on: bool, at: datetime) -> bool:
    plain = " ".join(name.replace("\x00", "").lower().split())
    if not 0 < len(plain) <= 64:
        raise TraitError(_("A tag has one to 64 letters."))
    _lock(contact)
    row = Tag.objects.filter(contact=contact, name=plain).first()
    if row is None:
        Tag.objects.create(contact=contact, name=plain, on=on, at=at)
        return True
    if (row.at, not row.on) >= (at, not on):
        return False
    row.on, row.at = on, at
    row.save(update_fields=["on", "at"])
    return True


def traits_of(contact: Contact) -> Mapping[str, Any]:
    """Return a person's traits by name."""
    rows = Trait.objects.select_related("type").filter(contact=contact).order_by("type")
    return {row.type_id: row.value for row in rows}


def traits_merge(*, winner: Contact, loser: Contact) -> None:
    """Give the winner what is newer of the loser's traits and tags. Segments hear of the merge."""
    for row in Trait.objects.select_related("type").filter(contact=loser):
        trait_put(contact=winner, name=row.type_id, value=row.value, at=row.at, source=row.source)
    for tag in Tag.objects.filter(contact=loser):
        _tag_put(contact=winner, name=tag.name, on=tag.on, at=tag.at)
