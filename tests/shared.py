"""Where recordings of a real Saleor lie, and tests that need them skip without."""

from __future__ import annotations

from pathlib import Path

import pytest

SALEOR = Path(__file__).resolve().parents[1].parent / "shared" / "saleor"

needs_recordings = pytest.mark.skipif(
    not (SALEOR / "deliveries").is_dir(),
    reason="the recorded Saleor deliveries are not beside this checkout",
)
needs_schemas = pytest.mark.skipif(
    not (SALEOR / "schema").is_dir(),
    reason="Saleor's schemas are not beside this checkout",
)
