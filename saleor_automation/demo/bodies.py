"""Writes the shop's state down as Saleor's webhooks and API do, field by field.

Knows the shape of Saleor 3.21 to 3.24's answers. Pure: the same state and time give
the same bytes, as a retry in Saleor does.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from saleor_automation.contract.kinds import EVENT_TYPES

from .goods import PRODUCTS, VERSION, WAREHOUSE, Channel, Product, global_id, token
from .world import Basket, Order, Parcel, Shopper

CONSENT_KEY = "paper.marketing_opt_in"


def body(event: Mapping[str, Any], *, issued_at: datetime, app_id: str, name: str = "") -> bytes:
    """Return one webhook body; with the event's name it says of what type it is."""
    envelope = {
        **({"__typename": EVENT_TYPES[name]} if name else {}),
        "issuedAt": iso(issued_at),
        "version": VERSION,
        "issuingPrincipal": None,
        "recipient": {"id": app_id},
    }
    return json.dumps({**envelope, **event}).encode()


def iso(at: datetime | None) -> str | None:
    """Return a time as Saleor writes it."""
    return at.isoformat(timespec="microseconds") if at else None


def amount(value: Decimal) -> float:
    """Return money as Saleor does: a float with two places."""
    return float(round(value, 2))


def _price(value: Decimal, currency: str) -> dict[str, Any]:
    money = amount(value)
    return {
        "currency": currency,
        "gross": {"amount": money, "currency": currency},
        "net": {"amount": money},
        "tax": {"amount": 0.0},
    }


def _some(value: Decimal, currency: str, *parts: str) -> dict[str, Any]:
    """Return those parts of a price that the subscriptions ask for in a line."""
    price = _price(value, currency)
    return {part: price[part] for part in parts}


def _money(value: Decimal, currency: str) -> dict[str, Any]:
    return {"amount": amount(value), "currency": currency}


def _metadata(shopper: Shopper) -> list[dict[str, str]]:
    agreed = {} if shopper.agreed is None else {CONSENT_KEY: str(shopper.agreed).lower()}
    return [{"key": key, "value": value} for key, value in {**agreed, **shopper.metadata}.items()]


def _channel(channel: Channel) -> dict[str, Any]:
    return {
        "id": global_id("Channel", str(channel.number)),
        "slug": channel.slug,
        "currencyCode": channel.currency,
        "defaultCountry": {"code": channel.country},
    }


def address(shopper: Shopper) -> dict[str, Any]:
    """Return a shopper's address."""
    malaysian = shopper.where.country == "MY"
    return {
        "firstName": shopper.first_name,
        "lastName": shopper.last_name,
        "companyName": "",
        "streetAddress1": "12 Jalan Kenanga" if malaysian else "12 Main Street",
        "streetAddress2": "",
        "city": "SHAH ALAM" if malaysian else "NEW YORK",
        "cityArea": "",
        "postalCode": "40000" if malaysian else "10001",
        "countryArea": "Selangor" if malaysian else "NY",
        "phone": "",
        "country": {"code": shopper.where.country, "country": shopper.where.country_name},
    }


def customer(shopper: Shopper) -> dict[str, Any]:
    """Return an account as ``User``."""
    return {
        "id": shopper.id,
        "email": shopper.email,
        "firstName": shopper.first_name,
        "lastName": shopper.last_name,
        "isActive": True,
        "isConfirmed": shopper.confirmed,
        "isStaff": shopper.staff,
        "languageCode": shopper.language,
        "dateJoined": iso(shopper.joined_at),
        "lastLogin": None,
        "updatedAt": iso(shopper.updated_at),
        "externalReference": None,
        "metadata": _metadata(shopper),
        "privateMetadata": [],
        "defaultShippingAddress": None,
        "defaultBillingAddress": None,
    }


def customer_gone(shopper: Shopper) -> dict[str, Any]:
    """Return what is told of a deleted account."""
    return {"id": shopper.id, "email": shopper.email, "isStaff": shopper.staff}


