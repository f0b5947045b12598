"""What Segment's libraries and shops' pages call; mounted at the root, where they look."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from django.http import HttpResponse
from django.urls import re_path

from .script import script_view
from .views import track_receive

CALL = r"v1/(?P<call>[a-z]+)/?"
SCRIPT = r"v1/track(?:-(?P<version>[0-9a-f]{1,64}))?\.js"

_ROUTES: tuple[tuple[re.Pattern[str], Callable[..., HttpResponse]], ...] = (
    (re.compile("/" + CALL), track_receive),
    (re.compile("/" + SCRIPT), script_view),
)

urlpatterns = [
    re_path(f"^{SCRIPT}$", script_view, name="track_script"),
    re_path(f"^{CALL}$", track_receive, name="track"),
]


def view_find(path: str) -> tuple[Callable[..., HttpResponse], dict[str, Any]] | None:
    """Return the view of a path, without Django's resolver and its settings."""
    for pattern, view in _ROUTES:
        found = pattern.fullmatch(path)
        if found:
            return view, {name: value or "" for name, value in found.groupdict().items()}
    return None
