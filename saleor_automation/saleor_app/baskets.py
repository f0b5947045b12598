"""Asks Saleor what became of baskets, and of the people who filled them.

Knows one query, valid on 3.21 to 3.24. ``checkout`` needs no permission; what is in it
and ``orders`` need MANAGE_CHECKOUTS and MANAGE_ORDERS, ``user`` MANAGE_USERS, which the
manifest asks for. ``problems`` of a line say what cannot be bought. Prices are asked for
here and not in webhooks' sake: a tax app is called for them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from saleor_automation import clock
from saleor_automation.contract.payloads import parse
from saleor_automation.contract.snapshots import CheckoutSnapshot
from saleor_automation.contract.subscriptions import CHECKOUT_PARTS
from saleor_automation.exceptions import ContractError, SaleorAPIError

from .api import graphql
from .asking import Answers, ask_in_parts

#: Baskets per request. With their people ten cost about 1,300 (measured); Saleor allows 50,000.
PER_REQUEST = 10
#: Newest orders looked at per person.
ORDERS = 20

_TROUBLE = (
    "lines { id problems { __typename "
    "... on CheckoutLineProblemInsufficientStock { availableQuantity } } }"
)
_ORDER = "edges { node { created status userEmail user { email } } }"


@dataclass(frozen=True)
class BasketQuestion:
    """One basket, and whose orders since when would mean it was bought."""

    checkout_id: str
    #: Addresses of the person who would be mailed, and of the basket; lower case.
    emails: tuple[str, ...]
    #: Accounts of that person and of the basket, Saleor's ids.
    users: tuple[str, ...]
    #: When the basket was begun; None when that is not known.
    since: datetime | None


@dataclass(frozen=True)
class BasketTruth:
    """What Saleor says of one basket at this moment."""

    #: An order came of it, or of the same person since it was begun.
    ordered: bool
    #: None: Saleor has no such basket.
    basket: CheckoutSnapshot | None = None

    @property
    def paid(self) -> bool:
        """Whether money for it is there or promised. A basket that costs nothing is not paid."""
        basket = self.basket
        if basket is None or not basket.total_gross:
            return False
        return basket.charge_status not in ("", "NONE") or basket.authorize_status == "FULL"

    @property
    def sold_out(self) -> bool:
        """Whether nothing in it can be bought any more."""
        lines = self.basket.lines if self.basket is not None else ()
        return bool(lines) and all(line.available == 0 for line in lines)


def baskets_ask(
    questions: Sequence[BasketQuestion], *, timeout: float = 5.0
) -> Answers[BasketQuestion, BasketTruth]:
    """Return what Saleor says of each basket. ``timeout`` is in seconds, per request."""
    return ask_in_parts(questions, lambda part: _ask(part, timeout), size=PER_REQUEST)


def _ask(questions: Sequence[BasketQuestion], timeout: float) -> dict[BasketQuestion, BasketTruth]:
    checkouts = list(dict.fromkeys(question.checkout_id for question in questions))
    emails = list(dict.fromkeys(email for question in questions for email in question.emails))
    users = list(dict.fromkeys(user for question in questions for user in question.users))
    variables: dict[str, Any] = {"all": checkouts}
    names, fields = ["$all: [ID!]"], []
    for i, checkout_id in enumerate(checkouts):
        variables[f"c{i}"] = checkout_id
        names.append(f"$c{i}: ID!")
        fields.append(f"c{i}: checkout(id: $c{i}) {{ ...CheckoutParts {_TROUBLE} }}")
    starts = [question.since for question in questions]
    known = [since for since in starts if since is not None]
    for i, email in enumerate(emails):
        # Exact, but for case, when Saleor takes it for an address; a search for names when not.
        variables[f"o{i}"] = {"customer": email}
        if len(known) == len(starts):
            # Orders are filtered by day, in the shop's zone, hence the day of grace.
            since = (min(known) - timedelta(days=1)).date().isoformat()
            variables[f"o{i}"]["created"] = {"gte": since}
        names.append(f"$o{i}: OrderFilterInput")
        fields.append(
            f"o{i}: orders(first: {ORDERS}, filter: $o{i}, "
            f"sortBy: {{ field: CREATED_AT, direction: DESC }}) {{ {_ORDER} }}"
        )
    for i, user in enumerate(users):
        # An account may buy under another address than its own.
        variables[f"u{i}"] = user
        names.append(f"$u{i}: ID!")
        fields.append(f"u{i}: user(id: $u{i}) {{ orders(first: {ORDERS}) {{ {_ORDER} }} }}")
    query = (
        f"query SaleorAutomationBaskets({', '.join(names)}) {{ {' '.join(fields)} "
        "orders(first: 100, filter: { checkoutIds: $all }) "
        f"{{ edges {{ node {{ checkoutId }} }} }} }}\n{CHECKOUT_PARTS}"
    )
    now = clock.now()
    data = graphql(query=query, variables=variables, timeout=timeout, budget=2 * timeout)
    try:
        bought = {edge["node"]["checkoutId"] for edge in data["orders"]["edges"]}
        by_email = {email: _orders(data[f"o{i}"]) for i, email in enumerate(emails)}
        by_user = {
            user: _orders(data[f"u{i}"]["orders"]) if data[f"u{i}"] else []
            for i, user in enumerate(users)
        }
        baskets = {
            checkout_id: basket_snapshot(data[f"c{i}"], now)
            for i, checkout_id in enumerate(checkouts)
        }
        return {
            question: BasketTruth(
                ordered=question.checkout_id in bought or _bought(question, by_email, by_user),
                basket=baskets[question.checkout_id],
            )
            for question in questions
        }
    except (KeyError, TypeError, ValueError, ContractError) as error:
        raise SaleorAPIError(
            "Saleor's answer about baskets was not complete. Check that the app still has the "
            "permissions MANAGE_ORDERS, MANAGE_CHECKOUTS and MANAGE_USERS."
        ) from error


def _orders(connection: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [edge["node"] for edge in connection["edges"]]


def _bought(
    question: BasketQuestion,
    by_email: Mapping[str, Sequence[Mapping[str, Any]]],
    by_user: Mapping[str, Sequence[Mapping[str, Any]]],
) -> bool:
    """Whether the person placed an order since the basket was begun."""
    for email in question.emails:
        orders = by_email[email]
        own = [
            order
            for order in orders
            if email in (str(order["userEmail"] or "").lower(), _user_email(order))
        ]
        if any(_since(order, question.since) for order in own):
            return True
        if len(orders) >= ORDERS and not own:
            # A search that found only others: this person's order may be behind them.
            raise SaleorAPIError(
                "Saleor cannot tell the orders of an address from those of others."
            )
    return any(
        _since(order, question.since)
        for user in question.users
        for order in by_user[user]
        if order["status"] != "DRAFT"
    )


def _since(order: Mapping[str, Any], since: datetime | None) -> bool:
    return since is None or _time(order["created"]) >= since


def _user_email(order: Mapping[str, Any]) -> str:
    return str((order.get("user") or {}).get("email") or "").lower()


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def basket_snapshot(basket: Mapping[str, Any] | None, now: datetime) -> CheckoutSnapshot | None:
    """Read a basket as if a webhook had told of it at ``now``; None stays None."""
    if basket is None:
        return None
    body = {"issuedAt": now.isoformat(), "checkout": basket}
    snapshot = parse("checkout_updated", json.dumps(body).encode()).snapshot
    assert isinstance(snapshot, CheckoutSnapshot)  # noqa: S101 - what the event is about
    return snapshot
