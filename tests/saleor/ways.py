"""The ways in: how a shop owner connects a Studio to the shop.

Knows the Dashboard's forms, by the mutations behind them.
"""

from __future__ import annotations

from typing import Any

from tests.saleor.driver import Driver
from tests.saleor.machine import wait_for
from tests.saleor.studio import APP_ID, Studio

#: The App from its manifest; the plugin, the App's webhooks off; the plugin and webhooks.
APP, PLUGIN, BOTH = "app", "plugin", "both"
ALL = (APP, PLUGIN, BOTH)
PLUGIN_ID = "saleor.automation"


def connect(way: str, driver: Driver, studio: Studio) -> dict[str, Any]:
    """Connect a Studio by one of the ways, in place of an earlier one; return its App."""
    disconnect(driver)
    if way == APP:
        version = ".".join(driver.version.split(".")[:2])
        permissions = studio.manifest(version)["permissions"]
        return driver.app_install(studio.manifest_url, permissions, APP_ID)
    driver.plugin_update(
        PLUGIN_ID,
        studio_url=studio.url,
        capture="true",
        webhooks="true" if way == BOTH else "false",
    )

    def connected() -> dict[str, Any] | None:
        form = driver.plugin(PLUGIN_ID)
        return driver.app(APP_ID) if form["status"].startswith("Connected.") else None

    return wait_for(connected, f"the plugin connects {studio.url}", seconds=120, pause=0.5)


def told_of_deletion(way: str, driver: Driver) -> bool:
    """Say whether the Studio is told that staff deleted a customer; else it has to search.

    The plugin always tells. Before 3.23 Saleor has no subscription for it.
    """
    app = driver.app(APP_ID)
    assert app is not None
    names = {webhook["name"].lower() for webhook in app["webhooks"]}
    return way != APP or "customer deleted" in names


def disconnect(driver: Driver) -> None:
    """Empty the plugin's form and remove the App."""
    driver.plugin_update(PLUGIN_ID, studio_url="", capture="false", webhooks="true")
    if app := driver.app(APP_ID):
        driver.staff.say("appDelete", id=app["id"])
