"""The demo shop's memory: shoppers, baskets and orders, as plain values.

Knows what is true in the shop at this moment. Must not know how it is told to
anyone: ``bodies`` writes it down the way Saleor does.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import datetime

from .goods import CHANNELS, Channel, global_id, token


@dataclass
class Shopper:
    """A person who visits the shop."""

    key: str
    email: str
    first_name: str
    last_name: str
    language: str = "EN"
    channel: str = "malaysia"
    #: What they said about mails when asked; None: never asked.
    agreed: bool | None = None
    #: Number of their account; 0 means guest.
    account: int = 0
    confirmed: bool = False
    staff: bool = False
    joined_at: datetime | None = None
    updated_at: datetime | None = None
    gone: bool = False
    #: What apps wrote into their account.
    metadata: dict[str, str] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """Saleor's id of the account; "" for a guest."""
        return global_id("User", str(self.account)) if self.account else ""

    @property
    def where(self) -> Channel:
        """The channel they shop in."""
        return CHANNELS[self.channel]


@dataclass
class Basket:
    """A checkout, in Saleor's words. ``goods`` maps product to quantity."""

    key: str
    shopper: Shopper
    goods: dict[str, int]
    created_at: datetime
    updated_at: datetime

    @property
    def token(self) -> str:
        """Saleor's token of it."""
        return token(f"checkout {self.key}")

    @property
    def id(self) -> str:
        """Saleor's id of it."""
        return global_id("Checkout", self.token)


@dataclass
class Parcel:
    """A fulfillment, in Saleor's words."""

    number: int
    tracking: str
    created_at: datetime
    status: str = "FULFILLED"

    @property
    def id(self) -> str:
        """Saleor's id of it."""
        return global_id("Fulfillment", str(self.number))


@dataclass
class Order:
    """An order made from a basket."""

    number: int
    basket: Basket
    goods: dict[str, int]
    created_at: datetime
    updated_at: datetime
    status: str = "UNCONFIRMED"
    charge: str = "NONE"
    refunded: bool = False
    parcels: list[Parcel] = field(default_factory=list)

    @property
    def shopper(self) -> Shopper:
        """Who bought."""
        return self.basket.shopper

    @property
    def id(self) -> str:
        """Saleor's id of it."""
        return global_id("Order", token(f"order {self.number}"))


class World:
    """Everything the shop knows. Safe to read while the driver changes it."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.shoppers: dict[str, Shopper] = {}
        self.baskets: dict[str, Basket] = {}
        self.orders: dict[str, Order] = {}
        self._parcels = 0

    def basket_by_id(self, checkout_id: str) -> Basket | None:
        """Return the basket Saleor would still find under this id."""
        with self.lock:
            return next((b for b in self.baskets.values() if b.id == checkout_id), None)

    def order_of_basket(self, checkout_id: str) -> Order | None:
        """Return the order a basket became, if it did."""
        with self.lock:
            return next((o for o in self.orders.values() if o.basket.id == checkout_id), None)

    def join(self, shopper: Shopper, at: datetime) -> None:
        """Give a shopper an account."""
        with self.lock:
            shopper.account = 100 + sum(1 for other in self.shoppers.values() if other.account)
            shopper.joined_at = shopper.updated_at = at

    def leave_basket(
        self, shopper: Shopper, key: str, goods: dict[str, int], at: datetime
    ) -> Basket:
        """Fill a new basket."""
        with self.lock:
            basket = Basket(key, shopper, dict(goods), created_at=at, updated_at=at)
            self.baskets[key] = basket
            return basket

    def buy(self, key: str, at: datetime) -> Order:
        """Turn a basket into an order; the basket is gone, as in Saleor."""
        with self.lock:
            basket = self.baskets.pop(key)
            order = Order(1001 + len(self.orders), basket, dict(basket.goods), at, at)
            self.orders[key] = order
            return order

    def ship(self, key: str, tracking: str, at: datetime) -> Parcel:
        """Send everything in one parcel."""
        with self.lock:
            order = self.orders[key]
            self._parcels += 1
            parcel = Parcel(self._parcels, tracking, at)
            order.parcels.append(parcel)
            order.status, order.updated_at = "FULFILLED", at
            return parcel
