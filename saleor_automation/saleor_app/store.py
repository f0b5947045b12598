"""Where a verified body goes.

The webhook is the inbox's front door, but ``inbox`` is a later stage than this one
and must not be imported here. So the door names its keeper the way Django names a
backend: by path.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import cache
from typing import cast

from django.utils.module_loading import import_string

STORE = "saleor_automation.inbox.services.raw_event_store"


@cache
def _keeper() -> Callable[..., bool]:
    return cast("Callable[..., bool]", import_string(STORE))


def store(
    *,
    source: str,
    event_type: str,
    api_url: str,
    body: bytes,
    now: datetime,
    same: bytes | None = None,
) -> bool:
    """Store a verified body; return False when it was stored before.

    ``same`` is what makes it the same as another; without it the body is.
    """
    return _keeper()(
        source=source, event_type=event_type, api_url=api_url, body=body, now=now, same=same
    )
