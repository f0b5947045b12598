"""Which time zone somebody in a country probably lives in. Pure.

Knows the time zone database's list of zones per country, from the package ``tzdata``.
Must not know people. A country whose zones all show the same time is certain; of one
with several, the zone most of its people live in is a guess.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Final
from zoneinfo import ZoneInfo

#: Where most people of a country with several times live, when it is not the zone the
#: database names first.
MAIN: Final = {
    "AU": "Australia/Sydney",
    "BR": "America/Sao_Paulo",
    "CA": "America/Toronto",
    "CD": "Africa/Kinshasa",
    "GL": "America/Nuuk",
    "KI": "Pacific/Tarawa",
    "KZ": "Asia/Almaty",
    "PT": "Europe/Lisbon",
    "RU": "Europe/Moscow",
}


@cache
def _zones() -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    table = files("tzdata").joinpath("zoneinfo", "zone.tab").read_text(encoding="utf-8")
    for line in table.splitlines():
        if line and not line.startswith("#"):
            country, _place, zone = line.split("\t")[:3]
            found.setdefault(country, []).append(zone)
    return {country: tuple(zones) for country, zones in found.items()}


def zone_of(country: str, *, now: datetime) -> tuple[str, float]:
    """Return a country's time zone and how far to trust it, from 0 to 1.

    1 when every zone of the country shows the same time at ``now`` and half a year later;
    else one over the number of different times. An unknown country gives ``("", 0.0)``.
    """
    zones = _zones().get(country.upper(), ())
    if not zones:
        return "", 0.0
    moments = (now, now + timedelta(days=182))
    times = {
        tuple(moment.astimezone(ZoneInfo(zone)).utcoffset() for moment in moments) for zone in zones
    }
    return MAIN.get(country.upper(), zones[0]), 1 / len(times)
