"""Asks Saleor what became of baskets.

Knows one query. ``checkout`` needs no permission; ``orders`` needs MANAGE_ORDERS,
which the manifest asks for. Works on 3.21 to 3.24.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .api import graphql

#: Baskets per request: keeps one far below Saleor's cost limit of 50,000.
PER_REQUEST = 20


@dataclass(frozen=True)
class BasketTruth:
    """What Saleor says of one basket at this moment."""

    exists: bool
    #: Units in it.
    items: int
    #: An order came of it, whatever became of the order.
    ordered: bool


def baskets_ask(checkout_ids: Sequence[str], *, timeout: float = 5.0) -> dict[str, BasketTruth]:
    """Return what Saleor says of each of ``checkout_ids`` (global ids).

    ``timeout`` is in seconds, per request. Raises SaleorAPIError when Saleor cannot
    be asked or does not answer all of it.
    """
    found: dict[str, BasketTruth] = {}
    for start in range(0, len(checkout_ids), PER_REQUEST):
        ids = checkout_ids[start : start + PER_REQUEST]
        found.update(_ask(ids, timeout))
    return found


def _ask(ids: Sequence[str], timeout: float) -> dict[str, BasketTruth]:
    names = ", ".join(f"$c{i}: ID!" for i in range(len(ids)))
    baskets = " ".join(f"c{i}: checkout(id: $c{i}) {{ id quantity }}" for i in range(len(ids)))
    query = (
        f"query SaleorAutomationBaskets($all: [ID!], {names}) {{ {baskets} "
        "orders(first: 100, filter: { checkoutIds: $all }) "
        "{ edges { node { id checkoutId } } } }"
    )
    variables = {f"c{i}": checkout_id for i, checkout_id in enumerate(ids)}
    data = graphql(query=query, variables={"all": list(ids), **variables}, timeout=timeout)
    ordered = {edge["node"]["checkoutId"] for edge in (data.get("orders") or {})["edges"]}
    result = {}
    for i, checkout_id in enumerate(ids):
        basket = data.get(f"c{i}")
        result[checkout_id] = BasketTruth(
            exists=basket is not None,
            items=int(basket["quantity"]) if basket else 0,
            ordered=checkout_id in ordered,
        )
    return result
