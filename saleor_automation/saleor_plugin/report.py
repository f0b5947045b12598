"""Telling the Studio how the plugin is doing.

Every hour, and within a minute of any change that matters. A report that does not
arrive is no trouble: the next one says it all again.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.db.models import Min
from django.utils import timezone

from saleor_automation import __version__
from saleor_automation.contract.plugin_report import (
    REPORT_EVENT,
    REPORT_PATH,
    OutboxState,
    PluginReport,
    report_write,
)

from .claims import rows
from .models import RelayState
from .senders import other_senders
from .sending import Result, Sender
from .shop import SALEOR_VERSION, app_global_id, webhooks_active
from .state import state_change, state_current

EVERY: Final = timedelta(hours=1)
LOOK_EVERY: Final = timedelta(minutes=1)


def report_send_if_due(*, sender: Sender, app: Any, hourly: bool = True) -> bool:
    """Send a report when there is news, or (``hourly``) an hour has gone.

    Returns whether one arrived.
    """
    now = timezone.now()
    state = state_current()
    if state.report_checked_at and now - state.report_checked_at < LOOK_EVERY:
        return False
    state_change(report_checked_at=now)
    report = report_make(app=app, state=state, now=now)
    digest = _digest(report)
    is_time = hourly and (state.report_sent_at is None or now - state.report_sent_at >= EVERY)
    if digest == state.report_digest and not is_time:
        return False
    answer = sender.send(path=REPORT_PATH, event=REPORT_EVENT, body=report_write(report))
    if answer.result is not Result.TAKEN:
        return False
    state_change(report_sent_at=now, report_digest=digest)
    return True


def report_make(*, app: Any, state: RelayState, now: datetime) -> PluginReport:
    """Say how things are."""
    return PluginReport(
        issued_at=now,
        recipient_id=app_global_id(app),
        version=__version__,
        saleor_version=SALEOR_VERSION,
        capture=state.capturing,
        webhooks_active=webhooks_active(app),
        outbox=outbox_state(state, now),
        other_senders=other_senders(),
    )


def outbox_state(state: RelayState, now: datetime) -> OutboxState:
    """Say how the outbox flows."""
    oldest = rows().aggregate(oldest=Min("created_at"))["oldest"]
    return OutboxState(
        pending=rows().count(),
        oldest_age_seconds=max(0, int((now - oldest).total_seconds())) if oldest else 0,
        dropped=state.dropped,
        last_error=state.last_error or refused_words() or state.payload_error,
    )


def refused_words() -> str:
    """Say how many rows the Studio refused for good; "" when none."""
    refused = rows().exclude(refused=0)
    count = refused.count()
    if not count:
        return ""
    status = refused.order_by("-pk").values_list("refused", flat=True).first()
    return f"The Studio refused {count} of the waiting events (the last with {status})."


def _digest(report: PluginReport) -> str:
    """Return a key of what matters; numbers that always move do not."""
    still = OutboxState(dropped=report.outbox.dropped, last_error=report.outbox.last_error)
    steady = replace(report, issued_at=datetime(2000, 1, 1, tzinfo=UTC), outbox=still)
    return hashlib.sha256(report_write(steady)).hexdigest()
