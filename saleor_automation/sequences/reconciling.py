"""Reconciliation as the worker's chore: at every start, and hourly.

Knows how long a task in the queue may take, and that a run which was not finished is
gone on with soon. What is stored is understood by the inbox's lane. Trouble with Saleor
is kept in the watermarks, where ``check`` and the overview show it, and waits for the next
hour: it must not fill the log.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Final

from django.conf import settings

from saleor_automation.exceptions import SaleorAPIError
from saleor_automation.people.vanished import vanished_sweep
from saleor_automation.saleor_app.installations import installation_current
from saleor_automation.saleor_app.reconcile import reconcile

from .worker import Chore, chore_hasten, chore_register

logger = logging.getLogger(__name__)

NAME: Final = "reconcile"
VANISHED: Final = "vanished"
#: Part of a task's time that a run may begin new pages in; a page may still take as long.
SHARE: Final = 0.4
#: What changed this shortly ago is left to its webhook, which may say more (whether the
#: customer is to be told) and is on its way.
SETTLE: Final = timedelta(minutes=2)


def reconcile_chore() -> None:
    """Look through Saleor for what was missed; go on soon when time did not do."""
    installation = installation_current(fresh=True)
    if installation is None or not installation.is_active:
        return
    try:
        outcomes = reconcile(seconds=SHARE * settings.Q_CLUSTER["timeout"], settle=SETTLE)
    except SaleorAPIError as error:
        logger.warning("Saleor could not be looked through: %s", error)
        return
    for outcome in outcomes:
        if outcome.error is not None:
            logger.warning("Looking through Saleor's %s ended: %s", outcome.kind, outcome.error)
    if any(outcome.busy or not (outcome.finished or outcome.error) for outcome in outcomes):
        chore_hasten(NAME)


def vanished_chore() -> None:
    """Look for accounts that are gone from Saleor."""
    installation = installation_current(fresh=True)
    if installation is None or not installation.is_active:
        return
    try:
        done = vanished_sweep(seconds=SHARE * settings.Q_CLUSTER["timeout"])
    except SaleorAPIError as error:
        logger.warning("Deleted accounts could not be looked for: %s", error)
        return
    if not done:
        chore_hasten(VANISHED)


def connect() -> None:
    """Register the chores."""
    chore_register(Chore(name=NAME, every_seconds=3600, run=reconcile_chore, at_start=True))
    chore_register(Chore(name=VANISHED, every_seconds=24 * 3600, run=vanished_chore))
