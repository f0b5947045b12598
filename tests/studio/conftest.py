"""What every test of the Studio stands on."""

from __future__ import annotations

import pytest

from .helpers import root_ensure


@pytest.fixture(autouse=True)
def _root(db: None) -> None:
    # Whatever ran before in this process: the pages of a test have a root to stand under.
    root_ensure()
