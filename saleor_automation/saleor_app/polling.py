"""What is asked of Saleor, and the bodies made of the answers.

Knows queries and the shape of bodies. The selections are the subscriptions' own, so a
body has the shape of a webhook's. Orders and customers are asked for in the order of
their last change; baskets, which Saleor can neither sort nor filter so (days only), in
the order they were made. Valid on 3.21 to 3.24. Must not know HTTP or rows.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from saleor_automation.contract.kinds import EVENT_TYPES
from saleor_automation.contract.payloads import POLLED
from saleor_automation.contract.subscriptions import FRAGMENTS
from saleor_automation.contract.values import iso

#: Fields that may change though the object did not: addresses of pictures.
FLEETING = frozenset({"thumbnail", "media"})


@dataclass(frozen=True)
class Body:
    """One body to be stored; ``same`` is what makes it the same as another."""

    event_type: str
    body: bytes
    same: bytes | None = None


@dataclass(frozen=True)
class Addressee:
    """Whom the bodies are for, as a webhook's would say."""

    app_id: str
    version: str


@dataclass(frozen=True)
class Poll:
    """One kind of object."""

    kind: str
    event_type: str
    #: Where a webhook's body holds the object: "order".
    name: str
    #: Field of Saleor's Query, type of its filter, and field it is sorted by.
    field: str
    filter_type: str
    sorted_by: str
    fragment: str
    #: Whether pages come in the order of change.
    in_order: bool = True

    def query(self, *, full: bool = True, counted: bool = False) -> str:
        """Return the document: with all we know of an object, or its id and time alone."""
        parts = f"...{self.fragment}" if full else "id updatedAt"
        fragments = f"\n{FRAGMENTS[self.name]}" if full else ""
        count = "totalCount " if counted else ""
        title = f"SaleorAutomation{self.field.capitalize()}"
        return (
            f"query {title}($first: Int!, $after: String, $filter: {self.filter_type}!) {{\n"
            f"  found: {self.field}(first: $first, after: $after, filter: $filter, "
            f"sortBy: {{field: {self.sorted_by}, direction: ASC}}) {{\n"
            f"    {count}pageInfo {{ hasNextPage }} edges {{ cursor node {{ {parts} }} }}\n"
            f"  }}\n}}{fragments}"
        )

    def filter(self, since: datetime, until: datetime) -> dict[str, Any]:
        """Return the filter for what changed between two times."""
        if self.in_order:
            return {"updatedAt": {"gte": iso(since), "lte": iso(until)}}
        # Days are Saleor's own, whatever its zone is.
        return {"updatedAt": {"gte": (since - timedelta(days=1)).date().isoformat()}}


CUSTOMERS = Poll(
    kind="customers",
    event_type="customer_updated",
    name="user",
    field="customers",
    filter_type="CustomerFilterInput",
    sorted_by="LAST_MODIFIED_AT",
    fragment="CustomerParts",
)
ORDERS = Poll(
    kind="orders",
    event_type="order_updated",
    name="order",
    field="orders",
    filter_type="OrderFilterInput",
    sorted_by="LAST_MODIFIED_AT",
    fragment="OrderParts",
)
CHECKOUTS = Poll(
    kind="checkouts",
    event_type="checkout_updated",
    name="checkout",
    field="checkouts",
    filter_type="CheckoutFilterInput",
    sorted_by="CREATION_DATE",
    fragment="CheckoutParts",
    in_order=False,
)
POLLS = (CUSTOMERS, ORDERS, CHECKOUTS)


def body_make(
    poll: Poll, node: Mapping[str, Any], *, addressee: Addressee, read_at: datetime
) -> Body:
    """Write an object down as the webhook of its last change would have.

    It is issued when the object changed last, so that what it proves is not dated by our
    asking; ``polledAt`` says when it was read, by which newer and older are told apart.
    An object that did not change is the same body however often it is asked for.
    """
    content = {
        "__typename": EVENT_TYPES[poll.event_type],
        "issuedAt": node["updatedAt"],
        "version": addressee.version,
        "issuingPrincipal": None,
        "recipient": {"id": addressee.app_id},
        poll.name: node,
        POLLED: iso(read_at),
    }
    return Body(poll.event_type, json.dumps(content).encode(), json.dumps(_lasting(node)).encode())


def _lasting(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _lasting(item) for key, item in value.items() if key not in FLEETING}
    if isinstance(value, list):
        return [_lasting(item) for item in value]
    return value
