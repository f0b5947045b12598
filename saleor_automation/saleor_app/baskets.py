"""Asks Saleor what became of baskets, and of the people who filled them.

Knows one query. ``checkout`` needs no permission; ``orders`` needs MANAGE_ORDERS and
``user`` MANAGE_USERS, which the manifest asks for. Valid on 3.21 to 3.24.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from saleor_automation.exceptions import SaleorAPIError

from .api import graphql

#: Baskets per request; keeps it far below Saleor's cost limit of 50,000.
PER_REQUEST = 20
#: Seconds one batch of questions may take in all.
BUDGET_SECONDS = 15.0


@dataclass(frozen=True)
class BasketQuestion:
    """One basket, and whose orders since when would mean it was bought."""

    checkout_id: str
    #: Address of the person who would be mailed.
    email: str
    #: When the basket was begun; None when that is not known.
    since: datetime | None


@dataclass(frozen=True)
class BasketTruth:
    """What Saleor says of one basket at this moment."""

    exists: bool
    #: Units in it.
    items: int
    #: An order came of it, or of the same person since it was begun.
    ordered: bool


def baskets_ask(
    questions: Sequence[BasketQuestion], *, timeout: float = 5.0
) -> dict[str, BasketTruth]:
    """Return what Saleor says of each basket, by checkout id.

    ``timeout`` is in seconds, per request. Raises SaleorAPIError when Saleor cannot
    be asked or does not answer all of it.
    """
    found: dict[str, BasketTruth] = {}
    patience = time.monotonic() + BUDGET_SECONDS
    for start in range(0, len(questions), PER_REQUEST):
        if time.monotonic() > patience:
            raise SaleorAPIError("Saleor answers too slowly to be asked about every basket.")
        found.update(_ask(questions[start : start + PER_REQUEST], timeout))
    return found


def _ask(questions: Sequence[BasketQuestion], timeout: float) -> dict[str, BasketTruth]:
    variables: dict[str, Any] = {"all": [question.checkout_id for question in questions]}
    names, fields = ["$all: [ID!]"], []
    for i, question in enumerate(questions):
        variables[f"c{i}"] = question.checkout_id
        # "customer" is a search; what it finds is compared exactly below. Orders are
        # filtered by day, in the shop's zone, hence the day of grace.
        variables[f"o{i}"] = {"customer": question.email}
        if question.since is not None:
            since = (question.since - timedelta(days=1)).date().isoformat()
            variables[f"o{i}"]["created"] = {"gte": since}
        names.append(f"$c{i}: ID!, $o{i}: OrderFilterInput")
        fields.append(
            f"c{i}: checkout(id: $c{i}) {{ id quantity }} o{i}: orders(first: 20, "
            f"filter: $o{i}, sortBy: {{ field: CREATED_AT, direction: DESC }}) "
            "{ edges { node { created userEmail user { email } } } }"
        )
    query = (
        f"query SaleorAutomationBaskets({', '.join(names)}) {{ {' '.join(fields)} "
        "orders(first: 100, filter: { checkoutIds: $all }) "
        "{ edges { node { checkoutId } } } }"
    )
    data = graphql(query=query, variables=variables, timeout=timeout)
    try:
        bought = {edge["node"]["checkoutId"] for edge in data["orders"]["edges"]}
        return {
            question.checkout_id: _truth(
                question,
                data[f"c{i}"],
                [edge["node"] for edge in data[f"o{i}"]["edges"]],
                bought,
            )
            for i, question in enumerate(questions)
        }
    except (KeyError, TypeError, ValueError) as error:
        raise SaleorAPIError(
            "Saleor's answer about baskets was not complete. Check that the app still has the "
            "permission MANAGE_ORDERS."
        ) from error


def _truth(
    question: BasketQuestion,
    basket: Mapping[str, Any] | None,
    orders: Sequence[Mapping[str, Any]],
    bought: set[str],
) -> BasketTruth:
    email = question.email.lower()
    by_person = any(
        email in {str(order.get("userEmail") or "").lower(), _user_email(order)}
        and (question.since is None or _time(order["created"]) >= question.since)
        for order in orders
    )
    return BasketTruth(
        exists=basket is not None,
        items=int(basket["quantity"]) if basket is not None else 0,
        ordered=question.checkout_id in bought or by_person,
    )


def _user_email(order: Mapping[str, Any]) -> str:
    return str((order.get("user") or {}).get("email") or "").lower()


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))
