"""How often the long proofs try: few times by hand, more in CI, the full number when asked for.

``SALEOR_AUTOMATION_PROOFS=full`` runs every proof as often as the project promises.
"""

from __future__ import annotations

import os


def times(*, few: int, ci: int, full: int) -> int:
    """Return how often a proof tries."""
    if os.environ.get("SALEOR_AUTOMATION_PROOFS") == "full":
        return full
    return ci if os.environ.get("HYPOTHESIS_PROFILE") == "ci" else few