def _customer_ref(shopper: Shopper) -> dict[str, Any] | None:
    if not shopper.account or shopper.gone:
        return None
    keys = ("id", "email", "firstName", "lastName", "languageCode", "isActive", "isConfirmed")
    full = customer(shopper)
    return {key: full[key] for key in (*keys, "isStaff", "dateJoined", "updatedAt", "metadata")}


def _image(product: Product, site: str) -> dict[str, str]:
    return {"url": f"{site}/thumbnail/{product.slug}/512/", "alt": product.name}


def _category(product: Product) -> dict[str, str]:
    return {
        "id": global_id("Category", product.category),
        "slug": product.category,
        "name": product.category.capitalize(),
    }


def _total(goods: Mapping[str, int], channel: Channel) -> Decimal:
    return sum(
        (_unit(PRODUCTS[slug], channel) * count for slug, count in goods.items()), Decimal(0)
    )


def _unit(product: Product, channel: Channel) -> Decimal:
    return round(product.price * channel.rate, 2)


def checkout(basket: Basket, site: str) -> dict[str, Any]:
    """Return a basket as ``Checkout``; ``site`` is where pictures are."""
    shopper, channel = basket.shopper, basket.shopper.where
    total, currency = _total(basket.goods, channel), channel.currency
    return {
        "id": basket.id,
        "token": basket.token,
        "created": iso(basket.created_at),
        "updatedAt": iso(basket.updated_at),
        "email": shopper.email,
        "languageCode": shopper.language,
        "quantity": sum(basket.goods.values()),
        "isShippingRequired": True,
        "displayGrossPrices": True,
        "customerNote": "",
        "channel": _channel(channel),
        "user": _customer_ref(shopper),
        "voucherCode": None,
        "discountName": None,
        "translatedDiscountName": None,
        "discount": _money(Decimal(0), currency),
        "shippingAddress": None,
        "billingAddress": None,
        "metadata": _metadata(shopper),
        "privateMetadata": [],
        "authorizeStatus": "NONE",
        "chargeStatus": "NONE",
        "subtotalPrice": _price(total, currency),
        "shippingPrice": _price(Decimal(0), currency),
        "totalPrice": _price(total, currency),
        "lines": [
            _checkout_line(basket, PRODUCTS[slug], count, site)
            for slug, count in basket.goods.items()
        ],
    }


def _checkout_line(basket: Basket, product: Product, count: int, site: str) -> dict[str, Any]:
    channel = basket.shopper.where
    unit = _unit(product, channel)
    return {
        "id": global_id("CheckoutLine", token(f"{basket.key} {product.slug}")),
        "quantity": count,
        "isGift": False,
        "requiresShipping": True,
        "unitPrice": _some(unit, channel.currency, "gross", "net"),
        "undiscountedUnitPrice": _money(unit, channel.currency),
        "totalPrice": _some(unit * count, channel.currency, "gross"),
        "metadata": [],
        "problems": [],
        "variant": {
            "id": global_id("ProductVariant", str(product.number)),
            "name": product.variant,
            "sku": product.sku,
            "media": [{**_image(product, site), "type": "IMAGE"}],
            "product": {
                "id": global_id("Product", str(product.number)),
                "name": product.name,
                "slug": product.slug,
                "thumbnail": _image(product, site),
                "category": _category(product),
            },
        },
    }


def order(sold: Order, site: str) -> dict[str, Any]:
    """Return an order as ``Order``."""
    shopper, channel = sold.shopper, sold.shopper.where
    total, currency = _total(sold.goods, channel), channel.currency
    paid = total if sold.charge == "FULL" else Decimal(0)
    returned = total if sold.refunded else Decimal(0)
    return {
        "id": sold.id,
        "number": str(sold.number),
        "created": iso(sold.created_at),
        "updatedAt": iso(sold.updated_at),
        "status": sold.status,
        "userEmail": shopper.email,
        "languageCodeEnum": shopper.language,
        "isPaid": paid > 0,
        "chargeStatus": sold.charge,
        "authorizeStatus": sold.charge,
        "checkoutId": sold.basket.id,
        "redirectUrl": None,
        "externalReference": None,
        "customerNote": "",
        "displayGrossPrices": True,
        "isShippingRequired": True,
        "shippingMethodName": "Pos Laju" if channel.country == "MY" else "Airmail",
        "collectionPointName": None,
        "trackingClientId": "",
        "channel": _channel(channel),
        "user": _customer_ref(shopper),
        "billingAddress": address(shopper),
        "shippingAddress": address(shopper),
        "voucherCode": None,
        "discounts": [],
        "subtotal": _price(total, currency),
        "shippingPrice": _price(Decimal(0), currency),
        "total": _price(total, currency),
        "undiscountedTotal": _price(total, currency),
        "totalCharged": _money(paid - returned, currency),
        "totalRefunded": _money(returned, currency),
        "totalBalance": _money(paid - returned - total, currency),
        "metadata": _metadata(shopper),
        "privateMetadata": [],
        "lines": [_order_line(sold, slug, count, site) for slug, count in sold.goods.items()],
        "fulfillments": [
            _parcel_ref(sold, parcel, position, site)
            for position, parcel in enumerate(sold.parcels, start=1)
        ],
    }


