"""Parcels, and whether the shop wants the customer told of them.

Knows Events. Staff may ask Saleor not to tell the customer of a parcel
(``notifyCustomer: false``). That is a wish about every mail the parcel would start, and
only the parcel's own events tell of it: others about the same order may come first.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

from saleor_automation.contract import kinds
from saleor_automation.inbox.models import Event

#: How long mails wait after a parcel of which nobody said whether to tell the customer.
UNSAID = timedelta(minutes=2)


def parcel_wishes(fulfillment_ids: Collection[str]) -> dict[str, bool]:
    """Return what was said of these parcels: False, do not tell; True, tell. Unsaid: left out.

    One query. "Do not tell" beats "tell", whichever of a parcel's events says so.
    """
    wishes: dict[str, bool] = {}
    if not fulfillment_ids:
        return wishes
    for parcel, data in Event.objects.filter(
        key__kind=kinds.SHIPPED, key__object_id__in=set(fulfillment_ids)
    ).values_list("key__object_id", "data"):
        if (wish := data.get("notify")) is not None:
            wishes[parcel] = wishes.get(parcel, True) and bool(wish)
    return wishes
