"""What one call of a Segment library says: checked at the door, kept in few words. Pure.

Knows Segment's common fields and what of them is kept. Machine addresses and user agents,
query strings, nested properties and values with an "@" in them are left out here, before
anything is stored. Must not know keys, rows or the clock.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from urllib.parse import urlsplit

from saleor_automation.contract.values import clean, iso, moment
from saleor_automation.exceptions import ContractError

from . import kinds

TYPES: Final = frozenset({"identify", "track", "page", "screen", "group", "alias"})
#: Segment's own limits, bytes.
EVENT_BYTES: Final = 32 * 1024
REQUEST_BYTES: Final = 500 * 1024
REQUEST_CALLS: Final = 2500
#: Letters of an id; see ``people.models.Identity``.
ID_LETTERS: Final = 254
TEXT_LETTERS: Final = 255
#: Properties, traits and products kept of one call.
MOST: Final = 40
#: Times before it are a broken clock.
EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Call:
    """One call, as it is kept."""

    type: str
    message_id: str
    #: When it happened, by our clock.
    at: datetime
    anonymous_id: str = ""
    user_id: str = ""
    #: Of an alias.
    previous_id: str = ""
    #: As the caller wrote it.
    name: str = ""
    properties: Mapping[str, Any] = field(default_factory=dict)
    traits: Mapping[str, Any] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """Return the kind of fact it tells."""
        return {
            "identify": kinds.IDENTIFIED,
            "page": kinds.PAGE_VIEWED,
            "screen": kinds.SCREEN_VIEWED,
            "group": kinds.GROUPED,
            "alias": kinds.ALIASED,
        }.get(self.type) or kinds.kind_of(self.name)


def items_of(call: str, content: Mapping[str, Any]) -> list[Any]:
    """Return the single calls of a request to ``/v1/<call>``.

    Raises ContractError when a batch holds no list.
    """
    if call not in {"batch", "import"}:
        return [{**content, "type": call}]
    items = content.get("batch")
    if not isinstance(items, list):
        raise ContractError("“batch” is not a list of calls.")
    # What a batch says of all its calls a call may say itself.
    shared = content.get("context")
    if isinstance(shared, dict) and shared:
        return [
            {**item, "context": {**shared, **(item.get("context") or {})}}
            if isinstance(item, dict) and isinstance(item.get("context") or {}, dict)
            else item
            for item in items
        ]
    return items


def skew_of(content: Mapping[str, Any], *, received_at: datetime) -> timedelta:
    """Return by how much the sender's clock differs from ours; nothing when it does not say."""
    try:
        sent_at = moment(content, "sentAt")
    except ContractError:
        return timedelta(0)
    return received_at - sent_at if sent_at is not None else timedelta(0)


def call_check(item: Any, *, received_at: datetime, skew: timedelta, large: bool) -> Call:
    """Return one call. Raises ContractError in words for whoever sent it.

    ``large``: the whole request is large enough for one call to be too large.
    """
    if not isinstance(item, dict):
        raise ContractError("A call is a JSON object.")
    if large and len(_written(item)) > EVENT_BYTES:
        raise ContractError(f"A call may have {EVENT_BYTES} bytes at most.")
    type_ = item.get("type")
    if type_ not in TYPES:
        raise ContractError(f"“type” is none of {', '.join(sorted(TYPES))}.")
    user_id = _id(item, "userId")
    anonymous_id = _id(item, "anonymousId")
    previous_id = _id(item, "previousId")
    if type_ == "alias":
        if not user_id or not previous_id:
            raise ContractError("An alias needs “previousId” and “userId”.")
    elif not user_id and not anonymous_id:
        raise ContractError("“userId” or “anonymousId” is needed.")
    name, properties = _told(type_, item)
    return Call(
        type=type_,
        message_id=_message_id(item),
        at=_at(item, received_at, skew),
        anonymous_id=anonymous_id,
        user_id=user_id,
        previous_id=previous_id,
        name=name,
        properties=properties,
        traits=_traits(item) if type_ == "identify" else {},
    )


def _id(item: Mapping[str, Any], name: str) -> str:
    value = item.get(name)
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ContractError(f"“{name}” is not text.")
    found = clean(str(value)).strip()
    if len(found) > ID_LETTERS:
        raise ContractError(f"“{name}” has more than {ID_LETTERS} letters.")
    return found


def _message_id(item: Mapping[str, Any]) -> str:
    value = item.get("messageId")
    found = clean(value).strip() if isinstance(value, str) else ""
    if not found:
        # The same call again says the same.
        return "sa-" + hashlib.sha256(_written(item)).hexdigest()
    if len(found) > 128:
        return "sa-" + hashlib.sha256(found.encode()).hexdigest()
    return found


def _written(item: Mapping[str, Any]) -> bytes:
    return json.dumps(item, sort_keys=True, default=str, separators=(",", ":")).encode(
        "utf-8", "replace"
    )


