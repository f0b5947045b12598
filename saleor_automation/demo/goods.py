"""What the demo shop sells, and where: names, prices and channels, as data."""

from __future__ import annotations

import base64
import uuid
from dataclasses import dataclass
from decimal import Decimal

SHOP_NAME = "Kedai Kopi Seri"
VERSION = "3.23.28"
WAREHOUSE = "Shah Alam"
_NAMESPACE = uuid.UUID("6f1f7a0e-3f0a-5d0e-9a43-0d3a6d3f6c11")


def global_id(kind: str, name: str) -> str:
    """Return Saleor's form of an id, the same on every run."""
    return base64.b64encode(f"{kind}:{name}".encode()).decode()


def token(name: str) -> str:
    """Return a UUID that is the same on every run."""
    return str(uuid.uuid5(_NAMESPACE, name))


@dataclass(frozen=True)
class Channel:
    """A sales channel."""

    number: int
    slug: str
    currency: str
    country: str
    country_name: str
    #: Price of one ringgit in its currency.
    rate: Decimal


@dataclass(frozen=True)
class Product:
    """Something to buy; ``price`` in ringgit."""

    number: int
    slug: str
    name: str
    name_ms: str
    variant: str
    sku: str
    category: str
    price: Decimal


CHANNELS = {
    channel.slug: channel
    for channel in (
        Channel(1, "malaysia", "MYR", "MY", "Malaysia", Decimal(1)),
        Channel(2, "international", "USD", "US", "United States of America", Decimal("0.22")),
    )
}

_ROWS = (
    ("liberica", "Johor Liberica", "Liberica Johor", "250 g", "KOP-LIB-250", "coffee", "48.00"),
    ("arabica", "Sabah Arabica", "Arabica Sabah", "250 g", "KOP-ARA-250", "coffee", "56.00"),
    ("dripper", "Ceramic dripper", "Penapis seramik", "white", "ALT-DRI-W", "tools", "89.90"),
    ("filters", "Paper filters", "Kertas turas", "100 pieces", "ALT-FIL-100", "tools", "14.50"),
    ("grinder", "Hand grinder", "Pengisar tangan", "steel", "ALT-GRI-S", "tools", "219.00"),
    ("mug", "Stoneware mug", "Koleh tembikar", "350 ml", "CAW-MUG-350", "cups", "39.00"),
)
PRODUCTS = {
    row[0]: Product(number, *row[:6], Decimal(row[6])) for number, row in enumerate(_ROWS, start=1)
}
