"""Receivers of this stage."""

from __future__ import annotations

from saleor_automation import signals
from saleor_automation.contract.snapshots import CheckoutSnapshot, OrderSnapshot, Snapshot

from .projection import checkout_apply, order_apply


def snapshot_apply(*, snapshot: Snapshot | None, **kwargs: object) -> None:
    """Bring the shop's rows up to a snapshot."""
    if isinstance(snapshot, OrderSnapshot):
        order_apply(snapshot)
    elif isinstance(snapshot, CheckoutSnapshot):
        checkout_apply(snapshot)


def connect() -> None:
    """Connect this stage's receivers, once."""
    signals.facts_recorded.connect(snapshot_apply, dispatch_uid="saleor_automation.shop.snapshot")
