"""Where the Dashboard shows us: menu entries, boxes beside a customer or an order.

Knows which Saleor takes which place: one unknown mount or target refuses the whole
manifest. Why boxes are opened with GET: ``docs/decisions/0013``.

| place | 3.21 | 3.22 | 3.23 and later |
|---|---|---|---|
| menu: the app's page | yes | yes | yes |
| menu: the editor, in a tab of its own | no | yes | yes |
| customer, order: mails sent | in a pop-up | as a box | as a box |
| first page: what runs | no | no | as a box |
"""

from __future__ import annotations

from typing import Any

from saleor_automation.conf import conf

#: Of the app's page below the public URL. Without a slash at the end: the Dashboard takes
#: it away before it adds its own parameters.
APP_PATH = "/saleor/app"
BOXES_SINCE = (3, 22)
HOME_SINCE = (3, 23)
IDENTIFIERS_SINCE = (3, 23)

MAILS = "E-mails sent to this person"


def extensions_for(version: tuple[int, int]) -> list[dict[str, Any]]:
    """Return the manifest's extensions for one Saleor version."""
    made = [
        _extension(
            "page", "E-mail automation", "NAVIGATION_CUSTOMERS", "APP_PAGE", ["MANAGE_USERS"]
        )
    ]
    if version >= BOXES_SINCE:
        made += [
            _extension(
                "editor",
                "E-mail editor",
                "NAVIGATION_CUSTOMERS",
                "NEW_TAB",
                ["MANAGE_USERS"],
                path="/open",
                options={"newTabTarget": {"method": "POST"}},
            ),
            _mails("customer", "CUSTOMER_DETAILS_WIDGETS", "MANAGE_USERS", box=True),
            _mails("order", "ORDER_DETAILS_WIDGETS", "MANAGE_ORDERS", box=True),
        ]
    else:
        made += [
            _mails("customer", "CUSTOMER_DETAILS_MORE_ACTIONS", "MANAGE_USERS", box=False),
            _mails("order", "ORDER_DETAILS_MORE_ACTIONS", "MANAGE_ORDERS", box=False),
        ]
    if version >= HOME_SINCE:
        made.append(
            _extension(
                "home",
                "E-mail automation",
                "HOMEPAGE_WIDGETS",
                "WIDGET",
                ["MANAGE_USERS"],
                path="/home",
                options={"homeWidgetTarget": {"method": "GET"}},
            )
        )
    if version < IDENTIFIERS_SINCE:
        for extension in made:
            del extension["identifier"]
    return made


def _mails(about: str, mount: str, permission: str, *, box: bool) -> dict[str, Any]:
    return _extension(
        f"{about}-mails",
        MAILS,
        mount,
        "WIDGET" if box else "POPUP",
        [permission],
        path=f"/{about}",
        options={"widgetTarget": {"method": "GET"}} if box else None,
    )


def _extension(
    identifier: str,
    label: str,
    mount: str,
    target: str,
    permissions: list[str],
    *,
    path: str = "",
    options: dict[str, Any] | None = None,
) -> dict[str, Any]:
    made: dict[str, Any] = {
        "identifier": f"saleor-automation-{identifier}",
        "label": label,
        "mount": mount,
        "target": target,
        "permissions": permissions,
        # An app page must be named from the app's URL on; for the rest whole addresses are
        # read alike by every version.
        "url": "/" if target == "APP_PAGE" else f"{conf().public_url}{APP_PATH}{path}",
    }
    if options is not None:
        made["options"] = options
    return made
