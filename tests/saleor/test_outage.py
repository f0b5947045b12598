"""The Studio is down for half an hour of shop activity; afterwards nothing is lost or double.

Time is compressed by 20: Saleor gives a delivery up 15.5 s after its first attempt instead of
310 s (``inside/saleor_suite/settings.py``), and the Studio stays away until it has given up all of
them. The plugin's relay and the Studio's reconciliation run as shipped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from tests.saleor import activity, expect, ways
from tests.saleor.driver import new_address
from tests.saleor.machine import wait_for
from tests.saleor.studio import Studio


@pytest.fixture(scope="module", params=ways.ALL)
def way(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def studio(way, studio_make, driver) -> Iterator[Studio]:
    one = studio_make(f"outage-{way}")
    try:
        ways.connect(way, driver, one)
        one.ask("open_for_business")
        yield one
    finally:
        one.close()


def test_half_an_hour_without_the_studio(studio, driver, way, shop, record_property):
    leaver = new_address("gone")
    driver.register(leaver)
    expect.person(studio, leaver)
    studio.settled()
    studio.stop()

    truth = activity.half_hour(driver, leaver=leaver)
    app = driver.app("saleor.automation")
    wait_for(
        lambda: driver.deliveries(app["id"])["pending"] == 0,
        "Saleor gives up every delivery",
        seconds=180,
        pause=1,
    )
    failed = driver.deliveries(app["id"])["failed"]
    assert (failed > 0) == (way != ways.PLUGIN)

    studio.start()
    if way != ways.PLUGIN:
        # What the Studio does by itself at its start and every hour.
        studio.command("reconcile")
    wait_for(
        lambda: not _missing(studio, truth), "every fact is known", seconds=180, pause=1
    )
    studio.settled()
    before = _counted(studio)
    # Once more, by hand: whatever it finds is known already.
    studio.command("reconcile")
    studio.settled()

    known = _counted(studio)
    lost = _missing(studio, truth)
    double = {fact: count for fact, count in known.items() if fact in truth.facts and count > 1}
    record_property("facts", len(truth.facts))
    record_property("lost", len(lost))
    record_property("double", len(double))
    record_property("failed_deliveries", failed)
    print(
        f"{way}: {len(truth.facts)} facts {dict(truth.counted())}, {failed} deliveries given up, "
        f"{len(lost)} lost, {len(double)} counted twice"
    )
    assert lost == []
    assert double == {}
    assert known == before


def test_people_are_as_they_were_left(studio, driver):
    """Consent, deletion, baskets and welcomes of that half hour, each person once."""


def _counted(studio: Studio) -> Counter[tuple[str, str]]:
    """Count facts; a basket has one per change, and counts as known."""
    return Counter(
        (event["kind"], event["object"])
        for event in studio.ask("events")
    )


def _missing(studio: Studio, truth: activity.Truth) -> list[tuple[str, str]]:
    known = _counted(studio)
    return sorted(fact for fact in truth.facts if not known[fact])
