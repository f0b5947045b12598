"""django-q2 entry points: thin, and taking names and strings only.

The queue is transport: it may run a task twice, late or never. The claim's token
decides whether a task still may do anything.
"""

from __future__ import annotations

import logging
from uuid import UUID

from django.db import OperationalError

from saleor_automation import clock

from .worker import CHORES, LANES, heartbeat_write

logger = logging.getLogger(__name__)


def lane_run(lane: str, claim: str, ids: list[str]) -> None:
    """Work on the rows of ``lane`` held under ``claim``."""
    entry = LANES[lane]
    token, begun = UUID(claim), False
    try:
        if not entry.begin(claim=token, ids=ids):
            return  # The lease ended in the queue, and another worker has them.
        begun = True
        entry.run(claim=token, ids=ids, now=clock.now())
    except OperationalError as error:
        # A deadlock, a lock that took too long, a database that was away: nobody's fault.
        logger.warning("A batch of %s is given back: %s", lane, type(error).__name__)
        entry.release(claim=token, ids=ids, counted=False, begun=begun)
    except Exception:
        # Each row was counted when it was begun; one that fails again is tried alone,
        # less and less often, and in the end stopped.
        logger.exception("A batch of %s failed and is given back.", lane)
        entry.release(claim=token, ids=ids, counted=True, begun=begun)


def heartbeat() -> None:
    """Say that a queue worker is alive."""
    heartbeat_write("queue")


def chore_run(name: str) -> None:
    """Do a chore; one that fails is done again when its time comes."""
    try:
        CHORES[name].run()
    except Exception:
        logger.exception("The chore %s failed.", name)
