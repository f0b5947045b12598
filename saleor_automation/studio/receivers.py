"""What happens when an editor publishes: versions for the engine.

The signal is the only point every way of publishing passes (admin, bulk, schedule,
workflow, API). A receiver must never raise: the row is live already, so an error
would leave a 500 and no version. It writes the problem down instead, and the engine
keeps the last good version.
"""

from __future__ import annotations

import logging
from typing import Any

from django.core.management import call_command
from django.db.models.signals import post_delete
from wagtail.signals import published

from saleor_automation import clock
from saleor_automation.exceptions import AutomationError
from saleor_automation.saleor_app.upkeep import upkeep_chore
from saleor_automation.sequences import services
from saleor_automation.sequences.models import SequenceSwitch
from saleor_automation.sequences.worker import Chore, chore_register

logger = logging.getLogger(__name__)


def connect() -> None:
    """Connect this stage's receivers, once."""
    from . import publishing
    from .problems import problems_chore
    from .sequences import Sequence

    publishing.connect()
    published.connect(
        sequence_published, sender=Sequence, dispatch_uid="saleor_automation.sequence_published"
    )
    post_delete.connect(
        sequence_deleted, sender=Sequence, dispatch_uid="saleor_automation.sequence_deleted"
    )
    # Wagtail's own: it publishes and unpublishes what editors gave a date.
    chore_register(Chore(name="publish_scheduled", every_seconds=60, run=publish_scheduled))
    # Asks Saleor at most once an hour, and mends our webhooks after an update at once.
    chore_register(Chore(name="saleor_upkeep", every_seconds=300, run=upkeep_chore))
    chore_register(Chore(name="saleor_problems", every_seconds=900, run=problems_chore))


def publish_scheduled() -> None:
    """Publish and unpublish what is due, emails and sequences alike."""
    call_command("publish_scheduled", verbosity=0)


def sequence_published(sender: type, instance: Any, **kwargs: Any) -> None:
    """Compile a published sequence to a new version; nothing when nothing changed."""
    if not instance.live:
        # A first publish with a date in the future comes here before its time.
        return
    try:
        services.sequence_publish(
            sequence=instance.key, name=instance.name, graph=instance.graph(), now=clock.now()
        )
    except AutomationError as error:
        # The overview shows the same problems, computed from the live row.
        logger.warning("Sequence %s was published but not compiled: %s", instance.key, error)


def sequence_deleted(sender: type, instance: Any, **kwargs: Any) -> None:
    """Turn a deleted sequence off, so nobody enters what nobody can see."""
    if SequenceSwitch.objects.filter(sequence=instance.key).exists():
        services.sequence_switch(
            sequence=instance.key,
            name=instance.name,
            state=SequenceSwitch.State.OFF,
            now=clock.now(),
        )
