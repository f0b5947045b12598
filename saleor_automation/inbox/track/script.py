"""The script for browsers: one small file, under a name that changes with its content.

A page that names an old version gets the present one, for an hour only: no shop's page
must break because the Studio was updated. It holds no key and nothing of anybody.

=============================  ======  ==========================================
request                        status  kept by browsers
=============================  ======  ==========================================
GET, HEAD of the current name  200     a year
GET, HEAD of any other name    200     an hour
any other method               405     -
=============================  ======  ==========================================
"""

from __future__ import annotations

import gzip
import hashlib
from functools import cache
from pathlib import Path

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_http_methods

FILE = Path(__file__).parents[2] / "static" / "saleor_automation" / "track.js"


@cache
def script_read() -> tuple[bytes, bytes, str]:
    """Return the script, the same packed, and its version."""
    content = FILE.read_bytes()
    return content, gzip.compress(content, 9, mtime=0), hashlib.sha256(content).hexdigest()[:10]


def script_path() -> str:
    """Return the path of the current version."""
    return f"/v1/track-{script_read()[2]}.js"


@require_http_methods(["GET", "HEAD"])
def script_view(request: HttpRequest, version: str = "") -> HttpResponse:
    """Serve the script."""
    content, packed, current = script_read()
    takes_packed = "gzip" in request.headers.get("Accept-Encoding", "")
    response = HttpResponse(
        packed if takes_packed else content, content_type="text/javascript; charset=utf-8"
    )
    if takes_packed:
        response.headers["Content-Encoding"] = "gzip"
    response.headers["Cache-Control"] = (
        "public, max-age=31536000, immutable" if version == current else "public, max-age=3600"
    )
    response.headers["Vary"] = "Accept-Encoding"
    # Any page may load it, also one that lets in only what says so.
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response
