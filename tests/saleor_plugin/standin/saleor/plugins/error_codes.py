from __future__ import annotations

from enum import Enum


class PluginErrorCode(Enum):
    INVALID = "invalid"
