"""What an identify call says of who somebody is. Pure.

Knows the names of Segment's specification. Whether it is believed, ``tracking`` decides.
"""

from __future__ import annotations

import re
from typing import Any, Final

from saleor_automation.inbox.track.calls import Call

_ADDRESS = re.compile(r"[^\s@\x00-\x1f]{1,64}@[^\s@\x00-\x1f]{1,189}\.[^\s@\x00-\x1f]{1,63}")
#: Traits of Segment's specification that say who somebody is, and are no traits here.
PERSON_TRAITS: Final = frozenset(
    {"email", "first_name", "last_name", "name", "language", "locale", "country", "id"}
)
_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[\W_]+")


def address_of(call: Call) -> str:
    """Return the address an identify call gives, as written; "" when it is none."""
    value = call.traits.get("email") if call.type == "identify" else None
    return value if isinstance(value, str) and _ADDRESS.fullmatch(value) else ""


def person_values(call: Call, source: str) -> dict[str, Any]:
    """Return what a call says of who somebody is, by slots of the evidence."""
    said = {trait_name(name): value for name, value in call.traits.items()}

    def text(*names: str) -> str:
        return next((v for n in names if isinstance(v := said.get(n), str) and v), "")

    first, last = text("first_name"), text("last_name")
    if not first and not last:
        first, _space, last = text("name").partition(" ")
    language = (text("language") or text("locale")).replace("_", "-").lower()[:16]
    country = text("country").upper()
    values: dict[str, Any] = {}
    if first or last:
        values[f"{source}.name"] = [first, last]
    if language:
        values[f"{source}.language"] = language
    if re.fullmatch(r"[A-Z]{2}", country):
        values[f"{source}.country"] = country
    return values


def trait_name(name: str) -> str:
    """Return a trait's name as it is kept: "favoriteColor" is favorite_color."""
    return "_".join(filter(None, _WORD.split(name))).lower()
