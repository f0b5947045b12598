"""Kinds of facts that storefronts and other systems tell, and how a name becomes one. Pure.

The names of Segment's e-commerce specification are kinds of their own; every other name
stands behind ``track:``, so that nobody outside can tell of what Saleor alone may tell.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

#: Kind of every key: a call counts once per (message id, scope), whatever it tells.
KEY: Final = "track"
#: Letters a kind may have.
LONGEST: Final = 64

PAGE_VIEWED: Final = "page_viewed"
SCREEN_VIEWED: Final = "screen_viewed"
IDENTIFIED: Final = "identified"
ALIASED: Final = "aliased"
GROUPED: Final = "grouped"

PRODUCT_VIEWED: Final = "product_viewed"
PRODUCT_ADDED: Final = "product_added"
PRODUCT_REMOVED: Final = "product_removed"
CART_VIEWED: Final = "cart_viewed"
CHECKOUT_STARTED: Final = "checkout_started"
ORDER_COMPLETED: Final = "order_completed"

#: Segment's e-commerce specification, version 2.
COMMERCE: Final = frozenset(
    {
        "products_searched",
        "product_list_viewed",
        "product_list_filtered",
        "promotion_viewed",
        "promotion_clicked",
        "product_clicked",
        PRODUCT_VIEWED,
        PRODUCT_ADDED,
        PRODUCT_REMOVED,
        CART_VIEWED,
        CHECKOUT_STARTED,
        "checkout_step_viewed",
        "checkout_step_completed",
        "payment_info_entered",
        ORDER_COMPLETED,
        "order_updated",
        "order_refunded",
        "order_cancelled",
        "coupon_entered",
        "coupon_applied",
        "coupon_denied",
        "coupon_removed",
        "product_added_to_wishlist",
        "product_removed_from_wishlist",
        "wishlist_product_added_to_cart",
        "product_shared",
        "cart_shared",
        "product_reviewed",
    }
)
#: What people do themselves; changing an order afterwards is the shop's doing.
OWN_DOING: Final = (COMMERCE - {"order_updated", "order_refunded", "order_cancelled"}) | {
    PAGE_VIEWED,
    SCREEN_VIEWED,
}

PREFIX: Final = "track:"
_GAPS = re.compile(r"[\W_]+")


def kind_of(name: str) -> str:
    """Return the kind of a tracked event by its name, "Product Viewed" or "product_viewed"."""
    plain = _GAPS.sub("_", name.lower()).strip("_")
    if plain in COMMERCE:
        return plain
    if not plain or len(PREFIX) + len(plain) > LONGEST:
        # Two long names must not become one.
        seal = hashlib.sha256(name.encode()).hexdigest()[:8]
        plain = f"{plain[: LONGEST - len(PREFIX) - 9]}_{seal}"
    return PREFIX + plain
