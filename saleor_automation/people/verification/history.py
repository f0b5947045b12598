"""What our own deliveries taught about an address: the only thing known, not guessed.

Knows which of two experiences counts, and for how long. Later stages report here
(``services.history_record``); this stage must not know how they learned it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from .verdicts import Reason

#: How long "it arrived" is believed. A mailbox that is gone stays gone until a mail arrives.
DELIVERED_FOR: Final = timedelta(days=180)


@dataclass(frozen=True)
class History:
    """When our mail last arrived, and when it last came back for good."""

    delivered_at: datetime | None = None
    hard_bounce_at: datetime | None = None

    def reason(self, now: datetime) -> Reason | None:
        """Return what it says now; at the same moment the bounce counts."""
        bounced, delivered = self.hard_bounce_at, self.delivered_at
        if bounced is not None and (delivered is None or bounced >= delivered):
            return Reason.OWN_HARD_BOUNCE
        if delivered is not None and now < delivered + DELIVERED_FOR:
            return Reason.OWN_DELIVERED
        return None

    def until(self, now: datetime) -> datetime | None:
        """Return when what it says now ends by itself; None when it does not."""
        if self.reason(now) is Reason.OWN_DELIVERED and self.delivered_at is not None:
            return self.delivered_at + DELIVERED_FOR
        return None
