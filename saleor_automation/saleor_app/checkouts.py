"""Looks at one basket whose link was opened, and applies a voucher to it.

Knows two documents, valid on 3.21 to 3.24. Prices are not asked for: a shopper waits.
Both act as the installed app, so the events they cause name it as their principal.
"""

from __future__ import annotations

from dataclasses import dataclass

from saleor_automation.exceptions import SaleorAPIError

from .api import graphql

_LOOK = """query SaleorAutomationBasket($id: ID!, $ids: [ID!]) {
  checkout(id: $id) { id quantity voucherCode }
  orders(first: 1, filter: { checkoutIds: $ids }) { edges { node { id } } }
}"""

_APPLY = """mutation SaleorAutomationVoucher($id: ID!, $code: String!) {
  checkoutAddPromoCode(id: $id, promoCode: $code) { errors { code message } }
}"""


@dataclass(frozen=True)
class BasketLook:
    """What Saleor says of a basket to somebody who comes back to it."""

    exists: bool
    ordered: bool
    #: Units in it.
    items: int = 0
    #: The code that is applied already, or "".
    voucher: str = ""


def basket_look(checkout_id: str, *, timeout: float) -> BasketLook:
    """Ask whether a basket is still there. ``timeout`` in seconds. Raises SaleorAPIError."""
    data = graphql(
        query=_LOOK,
        variables={"id": checkout_id, "ids": [checkout_id]},
        timeout=timeout,
        # All tries together: a shopper waits.
        budget=timeout,
    )
    try:
        basket, ordered = data["checkout"], bool(data["orders"]["edges"])
        if basket is None:
            return BasketLook(exists=False, ordered=ordered)
        return BasketLook(
            exists=True,
            ordered=ordered,
            items=int(basket["quantity"]),
            voucher=str(basket["voucherCode"] or ""),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise SaleorAPIError("Saleor's answer about a basket was not complete.") from error


def voucher_apply(checkout_id: str, code: str, *, timeout: float) -> str:
    """Apply a code to a basket; return "" or Saleor's error code. Safe to repeat.

    ``timeout`` in seconds. Raises SaleorAPIError when Saleor cannot be asked.
    """
    data = graphql(
        query=_APPLY,
        variables={"id": checkout_id, "code": code},
        timeout=timeout,
        budget=timeout,
    )
    answer = data.get("checkoutAddPromoCode") or {}
    errors = answer.get("errors") or []
    return str(errors[0].get("code") or "REFUSED") if errors else ""
