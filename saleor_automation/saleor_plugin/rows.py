"""Saleor's own rows, always in the primary database.

Hooks may be handed objects of a replica, which lags; what decides is read here.
"""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.db import DEFAULT_DB_ALIAS


def saleor_model(label: str) -> Any:
    """Return a model of Saleor: "order.Order"."""
    return apps.get_model(label)


def saleor_rows(label: str) -> Any:
    """Return all rows of a model of Saleor, as a query set."""
    return saleor_model(label).objects.using(DEFAULT_DB_ALIAS)
