"""Lists of the demo shop's API: filtered, sorted and paged as Saleor does.

Knows Saleor's filters as far as the Studio uses them; another one is an error, so a
wrong query is noticed. Must not know HTTP.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from . import bodies
from .goods import global_id
from .graphql import QueryError
from .world import Order, Shopper, World

Node = dict[str, Any]
Test = Callable[[Node, Any], bool]

#: Most rows Saleor gives at once.
MOST = 100


def _between(field: str, length: int | None = None) -> Test:
    def test(node: Node, value: Mapping[str, str | None]) -> bool:
        written = str(node[field])[:length]
        return (value.get("gte") or "") <= written <= (value.get("lte") or "9999")

    return test


_ORDER_FILTERS: dict[str, Test] = {
    "checkoutIds": lambda node, value: node["checkoutId"] in value,
    "ids": lambda node, value: node["id"] in value,
    # A search, not a comparison: it finds more than the address asked for.
    "customer": lambda node, value: value.lower() in node["userEmail"].lower(),
    "updatedAt": _between("updatedAt"),
    "created": _between("created", 10),
}
_CUSTOMER_FILTERS: dict[str, Test] = {
    "ids": lambda node, value: node["id"] in value,
    "updatedAt": _between("updatedAt"),
}
#: Saleor compares days here.
_CHECKOUT_FILTERS: dict[str, Test] = {"updatedAt": _between("updatedAt", 10)}


def orders(world: World, site: str, **arguments: Any) -> Node:
    """Return a page of orders."""
    nodes = [order(sold, site) for sold in world.orders.values()]
    return _list(nodes, _ORDER_FILTERS, "OrderFilterInput", **arguments)


def customers(world: World, **arguments: Any) -> Node:
    """Return a page of accounts; Saleor does not count staff who never ordered."""
    nodes = [
        bodies.customer(shopper)
        for shopper in world.shoppers.values()
        if shopper.account and not shopper.gone and not shopper.staff
    ]
    return _list(nodes, _CUSTOMER_FILTERS, "CustomerFilterInput", made="dateJoined", **arguments)


def checkouts(world: World, site: str, **arguments: Any) -> Node:
    """Return a page of baskets."""
    nodes = []
    for basket in world.baskets.values():
        node = bodies.checkout(basket, site)
        nodes.append({**node, "user": _user(basket.shopper)})
    return _list(nodes, _CHECKOUT_FILTERS, "CheckoutFilterInput", **arguments)


def webhooks(registered: Iterable[Node], failed: Sequence[tuple[str, bytes]]) -> list[Node]:
    """Return the app's webhooks, each with what could not be delivered."""

    def webhook(one: Node) -> Node:
        events = {item["eventType"].lower() for item in one["asyncEvents"]}
        nodes = [
            {
                "id": global_id("EventDelivery", f"{name}{number}"),
                "createdAt": json.loads(body)["issuedAt"],
                "status": "FAILED",
                "eventType": name.upper(),
                "payload": body.decode(),
            }
            for number, (name, body) in enumerate(failed)
            if name in events
        ]

        def deliveries(
            first: int,
            after: str | None = None,
            filter: Mapping[str, Any] | None = None,
            sortBy: Mapping[str, str] | None = None,
        ) -> Node:
            wanted = nodes if (filter or {}).get("status") == "FAILED" else []
            descending = (sortBy or {}).get("direction") == "DESC"
            return paged(wanted, "createdAt", first=first, after=after, descending=descending)

        return {**one, "eventDeliveries": deliveries}

    return [webhook(one) for one in registered]


def order(sold: Order, site: str) -> Node:
    """Return an order with all that may be asked of its account."""
    return {**bodies.order(sold, site), "user": _user(sold.shopper)}


def _user(shopper: Shopper) -> Node | None:
    return bodies.customer(shopper) if shopper.account and not shopper.gone else None


def _list(
    nodes: list[Node],
    filters: Mapping[str, Test],
    filter_type: str,
    *,
    made: str = "created",
    first: int,
    after: str | None = None,
    filter: Mapping[str, Any] | None = None,
    sortBy: Mapping[str, str] | None = None,
) -> Node:
    for key, value in (filter or {}).items():
        if key not in filters:
            raise QueryError(f'Field "{key}" is not defined by type {filter_type}.')
        if value is not None:
            nodes = [node for node in nodes if filters[key](node, value)]
    return paged(
        nodes,
        "updatedAt" if (sortBy or {}).get("field") == "LAST_MODIFIED_AT" else made,
        first=first,
        after=after,
        descending=(sortBy or {}).get("direction") == "DESC",
    )


def paged(
    nodes: list[Node], field: str, *, first: int, after: str | None = None, descending: bool = False
) -> Node:
    """Return a page of nodes behind a cursor, which names a place and not a number."""
    if not 0 < first <= MOST:
        raise QueryError(f"Requesting {first} records exceeds the `first` limit of {MOST} records.")

    def place(node: Node) -> list[str]:
        return [node[field], node["id"]]

    nodes = sorted(nodes, key=place, reverse=descending)
    total = len(nodes)
    if after:
        try:
            behind = json.loads(base64.b64decode(after))
        except ValueError:
            raise QueryError("Received cursor is invalid.") from None
        nodes = [
            node for node in nodes if (place(node) < behind if descending else place(node) > behind)
        ]
    edges = [
        {"node": node, "cursor": base64.b64encode(json.dumps(place(node)).encode()).decode()}
        for node in nodes[:first]
    ]
    return {
        "totalCount": total,
        "edges": edges,
        "pageInfo": {
            "hasNextPage": len(nodes) > first,
            "hasPreviousPage": bool(after),
            "startCursor": edges[0]["cursor"] if edges else None,
            "endCursor": edges[-1]["cursor"] if edges else None,
        },
    }
