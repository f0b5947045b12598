"""What ``check`` says of events that did not arrive: when they were looked for, and the result.

Knows the watermarks and what is too long ago. Looking changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from saleor_automation import clock
from saleor_automation.conf import conf
from saleor_automation.saleor_app.installations import installation_current
from saleor_automation.saleor_app.models import Watermark
from saleor_automation.saleor_app.reconcile import POLL
from saleor_automation.saleor_app.watermarks import Standing, standings

from .check import OK, WARN, Finding
from .environment import own_command

#: Hours after which a look is too long ago: it is due hourly, deleted accounts daily.
STALE_HOURS = 3.0
STALE_DAYS_HOURS = 50.0


def missed_look() -> Iterator[Finding]:
    """Look when Saleor was last looked through, per kind."""
    if installation_current(fresh=True) is None:
        return
    found = standings(source=POLL)
    for standing in found:
        yield _finding(standing)
    if not found:
        yield Finding("missed events", WARN, "Saleor was not looked through yet.", _advice())


def _finding(standing: Standing) -> Finding:
    about = f"missed {standing.label}"
    if standing.problem:
        text, _, todo = standing.problem.partition(". ")
        return Finding(about, WARN, f"{text.rstrip('.')}.", todo)
    if standing.finished_at is None:
        return Finding(about, WARN, "Not looked through to the end yet.", _advice())
    hours = (clock.wall() - standing.finished_at).total_seconds() / 3600
    counts = standing.counts
    text = (
        f"Looked through {ago(hours)} ago: {counts.looked_at:,} looked at, {counts.new:,} new, "
        f"{counts.faults:,} faults."
    )
    daily = standing.kind == Watermark.Kind.VANISHED
    stale = hours > (STALE_DAYS_HOURS if daily else STALE_HOURS)
    return Finding(about, WARN if stale or counts.faults else OK, text, _advice() if stale else "")


def ago(hours: float) -> str:
    """Write a span of time for people."""
    return f"{hours:.0f} hours" if hours >= 2 else f"{hours * 60:.0f} minutes"


def _advice() -> str:
    return (
        "A worker does it when it starts and every hour; to do it now run: "
        f"{own_command('reconcile', conf().state_dir)}"
    )
