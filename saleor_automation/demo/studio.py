"""Readies the Studio for the play, as its owner would by hand.

Knows services of the product and the demo's brand. Refuses to touch a database that
holds a Studio which is not a demo's.
"""

from __future__ import annotations

from datetime import datetime

from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from saleor_automation import clock
from saleor_automation.delivery.models import SendingControl
from saleor_automation.delivery.services import sending_bind
from saleor_automation.emails.models import Brand
from saleor_automation.exceptions import UsageError
from saleor_automation.sequences.models import SequenceSwitch
from saleor_automation.sequences.services import sequence_switch

from .goods import SHOP_NAME


def database_clear() -> None:
    """Empty a database left by an earlier demo.

    Raises UsageError when it holds anything else.
    """
    tables = set(connection.introspection.table_names())
    if not tables:
        return
    name = connection.settings_dict["NAME"]
    if (
        clock.DemoClock._meta.db_table not in tables
        or MigrationRecorder.Migration._meta.db_table not in tables
        or not clock.DemoClock.objects.filter(pk=1).exists()
    ):
        raise UsageError(
            f"The database {name} holds something else than a demo. The demo starts with an "
            "empty one: create it and name it in DATABASE_URL, or leave DATABASE_URL empty."
        )
    quote = connection.ops.quote_name
    cascade = "CASCADE" if connection.vendor == "postgresql" else ""
    with connection.constraint_checks_disabled(), connection.cursor() as cursor:
        for table in sorted(tables):
            cursor.execute(f"DROP TABLE IF EXISTS {quote(table)} {cascade}")


def clock_start(at: datetime) -> None:
    """Set the demo's clock for the first time; it also marks the database as a demo's."""
    clock.demo_clock_set(at)


def open_for_business(*, site: str) -> None:
    """Name the sender, choose who may be written to, turn the sequences on."""
    now = clock.now()
    Brand.objects.update_or_create(
        channel="",
        defaults={
            "name": SHOP_NAME,
            "from_name": SHOP_NAME,
            "from_email": "salam@kedaikopiseri.example",
            "reply_to": "tolong@kedaikopiseri.example",
            "postal_address": "12 Jalan Kenanga, 40000 Shah Alam, Selangor, Malaysia",
            "website_url": site,
            "basket_url": f"{site}/checkout?checkout={{checkout_id}}&locale={{language}}",
        },
    )
    SendingControl.objects.update_or_create(
        pk=1,
        defaults={"consent_policy": SendingControl.Policy.SOFT_OPT_IN, "paused": False},
    )
    sending_bind(now=now)
    for switch in SequenceSwitch.objects.all():
        sequence_switch(
            sequence=switch.sequence, name=switch.name, state=SequenceSwitch.State.ON, now=now
        )
