"""The sender a mail comes from, per sales channel.

Knows which brand belongs to a channel and what of it may stand in a mail.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from copy import copy
from urllib.parse import quote, urlsplit

from django.utils.translation import gettext as _

from saleor_automation.conf import conf
from saleor_automation.rendering.links import is_web_address

from .models import Brand

__all__ = ["SEEDED_NAME", "basket_address", "brand_for", "brand_values", "brands_load"]

#: Name of the brand a fresh Studio begins with. Not translated: while it is there the
#: shop has no name, whoever looks.
SEEDED_NAME = "Your shop"

_COLOR = re.compile(r"#[0-9a-fA-F]{6}")
_FONT = re.compile(r"[A-Za-z0-9 ,'\-]{1,200}")
_INHERITED = (
    "from_email",
    "reply_to",
    "postal_address",
    "website_url",
    "basket_url",
    "logo_url",
)
_DEFAULTS = {
    "color_primary": "#1f4b3f",
    "color_text": "#222222",
    "color_background": "#f4f1ec",
}


def brands_load() -> dict[str, Brand]:
    """Return every brand by its channel; one query, made once per batch."""
    return {brand.channel: brand for brand in Brand.objects.all()}


def brand_for(channel: str, brands: Mapping[str, Brand] | None = None) -> Brand:
    """Return the channel's brand, else the default one, else one made up and not saved.

    What a channel's brand leaves empty it has from the default brand, so that no mail
    leaves without a sender or a postal address.
    """
    known = brands_load() if brands is None else brands
    default = known.get("")
    own = known.get(channel)
    if own is None:
        return default or Brand(name=_("Our shop"))
    if default is None or own is default:
        return own
    filled = copy(own)
    for name in _INHERITED:
        if not getattr(own, name).strip():
            setattr(filled, name, getattr(default, name))
    return filled


def brand_values(brand: Brand) -> dict[str, str]:
    """Return ``shop`` as templates see it: only values that cannot break a mail."""
    colors = {
        name: value if _COLOR.fullmatch(value := getattr(brand, name)) else default
        for name, default in _DEFAULTS.items()
    }
    font = brand.font_family
    return {
        "name": brand.name,
        "url": _address(brand.website_url).rstrip("/"),
        "logo_url": _address(brand.logo_url),
        "postal_address": brand.postal_address.replace("\r\n", "\n").strip(),
        "font_family": font if _FONT.fullmatch(font) else "Helvetica, Arial, sans-serif",
        **colors,
        "color_on_primary": _readable_on(colors["color_primary"]),
    }


def basket_address(
    brand: Brand, *, checkout_id: str, token: str, channel: str, language: str
) -> str:
    """Return where a basket is in the shop, by the brand's template; "" when there is none.

    The host is the template's own, whatever the values hold: they are quoted, and none
    of them may stand before the path but channel and language.
    """
    template = brand.basket_url.strip()
    values = {"{channel}": channel, "{language}": language}
    host = template
    for name, value in values.items():
        host = host.replace(name, quote(value, safe=""))
    address = host.replace("{checkout_id}", quote(checkout_id, safe=""))
    address = address.replace("{checkout_token}", quote(token, safe=""))
    if not is_web_address(address) or urlsplit(address).netloc != urlsplit(host).netloc:
        return ""
    return address


def _address(value: str) -> str:
    """Return a link or picture with a host, or ""; a path is one of ours."""
    if value.startswith("/") and not value.startswith("//"):
        value = conf().public_url + value
    return value if is_web_address(value) else ""


def _readable_on(color: str) -> str:
    """Return black or white, whichever stands out more (WCAG 2.2, relative luminance)."""
    channels = [int(color[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    # Above it black has the higher contrast: (L + .05) / .05 > 1.05 / (L + .05).
    return "#ffffff" if luminance < 0.179 else "#000000"