def _parcel_ref(sold: Order, parcel: Parcel, position: int, site: str) -> dict[str, Any]:
    return {
        "id": parcel.id,
        "status": parcel.status,
        "trackingNumber": parcel.tracking,
        "created": iso(parcel.created_at),
        "fulfillmentOrder": position,
        "lines": [
            {**line, "orderLine": {"id": line["orderLine"]["id"]}}
            for line in _parcel_lines(sold, parcel, site)
        ],
    }


def _order_line(sold: Order, slug: str, count: int, site: str) -> dict[str, Any]:
    product, channel = PRODUCTS[slug], sold.shopper.where
    unit = _unit(product, channel)
    sent = count if sold.parcels else 0
    return {
        "id": _line_id(sold, slug),
        "productName": product.name,
        "variantName": product.variant,
        "translatedProductName": product.name_ms if sold.shopper.language == "MS" else "",
        "translatedVariantName": "",
        "productSku": product.sku,
        "productVariantId": global_id("ProductVariant", str(product.number)),
        "quantity": count,
        "quantityFulfilled": sent,
        "quantityToFulfill": count - sent,
        "isShippingRequired": True,
        "isGift": False,
        "taxRate": 0.0,
        "voucherCode": None,
        "unitPrice": _some(unit, channel.currency, "gross", "net"),
        "undiscountedUnitPrice": _some(unit, channel.currency, "gross"),
        "unitDiscount": _money(Decimal(0), channel.currency),
        "unitDiscountReason": None,
        "totalPrice": _some(unit * count, channel.currency, "gross", "net"),
        "thumbnail": _image(product, site),
        "metadata": [],
        "variant": {
            "id": global_id("ProductVariant", str(product.number)),
            "sku": product.sku,
            "product": {
                "id": global_id("Product", str(product.number)),
                "slug": product.slug,
                "name": product.name,
                "category": _category(product),
            },
        },
    }


def _line_id(sold: Order, slug: str) -> str:
    return global_id("OrderLine", token(f"order {sold.number} {slug}"))


def _parcel_lines(sold: Order, parcel: Parcel, site: str) -> list[dict[str, Any]]:
    return [
        {
            "id": global_id("FulfillmentLine", f"{parcel.number}{position}"),
            "quantity": count,
            "orderLine": {
                "id": _line_id(sold, slug),
                "productName": PRODUCTS[slug].name,
                "variantName": PRODUCTS[slug].variant,
                "productSku": PRODUCTS[slug].sku,
                "thumbnail": _image(PRODUCTS[slug], site),
            },
        }
        for position, (slug, count) in enumerate(sold.goods.items())
    ]


def fulfillment(sold: Order, parcel: Parcel, site: str) -> dict[str, Any]:
    """Return a parcel as ``Fulfillment``."""
    return {
        "id": parcel.id,
        "fulfillmentOrder": sold.parcels.index(parcel) + 1,
        "status": parcel.status,
        "trackingNumber": parcel.tracking,
        "created": iso(parcel.created_at),
        "metadata": [],
        "warehouse": {"id": global_id("Warehouse", token(WAREHOUSE)), "name": WAREHOUSE},
        "lines": _parcel_lines(sold, parcel, site),
    }
