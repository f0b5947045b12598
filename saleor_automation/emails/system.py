"""The emails no sequence sends: which page an editor writes each of them on.

Knows keys. The starter content makes the pages; their texts are the editor's.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

#: Asks whether somebody wants mail. The starter's email "confirm-subscription".
CONFIRMATION: Final = UUID("cf6a3613-079e-5b51-9671-d38e15ec0fe0")
