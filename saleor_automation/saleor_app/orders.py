"""Asks Saleor how orders stand: cancelled, returned, paid back.

Knows one query, valid on 3.21 to 3.24; needs MANAGE_ORDERS. ``origin`` is never
selected: old rows break it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from saleor_automation.exceptions import SaleorAPIError

from .api import graphql
from .asking import Answers, ask_in_parts

#: Orders per request: the most a page may hold.
PER_REQUEST = 100

_QUERY = """query SaleorAutomationOrders($ids: [ID!]) {
  orders(first: 100, filter: { ids: $ids }) {
    edges { node { id status chargeStatus totalRefunded { amount } total { gross { amount } } } }
  }
}"""


@dataclass(frozen=True)
class OrderTruth:
    """What Saleor says of one order at this moment. Amounts are gross, in its currency."""

    exists: bool
    status: str = ""
    charge_status: str = ""
    refunded: Decimal = Decimal(0)
    total: Decimal = Decimal(0)

    @property
    def undone(self) -> str:
        """Why it is no order any more: "order_gone", "cancelled", "refunded" as a whole, or ""."""
        if not self.exists:
            return "order_gone"
        if self.status in ("CANCELED", "EXPIRED"):
            return "cancelled"
        if self.status == "RETURNED" or self.refunded >= self.total > 0:
            return "refunded"
        return ""


def orders_ask(order_ids: Sequence[str], *, timeout: float = 5.0) -> Answers[str, OrderTruth]:
    """Return how each order stands, by Saleor's id. ``timeout`` is in seconds, per request."""
    return ask_in_parts(order_ids, lambda part: _ask(part, timeout), size=PER_REQUEST)


def _ask(order_ids: Sequence[str], timeout: float) -> dict[str, OrderTruth]:
    data = graphql(
        query=_QUERY, variables={"ids": list(order_ids)}, timeout=timeout, budget=2 * timeout
    )
    try:
        found = {edge["node"]["id"]: _truth(edge["node"]) for edge in data["orders"]["edges"]}
    except (KeyError, TypeError, ArithmeticError) as error:
        raise SaleorAPIError(
            "Saleor's answer about orders was not complete. Check that the app still has the "
            "permission MANAGE_ORDERS."
        ) from error
    return {order_id: found.get(order_id, OrderTruth(exists=False)) for order_id in order_ids}


def _truth(node: Mapping[str, Any]) -> OrderTruth:
    refunded = node["totalRefunded"] or {}
    return OrderTruth(
        exists=True,
        status=str(node["status"]),
        charge_status=str(node["chargeStatus"]),
        refunded=Decimal(str(refunded.get("amount") or 0)),
        total=Decimal(str(node["total"]["gross"]["amount"])),
    )
