"""Sequences and emails a new shop starts with; ordinary content from then on."""

from __future__ import annotations

from .loader import StarterResult, starter_load

__all__ = ["StarterResult", "starter_load"]
