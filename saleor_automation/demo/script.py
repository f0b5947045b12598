"""What happens in the demo's 35 days, as data.

Knows shoppers and their acts, each at a day and an hour. Must not know HTTP, the
Studio or what should come of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from .world import Shopper

#: The shop's own time zone: every hour below is meant in it.
ZONE = "Asia/Kuala_Lumpur"
START = datetime(2026, 3, 2, 0, 0, tzinfo=ZoneInfo(ZONE)).astimezone(UTC)
DAYS = 35
END = START + timedelta(days=DAYS)


@dataclass(frozen=True)
class Scene:
    """One act of one shopper, and how the shop's worker delivers what it says of it."""

    day: int
    clock: str
    who: str
    act: str
    about: str = ""
    goods: dict[str, int] = field(default_factory=dict)
    tracking: str = ""
    #: Each delivery arrives twice.
    twice: bool = False
    #: The deliveries arrive in reverse order.
    backwards: bool = False
    #: Minutes until they arrive at all.
    late: int = 0
    #: None arrives, ever; the hourly poll finds what happened.
    lost: bool = False

    @property
    def at(self) -> datetime:
        """When it happens."""
        hour, _, minute = self.clock.partition(":")
        return START + timedelta(days=self.day, hours=int(hour), minutes=int(minute))

    @property
    def arrives_at(self) -> datetime:
        """When the Studio hears of it."""
        return self.at + timedelta(minutes=self.late)


def shoppers() -> dict[str, Shopper]:
    """Return the people of the play, before anything happened."""
    people = (
        Shopper("aina", "aina@shopper.example", "Aina", "Rahman", "MS", agreed=True),
        Shopper("ben", "ben@shopper.example", "Ben", "Carter", "EN", "international", agreed=True),
        Shopper("chloe", "chloe@shopper.example", "Chloe", "Ng", "EN", agreed=True),
        Shopper("daud", "daud@shopper.example", "Daud", "Ismail", "MS", agreed=True),
        Shopper("emma", "emma@shopper.example", "Emma", "Hall", "EN", "international", agreed=True),
        Shopper("farah", "farah@shopper.example", "Farah", "Yusof", "MS", agreed=True),
        Shopper("george", "george@shopper.example", "George", "Lim", "EN", agreed=True),
        Shopper("hana", "hana@shopper.example", "Hana", "Aziz", "MS", agreed=True),
        Shopper("ivan", "ivan@shopper.example", "Ivan", "Ho", "EN", "international", agreed=False),
        Shopper("julia", "julia@shopper.example", "Julia", "Tan", "EN", agreed=True),
        Shopper("kamal", "kamal@shopper.example", "Kamal", "Hassan", "MS", agreed=True),
        Shopper("lina", "lina@shopper.example", "Lina", "Osman", "MS", agreed=True),
        Shopper("maya", "maya@shopper.example", "Maya", "Chen", "EN", agreed=True),
        Shopper("noah", "noah@shopper.example", "Noah", "Hill", "EN", "international", agreed=True),
    )  # fmt: skip
    return {person.key: person for person in people}


def scenes() -> list[Scene]:
    """Return the play in order of time."""
    return sorted(_SCENES, key=lambda scene: (scene.arrives_at, scene.at))


def _scene(day: int, clock: str, who: str, act: str, about: str = "", **more: Any) -> Scene:
    return Scene(day, clock, who, act, about, **more)


