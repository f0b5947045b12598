"""Where the shop's Dashboard lives: the only places that may show our pages in a frame.

Knows origins, ``https://dashboard.shop.example``, and two wildcards that browsers know
too: ``https://*.saleor.cloud`` (any host below it) and ``http://localhost:*`` (any
port). Pure: what is configured comes in as an argument.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

CLOUD = "saleor.cloud"
LOOPBACK = ("localhost", "127.0.0.1")
_ORIGIN = re.compile(r"https?://(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*(:(\d{1,5}|\*))?")


def origins_parse(setting: str, api_url: str) -> tuple[str, ...]:
    """Return the origins of ``SALEOR_AUTOMATION['dashboard_origins']``.

    The setting is a list parted by commas or spaces. When it is empty, they follow from
    Saleor's GraphQL URL: its own origin; any port of this machine when Saleor runs there;
    all of Saleor Cloud when it is there. Raises ImproperlyConfigured for what is no origin:
    it goes into a header.
    """
    given = [part.rstrip("/").lower() for part in re.split(r"[\s,]+", setting) if part]
    wrong = [part for part in given if not _ORIGIN.fullmatch(part)]
    if wrong:
        raise ImproperlyConfigured(
            f"SALEOR_AUTOMATION['dashboard_origins'] holds {wrong[0]!r}. Write scheme and host "
            "only, such as https://dashboard.shop.example or https://*.shop.example."
        )
    return tuple(dict.fromkeys(given)) or _guess(api_url)


def _guess(api_url: str) -> tuple[str, ...]:
    url = urlsplit(api_url.lower())
    host = url.hostname or ""
    if not _ORIGIN.fullmatch(own := f"{url.scheme}://{url.netloc}"):
        return ()
    if host in LOOPBACK:
        return (own, *(f"http://{name}:*" for name in LOOPBACK))
    if host.endswith(f".{CLOUD}"):
        return (own, f"https://*.{CLOUD}")
    return (own,)


def origin_among(origin: str, allowed: Iterable[str]) -> bool:
    """Say whether a browser's ``Origin`` is one of ``allowed``."""
    return any(_pattern(entry).fullmatch(origin) for entry in allowed)


def _pattern(entry: str) -> re.Pattern[str]:
    words = re.escape(entry).replace(r"\*\.", r"([a-z0-9_-]+\.)+").replace(r":\*", r"(:\d+)?")
    return re.compile(words)
