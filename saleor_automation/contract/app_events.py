"""What Saleor tells our app about itself: it was removed, or switched on or off.

Knows the JSON of the two subscriptions. These are no facts of people: whoever takes
the delivery acts on it. Must not know the installation.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from saleor_automation.exceptions import ContractError

from .values import flag, identifier, moment_needed, part

APP_DELETED: Final = "app_deleted"
APP_STATUS_CHANGED: Final = "app_status_changed"


@dataclass(frozen=True, slots=True)
class AppEvent:
    """News of an app; the newest ``issued_at`` counts."""

    issued_at: datetime
    #: Global id of the app it is about.
    app_id: str
    is_removed: bool
    is_active: bool


def app_event_of(event_type: str, content: dict[str, Any]) -> AppEvent:
    """Understand an unwrapped body of one of ``kinds.APP_EVENTS``.

    Raises ContractError when it does not hold what the subscription promises.
    """
    app = part(content, "app")
    if app is None:
        raise ContractError("“app” is missing; select it in the subscription.")
    removed = event_type == APP_DELETED
    active = flag(app, "isActive")
    if active is None and not removed:
        raise ContractError("“isActive” is missing; select it in the subscription.")
    return AppEvent(
        issued_at=moment_needed(content, "issuedAt"),
        app_id=identifier(app),
        is_removed=removed,
        is_active=bool(active) and not removed,
    )
