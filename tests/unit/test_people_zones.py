"""Which time zone somebody in a country probably lives in."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from saleor_automation.people import zones
from saleor_automation.people.zones import MAIN, zone_of

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("country", "zone"),
    [
        ("MY", "Asia/Kuala_Lumpur"),
        ("sg", "Asia/Singapore"),
        ("DE", "Europe/Berlin"),
        ("FR", "Europe/Paris"),
        ("IN", "Asia/Kolkata"),
        ("JP", "Asia/Tokyo"),
    ],
)
def test_a_country_with_one_time_is_certain(country: str, zone: str) -> None:
    assert zone_of(country, now=NOW) == (zone, 1.0)


def test_a_country_with_several_times_is_a_guess() -> None:
    zone, confidence = zone_of("US", now=NOW)
    assert zone == "America/New_York"
    assert 0 < confidence < 0.5
    # Urumqi keeps a time of its own.
    assert zone_of("CN", now=NOW) == ("Asia/Shanghai", 0.5)


@pytest.mark.parametrize("country", ["", "XX", "Malaysia"])
def test_an_unknown_country_has_no_zone(country: str) -> None:
    assert zone_of(country, now=NOW) == ("", 0.0)


def test_every_zone_exists_and_every_main_one_is_its_countrys() -> None:
    table = zones._zones()
    assert len(table) > 240
    for country, names in table.items():
        zone, confidence = zone_of(country, now=NOW)
        assert ZoneInfo(zone).key == zone
        assert 0 < confidence <= 1
        assert zone in names
    assert set(MAIN) <= set(table)
