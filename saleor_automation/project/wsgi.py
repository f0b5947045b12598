"""WSGI entry point of the ready-made project.

Webhooks and the track API take a way of their own without middleware: Saleor waits at most
seconds and a shop sends thousands. Everything else runs one request at a time per process.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

from django.core.wsgi import get_wsgi_application

from .one_at_a_time import OneAtATime

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "saleor_automation.project.settings")
# Wagtail defers the validation of drafts in a way that is not safe with threads.
studio = OneAtATime(get_wsgi_application())

WEBHOOK_PATH = "/saleor/webhooks/"
TRACK_PREFIX = "/v1/"


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer one request."""
    path = environ.get("PATH_INFO") or ""
    if path == WEBHOOK_PATH:
        from saleor_automation.saleor_app import ingest

        return ingest.application(environ, start_response)
    if path.startswith(TRACK_PREFIX):
        from saleor_automation.inbox.track import ingest as track

        return track.application(environ, start_response)
    return studio(environ, start_response)
