"""What people's words about marketing mail come to, kept where the database can ask it.

Knows the ledger and its reading. What they said, not what keeps an address from being
written to: a dead mailbox is no word. Computed again from the ledger whenever it changes.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef

from .consent import ConsentState, consent_states
from .models import ConsentStanding, Contact

YES: Final = "yes"
NO: Final = "no"
UNSAID: Final = "unsaid"
#: People computed at a time, and seconds one run of the chore may take.
PORTION: Final = 500
BUDGET_SECONDS: Final = 10.0


def said_of(state: ConsentState, topic: str) -> str:
    """Return what somebody said about a topic, in every channel; "" is all marketing."""
    allowed = state.allows(topic, "")
    return UNSAID if allowed is None else YES if allowed else NO


def standings_refresh(contact_ids: Iterable[UUID]) -> None:
    """Compute what some contacts said again. Must run under their locks."""
    ids = sorted(set(contact_ids))
    if not ids:
        return
    rows = {
        (pk, topic): ConsentStanding(contact_id=pk, topic=topic, said=said_of(state, topic))
        for pk, state in consent_states(ids).items()
        for topic in {"", *(word.topic for word in state.words)}
    }
    known = {
        (row.contact_id, row.topic): row for row in ConsentStanding.objects.filter(contact__in=ids)
    }
    gone = [row.pk for place, row in known.items() if place not in rows]
    if gone:
        ConsentStanding.objects.filter(pk__in=gone).delete()
    changed = [
        row for place, row in rows.items() if place not in known or known[place].said != row.said
    ]
    if changed:
        ConsentStanding.objects.bulk_create(
            sorted(changed, key=lambda row: (row.contact_id, row.topic)),
            update_conflicts=True,
            unique_fields=["contact", "topic"],
            update_fields=["said"],
        )


def standings_fill(*, seconds: float = BUDGET_SECONDS) -> bool:
    """Compute them for whom nobody did, known before there were any; return whether all are."""
    ends_at = time.monotonic() + seconds
    has = ConsentStanding.objects.filter(contact=OuterRef("pk"), topic="")
    while time.monotonic() < ends_at:
        missing = Contact.objects.filter(~Exists(has)).values_list("pk", flat=True)[:PORTION]
        with transaction.atomic():
            ids = list(
                Contact.objects.select_for_update(no_key=True)
                .filter(pk__in=list(missing))
                .order_by("pk")
                .values_list("pk", flat=True)
            )
            standings_refresh(ids)
        if len(ids) < PORTION:
            return True
    return False
