"""Saleor's own settings, with the suite's fault points first among its plugins.

``SUITE_RETRY_BACKOFF`` compresses the time over which Saleor tries a webhook again: it is the
first wait in seconds, 10 as shipped (attempts at 0, 10, 30, 70, 150 and 310 s).
"""

from __future__ import annotations

import os

from saleor.settings import *  # noqa: F403
from saleor.settings import PLUGINS

PLUGINS = ["saleor_suite.faults.FaultPoints", *PLUGINS]

CELERY_TASK_ANNOTATIONS = {
    "saleor.webhook.transport.asynchronous.transport.send_webhook_request_async": {
        "retry_backoff": float(os.environ["SUITE_RETRY_BACKOFF"])
    }
}
