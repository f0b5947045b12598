"""Whether the app is still installed and active in Saleor, and what it may do there.

Knows two ways to learn it: the events Saleor 3.23 sends an app about itself, and
asking with the app's own token. A token of an app that was removed or switched off is
nobody's: Saleor answers as if nobody had asked, so the two look the same from here.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from django.db.models import Q

from saleor_automation import clock
from saleor_automation.contract.app_events import AppEvent
from saleor_automation.exceptions import SaleorAccessError, SaleorAPIError

from .api import graphql_call
from .installations import installation_forget
from .manifest import PERMISSIONS
from .models import Installation

logger = logging.getLogger(__name__)

#: Valid from 3.21 to 3.24, and needs no permission.
STATE_QUERY = "{ app { id identifier isActive version permissions { code } } }"
SHOP_QUERY = "{ shop { name version } }"


@dataclass(frozen=True)
class AppState:
    """What Saleor says of the app at this moment."""

    #: False: Saleor does not know the token (any more), or the app is switched off.
    is_known: bool
    app_id: str = ""
    identifier: str = ""
    #: Release whose manifest Saleor installed.
    version: str = ""
    permissions: tuple[str, ...] = ()
    saleor_version: str = ""
    shop_name: str = ""


def permissions_missing(granted: Any) -> list[str]:
    """Return the permissions we ask for and were not given."""
    return [code for code in PERMISSIONS if code not in set(granted)]


def state_ask(*, api_url: str, token: str, timeout: float = 5.0) -> AppState:
    """Ask Saleor what it knows of the app whose token this is.

    Changes nothing. ``timeout`` is in seconds, per request. Raises SaleorAPIError when
    Saleor does not answer.
    """
    try:
        data = graphql_call(api_url=api_url, token=token, query=STATE_QUERY, timeout=timeout)
    except SaleorAccessError:
        return AppState(is_known=False)
    app = data.get("app")
    if not isinstance(app, dict) or not app.get("id") or app.get("isActive") is False:
        return AppState(is_known=False)
    shop = _shop(api_url, token, timeout)
    granted = [str(item.get("code")) for item in app.get("permissions") or []]
    return AppState(
        is_known=True,
        app_id=str(app["id"])[:64],
        identifier=str(app.get("identifier") or ""),
        version=str(app.get("version") or "")[:60],
        permissions=tuple(sorted(granted)),
        saleor_version=str(shop.get("version") or "")[:32],
        shop_name=str(shop.get("name") or "")[:255],
    )


def _shop(api_url: str, token: str, timeout: float) -> dict[str, Any]:
    """Return the shop's name and version, or nothing: neither is needed to work."""
    try:
        data = graphql_call(api_url=api_url, token=token, query=SHOP_QUERY, timeout=timeout)
    except SaleorAPIError:
        return {}
    shop = data.get("shop")
    return shop if isinstance(shop, dict) else {}


def state_keep(*, installation: Installation, state: AppState) -> Installation:
    """Write down what Saleor said; return the installation as it is now.

    Nothing is written when the app was installed again, or Saleor told news of it, while
    it was asked.
    """
    values: dict[str, Any] = {"asked_at": clock.wall(), "doubted_at": None}
    if state.is_known:
        values |= {
            "is_active": True,
            "inactive_reason": "",
            "app_version": state.version,
            "permissions": list(state.permissions),
        }
        if state.saleor_version:
            values |= {"saleor_version": state.saleor_version, "shop_name": state.shop_name}
    elif installation.is_active:
        logger.warning("Saleor does not know the app any more: it was removed or switched off.")
        values |= {"is_active": False, "inactive_reason": Installation.Inactive.UNKNOWN}
    Installation.objects.filter(
        pk=installation.pk, token=installation.token, news_at=installation.news_at
    ).update(**values)
    installation_forget()
    installation.refresh_from_db()
    return installation


def app_event_apply(*, installation: Installation, event: AppEvent) -> bool:
    """Do what Saleor says happened to the app; return False when it changes nothing.

    News of another app (or of ours before it was installed again) and news older than
    what is known change nothing. Of a removed app the token is forgotten, and all data
    is kept: it belongs to the shop, which may install the app again.
    """
    if event.app_id != installation.app_id:
        return False
    values: dict[str, Any] = {"news_at": event.issued_at, "doubted_at": clock.wall()}
    if event.is_removed:
        values |= {
            "token": "",
            "is_active": False,
            "inactive_reason": Installation.Inactive.REMOVED,
        }
    elif event.is_active:
        values |= {"is_active": True, "inactive_reason": ""}
    else:
        values |= {
            "is_active": False,
            "inactive_reason": Installation.Inactive.SWITCHED_OFF,
        }
    rows = Installation.objects.filter(pk=installation.pk, app_id=event.app_id).exclude(
        inactive_reason=Installation.Inactive.REMOVED
    )
    if not event.is_removed:
        # Deliveries overtake each other; a removal is final whenever it comes.
        rows = rows.filter(Q(news_at=None) | Q(news_at__lt=event.issued_at))
    changed = rows.update(**values)
    if changed:
        installation_forget()
        logger.warning(
            "Saleor says that the app was %s.",
            "removed" if event.is_removed else "switched on" if event.is_active else "switched off",
        )
    return bool(changed)
