"""Fills a database with shops of any size, one statement per table.

Each row is a copy of one the ORM would write, with a few columns made from a running
number ``i``, so that a new column of a model needs no change here.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from django.db import connection, models, transaction

from saleor_automation import clock
from saleor_automation.people.models import Consent, Contact
from saleor_automation.sequences.models import Enrollment, SequenceSwitch, SequenceVersion
from saleor_automation.sequences.services import sequence_publish, sequence_switch
from saleor_automation.shop.models import OrderLine, ShopOrder

CHANNEL = "default-channel"
#: A node that a person stands at for a month, and nothing happens.
QUIET = {"type": "wait", "minutes": 30 * 24 * 60, "next": None}


def _uuid_sqlite(salt: str, number: int) -> str:
    return hashlib.md5(f"{salt}{number}".encode(), usedforsecurity=False).hexdigest()


def uuid_sql(salt: str) -> str:
    """Return SQL for a random-looking UUID of row ``i``: the same for the same salt."""
    if connection.vendor == "postgresql":
        return f"md5('{salt}' || i)::uuid"
    connection.ensure_connection()
    connection.connection.create_function("bench_uuid", 2, _uuid_sqlite, deterministic=True)
    return f"bench_uuid('{salt}', i)"


def json_sql(**values: str) -> str:
    """Return SQL for a JSON object; the values are SQL expressions."""
    pairs = ", ".join(f"'{name}', {value}" for name, value in values.items())
    if connection.vendor == "postgresql":
        return f"jsonb_build_object({pairs})"
    return f"json_object({pairs})"


def rows_multiply(instance: models.Model, *, first: int, last: int, **columns: str) -> None:
    """Insert copies of ``instance`` numbered ``first`` to ``last``.

    ``columns`` gives SQL for attributes that differ, with ``i`` for the number. An
    integer key of the database's own making is left to it.
    """
    names: list[str] = []
    values: list[str] = []
    parameters: list[Any] = []
    for field in instance._meta.concrete_fields:
        if field.attname in columns:
            values.append(columns[field.attname])
        elif isinstance(field, models.AutoField):
            continue
        else:
            values.append("%s")
            parameters.append(
                field.get_db_prep_save(field.pre_save(instance, add=True), connection)
            )
        names.append(connection.ops.quote_name(field.column))
    table = connection.ops.quote_name(instance._meta.db_table)
    into = f"INSERT INTO {table} ({', '.join(names)})"
    select = f"SELECT {', '.join(values)} FROM numbers"
    if connection.vendor == "postgresql":
        numbers = f"numbers AS (SELECT generate_series({first}, {last}) AS i)"
        sql = f"WITH {numbers} {into} {select}"
    else:
        numbers = (
            f"numbers(i) AS (SELECT {first} UNION ALL SELECT i + 1 FROM numbers WHERE i < {last})"
        )
        sql = f"{into} WITH RECURSIVE {numbers} {select}"
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, parameters)


def contacts_make(*, first: int, last: int, now: datetime) -> None:
    """Make contacts ``first`` to ``last``, each of whom agreed to marketing."""
    rows_multiply(
        Contact(language="en", channel=CHANNEL, has_account=True, created_at=now),
        first=first,
        last=last,
        id=uuid_sql("contact"),
        email="'person' || i || '@shopper.example'",
        first_name="'Person ' || i",
        last_name="'Shopper'",
    )
    rows_multiply(
        Consent(
            channel="",
            topic="",
            state=Consent.State.GRANTED,
            basis="opt_in",
            source="checkout",
            at=now,
        ),
        first=first,
        last=last,
        contact_id=uuid_sql("contact"),
    )


def orders_make(*, first: int, last: int, lines: int, now: datetime) -> None:
    """Make one order of ``lines`` lines for each contact."""
    order = ShopOrder(
        channel=CHANNEL,
        status="FULFILLED",
        charge_status="FULL",
        placed_at=now - timedelta(days=9),
        language="en",
        country="DE",
        currency="EUR",
        total_gross="129.9000",
        total_net="109.1600",
        shipping_gross="4.9000",
        version_updated_at=now,
        version_issued_at=now,
    )
    rows_multiply(
        order,
        first=first,
        last=last,
        saleor_id="'order' || i",
        number="cast(i as varchar(20))",
        contact_id=uuid_sql("contact"),
        email="'person' || i || '@shopper.example'",
    )
    orders = connection.ops.quote_name(ShopOrder._meta.db_table)
    for position in range(lines):
        line = OrderLine(
            position=position,
            product_id=f"product{position}",
            product_slug=f"product-{position}",
            product_name=f"Merino throw number {position}",
            variant_name="Oatmeal / 130 x 170 cm",
            quantity=1 + position,
            currency="EUR",
        )
        for field in line._meta.concrete_fields:
            # Amounts of any name: this must not depend on how the model calls them.
            if isinstance(field, models.DecimalField):
                setattr(line, field.attname, "41.6700")
            elif isinstance(field, models.URLField) or "image" in field.name:
                setattr(line, field.attname, "https://shop.example/media/throw.jpg")
        rows_multiply(
            line,
            first=first,
            last=last,
            saleor_id=f"'line' || i || '-{position}'",
            order_id=f"(SELECT id FROM {orders} WHERE saleor_id = 'order' || i)",
        )


def sequence_make(graph: dict[str, Any], *, now: datetime) -> SequenceVersion:
    """Publish ``graph`` as a sequence of its own and turn it on."""
    key = uuid4()
    version = sequence_publish(sequence=key, name="Benchmark", graph=graph, now=now)
    sequence_switch(sequence=key, name="Benchmark", state=SequenceSwitch.State.ON, now=now)
    return version


def enrollments_make(
    version: SequenceVersion,
    *,
    first: int,
    last: int,
    node: str,
    entered_at: datetime,
    due_at: datetime,
    spread: timedelta = timedelta(0),
) -> None:
    """Put contacts ``first`` to ``last`` at ``node``; ``spread`` parts their due times."""
    enrollment = Enrollment(
        sequence=version.sequence,
        version=version,
        state=Enrollment.State.ACTIVE,
        node=node,
        node_entered_at=entered_at,
        entered_at=entered_at,
        due_at=due_at,
    )
    columns = {}
    if spread:
        step = spread.total_seconds() / max(last - first, 1)
        start = due_at.isoformat(sep=" ", timespec="seconds")
        columns["due_at"] = (
            f"timestamptz '{start}' + (i - {first}) * interval '{step:.6f} seconds'"
            if connection.vendor == "postgresql"
            # Six decimals, as Django writes them: they are compared as text.
            else f"strftime('%Y-%m-%d %H:%M:%S', '{start[:19]}', "
            f"((i - {first}) * {step:.6f}) || ' seconds') || '.000000'"
        )
    rows_multiply(
        enrollment,
        first=first,
        last=last,
        id=uuid_sql(f"enrollment-{version.pk}-"),
        entry_key="'entry' || i",
        contact_id=uuid_sql("contact"),
        context=json_sql(order="'order' || i", channel=f"'{CHANNEL}'"),
        **columns,
    )


def statistics_refresh() -> None:
    """Do what autovacuum would have done by the time a shop is this large."""
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")


def database_prepare() -> datetime:
    """Migrate; return the time to seed with."""
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    return clock.now()


__all__ = [
    "CHANNEL",
    "QUIET",
    "UUID",
    "contacts_make",
    "database_prepare",
    "enrollments_make",
    "orders_make",
    "rows_multiply",
    "sequence_make",
    "statistics_refresh",
    "uuid_sql",
]
