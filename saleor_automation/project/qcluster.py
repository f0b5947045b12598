"""The django-q2 cluster, started as a process of its own by ``project.worker``.

Two things differ from ``manage.py qcluster``. No process outlives its parent, so a
killed cluster leaves no orphans that go on working beside the next one. And a
cluster in which a process died ends itself: a process killed while it waits holds
a queue's lock for ever, and the cluster would stand still without a word (seen in
12 of 24 tries). Mails in flight in its other processes are let finish first.
"""

from __future__ import annotations

import os
import time
from typing import Any

#: What ``project.worker`` sees when the cluster ended itself.
DAMAGED_EXIT = 75


def main() -> None:
    """Run the cluster until SIGTERM or until one of its processes dies."""
    from saleor_automation.project.processes import (
        descendants_die_with_parents,
        die_with_supervisor,
    )

    die_with_supervisor()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "saleor_automation.project.settings")
    import django

    django.setup()
    descendants_die_with_parents()

    from django_q import cluster

    cluster.Sentinel = sentinel_class()
    running = cluster.Cluster()
    try:
        running.start()
    except RuntimeError:
        # The sentinel ended while starting; the supervisor tries again.
        raise SystemExit(DAMAGED_EXIT) from None
    running.sentinel.join()
    raise SystemExit(running.sentinel.exitcode and DAMAGED_EXIT)


def sentinel_class() -> type:
    """Return django-q2's Sentinel, changed so that a damaged cluster ends itself."""
    from django_q.cluster import Sentinel, logger

    from saleor_automation.conf import conf

    class StrictSentinel(Sentinel):
        def reincarnate(self, process: Any) -> None:
            if process in self.pool and int(process.timer.value) == -2:
                # It had done its share of tasks and left in good order.
                super().reincarnate(process)
                return
            logger.error("A cluster process died (%s); the cluster restarts.", process.name)
            self.finish(conf().lease_seconds / 12)

        def finish(self, grace: float) -> None:
            """Let busy workers end their task, for ``grace`` seconds, and exit."""
            if self.pusher is not None and self.pusher.is_alive():
                self.pusher.kill()
            deadline = time.monotonic() + grace
            while time.monotonic() < deadline and any(_is_busy(worker) for worker in self.pool):
                time.sleep(0.02)
            # Workers die with this process; the rows they held are claimed again.
            os._exit(DAMAGED_EXIT)

    return StrictSentinel


def _is_busy(worker: Any) -> bool:
    # Read without its lock, which a killed process may hold for ever.
    return bool(worker.is_alive() and worker.timer.get_obj().value > 0)


if __name__ == "__main__":
    main()
