"""The webhook as a WSGI application of its own, without middleware.

Sessions, languages and cookies mean nothing to Saleor, and without them a delivery
costs little more than its one INSERT. Django must be set up before the first call.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from django.core.handlers.exception import convert_exception_to_response
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse


class IngestHandler(WSGIHandler):
    """Django's WSGI handler with one view and no middleware."""

    def load_middleware(self, is_async: bool = False) -> None:
        from .webhooks import webhook_receive

        def answer(request: HttpRequest) -> HttpResponse:
            response = webhook_receive(request)
            # As CommonMiddleware does: without it a kept connection answers in chunks.
            response.headers["Content-Length"] = str(len(response.content))
            return response

        self._middleware_chain = convert_exception_to_response(answer)


@cache
def _handler() -> IngestHandler:
    return IngestHandler()


def application(environ: dict[str, Any], start_response: Any) -> Any:
    """Answer one delivery; whoever routes to it has looked at the path."""
    return _handler()(environ, start_response)
