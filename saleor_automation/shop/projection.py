"""From snapshots to shop rows: what Saleor last said, whatever order it came in.

Knows versions: the pair (updatedAt, issuedAt). A newer snapshot replaces a row with
its lines and parcels, an older one changes nothing. Addresses are kept lower-cased,
for look-ups. Must not know contacts: ``people`` writes them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeVar

from django.db.models import CharField, Model

from saleor_automation.contract.snapshots import (
    ChannelRef,
    CheckoutSnapshot,
    FulfillmentSnapshot,
    Line,
    OrderSnapshot,
)

from .models import Channel, Checkout, Fulfillment, OrderLine, ShopOrder

Row = TypeVar("Row", bound=Model)
VersionedRow = TypeVar("VersionedRow", ShopOrder, Checkout)


def order_apply(snapshot: OrderSnapshot) -> ShopOrder:
    """Bring an order up to a snapshot, unless it is newer already; return it, locked."""
    row = _locked(ShopOrder, snapshot.id)
    channel_apply(snapshot.channel)
    refunded = max(row.refunded_gross, snapshot.refunded_gross)
    if not _is_newer(row, snapshot.updated_at, snapshot.issued_at):
        if refunded != row.refunded_gross:
            # A payload made later may carry an earlier time. What was paid back stays so.
            row.refunded_gross = refunded
            row.save(update_fields=["refunded_gross"])
        return row
    row.number = snapshot.number
    row.channel = snapshot.channel.slug
    row.user_id = snapshot.user.id if snapshot.user else ""
    row.email = snapshot.email.lower()
    row.status = snapshot.status
    row.charge_status = snapshot.charge_status
    row.placed_at = snapshot.created_at
    row.checkout_id = snapshot.checkout_id
    row.language = snapshot.language
    row.country = snapshot.country
    row.currency = snapshot.currency
    row.total_gross = snapshot.total_gross
    row.total_net = snapshot.total_net
    row.shipping_gross = snapshot.shipping_gross
    row.refunded_gross = refunded
    _save(row, snapshot.updated_at, snapshot.issued_at)
    _lines_replace(row, snapshot.lines)
    _fulfillments_replace(row, snapshot.fulfillments, snapshot.issued_at)
    return row


def checkout_apply(snapshot: CheckoutSnapshot) -> Checkout:
    """Bring a basket up to a snapshot, unless it is newer already; return it, locked."""
    row = _locked(Checkout, snapshot.id)
    channel_apply(snapshot.channel)
    if not _is_newer(row, snapshot.updated_at, snapshot.issued_at):
        return row
    row.token = snapshot.token
    row.channel = snapshot.channel.slug
    row.user_id = snapshot.user.id if snapshot.user else ""
    row.email = snapshot.email.lower()
    row.language = snapshot.language
    row.country = snapshot.country
    row.created_at = snapshot.created_at
    row.currency = snapshot.currency
    row.total_gross = snapshot.total_gross
    row.quantity = snapshot.quantity
    row.lines = [_line_dict(line) for line in snapshot.lines]
    row.charge_status = snapshot.charge_status
    row.authorize_status = snapshot.authorize_status
    # It was there when it last changed, whatever a look-up before that said.
    row.deleted = False
    _save(row, snapshot.updated_at, snapshot.issued_at)
    return row


def checkouts_refresh(snapshots: Sequence[CheckoutSnapshot]) -> set[str]:
    """Bring baskets up to what Saleor just said; return the ids of those that changed.

    Most did not, and cost nothing then. Must run in a transaction.
    """
    known = {
        row.saleor_id: row
        for row in Checkout.objects.filter(saleor_id__in=[item.id for item in snapshots])
    }
    changed = [
        item for item in snapshots if item.id not in known or not _same(known[item.id], item)
    ]
    # In one order, so that two batches never wait for each other crosswise.
    for snapshot in sorted(changed, key=lambda item: item.id):
        checkout_apply(snapshot)
    return {item.id for item in changed}


def _same(row: Checkout, snapshot: CheckoutSnapshot) -> bool:
    return not row.deleted and (
        row.version_updated_at,
        row.total_gross,
        row.charge_status,
        row.authorize_status,
        row.lines,
    ) == (
        snapshot.updated_at,
        snapshot.total_gross,
        snapshot.charge_status,
        snapshot.authorize_status,
        [_line_dict(line) for line in snapshot.lines],
    )


def channel_apply(ref: ChannelRef) -> None:
    """Note a sales channel; what a payload leaves out is not forgotten."""
    if not ref.slug:
        return
    said = {
        name: value
        for name, value in (("currency", ref.currency), ("default_country", ref.default_country))
        if value
    }
    row = Channel.objects.filter(slug=ref.slug).first()
    if row is None:
        new = fitted(Channel(slug=ref.slug, **said))
        Channel.objects.bulk_create([new], ignore_conflicts=True)
    elif any(getattr(row, name) != value for name, value in said.items()):
        for name, value in said.items():
            setattr(row, name, value)
        fitted(row).save(update_fields=list(said))


def _locked(model: type[VersionedRow], saleor_id: str) -> VersionedRow:
    """Return an object's row, made when new, locked against other workers."""
    rows = model.objects.select_for_update().filter(saleor_id=saleor_id)
    found = rows.first()
    if found is None:
        model.objects.bulk_create([model(saleor_id=saleor_id)], ignore_conflicts=True)
        found = rows.get()
    return found