def _at(item: Mapping[str, Any], received_at: datetime, skew: timedelta) -> datetime:
    """Return when it happened by our clock; never later than it came."""
    try:
        said = moment(item, "timestamp") or moment(item, "originalTimestamp")
        at = received_at if said is None else said + skew
    except (ContractError, OverflowError):
        raise ContractError("“timestamp” is not a time.") from None
    return min(at, received_at) if at >= EARLIEST else EARLIEST


def _told(type_: str, item: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the name of what happened, and what is kept of its properties."""
    given = item.get("properties")
    properties = given if isinstance(given, dict) else {}
    if type_ == "track":
        name = item.get("event")
        if not isinstance(name, str) or not clean(name).strip():
            raise ContractError("“event” is missing: it is the name of what happened.")
        kept = dict(_scalars(properties))
        products = properties.get("products")
        if isinstance(products, list):
            kept["products"] = list(_products(products))
        if "url" in kept:
            kept["url"] = _path(properties["url"])
        return _cut(name), kept
    if type_ in {"page", "screen"}:
        return _viewed(item, properties)
    if type_ == "group":
        return "", {"group": _id(item, "groupId")}
    return "", {}


def _viewed(item: Mapping[str, Any], properties: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    context = item.get("context")
    page = context.get("page") if isinstance(context, dict) else None
    seen: dict[str, Any] = {**(page if isinstance(page, dict) else {}), **properties}
    kept: dict[str, Any] = {}
    if path := _path(seen.get("path") or seen.get("url")):
        kept["path"] = path
    if isinstance(seen.get("title"), str) and "@" not in seen["title"]:
        kept["title"] = _cut(seen["title"])
    if isinstance(seen.get("referrer"), str) and (host := _host(seen["referrer"])):
        kept["referrer"] = host
    name = item.get("name")
    return _cut(name) if isinstance(name, str) and "@" not in name else "", kept


def _path(value: Any) -> str:
    """Return the path of an address: what stands behind “?” may be anybody's secret."""
    if not isinstance(value, str):
        return ""
    try:
        found = _cut(urlsplit(value).path)
    except ValueError:
        return ""
    return "" if "@" in found else found


def _host(value: str) -> str:
    try:
        return _cut(urlsplit(value).hostname or "")
    except ValueError:
        return ""


def _products(products: Sequence[Any]) -> Iterator[dict[str, Any]]:
    for product in products[:MOST]:
        if isinstance(product, dict):
            names = ("product_id", "sku", "slug", "name", "quantity", "price")
            yield dict(_scalars({name: product.get(name) for name in names}))


def _scalars(source: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Return what is neither nested nor an address; texts cut."""
    count = 0
    for name, value in source.items():
        plain = _plain(value)
        if plain is None or (isinstance(plain, str) and "@" in plain):
            continue
        yield clean(str(name))[:64], plain
        count += 1
        if count == MOST:
            return


def _traits(item: Mapping[str, Any]) -> dict[str, Any]:
    given = item.get("traits")
    context = item.get("context")
    if not isinstance(given, dict):
        # Segment's server libraries may put them there.
        given = context.get("traits") if isinstance(context, dict) else None
    source = given if isinstance(given, dict) else {}
    kept = {
        clean(str(name))[:64]: plain
        for name, value in list(source.items())[:MOST]
        if (plain := _plain(value)) is not None
    }
    address = source.get("address")
    if isinstance(address, dict) and isinstance(address.get("country"), str):
        kept.setdefault("country", _cut(address["country"]))
    if isinstance(context, dict) and isinstance(context.get("locale"), str):
        kept.setdefault("locale", _cut(context["locale"]))
    return kept


def _plain(value: Any) -> Any:
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _cut(value)
    if isinstance(value, int):
        return value if abs(value) < 2**53 else str(value)[:TEXT_LETTERS]
    return float(value) if isinstance(value, Decimal) and abs(value) < 10**300 else None


def _cut(value: str) -> str:
    return clean(value).strip()[:TEXT_LETTERS]


def call_written(call: Call) -> dict[str, Any]:
    """Return a call as it is stored; what is empty left out."""
    found = {
        "type": call.type,
        "id": call.message_id,
        "at": iso(call.at),
        "anonymous": call.anonymous_id,
        "user": call.user_id,
        "previous": call.previous_id,
        "name": call.name,
        "properties": call.properties,
        "traits": call.traits,
    }
    return {name: value for name, value in found.items() if value}


def call_read(content: Mapping[str, Any]) -> Call:
    """Return a call that was stored."""
    return Call(
        type=content["type"],
        message_id=content["id"],
        at=datetime.fromisoformat(content["at"]),
        anonymous_id=content.get("anonymous", ""),
        user_id=content.get("user", ""),
        previous_id=content.get("previous", ""),
        name=content.get("name", ""),
        properties=content.get("properties", {}),
        traits=content.get("traits", {}),
    )
