"""Turns a scene into what changes in the shop and what the shop says of it.

Knows which events Saleor sends for which act, in which order. Must not know how
they travel.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from . import bodies
from .goods import SHOP_NAME
from .script import Scene
from .world import Order, Shopper, World


@dataclass(frozen=True)
class Said:
    """One event as the shop will send it."""

    event: str
    body: bytes


class Stage:
    """Plays scenes in a world."""

    def __init__(self, world: World, *, site: str, app_id: str) -> None:
        self.world = world
        self.site = site
        self.app_id = app_id

    def play(self, scene: Scene) -> list[Said]:
        """Change the world as ``scene`` says; return what the shop says of it, in order."""
        act: Callable[..., Iterator[tuple[str, dict[str, Any]]]] = getattr(self, f"_{scene.act}")
        shopper = self.world.shoppers[scene.who]
        said: list[Said] = []
        with self.world.lock:
            for number, (event, content) in enumerate(act(scene, shopper, scene.at)):
                # Saleor writes the payload down at once, a moment after the one before.
                issued_at = scene.at + timedelta(milliseconds=150 * (number + 1))
                body = bodies.body(content, issued_at=issued_at, app_id=self.app_id, name=event)
                said.append(Said(event, body))
        return said

    def _user(self, shopper: Shopper) -> dict[str, Any]:
        return {"user": bodies.customer(shopper)}

    def _join(self, scene: Scene, shopper: Shopper, at: datetime) -> Iterator[Any]:
        self.world.join(shopper, at)
        yield "customer_created", self._user(shopper)

    def _confirm(self, scene: Scene, shopper: Shopper, at: datetime) -> Iterator[Any]:
        shopper.confirmed, shopper.updated_at = True, at
        yield (
            "account_confirmed",
            {**self._user(shopper), "channel": None, "shop": {"name": SHOP_NAME}},
        )
        yield "customer_updated", self._user(shopper)

    def _edit(self, scene: Scene, shopper: Shopper, at: datetime) -> Iterator[Any]:
        shopper.updated_at = at
        yield "customer_updated", self._user(shopper)

    def _withdraw(self, scene: Scene, shopper: Shopper, at: datetime) -> Iterator[Any]:
        shopper.agreed, shopper.updated_at = False, at
        yield "customer_metadata_updated", self._user(shopper)

    def _delete(self, scene: Scene, shopper: Shopper, at: datetime) -> Iterator[Any]:
        shopper.gone = True
        yield "account_deleted", {"user": bodies.customer_gone(shopper)}

    def _basket(self, scene: Scene, shopper: Shopper, at: datetime) -> Iterator[Any]:
        basket = self.world.leave_basket(shopper, scene.about, scene.goods, at)
        yield "checkout_created", {"checkout": bodies.checkout(basket, self.site)}
        basket.updated_at = at + timedelta(milliseconds=200)
        yield "checkout_updated", {"checkout": bodies.checkout(basket, self.site)}

    def _change(self, scene: Scene, shopper: Shopper, at: datetime) -> Iterator[Any]:
        basket = self.world.baskets[scene.about]
        basket.goods, basket.updated_at = dict(scene.goods), at
        yield "checkout_updated", {"checkout": bodies.checkout(basket, self.site)}

    def _vanish(self, scene: Scene, shopper: Shopper, at: datetime) -> Iterator[Any]:
        # Saleor has no event for a deleted checkout.
        del self.world.baskets[scene.about]
        yield from ()

    def _buy(self, scene: Scene, shopper: Shopper, at: datetime) -> Iterator[Any]:
        sold = self.world.buy(scene.about, at)
        # The payload of an update is made when the basket is already gone.
        yield "checkout_updated", {"checkout": None}
        yield "order_created", self._order(sold)
        self._move(sold, at, 1, status="UNFULFILLED")
        yield "order_confirmed", self._order(sold)
        self._move(sold, at, 2, charge="FULL")
        yield "order_fully_paid", self._order(sold)
        yield "order_paid", self._order(sold)

    def _ship(self, scene: Scene, shopper: Shopper, at: datetime) -> Iterator[Any]:
        parcel = self.world.ship(scene.about, scene.tracking, at)
        sold = self.world.orders[scene.about]
        content = {"fulfillment": bodies.fulfillment(sold, parcel, self.site), **self._order(sold)}
        if scene.tracking:
            yield "fulfillment_tracking_number_updated", content
        yield "fulfillment_created", {"notifyCustomer": True, **content}
        yield "fulfillment_approved", {"notifyCustomer": True, **content}
        yield "order_fulfilled", self._order(sold)

    def _track(self, scene: Scene, shopper: Shopper, at: datetime) -> Iterator[Any]:
        sold = self.world.orders[scene.about]
        parcel = sold.parcels[0]
        parcel.tracking = scene.tracking
        self._move(sold, at, 0)
        yield (
            "fulfillment_tracking_number_updated",
            {"fulfillment": bodies.fulfillment(sold, parcel, self.site), **self._order(sold)},
        )

    def _cancel(self, scene: Scene, shopper: Shopper, at: datetime) -> Iterator[Any]:
        sold = self.world.orders[scene.about]
        self._move(sold, at, 0, status="CANCELED")
        yield "order_cancelled", self._order(sold)

    def _refund(self, scene: Scene, shopper: Shopper, at: datetime) -> Iterator[Any]:
        sold = self.world.orders[scene.about]
        sold.refunded = True
        for parcel in sold.parcels:
            parcel.status = "REFUNDED"
        self._move(sold, at, 0, status="RETURNED")
        yield "order_refunded", self._order(sold)
        yield "order_fully_refunded", self._order(sold)

    def _order(self, sold: Order) -> dict[str, Any]:
        return {"order": bodies.order(sold, self.site)}

    @staticmethod
    def _move(sold: Order, at: datetime, step: int, **changes: Any) -> None:
        for name, value in changes.items():
            setattr(sold, name, value)
        sold.updated_at = at + timedelta(milliseconds=150 * step + 50)
