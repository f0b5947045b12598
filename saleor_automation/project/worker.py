"""The worker: starts the django-q2 cluster, beats the pulse, and keeps both alive.

The main thread looks after the cluster's process and never touches the database,
so a database that hangs cannot keep it from doing so. The pulse thread claims due
rows and sends heartbeats through the queue; when none comes back while work waits,
the cluster is stuck and is killed and started again. No database error ends it.
"""

from __future__ import annotations

import logging
import sys
import threading
import time

from .processes import Child, stop_on_signals

logger = logging.getLogger(__name__)

#: Real seconds a new cluster may take until its first heartbeat.
START_SECONDS = 30.0
#: Real seconds the queue may stand still before the shop's staff are told.
TELL_SECONDS = 900.0


class Beat(threading.Thread):
    """Beats the pulse until told to stop; asks for a new cluster when it is stuck."""

    def __init__(self, stop: threading.Event) -> None:
        super().__init__(name="pulse", daemon=True)
        self.stop = stop
        self.cluster_stuck = threading.Event()
        #: Monotonic time of the running cluster's start, None while there is none;
        #: written by the main thread.
        self.cluster_started_at: float | None = None
        self._heartbeat_at = self._rescue_at = self._watch_at = 0.0
        #: Monotonic time at which to look whether to tell the shop's staff.
        self._tell_at = time.monotonic() + TELL_SECONDS

    def run(self) -> None:
        from django.db import connections

        from saleor_automation.conf import conf
        from saleor_automation.sequences.worker import Pulse

        pulse = Pulse()
        failures = 0
        while not self.stop.is_set():
            try:
                claimed = pulse.beat()
                self._care()
                failures = 0
            except Exception as error:
                # Whatever it is (most often the database is away), the next beat tries
                # again: nothing is lost, since the tables say what is due.
                failures += 1
                logger.error(
                    "The pulse failed (%s: %s); trying again.",
                    type(error).__name__,
                    str(error).strip(),
                    exc_info=failures == 1,
                )
                connections.close_all()
                self.stop.wait(min(10.0, 0.25 * 2 ** min(failures, 6)))
                continue
            if not claimed:
                self.stop.wait(conf().pulse_seconds)

    def _care(self) -> None:
        from saleor_automation.conf import conf
        from saleor_automation.sequences.worker import heartbeat_send, rescue

        settings = conf()
        now = time.monotonic()
        if now >= self._rescue_at:
            self._rescue_at = now + min(15.0, settings.lease_seconds / 4)
            rescue()
        if now >= self._tell_at:
            self._tell_at = now + TELL_SECONDS / 3
            self._tell_if_stopped()
        started_at = self.cluster_started_at
        if started_at is None:
            return
        if now >= self._heartbeat_at:
            self._heartbeat_at = now + settings.watchdog_seconds / 3
            heartbeat_send()
        if now >= self._watch_at:
            self._watch_at = now + min(5.0, settings.watchdog_seconds / 6)
            if self._is_stuck(now - started_at):
                logger.error("The queue stands still; the cluster is restarted.")
                self.cluster_started_at = None
                self.cluster_stuck.set()

    def _tell_if_stopped(self) -> None:
        """Tell Saleor's Dashboard when restarting the cluster does not help either."""
        from saleor_automation.sequences.worker import heartbeat_age

        age = heartbeat_age()
        if age is None or age > TELL_SECONDS:
            from saleor_automation.studio.problems import queue_stopped_tell

            queue_stopped_tell()

    def _is_stuck(self, uptime: float) -> bool:
        from django_q.brokers import get_broker

        from saleor_automation.conf import conf
        from saleor_automation.sequences.worker import heartbeat_age

        age = heartbeat_age()
        if age is None or age > uptime:
            # It has not beaten yet: loading Django takes a while on a busy machine.
            if uptime <= max(conf().watchdog_seconds, START_SECONDS):
                return False
        elif age <= conf().watchdog_seconds:
            return False
        return get_broker().queue_size() > 0


def run() -> int:
    """Work until SIGTERM or SIGINT; return the exit code."""
    from saleor_automation.conf import conf

    stop = stop_on_signals()
    cluster = Child("cluster", [sys.executable, "-m", "saleor_automation.project.qcluster"])
    beat = Beat(stop)
    grace = conf().lease_seconds / 12
    beat.start()
    try:
        while not stop.is_set():
            if beat.cluster_stuck.is_set():
                cluster.kill_group()
                beat.cluster_stuck.clear()
            if not beat.is_alive():
                logger.critical("The pulse ended; the worker restarts.")
                return 1
            _keep_running(cluster, beat)
            stop.wait(0.1)
    finally:
        stop.set()
        cluster.stop(grace=max(grace, 1.0))
        beat.join(timeout=5)
    return 0


def _keep_running(cluster: Child, beat: Beat) -> None:
    if cluster.pid:
        return
    if cluster.process is not None:
        code = cluster.process.returncode
        cluster.kill_group()
        cluster.process = None
        beat.cluster_started_at = None
        pause = cluster.back_off(longest=2.0)
        logger.warning("The cluster ended with code %s; starting it again in %.1f s", code, pause)
    if time.monotonic() >= cluster.start_after:
        cluster.start()
        beat.cluster_started_at = time.monotonic()
