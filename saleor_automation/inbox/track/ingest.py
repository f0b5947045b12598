"""The track API as a WSGI application of its own, without middleware.

Sessions, languages and cookies mean nothing to it, and many threads may be in it at once.
Django must be set up before the first call.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from django.core.handlers.exception import convert_exception_to_response
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse, JsonResponse

PREFIX = "/v1/"


class TrackHandler(WSGIHandler):
    """Django's WSGI handler with the track API's views and no middleware."""

    def load_middleware(self, is_async: bool = False) -> None:
        from .urls import view_find

        def answer(request: HttpRequest) -> HttpResponse:
            found = view_find(request.path_info)
            if found is None:
                response: HttpResponse = JsonResponse({"success": False}, status=404)
            else:
                view, values = found
                response = view(request, **values)
            response.headers["X-Content-Type-Options"] = "nosniff"
            # As CommonMiddleware does: without it a kept connection answers in chunks.
            response.headers["Content-Length"] = str(len(response.content))
            return response

        self._middleware_chain = convert_exception_to_response(answer)


@cache
def _handler() -> TrackHandler:
    return TrackHandler()


def application(environ: dict[str, Any], start_response: Any) -> Any:
    """Answer one request; whoever routes to it has looked at the path."""
    return _handler()(environ, start_response)
