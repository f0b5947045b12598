"""Whether the Studio has done everything that is due, and when there is more.

Knows the engine's tables, and reads them in one statement, so nothing can slip from
one to the next unseen. The queue is not asked: it is transport, the tables decide.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Exists, Min, Q, QuerySet

from saleor_automation.clock import DemoClock
from saleor_automation.conf import conf
from saleor_automation.delivery.models import Message
from saleor_automation.inbox.models import RawEvent
from saleor_automation.sequences.models import Enrollment

WAITING = (Enrollment.State.DEBOUNCING, Enrollment.State.ACTIVE)


def _busy(now: datetime) -> dict[str, QuerySet]:
    state = Message.State
    planned = Message.objects.filter(state=state.PLANNED)
    return {
        "bodies not processed": RawEvent.objects.filter(state=RawEvent.State.PENDING),
        "people due": Enrollment.objects.filter(state__in=WAITING, due_at__lte=now),
        "mails due": planned.filter(due_at__lte=now),
        "mails being sent": Message.objects.filter(state__in=[state.CLAIMED, state.HANDED_OVER]),
        "unclear mails older than a day": Message.objects.filter(
            state=state.AMBIGUOUS, settled_at=None, handed_over_at__lte=now - day()
        ),
    }


def day() -> timedelta:
    """Return after how long an unclear mail is settled."""
    return timedelta(hours=conf().ambiguous_hours)


def is_quiet(now: datetime) -> bool:
    """Return whether nothing is due or under way at the shop's time ``now``."""
    busy = _busy(now)
    row = (
        DemoClock.objects.filter(pk=1)
        .annotate(**{f"busy_{i}": Exists(rows) for i, rows in enumerate(busy.values())})
        .values_list(*[f"busy_{i}" for i in range(len(busy))])
        .get()
    )
    return not any(row)


def unrest(now: datetime) -> str:
    """Say what is still under way, for a person."""
    counts = {name: rows.count() for name, rows in _busy(now).items()}
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count) or "nothing"


def next_due(now: datetime) -> datetime | None:
    """Return the next time after ``now`` at which the engine has something to do."""
    people = Enrollment.objects.filter(state__in=WAITING, due_at__gt=now)
    state = Message.State
    mails = Message.objects.filter(state=state.PLANNED, due_at__gt=now)
    times = [
        people.aggregate(at=Min("due_at"))["at"],
        mails.aggregate(at=Min("due_at"))["at"],
    ]
    unclear = Message.objects.filter(
        Q(handed_over_at__gt=now - day()), state=state.AMBIGUOUS, settled_at=None
    ).aggregate(at=Min("handed_over_at"))["at"]
    if unclear is not None:
        times.append(unclear + day())
    return min((at for at in times if at is not None), default=None)
