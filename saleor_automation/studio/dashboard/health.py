"""Whether the Studio does its work, in sentences for somebody who did not set it up.

Knows how to ask in a few queries. Must not name customers: whoever manages orders in
Saleor may read this.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Sum
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from saleor_automation.conf import conf
from saleor_automation.delivery import services
from saleor_automation.delivery.models import SendingControl
from saleor_automation.emails.brands import SEEDED_NAME
from saleor_automation.emails.models import Brand
from saleor_automation.inbox.models import RawEvent
from saleor_automation.saleor_app.models import Installation, Refusal
from saleor_automation.sequences.worker import heartbeat_age
from saleor_automation.studio.listing import time_words

OK, WARN, PROBLEM = "ok", "warn", "problem"
SEQUENCES = "sequences"
DAYS = 7


@dataclass(frozen=True)
class Sign:
    """One thing looked at."""

    level: str
    title: str
    #: What is so, or what to do; one sentence each.
    lines: tuple[str, ...] = ()
    #: Where in the Studio it is mended, a name of ``places``; "" for nowhere.
    place: str = ""

    @property
    def level_words(self) -> str:
        """The level in a word, for those who do not see its colour."""
        return {OK: _("fine"), WARN: _("look at it"), PROBLEM: _("problem")}[self.level]


@dataclass(frozen=True)
class Step:
    """One step of setting the Studio up."""

    title: str
    done: bool
    place: str


def signs(*, installation: Installation | None, now: datetime, steps: Sequence[Step]) -> list[Sign]:
    """Look at everything, what matters most first.

    ``steps`` are those shown beside; what they say is not said again.
    """
    return [
        _sending(steps),
        _worker(),
        _webhooks(now),
        _events(),
        _last_event(),
        *_others(getattr(installation, "plugin_report", None)),
    ]


def _sending(steps: Sequence[Step]) -> Sign:
    problems = services.sending_problems()
    if problems and any(step.place != SEQUENCES and not step.done for step in steps):
        problems = [_("Finish the steps first.")]
    if problems:
        return Sign(PROBLEM, _("Mail does not leave at the moment."), tuple(problems), "sending")
    return Sign(OK, _("Mail leaves when it is due."))


def _worker() -> Sign:
    age = heartbeat_age()
    if age is None or age > max(120.0, 3 * conf().watchdog_seconds):
        seen = (
            _("It was never seen.")
            if age is None
            else _("It was last seen %(count)s minutes ago.") % {"count": round(age / 60)}
        )
        return Sign(
            PROBLEM,
            _("The worker is not at work, so nothing moves on."),
            (seen, _("Start it: saleor-automation worker, or saleor-automation up.")),
        )
    return Sign(OK, _("The worker is at work."))


def _webhooks(now: datetime) -> Sign:
    rows = (
        Refusal.objects.filter(day__gt=(now - timedelta(days=DAYS)).date())
        .values_list("reason")
        .annotate(times=Sum("count"))
        .order_by("-times")
    )
    reasons = tuple(f"{times} x {Refusal.Reason(reason).label}" for reason, times in rows)
    if reasons:
        return Sign(WARN, _("Requests to our webhook were refused in the last 7 days."), reasons)
    return Sign(OK, _("No webhook was refused in the last 7 days."))


def _events() -> Sign:
    faults = RawEvent.objects.filter(state=RawEvent.State.FAULT).count()
    if not faults:
        return Sign(OK, _("Everything the shop sent was understood."))
    return Sign(
        WARN,
        ngettext(
            "One thing the shop sent was not understood.",
            "%(counter)s things the shop sent were not understood.",
            faults,
        )
        % {"counter": faults},
        place="faults",
    )


def _last_event() -> Sign:
    at = RawEvent.objects.order_by("-pk").values_list("received_at", flat=True).first()
    if at is None:
        return Sign(WARN, _("The shop has sent nothing yet."))
    return Sign(OK, _("The shop last sent something on %(at)s.") % {"at": time_words(at)})


def _others(report: Any) -> list[Sign]:
    """Say who else in the shop mails people, as our plugin inside Saleor reported it."""
    senders = report.get("otherSenders") if isinstance(report, Mapping) else None
    names = tuple(
        str(sender.get("name") or sender.get("id"))
        for sender in senders or ()
        if isinstance(sender, Mapping) and (sender.get("name") or sender.get("id"))
    )
    if not names:
        return []
    return [
        Sign(
            WARN,
            _("Others in the shop send mail too. See that nobody gets the same one twice."),
            names,
        )
    ]


def steps(*, any_on: bool) -> list[Step]:
    """Return what has to be done before the first mail leaves, done or not."""
    brand = Brand.objects.filter(channel="").first() or Brand()
    control = SendingControl.objects.filter(pk=1).first() or SendingControl(pk=1)
    named = brand.name not in {"", SEEDED_NAME}
    filled = all((brand.from_email, brand.postal_address, brand.website_url, brand.basket_url))
    says = _("Say who writes: sender, address and links of your shop")
    return [
        Step(says, named and filled, "brands"),
        Step(_("Choose who gets marketing mail"), bool(control.consent_policy), "sending"),
        Step(_("Confirm that mail may leave from here"), control.bound_at is not None, "sending"),
        Step(_("Read a sequence and turn it on"), any_on, SEQUENCES),
    ]
