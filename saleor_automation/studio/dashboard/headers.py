"""Headers of the pages the Dashboard shows in a frame.

Every other page of the Studio keeps ``X-Frame-Options``; these few say instead who may
frame them, and that nothing runs in them but our own files.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse

from saleor_automation.conf import conf
from saleor_automation.saleor_app.origins import origins_parse

View = Callable[..., HttpResponse]


def dashboard_origins() -> tuple[str, ...]:
    """Return where the Dashboard may be; empty when no Saleor is configured."""
    return origins_parse(conf().dashboard_origins, conf().saleor_api_url)


def embeddable(view: View) -> View:
    """Let the Dashboard, and nobody else, show this view in a frame."""

    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = private(view(request, *args, **kwargs))
        response["Content-Security-Policy"] = policy(dashboard_origins())
        # Read by XFrameOptionsMiddleware; that header cannot name an origin.
        response.xframe_options_exempt = True
        return response

    return wrapped


def policy(ancestors: tuple[str, ...]) -> str:
    """Return a content security policy: our own files only, framed by ``ancestors`` only."""
    framed_by = " ".join(ancestors) or "'none'"
    return "; ".join(
        [
            "default-src 'self'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' data:",
            "connect-src 'self'",
            "object-src 'none'",
            "base-uri 'none'",
            "form-action 'none'",
            f"frame-ancestors {framed_by}",
        ]
    )


def private(response: HttpResponse) -> HttpResponse:
    """Keep a response out of caches and its address out of other sites' logs."""
    response["Cache-Control"] = "no-store"
    response["Referrer-Policy"] = "no-referrer"
    response["X-Robots-Tag"] = "noindex"
    return response
