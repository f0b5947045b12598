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


def test_half_an_hour_without_the_studio_loses_nothing_and_doubles_nothing(
    studio, driver, way, record_property
):
    leaver = new_address("gone")
    driver.register(leaver)
    expect.person(studio, leaver)
    wait_for(lambda: studio.mails(leaver), f"{leaver} is welcomed")
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
    given_up = driver.deliveries(app["id"])["failed"]
    assert (given_up > 0) == (way != ways.PLUGIN)

    studio.start()
    if way == ways.APP:
        # What the Studio also does by itself, at its start and every hour.
        studio.reconcile()
    if not ways.told_of_deletion(way, driver):
        studio.days_pass()
    expect.complete(studio, truth)
    studio.settled()
    wait_for(lambda: _people(studio, truth), "people are as they were left", seconds=120, pause=1)
    # Once more: whatever is found again was counted before.
    studio.reconcile()
    studio.settled()

    lost, double = expect.missing(studio, truth), expect.double(studio, truth)
    figures = {
        "facts": len(truth.facts),
        "deliveries given up": given_up,
        "lost": len(lost),
        "counted twice": len(double),
    }
    for name, figure in figures.items():
        record_property(name, figure)
    print(f"{way}: {figures} {dict(truth.counted())}")
    assert (lost, double) == ([], [])
    assert _people(studio, truth)
    willing = [email for email in truth.joined if truth.consents.get(email) != "withdrawn"]
    for email in willing:
        wait_for(lambda email=email: studio.mails(email), f"{email} is welcomed")
    # Each once, and nobody who said no.
    assert [len(studio.mails(email)) for email in willing] == [1] * len(willing)
    assert not any(studio.mails(email) for email in set(truth.joined) - set(willing))
    assert studio.sink.twice() == []


def _people(studio: Studio, truth: activity.Truth) -> bool:
    """Say whether consent, deletion, welcomes and baskets are as the half hour left them."""
    people = {contact["email"]: contact for contact in studio.ask("contacts")}
    said = {
        email: contact["consents"][-1]["state"]
        for email, contact in people.items()
        if contact["consents"]
    }
    inside = Counter((row["sequence"], row["email"]) for row in studio.ask("enrollments"))
    return (
        all(said.get(email) == state for email, state in truth.consents.items())
        and not any(email in people for email in truth.deleted)
        and all(inside[expect.WELCOME, email] == 1 for email in truth.joined)
        and all(inside[expect.BASKET, email] == 1 for email in truth.left_baskets)
    )
