"""A sample customer, for previews and for the trial before an email is published.

Knows made-up people. Every variable of the registry has a value here, so a variable
missing from it is one that no mail will ever have.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from saleor_automation.conf import conf
from saleor_automation.rendering.money import money_format

from .brands import brand_for, brand_values
from .variables import sample_values

__all__ = ["sample_context", "sample_contexts"]

_GOODS = (
    ("Dotted Notebook A5", "Forest green", 2, "29.90", "#c9d8cf", "#1f4b3f"),
    ("Brush Pen Set", "12 colours", 1, "42.00", "#f3d9c8", "#b4532a"),
    ("Washi Tape", "", 3, "6.00", "#d5dcec", "#3b5185"),
)


def _picture(background: str, ink: str) -> str:
    """Return a small drawing as a data address: previews load nothing from outside."""
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="144" height="144">'
        f'<rect width="144" height="144" fill="{background}"/>'
        f'<rect x="44" y="32" width="56" height="80" rx="6" fill="{ink}"/></svg>'
    )
    return f"data:image/svg+xml,{quote(svg)}"


def sample_context(language: str, *, sparse: bool = False, channel: str = "") -> dict[str, Any]:
    """Return a full context; ``sparse`` is a customer of whom little is known."""
    context: dict[str, Any] = deepcopy(dict(sample_values()))
    lines = [
        {
            "name": name,
            "variant": variant,
            "quantity": quantity,
            "left": "1" if sparse and quantity > 2 else "",
            "price": money_format(Decimal(price) * quantity, "MYR", language),
            "price_amount": str(Decimal(price) * quantity),
            "unit_price": money_format(price, "MYR", language),
            "unit_price_amount": price,
            "image_url": "" if sparse else _picture(background, ink),
        }
        for name, variant, quantity, price, background, ink in _GOODS
    ]
    total = money_format("119.80", "MYR", language)
    context["language"] = language
    context["shop"] |= brand_values(brand_for(channel))
    context["contact"]["language"] = language
    context["basket"] |= {"lines": lines, "total": total, "quantity": 6}
    context["order"] |= {"lines": lines, "total": total, "quantity": 6}
    context["links"] |= {
        "unsubscribe": f"{conf().public_url}/#sample-unsubscribe",
        "preferences": f"{conf().public_url}/#sample-preferences",
    }
    if sparse:
        context["contact"] |= {"first_name": "", "last_name": ""}
        context["order"]["tracking_number"] = ""
        # What most people's mails have not: an email must read well without.
        context["basket"] |= {"voucher_code": "", "sold_out": "Fountain Pen"}
    return context


def sample_contexts(language: str) -> list[Mapping[str, Any]]:
    """Return the customers an email is tried with before it is published."""
    return [sample_context(language), sample_context(language, sparse=True)]
