"""Segments' work in the background, and what their comings and goings start.

Of ``people``, which has no worker of its own: two chores, and sequences that begin when
somebody joins or leaves a segment.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from saleor_automation import clock, signals
from saleor_automation.inbox.models import Event
from saleor_automation.people.segments.filling import segments_fill, segments_sweep
from saleor_automation.people.standings import standings_fill

from .services import events_apply
from .worker import Chore, chore_hasten, chore_register

FILL = "segments_fill"
SWEEP = "segments_sweep"


def fill_chore() -> None:
    """Fill new and changed segments; go on soon where that was not finished."""
    if not segments_fill(now=clock.now()):
        chore_hasten(FILL)


def sweep_chore() -> None:
    """Take in and out whom time alone moved."""
    segments_sweep(now=clock.now())


def on_memberships_changed(*, events: Sequence[Event], now: datetime, **kwargs: Any) -> None:
    events_apply(events=events, now=now)


def connect() -> None:
    """Register the chores and the receiver, once."""
    signals.memberships_changed.connect(
        on_memberships_changed, dispatch_uid="saleor_automation.sequences.segments"
    )
    chore_register(
        Chore(name="standings_fill", every_seconds=3600, run=standings_fill, at_start=True)
    )
    chore_register(Chore(name=FILL, every_seconds=60, run=fill_chore, at_start=True))
    chore_register(Chore(name=SWEEP, every_seconds=60, run=sweep_chore, at_start=True))