_SCENES = (
    # Aina joins, leaves a basket, is reminded, buys, and hears about her parcel.
    _scene(0, "09:00", "aina", "join", twice=True),
    _scene(0, "09:05", "aina", "confirm"),
    _scene(0, "14:00", "aina", "basket", "aina-1", goods={"liberica": 1, "filters": 1}),
    _scene(1, "10:00", "aina", "buy", "aina-1", backwards=True),
    _scene(3, "11:00", "aina", "ship", "aina-1"),
    _scene(4, "08:00", "aina", "track", "aina-1", tracking="MYS204118", twice=True),
    # Ben reads along and never buys.
    _scene(1, "12:00", "ben", "join"),
    _scene(1, "12:02", "ben", "confirm", backwards=True),
    # Chloe leaves a basket as a guest and lets three mails pass.
    _scene(2, "15:00", "chloe", "basket", "chloe-1", goods={"grinder": 1}, twice=True),
    _scene(2, "15:20", "chloe", "change", "chloe-1", goods={"grinder": 1, "mug": 2}),
    # Daud buys within half an hour; the shop's worker is slow and mixes the order.
    _scene(2, "16:00", "daud", "basket", "daud-1", goods={"arabica": 2}),
    _scene(2, "16:25", "daud", "buy", "daud-1", backwards=True, twice=True),
    _scene(4, "10:00", "daud", "ship", "daud-1", tracking="MYS204377", backwards=True),
    # Emma unsubscribes by the button of her mail program.
    _scene(3, "09:00", "emma", "join"),
    _scene(5, "13:00", "emma", "basket", "emma-1", goods={"dripper": 1}),
    _scene(5, "18:00", "emma", "unsubscribe"),
    _scene(8, "12:00", "emma", "basket", "emma-2", goods={"mug": 1}),
    # Farah buys and cancels.
    _scene(4, "20:00", "farah", "join"),
    _scene(6, "09:00", "farah", "basket", "farah-1", goods={"liberica": 3}),
    _scene(6, "09:30", "farah", "buy", "farah-1"),
    _scene(7, "08:00", "farah", "cancel", "farah-1", twice=True),
    # George is a guest; he gets his money back after the first mail.
    _scene(8, "10:00", "george", "basket", "george-1", goods={"dripper": 1, "filters": 2}),
    _scene(8, "10:20", "george", "buy", "george-1"),
    _scene(9, "14:00", "george", "ship", "george-1", tracking="MYS205002"),
    _scene(12, "09:00", "george", "refund", "george-1", backwards=True),
    # Hana deletes her account; what was already on its way arrives afterwards.
    _scene(10, "11:00", "hana", "join"),
    _scene(13, "16:00", "hana", "delete"),
    _scene(13, "15:00", "hana", "edit", late=120),
    # Ivan unticks the box at the checkout.
    _scene(11, "13:00", "ivan", "basket", "ivan-1", goods={"arabica": 1}),
    # Julia changes her mind for two hours and empties the basket.
    _scene(14, "10:00", "julia", "join"),
    _scene(14, "10:30", "julia", "basket", "julia-1", goods={"mug": 1}),
    _scene(14, "11:00", "julia", "change", "julia-1", goods={"mug": 4}, twice=True),
    _scene(14, "11:40", "julia", "change", "julia-1", goods={"mug": 2, "liberica": 1}),
    _scene(14, "12:15", "julia", "change", "julia-1", goods={}),
    # Kamal's basket is deleted by the shop; nobody is told of that.
    _scene(15, "09:00", "kamal", "basket", "kamal-1", goods={"grinder": 1}),
    _scene(15, "19:00", "kamal", "vanish", "kamal-1"),
    # Lina buys; the shop's worker is stuck for three hours, past the reminder's time.
    _scene(16, "09:00", "lina", "join"),
    _scene(17, "12:00", "lina", "basket", "lina-1", goods={"arabica": 1, "dripper": 1}),
    _scene(17, "12:50", "lina", "buy", "lina-1", late=180, backwards=True),
    _scene(18, "15:00", "lina", "ship", "lina-1", tracking="MYS206610", twice=True),
    # Maya has two baskets; buying one ends the reminders for the other.
    _scene(19, "08:00", "maya", "basket", "maya-1", goods={"mug": 6}),
    _scene(19, "11:00", "maya", "basket", "maya-2", goods={"mug": 4, "arabica": 1}),
    _scene(20, "10:00", "maya", "buy", "maya-2", twice=True),
    _scene(21, "09:00", "maya", "ship", "maya-2"),
    _scene(21, "17:00", "maya", "track", "maya-2", tracking="MYS207344"),
    # Noah takes his consent back in the shop.
    _scene(20, "14:00", "noah", "join", twice=True),
    _scene(23, "10:00", "noah", "withdraw"),
    # Aina comes back; the shop's worker dies before it tells of her parcel.
    _scene(29, "13:00", "aina", "basket", "aina-2", goods={"liberica": 2}),
    _scene(30, "20:00", "aina", "buy", "aina-2", twice=True, backwards=True),
    _scene(32, "10:00", "aina", "ship", "aina-2", tracking="MYS209981", lost=True),
)
