"""Fixtures every test may use."""

from __future__ import annotations

import hypothesis

# A slow machine is no reason to fail: results are tested here, never times.
hypothesis.settings.register_profile(
    "suite", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("suite")
