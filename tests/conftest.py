"""Fixtures every test may use."""

from __future__ import annotations

import os

import hypothesis
import pytest

# A slow machine is no reason to fail: results are tested here, never times.
hypothesis.settings.register_profile(
    "suite", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
# A change is judged by what it breaks: there the same examples are tried every time. New
# ones are looked for wherever else the suite is run.
hypothesis.settings.register_profile(
    "ci", parent=hypothesis.settings.get_profile("suite"), derandomize=True
)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "suite"))

# Nor does any process that a test starts ask a real name server about a shopper's address.
os.environ["SALEOR_AUTOMATION_VERIFICATION_DNS"] = "0"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out, of a run with DATABASE_URL, what would be the same run as without."""
    if not os.environ.get("DATABASE_URL"):
        return
    skip = pytest.mark.skip(reason="has a database of its own: run without DATABASE_URL")
    for item in items:
        if item.get_closest_marker("own_database"):
            item.add_marker(skip)
