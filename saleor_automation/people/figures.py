"""What follows from a person's orders and doings: how many, how much, how long ago, where.

Knows the tables of shop and people. Every figure is computed again from the rows it
follows from, so it does not matter in which order they came or changed.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Count, F, Max, Min, Sum

from saleor_automation import signals
from saleor_automation.contract import kinds
from saleor_automation.inbox.models import Event
from saleor_automation.inbox.track import kinds as track_kinds
from saleor_automation.shop.models import ShopOrder

from .models import Contact, ContactFigures, ContactSpend
from .zones import zone_of

#: People computed at a time, and seconds one run of the chore may take.
PORTION = 500
BUDGET_SECONDS = 25.0
#: Orders that were never really placed, or not kept.
NOT_COUNTED = ("DRAFT", "EXPIRED", "CANCELED")
#: What people do themselves. Staff ships, refunds and cancels.
OWN_DOING = (
    kinds.JOINED,
    kinds.CONFIRMED_ACCOUNT,
    kinds.EMAIL_CHANGED,
    kinds.BASKET_CHANGED,
    kinds.ORDERED,
    *sorted(track_kinds.OWN_DOING),
)


def figures_refresh(contact_ids: Iterable[UUID], *, now: datetime) -> None:
    """Compute the figures of some contacts again. Six queries, whatever their number.

    Must run in a transaction that holds the contacts' locks, or be run again.
    """
    contacts = list(Contact.objects.filter(pk__in=set(contact_ids)).only("pk", "country"))
    if not contacts:
        return
    ids = [contact.pk for contact in contacts]
    bought = list(
        ShopOrder.objects.filter(contact__in=ids)
        .exclude(status__in=NOT_COUNTED)
        .order_by()
        .values("contact_id", "currency")
        .annotate(
            count=Count("pk"),
            gross=Sum(F("total_gross") - F("refunded_gross")),
            first=Min("placed_at"),
            last=Max("placed_at"),
        )
    )
    seen = dict(
        Event.objects.filter(contact__in=ids, kind__in=OWN_DOING)
        .order_by()
        .values_list("contact_id")
        .annotate(Max("occurred_at"))
    )
    figures = {contact.pk: ContactFigures(contact_id=contact.pk) for contact in contacts}
    for contact in contacts:
        row = figures[contact.pk]
        row.zone, row.zone_confidence = zone_of(contact.country, now=now)
        row.last_seen_at = seen.get(contact.pk)
    for group in bought:
        row = figures[group["contact_id"]]
        row.orders += group["count"]
        row.first_order_at = min(filter(None, (row.first_order_at, group["first"])), default=None)
        row.last_order_at = max(filter(None, (row.last_order_at, group["last"])), default=None)
    ContactFigures.objects.bulk_create(
        [figures[pk] for pk in sorted(figures)],
        update_conflicts=True,
        unique_fields=["contact"],
        update_fields=[
            "orders",
            "first_order_at",
            "last_order_at",
            "last_seen_at",
            "zone",
            "zone_confidence",
        ],
    )
    spends = [
        ContactSpend(
            contact_id=group["contact_id"],
            currency=group["currency"],
            orders=group["count"],
            gross=group["gross"],
        )
        for group in bought
    ]
    kept = {(row.contact_id, row.currency) for row in spends}
    gone = [
        row.pk
        for row in ContactSpend.objects.filter(contact__in=ids)
        if (row.contact_id, row.currency) not in kept
    ]
    if gone:
        ContactSpend.objects.filter(pk__in=gone).delete()
    if spends:
        ContactSpend.objects.bulk_create(
            sorted(spends, key=lambda row: (row.contact_id, row.currency)),
            update_conflicts=True,
            unique_fields=["contact", "currency"],
            update_fields=["orders", "gross"],
        )


def figures_fill(*, now: datetime, seconds: float = BUDGET_SECONDS) -> int:
    """Compute the figures of those who have none: known before there were any, or imported.

    Returns how many; goes on next time where its time was up.
    """
    ends_at, count = time.monotonic() + seconds, 0
    while time.monotonic() < ends_at:
        missing = Contact.objects.filter(figures=None).values_list("pk", flat=True)[:PORTION]
        with transaction.atomic():
            # Locked, so that nobody's order comes between reading and writing.
            ids = list(
                Contact.objects.select_for_update(no_key=True)
                .filter(pk__in=list(missing))
                .order_by("pk")
                .values_list("pk", flat=True)
            )
            figures_refresh(ids, now=now)
        count += len(ids)
        if len(ids) < PORTION:
            break
    return count


def _merged(*, winner: Contact, now: datetime, **kwargs: object) -> None:
    figures_refresh([winner.pk], now=now)


def _moved(*, from_contact: Contact, to_contact: Contact, now: datetime, **kwargs: object) -> None:
    figures_refresh([from_contact.pk, to_contact.pk], now=now)


def connect() -> None:
    """Follow what merges and moves."""
    signals.contact_merged.connect(_merged, dispatch_uid="saleor_automation.figures.merged")
    signals.objects_moved.connect(_moved, dispatch_uid="saleor_automation.figures.moved")
