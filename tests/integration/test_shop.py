"""The shop's rows: the newest payload wins, whole, in any order."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import permutations

import pytest

from saleor_automation.contract.payloads import parse
from saleor_automation.shop.models import Channel, Checkout, Fulfillment, OrderLine, ShopOrder
from saleor_automation.shop.projection import checkout_apply, order_apply

pytestmark = pytest.mark.django_db
START = datetime(2026, 3, 1, tzinfo=UTC)


def iso(minute):
    return (START + timedelta(minutes=minute)).isoformat()


def order(updated, issued, lines=(), **changes):
    content = {
        "id": "O1",
        "created": iso(0),
        "updatedAt": iso(updated),
        "userEmail": "Ana@Example.com",
        "channel": {"slug": "eu", "currencyCode": "EUR", "defaultCountry": {"code": "DE"}},
        "total": {"currency": "EUR", "gross": {"amount": 12.5}, "net": {"amount": 10}},
        "lines": [{"id": name, "quantity": number, "productName": name} for name, number in lines],
        **changes,
    }
    body = json.dumps({"issuedAt": iso(issued), "order": content}).encode()
    return parse("order_updated", body).snapshot


def basket(updated, issued, **changes):
    content = {"id": "C1", "created": iso(0), "updatedAt": iso(updated), **changes}
    body = json.dumps({"issuedAt": iso(issued), "checkout": content}).encode()
    return parse("checkout_updated", body).snapshot


def test_the_newest_state_wins_in_any_order():
    parcel = {"id": "F1", "status": "FULFILLED", "trackingNumber": "A1"}
    states = [
        order(1, 1, [("L1", 1), ("L2", 5)], status="UNCONFIRMED"),
        order(2, 2, [("L1", 2)], status="UNFULFILLED"),
        order(2, 3, [("L1", 2), ("L3", 1)], status="FULFILLED", fulfillments=[parcel]),
    ]
    for turn in permutations(states):
        ShopOrder.objects.all().delete()
        for snapshot in turn:
            order_apply(snapshot)
        row = ShopOrder.objects.get()
        assert (row.status, row.total_gross) == ("FULFILLED", Decimal("12.5"))
        assert [(line.product_name, line.quantity) for line in row.lines.all()] == [
            ("L1", 2),
            ("L3", 1),
        ]
        assert [parcel.tracking_number for parcel in row.fulfillments.all()] == ["A1"]


def test_what_was_paid_back_stays_so_whatever_order_payloads_come_in():
    """A relayed body may hold the refund and an earlier time than a webhook without it."""
    told = [order(2, 2), order(2, 1, totalRefunded={"amount": 5}), order(2, 3)]
    for some in permutations(told):
        ShopOrder.objects.all().delete()
        for snapshot in some:
            order_apply(snapshot)
        assert ShopOrder.objects.get().refunded_gross == 5


def test_addresses_are_kept_for_lookups():
    assert order_apply(order(1, 1)).email == "ana@example.com"


def test_lines_that_are_gone_are_gone():
    order_apply(order(1, 1, [("L1", 1), ("L2", 1)]))
    order_apply(order(2, 2, []))
    assert not OrderLine.objects.exists()
    assert not Fulfillment.objects.exists()


def test_a_basket_that_changes_again_was_not_deleted():
    row = checkout_apply(basket(1, 1))
    Checkout.objects.filter(pk=row.pk).update(deleted=True)
    checkout_apply(basket(1, 1))
    assert Checkout.objects.get().deleted
    checkout_apply(basket(2, 2))
    assert not Checkout.objects.get().deleted


def test_a_channel_keeps_what_a_payload_leaves_out():
    order_apply(order(1, 1))
    order_apply(order(2, 2, channel={"slug": "eu"}))
    channel = Channel.objects.get()
    assert (channel.currency, channel.default_country) == ("EUR", "DE")


def test_texts_longer_than_their_column_are_cut():
    row = order_apply(order(1, 1, [("L1", 1)], number="9" * 200, status="X" * 99))
    row.refresh_from_db()
    assert (len(row.number), len(row.status)) == (64, 32)


def test_basket_lines_are_plain_values():
    line = {
        "id": "L1",
        "quantity": 2,
        "unitPrice": {"gross": {"amount": 1.99}},
        "variant": {"id": "V1", "name": "V1", "product": {"id": "P1", "name": "Tea"}},
    }
    row = checkout_apply(basket(1, 1, lines=[line]))
    row.refresh_from_db()
    [kept] = row.lines
    assert (kept["product_name"], kept["variant_name"], kept["quantity"]) == ("Tea", "", 2)
    assert (kept["unit_gross"], kept["total_gross"]) == ("1.9900", "3.9800")
    assert row.quantity == 2