def _is_newer(row: ShopOrder | Checkout, updated_at: datetime, issued_at: datetime) -> bool:
    if row.version_updated_at is None or row.version_issued_at is None:
        return True
    return (updated_at, issued_at) > (row.version_updated_at, row.version_issued_at)


def _save(row: ShopOrder | Checkout, updated_at: datetime, issued_at: datetime) -> None:
    row.version_updated_at, row.version_issued_at = updated_at, issued_at
    fitted(row).save()


def fitted(row: Row) -> Row:
    """Cut texts to their columns: PostgreSQL refuses what SQLite would take."""
    for field in row._meta.concrete_fields:
        if isinstance(field, CharField) and field.max_length:
            value = getattr(row, field.attname)
            if len(value) > field.max_length:
                setattr(row, field.attname, value[: field.max_length])
    return row


def _lines_replace(order: ShopOrder, lines: Sequence[Line]) -> None:
    order.lines.exclude(saleor_id__in=[line.id for line in lines]).delete()
    OrderLine.objects.bulk_create(
        [
            fitted(
                OrderLine(
                    saleor_id=line.id,
                    order=order,
                    position=position,
                    product_id=line.product_id,
                    product_slug=line.product_slug,
                    category_slug=line.category_slug,
                    variant_id=line.variant_id,
                    product_name=line.product_name,
                    variant_name=line.variant_name,
                    sku=line.sku,
                    quantity=line.quantity,
                    currency=line.currency,
                    unit_gross=line.unit_gross,
                    total_gross=line.total_gross,
                    image_url=line.image_url,
                )
            )
            for position, line in enumerate({line.id: line for line in lines}.values())
        ],
        update_conflicts=True,
        unique_fields=["saleor_id"],
        update_fields=[
            field.name
            for field in OrderLine._meta.concrete_fields
            if field.name not in ("id", "saleor_id")
        ],
    )


def _fulfillments_replace(
    order: ShopOrder, parcels: Sequence[FulfillmentSnapshot], issued_at: datetime
) -> None:
    order.fulfillments.exclude(saleor_id__in=[parcel.id for parcel in parcels]).delete()
    Fulfillment.objects.bulk_create(
        [
            fitted(
                Fulfillment(
                    saleor_id=parcel.id,
                    order=order,
                    status=parcel.status,
                    tracking_number=parcel.tracking_number,
                    created_at=parcel.created_at,
                    version_issued_at=issued_at,
                )
            )
            for parcel in {parcel.id: parcel for parcel in parcels}.values()
        ],
        update_conflicts=True,
        unique_fields=["saleor_id"],
        update_fields=["order", "status", "tracking_number", "created_at", "version_issued_at"],
    )


def _line_dict(line: Line) -> dict[str, Any]:
    return {
        "id": line.id,
        "variant_id": line.variant_id,
        "product_id": line.product_id,
        "product_name": line.product_name,
        "product_slug": line.product_slug,
        "variant_name": line.variant_name,
        "sku": line.sku,
        "quantity": line.quantity,
        "unit_gross": str(line.unit_gross),
        "total_gross": str(line.total_gross),
        "currency": line.currency,
        "image_url": line.image_url,
        "available": line.available,
    }
