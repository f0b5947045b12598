"""The ready-made project's settings, with nothing made faster for the occasion."""

from __future__ import annotations

from saleor_automation.project.settings import *  # noqa: F403
