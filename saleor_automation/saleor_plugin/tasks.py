"""What Celery runs. Thin: the work is in ``connection`` and ``relay``.

Saleor imports this module in its workers. Its task class complains about every query
to the primary database that is not allowed in so many words.
"""

from __future__ import annotations

from saleor.celeryconf import app
from saleor.core.db.connection import allow_writer

from .apps import RELAY_EXPIRES, RELAY_TASK
from .connection import studio_connect
from .relay import relay_run
from .state import is_migrated, state_change


# The expiry stands here since Saleor's scheduler drops it from the schedule.
@app.task(name=RELAY_TASK, ignore_result=True, expires=RELAY_EXPIRES)
@allow_writer()
def relay() -> None:
    """Send what waits; started by beat."""
    relay_run()


@app.task(name="saleor_automation.saleor_plugin.tasks.connect", ignore_result=True)
@allow_writer()
def connect() -> None:
    """Connect to the Studio whose address was saved, then tell it so."""
    if is_migrated() and studio_connect():
        state_change(report_checked_at=None)
        relay_run()
