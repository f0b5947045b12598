"""Storing the calls of one request as one received body, and reading them again.

One row and one statement per request, whatever it holds; each call counts once by its
message id, when the body is understood (``recording``). A request that comes again with
the same calls is known by their ids, since libraries write the rest anew each time.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from saleor_automation.exceptions import ContractError
from saleor_automation.inbox.models import RawEvent
from saleor_automation.inbox.storing import raw_event_store

from .calls import Call, call_read, call_written
from .keys import scope_of
from .models import WriteKey

EVENT_TYPE = "track"
IMPORT_TYPE = "import"


@dataclass(frozen=True, slots=True)
class Tracked:
    """The calls of one request, and who told them."""

    scope: str
    #: Told by a page in somebody's browser: anybody may write anything there.
    is_browser: bool
    key_id: int
    channel: str
    calls: tuple[Call, ...]

    @property
    def teller(self) -> tuple[str, bool, int, str]:
        """Return who told it: all but the calls."""
        return (self.scope, self.is_browser, self.key_id, self.channel)


def calls_store(*, key: WriteKey, calls: Sequence[Call], history: bool, now: datetime) -> bool:
    """Store calls; return False when the same ones were stored before.

    ``history``: they tell of the past and start nothing. It has ended when this returns.
    """
    scope = scope_of(key)
    body = {
        "scope": scope,
        "browser": key.kind == WriteKey.Kind.BROWSER,
        "key": key.pk,
        "channel": key.channel,
        "calls": [call_written(call) for call in calls],
    }
    return raw_event_store(
        source=RawEvent.Source.TRACK,
        event_type=IMPORT_TYPE if history else EVENT_TYPE,
        api_url=f"track:{scope}",
        body=json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode(),
        same="\n".join(call.message_id for call in calls).encode(),
        now=now,
    )


def tracked_read(body: bytes) -> Tracked:
    """Return what was stored. Raises ContractError when it is not what this wrote."""
    try:
        content: dict[str, Any] = json.loads(body)
        return Tracked(
            scope=content["scope"],
            is_browser=content["browser"],
            key_id=content["key"],
            channel=content["channel"],
            calls=tuple(call_read(call) for call in content["calls"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise ContractError("These calls were not written by this version.") from error
