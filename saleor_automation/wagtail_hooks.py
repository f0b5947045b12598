"""Wagtail finds this module by its name; everything in it lives in ``studio``."""

from __future__ import annotations

from .studio import hooks as hooks
