"""The facts a condition may ask about inside a sequence: of its basket, its order, its entry.

Knows names and types alone; the language itself is that of ``people.predicates``.
"""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from saleor_automation.people.predicates import facts as facts
from saleor_automation.people.predicates.language import (
    FACTS,
    OP_WORDS,
    OPS,
    All,
    AnyOf,
    Ask,
    Compare,
    Condition,
    FactType,
    Kind,
    Not,
    Value,
    condition_asks,
    condition_facts,
    condition_holds,
    condition_parse,
    fact_register,
)

__all__ = [
    "FACTS",
    "OPS",
    "OP_WORDS",
    "All",
    "AnyOf",
    "Ask",
    "Compare",
    "Condition",
    "FactType",
    "Kind",
    "Not",
    "Value",
    "condition_asks",
    "condition_facts",
    "condition_holds",
    "condition_parse",
    "fact_register",
]

for _fact in (
    FactType(
        name="contact.orders_since_entry",
        kind=Kind.INT,
        label=_("Orders placed since entering the sequence"),
        inside=True,
    ),
    FactType(
        name="contact.subscribed",
        kind=Kind.BOOL,
        label=_("Agreed to marketing mail"),
        inside=True,
    ),
    FactType(
        name="basket.bought",
        kind=Kind.BOOL,
        label=_("Bought since the basket was filled"),
        needs="checkout",
        inside=True,
    ),
    FactType(
        name="basket.items",
        kind=Kind.INT,
        label=_("Items in the basket"),
        needs="checkout",
        inside=True,
    ),
    FactType(
        name="basket.deleted",
        kind=Kind.BOOL,
        label=_("The basket is gone"),
        needs="checkout",
        inside=True,
    ),
    FactType(
        name="basket.newer",
        kind=Kind.BOOL,
        label=_("Has a newer basket in the same channel"),
        needs="checkout",
        inside=True,
    ),
    FactType(
        name="basket.paid",
        kind=Kind.BOOL,
        label=_("The basket is being paid"),
        needs="checkout",
        inside=True,
    ),
    FactType(
        name="order.cancelled",
        kind=Kind.BOOL,
        label=_("The order was cancelled"),
        needs="order",
        inside=True,
    ),
    FactType(
        name="order.refunded",
        kind=Kind.BOOL,
        label=_("The order was refunded"),
        needs="order",
        inside=True,
    ),
    FactType(name="order.total", kind=Kind.DECIMAL, label=_("Order total"), needs="order"),
    FactType(name="order.items", kind=Kind.INT, label=_("Items in the order"), needs="order"),
):
    fact_register(_fact)
