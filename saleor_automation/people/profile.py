"""What a contact's fields are, given the evidence. Pure.

Evidence is kept per identity (``user:<id>``, ``email:<address>``), each slot with the
newest time and value heard: ``{"user:VXNlcjox": {"account.language": [time, "ms"]}}``.
It moves with its identity when contacts merge or an address changes hands, and the
fields are computed from it. That is why the order in which payloads arrive does not
matter. Times are ISO in UTC with microseconds, so text order is time order.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

Slots = dict[str, list[Any]]
Evidence = dict[str, Slots]

#: Earliest time heard of the identity; its slot keeps the minimum.
SINCE = "since"
#: What Saleor stores when a storefront does not say a language.
UNSAID_LANGUAGE = "en"


@dataclass(frozen=True)
class Profile:
    """A contact's fields."""

    email: str = ""
    first_name: str = ""
    last_name: str = ""
    language: str = ""
    country: str = ""
    channel: str = ""
    has_account: bool = False
    is_staff: bool = False
    since: str = ""


def user_key(user_id: str) -> str:
    return f"user:{user_id}"


def email_key(address: str) -> str:
    return f"email:{address}"


def slots_add(slots: Slots, at: str, values: Mapping[str, Any], since: str) -> None:
    """Hear of values at a time. The newest stays; at equal times the greater value."""
    for name, value in values.items():
        entry = [at, value]
        if name not in slots or entry > slots[name]:
            slots[name] = entry
    if SINCE not in slots or since < slots[SINCE][0]:
        slots[SINCE] = [since, ""]


def evidence_join(one: Evidence, two: Evidence) -> Evidence:
    """Join the evidence of two contacts."""
    joined = {key: dict(slots) for key, slots in one.items()}
    for key, slots in two.items():
        mine = joined.setdefault(key, {})
        for name, entry in slots.items():
            if name == SINCE:
                mine[name] = min(mine.get(name, entry), entry)
            else:
                mine[name] = max(mine.get(name, entry), entry)
    return joined


def profile_of(evidence: Evidence, *, addresses: Collection[str], user_id: str) -> Profile:
    """Compute a contact's fields.

    ``addresses`` are the lower-cased addresses the contact owns: an account whose
    address went to another account must not be written to under it. ``user_id`` is ""
    for a guest.
    """
    profile = Profile(
        has_account=bool(user_id),
        country=_newest(evidence, "order.country")
        or _newest(evidence, "account.country")
        or _newest(evidence, "import.country")
        or "",
        channel=_newest(evidence, "order.channel") or _newest(evidence, "import.channel") or "",
        since=min((slots[SINCE][0] for slots in evidence.values() if SINCE in slots), default=""),
    )
    account = evidence.get(user_key(user_id), {}) if user_id else {}
    said = account.get("account.email", ["", ""])[1] if user_id else _guest_address(evidence)
    names = account.get("account.name", ["", ["", ""]])[1]
    if not any(names):
        # Many accounts have no name, but the orders do; a list the shop brought in comes last.
        names = _newest(evidence, "order.name") or ["", ""]
    if not any(names):
        names = _newest(evidence, "import.name") or ["", ""]
    ordered, own = _newest(evidence, "order.language") or "", _newest(evidence, "account.language")
    language = ordered if ordered and ordered != UNSAID_LANGUAGE else own or ordered
    if language in ("", UNSAID_LANGUAGE):
        language = _newest(evidence, "import.language") or language
    return replace(
        profile,
        email=said if said.lower() in addresses else "",
        first_name=names[0],
        last_name=names[1],
        language=language,
        is_staff=bool(account.get("account.staff", ["", False])[1]),
    )


def _guest_address(evidence: Evidence) -> str:
    return str(_newest(evidence, "order.email") or _newest(evidence, "import.email") or "")


def _newest(evidence: Evidence, name: str) -> Any:
    return max(_entries(evidence, name), default=["", None])[1]


def _entries(evidence: Evidence, name: str) -> Iterator[list[Any]]:
    return (slots[name] for slots in evidence.values() if name in slots)
