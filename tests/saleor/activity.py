"""Half an hour at the shop, and what is true of it afterwards.

Plays a script of shoppers and staff, and keeps count of every business fact the shop itself
then holds. Must not know the Studio: what it lost or counted twice is found by comparing.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from tests.saleor.driver import Driver, new_address

OPT_IN = "paper.marketing_opt_in"


@dataclass
class Truth:
    """What happened, in the words of the Studio's facts: (kind, object), each once."""

    facts: list[tuple[str, str]] = field(default_factory=list)
    joined: list[str] = field(default_factory=list)
    #: address -> what was said last
    consents: dict[str, str] = field(default_factory=dict)
    deleted: list[str] = field(default_factory=list)
    left_baskets: dict[str, str] = field(default_factory=dict)

    def add(self, *facts: tuple[str, str]) -> None:
        self.facts += facts

    def counted(self) -> Counter[str]:
        """Return how many facts there are of each kind."""
        return Counter(kind for kind, _ in self.facts)


def half_hour(driver: Driver, *, leaver: str, rounds: int = 2) -> Truth:
    """Play the script ``rounds`` times; ``leaver`` is a customer who is then deleted by staff."""
    truth = Truth()
    for _ in range(rounds):
        _customers(driver, truth)
        _baskets(driver, truth)
        _orders(driver, truth)
    driver.customer_delete(leaver)
    truth.deleted.append(leaver)
    return truth


def _customers(driver: Driver, truth: Truth) -> None:
    for said in ("true", "false", ""):
        email = new_address("joiner")
        driver.register(email)
        user = driver.customer_id(email)
        truth.add(("joined", user))
        truth.joined.append(email)
        if said:
            driver.metadata(user, **{OPT_IN: said})
            truth.consents[email] = "granted" if said == "true" else "withdrawn"


def _baskets(driver: Driver, truth: Truth) -> None:
    for said in ("true", "", ""):
        email = new_address("leaver")
        basket = driver.basket(email=email)
        driver.lines_add(basket)
        truth.add(("basket_changed", basket))
        truth.left_baskets[email] = basket
        if said:
            driver.metadata(basket, driver.nobody, **{OPT_IN: said})
            truth.consents[email] = "granted"


def _orders(driver: Driver, truth: Truth) -> None:
    """Three orders: one cancelled, one paid and sent, one sent and refunded in part."""
    for number, fate in enumerate(("cancelled", "sent", "refunded")):
        order = driver.buy(new_address("buyer"))
        truth.add(("ordered", order["id"]), ("confirmed", order["id"]))
        if fate == "cancelled":
            driver.cancel(order)
            truth.add(("cancelled", order["id"]))
            continue
        driver.paid(order)
        parcel = driver.fulfil(order, tracking=f"RM {number}")
        truth.add(("paid", order["id"]), ("shipped", parcel), ("fulfilled", order["id"]))
        if fate == "refunded":
            driver.refund(order, "5.00")
            truth.add(("refunded", order["id"]))
