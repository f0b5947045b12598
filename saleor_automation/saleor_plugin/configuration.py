"""The fields of the Dashboard's form, as values.

Knows the names of the fields and where Saleor keeps them. Before the first save there
is no row, and the defaults hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from .rows import saleor_rows

PLUGIN_ID: Final = "saleor.automation"
#: Identifier of the App, by which the Studio is known in Saleor.
APP_ID: Final = "saleor.automation"

STUDIO_URL: Final = "studio_url"
CAPTURE: Final = "capture"
WEBHOOKS: Final = "webhooks"
STATUS: Final = "status"


@dataclass(frozen=True, slots=True)
class Configuration:
    """What the shop owner chose."""

    active: bool = True
    studio_url: str = ""
    #: Write events down and relay them.
    capture: bool = False
    #: Let the App's webhooks send as well.
    webhooks: bool = True


def configuration_from(fields: Iterable[Mapping[str, Any]], *, active: bool) -> Configuration:
    """Read a form's fields; what is missing has its default."""
    values = {field["name"]: field.get("value") for field in fields}
    return Configuration(
        active=active,
        studio_url=str(values.get(STUDIO_URL) or ""),
        capture=_truth(values.get(CAPTURE), default=False),
        webhooks=_truth(values.get(WEBHOOKS), default=True),
    )


def configuration_current() -> Configuration:
    """Read what is stored now, from the primary database."""
    rows = saleor_rows("plugins.PluginConfiguration")
    row = rows.filter(identifier=PLUGIN_ID, channel=None).first()
    if row is None:
        return Configuration()
    return configuration_from(row.configuration or (), active=row.active)


def _truth(value: Any, *, default: bool) -> bool:
    if value is None:
        return default
    return value if isinstance(value, bool) else str(value).lower() == "true"
