"""What staff should see on the app's page in Saleor's Dashboard.

Knows how to gather what is wrong from every stage. ``saleor_app.problems`` tells Saleor,
once each. Only what somebody has to do something about, and only what a running shop
misses: a Studio in which no sequence is on has nothing to complain of.
"""

from __future__ import annotations

import logging

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _

from saleor_automation import clock
from saleor_automation.conf import conf
from saleor_automation.delivery.services import sending_problems
from saleor_automation.exceptions import SaleorAPIError
from saleor_automation.inbox.models import RawEvent
from saleor_automation.saleor_app.problems import Problem, problems_tell
from saleor_automation.sequences.models import SequenceSwitch

from .connection import troubles_find
from .neighbours import neighbours_find

logger = logging.getLogger(__name__)


def problems_find() -> list[Problem]:
    """Return what is wrong now, in the Studio's own language."""
    with translation.override(settings.LANGUAGE_CODE):
        found = [
            Problem(f"connection.{trouble.key}", trouble.words, trouble.is_critical)
            for trouble in troubles_find(now=clock.now())
        ]
        if SequenceSwitch.objects.filter(state=SequenceSwitch.State.ON).exists():
            blocked = sending_problems()
            if blocked:
                words = _("Mail does not leave at the moment.")
                found.append(Problem("sending", " ".join([words, *blocked]), is_critical=True))
        found += [
            Problem(f"others.{item.conflict.sequence}", item.words)
            for item in neighbours_find()
            if item.is_on and item.conflict.is_open
        ]
        if RawEvent.objects.filter(state=RawEvent.State.FAULT).exists():
            words = _(
                "Some of what the shop sent was not understood. Look at it in the Studio: %(url)s"
            )
            place = f"{conf().public_url}/studio/automation/not-understood/"
            found.append(Problem("faults", words % {"url": place}))
    return found


def queue_stopped_tell() -> None:
    """Tell Saleor that the queue stands still: no chore could, since chores go through it."""
    with translation.override(settings.LANGUAGE_CODE):
        words = _(
            "The Studio's queue stands still: no mail leaves and no event is understood. Look at "
            "the worker's log."
        )
    try:
        problems_tell([Problem("queue", words, is_critical=True), *problems_find()])
    except SaleorAPIError as error:
        logger.warning("Saleor was not told that the queue stands still: %s", error)


def problems_chore() -> None:
    """Tell Saleor what is wrong; trouble with Saleor is logged, and tried again later."""
    try:
        problems_tell(problems_find())
    except SaleorAPIError as error:
        logger.warning("Saleor was not told of problems: %s", error)
