"""System checks. Ids are never used again; each has a hint that says what to do."""

from __future__ import annotations
