"""Keeps pytest out of the tests that run in another process, see ``test_inside.py``."""

from __future__ import annotations

collect_ignore = ["inside", "standin"]
