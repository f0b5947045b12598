"""What a test waits for in a Studio, in the words of the shop.

Knows facts and people. Must not know how the Studio heard of them.
"""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

from tests.saleor.activity import Truth
from tests.saleor.machine import PATIENCE, wait_for
from tests.saleor.studio import Studio

#: Facts that happen to an account or an order once at the most.
ONCE = ("joined", "account_confirmed", "deleted", "ordered", "confirmed", "paid", "fulfilled")
WELCOME, BASKET, PURCHASE = "Welcome", "Abandoned checkout", "After the purchase"


def fact(studio: Studio, kind: str, about: str, *, seconds: float = 60.0) -> dict[str, Any]:
    """Wait until a fact is known, and return it; it must be known once."""
    found = wait_for(
        lambda: studio.events(kind=kind, object=about),
        f"{kind} of {about} is known",
        seconds=seconds,
        pause=0.3,
    )
    assert len({event["transition"] for event in found}) == len(found)
    return dict(found[-1])


def person(studio: Studio, email: str) -> dict[str, Any]:
    """Wait until somebody is known under an address, and return the contact."""
    return dict(
        wait_for(lambda: studio.contact(email), f"{email} is a contact", pause=0.3)  # type: ignore[arg-type]
    )


def entered(studio: Studio, sequence: str, email: str) -> dict[str, Any]:
    """Wait until a person is in a sequence, and return the enrollment; it must be one."""
    rows = wait_for(
        lambda: studio.enrollments(sequence=sequence, email=email),
        f"{email} is in {sequence}",
        pause=0.3,
    )
    assert len(rows) == 1, rows
    return dict(rows[0])


def ended(studio: Studio, sequence: str, email: str) -> dict[str, Any]:
    """Wait until a person's way through a sequence has ended, and return it."""

    def over() -> list[dict[str, Any]]:
        rows = studio.enrollments(sequence=sequence, email=email)
        return [row for row in rows if row["state"] in {"finished", "exited", "error"}]

    [row] = wait_for(over, f"{email} left {sequence}", pause=0.3)
    return row


def kinds(studio: Studio, **about: str) -> Counter[str]:
    """Count the kinds of the facts whose data has these values, such as ``order``."""
    return Counter(
        event["kind"]
        for event in studio.ask("events")
        if all(event["data"].get(name) == value for name, value in about.items())
    )


def complete(studio: Studio, truth: Truth, *, seconds: float = 180.0) -> None:
    """Wait until every fact of the shop is known; fail with those that are not."""
    lost = missing(studio, truth)
    deadline = time.monotonic() + seconds * PATIENCE
    while lost and time.monotonic() < deadline:
        time.sleep(1)
        lost = missing(studio, truth)
    assert lost == []


def missing(studio: Studio, truth: Truth) -> list[tuple[str, str]]:
    """Return the facts of the shop that the Studio does not know."""
    known = {(event["kind"], event["object"]) for event in studio.ask("events")}
    return sorted(set(truth.facts) - known)


def double(studio: Studio, truth: Truth) -> list[tuple[str, str]]:
    """Return the facts of the shop that the Studio counted more than once.

    A basket is a fact at each of its changes, so it is double when one change is.
    """
    wanted = set(truth.facts)
    counts = Counter(
        (event["kind"], event["object"], event["transition"] if _changes(event) else "")
        for event in studio.ask("events")
        if (event["kind"], event["object"]) in wanted
    )
    return sorted(fact[:2] for fact, count in counts.items() if count > 1)


def _changes(event: dict[str, Any]) -> bool:
    return bool(event["kind"] == "basket_changed")
