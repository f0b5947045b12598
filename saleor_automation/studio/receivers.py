"""Receivers of this stage."""

from __future__ import annotations


def connect() -> None:
    """Connect this stage's receivers, once."""
