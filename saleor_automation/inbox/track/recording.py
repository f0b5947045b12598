"""From stored calls to Events: each message id once in its scope, whatever comes again.

Knows keys and Events. Whose they are, ``people`` finds out: it is told of the fresh calls.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from saleor_automation.conf import conf
from saleor_automation.inbox.facts import keys_insert
from saleor_automation.inbox.models import Event, RawEvent

from . import kinds
from .calls import Call
from .storing import IMPORT_TYPE, Tracked


def tracked_record(
    *, raws: Sequence[RawEvent], told: Sequence[Tracked], now: datetime
) -> tuple[Tracked, list[Event]]:
    """Record the calls that are new; return them, and their Events in the same order.

    ``told`` is what the bodies ``raws`` hold, all of one teller.
    """
    tracked = told[0]
    by_key = {
        (kinds.KEY, call.message_id, tracked.scope): (raw, call)
        for raw, body in zip(raws, told, strict=True)
        for call in body.calls
    }
    fresh = keys_insert(sorted(by_key)) if by_key else {}
    new = [(key, raw, call) for key, (raw, call) in by_key.items() if key in fresh]
    window = timedelta(hours=conf().entry_window_hours)
    events = Event.objects.bulk_create(
        Event(
            key_id=fresh[key],
            kind=call.kind,
            occurred_at=call.at,
            recorded_at=now,
            late=now - call.at > window,
            backfill=raw.event_type == IMPORT_TYPE,
            source=raw.source,
            data=_data(tracked, call),
            raw=raw,
        )
        for key, raw, call in new
    )
    return replace(tracked, calls=tuple(call for _key, _raw, call in new)), events


def _data(tracked: Tracked, call: Call) -> dict[str, Any]:
    """Return what an Event keeps of a call: no traits, and no ids of people."""
    found = {
        "by": "browser" if tracked.is_browser else "server",
        "key": tracked.key_id,
        "channel": tracked.channel,
        "name": call.name,
        "product": str(call.properties.get("product_id") or ""),
        "slug": str(call.properties.get("slug") or ""),
        "properties": dict(call.properties),
    }
    return {name: value for name, value in found.items() if value}
