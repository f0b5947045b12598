"""What sequences ask delivery for: a mail, named by a key that exists once.

Knows ids only. Delivery listens to ``signals.mail_wanted``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, kw_only=True)
class MailWanted:
    """One mail a step wants sent."""

    enrollment_id: UUID
    contact_id: UUID
    sequence: UUID
    node: str
    occurrence: int
    email_key: UUID
    purpose: str
    topic: str
    channel: str
    due_at: datetime
    expires_at: datetime

    @property
    def key(self) -> str:
        """Idempotency key: the same step of the same person is always the same mail."""
        return f"step/{self.enrollment_id.hex}/{self.node}/{self.occurrence}"
