"""Send steps through the real worker: due people to mails in the sink.

The pulse claims due people, a task moves them to the mail step, the pulse claims the
planned mails, a task asks Saleor about their orders and sends them: all of the engine,
two worker processes.
"""

from __future__ import annotations

import sys
import time
from datetime import timedelta
from pathlib import Path

from benchmarks import mailing, seed
from benchmarks.parts.steps import HEAD_START
from benchmarks.saleor import saleor_installed
from benchmarks.services import process
from benchmarks.sink import sink, sink_counts
from saleor_automation import clock
from saleor_automation.sequences.models import Enrollment, Heartbeat


def measure(*, due: int, folder: Path) -> dict[str, float]:
    """Return send steps per second, from due to accepted."""
    now = seed.database_prepare()
    mailing.people_make(count=due, due_at=now + timedelta(days=1), now=now)
    seed.statistics_refresh()
    log = folder / "worker.log"
    with sink(folder) as port, saleor_installed(now) as api_url:
        moment = clock.now() + timedelta(seconds=HEAD_START)
        Enrollment.objects.update(due_at=moment)
        environ = {
            "EMAIL_URL": f"smtp://127.0.0.1:{port}",
            "SALEOR_AUTOMATION_SALEOR_API_URL": api_url,
        }
        with process(
            [sys.executable, "-m", "saleor_automation", "worker"], environ=environ, log=log
        ) as running:
            while clock.now() < moment - timedelta(seconds=1):
                time.sleep(0.2)
            if not Heartbeat.objects.filter(name="queue").exists():
                raise RuntimeError(f"The worker did not start in time:\n{log.read_text()}")
            end = time.monotonic() + 900
            while mailing.accepted_count() < due:
                if running.poll() is not None or time.monotonic() > end:
                    raise RuntimeError(f"Not all mails went out:\n{log.read_text()}")
                time.sleep(0.1)
            seconds = (clock.now() - moment).total_seconds()
        received, connections = sink_counts(port)
    if received != due:
        raise RuntimeError(f"The sink took {received} mails, not {due}.")
    return {"due": due, "per_second": due / seconds, "connections": connections}
