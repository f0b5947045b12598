"""Plays the script: moves the shop's clock from one interesting time to the next.

Knows when something happens next, in the shop or in the Studio, and waits until
everything due has been done before it goes on. The Studio's processes do the rest.
"""

from __future__ import annotations

import heapq
import itertools
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

import requests
from django.db import DatabaseError, connection
from django.utils import timezone

from saleor_automation import clock
from saleor_automation.exceptions import AutomationError

from . import quiet, script
from .script import Scene
from .shop import Outcome, Shop
from .sink import Mail, Sink
from .stage import Said, Stage

Answer = TypeVar("Answer")
#: Time after which the hourly poll finds what was lost.
POLLED_AFTER = timedelta(minutes=50)
_LINK = re.compile(r"<(https?://[^>]+)>")


class PlayStuck(AutomationError):
    """The play cannot go on; the message says where it stands."""


@dataclass
class Driver:
    """One performance."""

    stage: Stage
    shop: Shop
    sink: Sink
    stop: threading.Event
    #: Hours of the shop per real second; None: as fast as the Studio is.
    speed: float | None = None
    #: Real seconds the Studio may take for what is due at one time.
    patience: float = 60.0
    #: Called with the days played so far.
    progress: Callable[[float], None] = lambda days: None
    now: datetime = script.START
    #: What went wrong on the way, in words.
    troubles: list[str] = field(default_factory=list)
    _agenda: list[tuple[datetime, int, Callable[[], None]]] = field(default_factory=list)
    _number: itertools.count[int] = field(default_factory=itertools.count)

    def play(self) -> None:
        """Play to the end, or until ``stop`` is set.

        Raises PlayStuck when the Studio does not finish what is due.
        """
        for scene in script.scenes():
            self._plan(scene.at, partial(self._act, scene))
        self._go_to(self.now)
        while not self.stop.is_set():
            self._settle()
            at = self._next()
            if at is None:
                break
            self._go_to(at)
            while self._agenda and self._agenda[0][0] <= at:
                heapq.heappop(self._agenda)[2]()
        self.progress(script.DAYS)

    def _plan(self, at: datetime, act: Callable[[], None]) -> None:
        heapq.heappush(self._agenda, (at, next(self._number), act))

    def _next(self) -> datetime | None:
        """Return the next interesting time; None after the last day."""
        due = _patiently(lambda: quiet.next_due(self.now), self.patience)
        times = [at for at in (due, self._agenda[0][0] if self._agenda else None) if at]
        at = min(times, default=script.END)
        if at <= script.END:
            return at if at > self.now or self._agenda else None
        # After the last day only unclear mails are waited for.
        return at if self._unclear() and at <= script.END + timedelta(days=2) else None

    def _unclear(self) -> bool:
        from saleor_automation.delivery.models import Message

        return Message.objects.filter(state=Message.State.AMBIGUOUS, settled_at=None).exists()

    def _go_to(self, at: datetime) -> None:
        if self.speed is not None and at > self.now:
            self.stop.wait((at - self.now).total_seconds() / 3600 / self.speed)
        self.now = max(at, self.now)
        self.sink.clock = lambda: self.now
        _patiently(lambda: clock.demo_clock_set(self.now), self.patience)
        self.progress((self.now - script.START) / timedelta(days=1))

    def _settle(self) -> None:
        """Wait until everything due is done."""
        deadline = time.monotonic() + self.patience
        while not self.stop.is_set():
            if _patiently(lambda: quiet.is_quiet(self.now), self.patience):
                return
            if time.monotonic() > deadline:
                raise PlayStuck(
                    f"The Studio did not finish what was due on day {self._day()} within "
                    f"{self.patience:.0f} s: {quiet.unrest(self.now)}."
                )
            # The worker's own beat is slower than this; it costs one small query.
            self.stop.wait(0.01)

    def _day(self) -> str:
        days = (self.now - script.START).days
        return f"{days} at {timezone.localtime(self.now):%H:%M}"

    def _act(self, scene: Scene) -> None:
        if scene.act == "unsubscribe":
            self._unsubscribe(scene)
            return
        said = self.stage.play(scene)
        if scene.backwards:
            said.reverse()
        if scene.lost:
            self._plan(scene.at + POLLED_AFTER, self._poll)
        elif scene.late:
            self._plan(scene.arrives_at, lambda: self._deliver(said, twice=scene.twice))
        else:
            self._deliver(said, twice=scene.twice)

    def _poll(self) -> None:
        """Look through the shop for what was lost, as the worker does every hour.

        A worker that has just started may be at it, or have found it already; that it was
        found is for the verdict to say.
        """
        from saleor_automation.saleor_app.reconcile import Outcome as Look
        from saleor_automation.saleor_app.reconcile import reconcile

        deadline = time.monotonic() + self.patience
        left: list[Look] = []
        while not self.stop.is_set():
            outcomes = _patiently(reconcile, self.patience)
            left = [outcome for outcome in outcomes if not outcome.finished]
            if not left or time.monotonic() > deadline:
                break
            self.stop.wait(0.5)
        for outcome in left:
            why = outcome.error or ("another process is at it" if outcome.busy else "unfinished")
            self.troubles.append(f"Looking through {outcome.kind} ended: {why}")

    def _deliver(self, said: list[Said], *, twice: bool) -> None:
        for event in said * (2 if twice else 1):
            for outcome in self.shop.deliver(event.event, event.body):
                self._note(outcome)

    def _note(self, outcome: Outcome) -> None:
        if not outcome.delivered:
            self.troubles.append(
                f"{outcome.event} was not taken after {outcome.attempts} attempts: "
                f"{outcome.status} {outcome.answer}".strip()
            )

    def _unsubscribe(self, scene: Scene) -> None:
        """Press the button a mail program shows: RFC 8058, one POST, no login."""
        address = self.stage.world.shoppers[scene.who].email
        mails = self.sink.to(address)
        link = unsubscribe_link(mails[-1]) if mails else None
        if link is None:
            self.troubles.append(f"{address} has no mail with a List-Unsubscribe link by then.")
            return
        for pause in (0.5, 1, 2, 4, 8, None):
            try:
                answer = requests.post(
                    link, data={"List-Unsubscribe": "One-Click"}, timeout=20, allow_redirects=False
                )
            except requests.RequestException:
                status = 0
            else:
                status = answer.status_code
            if status and status < 500:
                break
            if pause is not None:
                time.sleep(pause)
        if status not in {200, 202, 204}:
            self.troubles.append(f"Unsubscribing {address} answered {status}.")


def unsubscribe_link(mail: Mail) -> str | None:
    """Return the address a mail program would POST to."""
    parsed = mail.parsed()
    if "One-Click" not in str(parsed.get("List-Unsubscribe-Post", "")):
        return None
    # The header is folded; a link holds no blanks.
    found = _LINK.search(re.sub(r"\s+", "", str(parsed.get("List-Unsubscribe", ""))))
    return found[1] if found else None


def _patiently(ask: Callable[[], Answer], patience: float) -> Answer:
    """Ask the database, again while it is away, for ``patience`` seconds."""
    deadline = time.monotonic() + patience
    while True:
        try:
            return ask()
        except DatabaseError:
            if time.monotonic() > deadline:
                raise
            connection.close()
            time.sleep(0.2)
