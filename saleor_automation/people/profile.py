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
#: The language a person chose with us; it outranks what orders and accounts say.
CHOSEN_LANGUAGE = "chosen.language"
#: Beginning of the key of an id in another system, told by a server.
EXTERNAL = "external"
#: Who says a name where an account has none, the most trusted first.
_NAMED_BY = ("order", "server", "import", "browser")
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


def external_key(value: str) -> str:
    return f"{EXTERNAL}:{value}"


def anonymous_key(value: str) -> str:
    return f"anonymous:{value}"


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
        country=_first(
            evidence,
            "order.country",
            "account.country",
            "server.country",
            "import.country",
            "browser.country",
        )
        or "",
        channel=_newest(evidence, "order.channel") or _newest(evidence, "import.channel") or "",
        since=min((slots[SINCE][0] for slots in evidence.values() if SINCE in slots), default=""),
    )
    account = evidence.get(user_key(user_id), {}) if user_id else {}
    said = account.get("account.email", ["", ""])[1] if user_id else _guest_address(evidence)
    names = account.get("account.name", ["", ["", ""]])[1]
    if not any(names):
        # Many accounts have no name, but the orders do; what a page said comes last.
        told = (_newest(evidence, f"{source}.name") for source in _NAMED_BY)
        names = next((name for name in told if name and any(name)), ["", ""])
    ordered, own = _newest(evidence, "order.language") or "", _newest(evidence, "account.language")
    language = ordered if ordered and ordered != UNSAID_LANGUAGE else own or ordered
    if language in ("", UNSAID_LANGUAGE):
        language = _first(evidence, "server.language", "import.language") or language
    language = _newest(evidence, CHOSEN_LANGUAGE) or language
    language = language or _newest(evidence, "browser.language") or ""
    return replace(
        profile,
        email=said if said.lower() in addresses else "",
        first_name=names[0],
        last_name=names[1],
        language=language,
        is_staff=bool(account.get("account.staff", ["", False])[1]),
    )


def _guest_address(evidence: Evidence) -> str:
    # Never what a browser says: anybody may write anybody's address there.
    return str(_first(evidence, "order.email", "server.email", "import.email") or "")


def _first(evidence: Evidence, *names: str) -> Any:
    """Return the newest value of the first of these slots that says anything."""
    return next(filter(None, (_newest(evidence, name) for name in names)), None)


def _newest(evidence: Evidence, name: str) -> Any:
    return max(_entries(evidence, name), default=["", None])[1]


def _entries(evidence: Evidence, name: str) -> Iterator[list[Any]]:
    return (slots[name] for slots in evidence.values() if name in slots)
