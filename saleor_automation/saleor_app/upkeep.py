"""What is to be looked after in Saleor from time to time: are we known, are we up to date?

Knows when it is due. The worker calls it every few minutes; most calls ask nothing.
A person may ask for it now.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta

from saleor_automation import clock
from saleor_automation.exceptions import SaleorAPIError

from .installations import installation_current
from .lifecycle import AppState, permissions_missing, state_ask, state_keep
from .manifest import version_parse
from .models import Installation
from .own_webhooks import Plan, wanted_digest, webhooks_upgrade

logger = logging.getLogger(__name__)

#: How often Saleor is asked whether it knows us, and how our webhooks are.
STATE_EVERY = timedelta(hours=1)
WEBHOOKS_EVERY = timedelta(days=1)
#: Pause after Saleor refused a change of our webhooks.
REFUSED_EVERY = timedelta(hours=1)


@dataclass(frozen=True)
class Upkeep:
    """What one look found and did."""

    #: None: Saleor was not asked.
    state: AppState | None = None
    #: None: the webhooks were not compared.
    plan: Plan | None = None

    @property
    def missing(self) -> list[str]:
        """Permissions we need and were not given."""
        known = self.state is not None and self.state.is_known
        return permissions_missing(self.state.permissions) if known and self.state else []


def upkeep_run(*, now: bool = False) -> Upkeep:
    """Ask Saleor what is due to be asked, and mend our webhooks; ``now`` asks everything.

    Raises SaleorAPIError when Saleor does not answer or refuses.
    """
    installation = installation_current(fresh=True)
    if installation is None:
        return Upkeep()
    state = None
    if now or _state_due(installation):
        state = state_ask(api_url=installation.api_url, token=installation.token)
        installation = state_keep(installation=installation, state=state)
    if not installation.is_active or not installation.token or not installation.saleor_version:
        # Without its version nobody knows what this Saleor understands.
        return Upkeep(state)
    schema = version_parse(installation.saleor_version)
    if now or _webhooks_due(installation, schema):
        return Upkeep(state, webhooks_upgrade(installation=installation, schema=schema))
    return Upkeep(state)


def upkeep_chore() -> None:
    """Do what is due; trouble with Saleor is logged, and tried again the next time."""
    try:
        upkeep_run()
    except SaleorAPIError as error:
        logger.warning("The app's state in Saleor could not be looked after: %s", error)


def _state_due(installation: Installation) -> bool:
    if installation.doubted_at is not None or not installation.is_active:
        return True
    return _older(installation, "asked_at", STATE_EVERY)


def _webhooks_due(installation: Installation, schema: tuple[int, int]) -> bool:
    if installation.webhooks.get("error"):
        return _older(installation, "webhooks_at", REFUSED_EVERY)
    if installation.webhooks.get("digest") != wanted_digest(schema):
        return True
    return _older(installation, "webhooks_at", WEBHOOKS_EVERY)


def _older(installation: Installation, name: str, age: timedelta) -> bool:
    at = getattr(installation, name)
    return at is None or clock.wall() - at > age
