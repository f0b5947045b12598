"""Carrying the outbox to the Studio.

Takes rows in turns, makes each body as it is now, sends it, and removes a row only
after the Studio took it. One bad row never holds up the others; a Studio that cannot
be reached is asked again every minute at most, for as long as the outbox lives.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from django.utils import timezone

from .backoff import refused_wait, studio_wait, troubled_wait
from .bounds import bounds_current
from .claims import (
    Parcel,
    outbox_trim,
    parcel_postpone,
    parcel_remove,
    parcels_release,
    parcels_take,
    postponed_release,
    rows,
)
from .configuration import Configuration, configuration_current
from .connection import studio_connect
from .models import RelayState
from .payloads import NoPayload, ObjectGone, body_make, event_sent
from .report import report_send_if_due
from .sending import WEBHOOK_PATH, Answer, Result, Sender
from .shop import app_current, webhooks_switch
from .state import capture_adjust, is_migrated, state_change, state_count, state_current

logger = logging.getLogger(__name__)

#: Seconds one run may take, well below a turn's time; beat starts the next anyway.
RUN_SECONDS: Final = 45.0
#: So many rows in a row that the Studio stumbles over or refuses mean it is the Studio.
SAME_TROUBLE: Final = 3


def relay_run() -> int:
    """Send what waits; return how many rows were taken by the Studio."""
    if not is_migrated():
        return 0
    now = timezone.now()
    configuration = configuration_current()
    capture_adjust(configuration)
    state_change(relay_at=now)
    _trim(now)
    if not configuration.studio_url:
        return 0
    state = state_current()
    is_failed = state.connection == RelayState.Connection.FAILED
    if is_failed and configuration.active and _is_due(state, now):
        # The Studio may have been started since; nobody need save the form again.
        studio_connect()
        state = state_current()
    if not _may_send(state, configuration, now):
        return 0
    app = app_current()
    if app is None or not app.is_active:
        # ``status`` says so; the rows wait.
        return 0
    if configuration.active and not configuration.webhooks:
        # A new release of the Studio may have added webhooks, which come switched on.
        webhooks_switch(app, on=False)
    with Sender(configuration.studio_url) as sender:
        # Switched off, it says so once and is silent.
        sent = _Run(sender, app, state).carry_all() if configuration.active else 0
        _report(sender, app, hourly=configuration.active)
    return sent


def _report(sender: Sender, app: Any, *, hourly: bool) -> None:
    try:
        told = report_send_if_due(sender=sender, app=app, hourly=hourly)
        if told and not rows().exists():
            # It answers, and no row is left that could show so.
            state_change(failures=0, retry_at=None, last_error="")
    except Exception:
        # Events matter more than the word about them.
        logger.exception("Saleor Automation could not report to the Studio")


def _trim(now: datetime) -> None:
    dropped = outbox_trim(bounds=bounds_current(), now=now)
    if dropped:
        state_count(dropped=dropped)
        logger.error(
            "Saleor Automation gave up %s events that could not be sent to the Studio in time. "
            "When it can be reached again, let it ask Saleor for what it missed: "
            "saleor-automation reconcile",
            dropped,
        )


def _may_send(state: RelayState, configuration: Configuration, now: datetime) -> bool:
    if state.connection != RelayState.Connection.CONNECTED:
        return False
    if state.studio_url != configuration.studio_url:
        return False
    return _is_due(state, now)


def _is_due(state: RelayState, now: datetime) -> bool:
    return state.retry_at is None or state.retry_at <= now


class _Run:
    """One run of the relay: what it met so far."""

    def __init__(self, sender: Sender, app: Any, state: RelayState) -> None:
        self.sender, self.app, self.failures = sender, app, state.failures
        self.is_troubled = bool(state.last_error)
        self.sent = 0
        #: Bodies in a row that the Studio did not take.
        self.trouble = 0
        self.payload_error = ""
        self.until = time.monotonic() + RUN_SECONDS

    def carry_all(self) -> int:
        """Send turn after turn until nothing is due, time is up, or the Studio is away."""
        while self._carry_turn(parcels_take(now=timezone.now())):
            pass
        if self.sent:
            state_change(sent_at=timezone.now(), payload_error=self.payload_error)
            state_count(sent=self.sent)
        elif self.payload_error:
            state_change(payload_error=self.payload_error)
        return self.sent

    def _carry_turn(self, parcels: Sequence[Parcel]) -> bool:
        """Send one turn; return whether there may be more to do."""
        for place, parcel in enumerate(parcels):
            if time.monotonic() > self.until:
                parcels_release(parcels[place:], now=timezone.now())
                return False
            if not self._carry(parcel):
                parcels_release(parcels[place + 1 :], now=timezone.now())
                return False
        return bool(parcels)

    def _carry(self, parcel: Parcel) -> bool:
        """Send one body and settle its rows; return whether the Studio is there."""
        try:
            body, complaint = body_make(
                app=self.app,
                event=parcel.event,
                kind=parcel.kind,
                object_id=parcel.object_id,
                principal=parcel.principal,
                extra=parcel.extra,
                issued_at=parcel.issued_at,
            )
        except ObjectGone:
            logger.info("%s of %s is not sent: it is gone", parcel.event, parcel.object_id)
            parcel_remove(parcel)
            state_count(gone=len(parcel.ids))
            return True
        except Exception as error:
            self._stumble(parcel, error)
            return True
        self.payload_error = complaint or self.payload_error
        answer = self.sender.send(path=WEBHOOK_PATH, event=event_sent(parcel.event), body=body)
        return self._settle(parcel, answer)

    def _stumble(self, parcel: Parcel, error: Exception) -> None:
        """Set rows aside that Saleor itself makes no body for."""
        if isinstance(error, NoPayload):
            words = str(error)
        else:
            words = (
                f"Saleor failed to make the body of {parcel.event} ({type(error).__name__}); the "
                "log of the Celery worker has the details."
            )
            logger.error("No body for %s of %s", parcel.event, parcel.object_id, exc_info=error)
        parcel_postpone(parcel, until=timezone.now() + troubled_wait(parcel.attempts + 1))
        self.payload_error = words

    def _settle(self, parcel: Parcel, answer: Answer) -> bool:
        now = timezone.now()
        if answer.result is Result.TAKEN:
            parcel_remove(parcel)
            self.sent += len(parcel.ids)
            self._works(now)
            return True
        self.trouble += 1
        if answer.result is Result.UNREACHED:
            # None of the row's doing: it goes first next time.
            parcels_release([parcel], now=now)
        elif answer.result is Result.REFUSED:
            logger.warning("%s of %s: %s", parcel.event, parcel.object_id, answer.words)
            wait = refused_wait(parcel.attempts + 1)
            parcel_postpone(parcel, until=now + wait, refused=answer.status)
        else:
            parcel_postpone(parcel, until=now + troubled_wait(parcel.attempts + 1))
        if answer.result is Result.UNREACHED or self.trouble >= SAME_TROUBLE:
            self._away(answer, now)
            return False
        return True

    def _works(self, now: datetime) -> None:
        if self.failures:
            postponed_release(now=now)
        if self.failures or self.is_troubled:
            state_change(failures=0, retry_at=None, last_error="")
        self.failures = self.trouble = 0
        self.is_troubled = False

    def _away(self, answer: Answer, now: datetime) -> None:
        self.failures += 1
        logger.warning("Saleor Automation waits for the Studio: %s", answer.words)
        state_change(
            failures=self.failures,
            retry_at=now + studio_wait(self.failures),
            last_error=answer.words,
        )
