"""A mail for one person, from the facts about them.

Knows contacts, baskets, orders and brands as rows, and gives templates plain dicts of
them: strings, numbers, booleans, lists. What it builds is stored with the message as
JSON, and the same bytes can be rendered from it again. Must not know sequences.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from threading import Lock
from typing import Any

from django.utils import timezone

from saleor_automation.people.models import Contact
from saleor_automation.rendering.links import is_web_address
from saleor_automation.rendering.mail import ParsedEmail, RenderedMail, mail_fill, mail_parse
from saleor_automation.rendering.money import money_format
from saleor_automation.rendering.phrases import date_long
from saleor_automation.shop.models import Checkout, Fulfillment, OrderLine, ShopOrder

from .brands import brand_for, brand_values, brands_load
from .models import Brand, EmailVersion

__all__ = ["MailSubject", "RenderedMail", "contexts_build", "mail_render"]

#: Parsed templates kept per process: about 60 kB each.
CACHE_SIZE = 200


@dataclass(frozen=True, kw_only=True)
class MailSubject:
    """Whom a mail is for and what it is about."""

    contact: Contact
    #: Saleor's ids: "checkout", "order", "fulfillment"; each may be missing.
    context: Mapping[str, Any] = field(default_factory=dict)
    channel: str = ""
    language: str = "en"
    #: Signed addresses for this one mail: "unsubscribe", "preferences", "view", "basket".
    links: Mapping[str, str] = field(default_factory=dict)
    #: Code the link to the basket applies; "" for none.
    voucher: str = ""
    #: Where somebody confirms that they want mail; "" in every other mail.
    confirm_url: str = ""


def contexts_build(
    subjects: Sequence[MailSubject],
    *,
    now: datetime,
    brands: Mapping[str, Brand] | None = None,
) -> list[dict[str, Any]]:
    """Return one context per subject: at most five queries, however many there are.

    ``basket`` and ``order`` are there only when the shop knows the object.
    ``brands`` are those ``brands_load`` returned, where they are at hand.
    ``now`` is kept for variables of other apps; nothing here depends on it.
    """
    brands = brands_load() if brands is None else brands
    checkouts = _checkouts(_ids(subjects, "checkout"))
    orders = _orders(_ids(subjects, "order"))
    shops: dict[str, dict[str, str]] = {}
    contexts = []
    for subject in subjects:
        if subject.channel not in shops:
            shops[subject.channel] = brand_values(brand_for(subject.channel, brands))
        shop = shops[subject.channel]
        links = {"unsubscribe": "", "preferences": "", "view": "", **subject.links}
        # Where the basket's own link leads is the basket's: it is no link every mail has.
        basket_url = links.pop("basket", "")
        context: dict[str, Any] = {
            "language": subject.language,
            "contact": {
                "first_name": subject.contact.first_name.strip(),
                "last_name": subject.contact.last_name.strip(),
                "email": subject.contact.email,
                "language": subject.contact.language,
            },
            "shop": shop,
            "links": links,
        }
        if checkout := checkouts.get(str(subject.context.get("checkout") or "")):
            context["basket"] = _basket(checkout, basket_url or shop["url"], subject)
        if order := orders.get(str(subject.context.get("order") or "")):
            context["order"] = _order(order, subject)
        if subject.confirm_url:
            context["subscription"] = {"confirm_url": subject.confirm_url}
        contexts.append(context)
    return contexts


def _ids(subjects: Iterable[MailSubject], name: str) -> set[str]:
    return {str(value) for subject in subjects if (value := subject.context.get(name))}


def _checkouts(ids: set[str]) -> dict[str, Checkout]:
    rows = Checkout.objects.filter(saleor_id__in=ids).only(
        "saleor_id", "token", "channel", "currency", "quantity", "total_gross", "lines"
    )
    return {checkout.saleor_id: checkout for checkout in rows} if ids else {}


@dataclass(frozen=True)
class _Order:
    """What mails say of an order: plain rows, because model instances take longer to make."""

    row: Mapping[str, Any]
    lines: list[Mapping[str, Any]] = field(default_factory=list)
    #: (Saleor's id, tracking number), the newest first.
    parcels: list[tuple[str, str]] = field(default_factory=list)


_ORDER = ("pk", "saleor_id", "number", "currency", "total_gross", "placed_at")
_LINE = ("product_name", "variant_name", "sku", "quantity", "unit_gross", "total_gross")


def _orders(ids: set[str]) -> dict[str, _Order]:
    if not ids:
        return {}
    rows = ShopOrder.objects.filter(saleor_id__in=ids).values(*_ORDER)
    orders = {row["pk"]: _Order(row) for row in rows}
    for line in OrderLine.objects.filter(order__in=list(orders)).values(
        "order_id", "image_url", *_LINE
    ):
        orders[line["order_id"]].lines.append(line)
    for order_id, saleor_id, tracking in (
        Fulfillment.objects.filter(order__in=list(orders))
        .order_by("-pk")
        .values_list("order_id", "saleor_id", "tracking_number")
    ):
        orders[order_id].parcels.append((saleor_id, tracking))
    return {order.row["saleor_id"]: order for order in orders.values()}


def _basket(checkout: Checkout, url: str, subject: MailSubject) -> dict[str, Any]:
    """Return what of a basket can be bought; what cannot is named, and not in the total.

    ``url`` is a signed link: whoever holds a checkout's id can read and change it, so the
    id is never in a mail.
    """
    currency, language = checkout.currency, subject.language
    gone = [line for line in checkout.lines if line.get("available") == 0]
    there = [line for line in checkout.lines if line.get("available") != 0]
    lost = sum((_decimal(line.get("total_gross")) for line in gone), Decimal(0))
    return {
        "lines": [_line(line, currency, language) for line in there],
        "sold_out": ", ".join(_line(line, currency, language)["name"] for line in gone),
        "quantity": sum(int(line.get("quantity") or 0) for line in there),
        **_money("total", max(checkout.total_gross - lost, Decimal(0)), currency, language),
        "currency": currency,
        "url": url,
        "voucher_code": subject.voucher,
    }


def _decimal(amount: Any) -> Decimal:
    try:
        return Decimal(str(amount or 0))
    except ArithmeticError:
        return Decimal(0)


def _order(order: _Order, subject: MailSubject) -> dict[str, Any]:
    row, language = order.row, subject.language
    lines = [_line(line, row["currency"], language) for line in order.lines]
    placed = timezone.localtime(row["placed_at"]) if row["placed_at"] else None
    return {
        "number": row["number"],
        "lines": lines,
        "quantity": sum(line["quantity"] for line in lines),
        **_money("total", row["total_gross"], row["currency"], language),
        "currency": row["currency"],
        "placed_at": placed.isoformat() if placed else "",
        "placed_on": date_long(placed, language) if placed else "",
        "tracking_number": _tracking(order, str(subject.context.get("fulfillment") or "")),
    }


def _tracking(order: _Order, fulfillment: str) -> str:
    """Return the tracking number of the parcel the mail is about, else of the newest."""
    for saleor_id, tracking in order.parcels:
        if saleor_id == fulfillment:
            return tracking
    return next((tracking for _saleor_id, tracking in order.parcels if tracking), "")


def _line(line: Mapping[str, Any], currency: str, language: str) -> dict[str, Any]:
    name = str(line.get("product_name") or line.get("variant_name") or line.get("sku") or "")
    variant = str(line.get("variant_name") or "")
    image = str(line.get("image_url") or "")
    return {
        "name": name,
        # Saleor names the only variant of a product after its id or the product.
        "variant": "" if variant in {name, str(line.get("variant_id") or "")} else variant,
        "quantity": int(line.get("quantity") or 0),
        # Known when it is fewer than wanted.
        "left": str(line.get("available") or ""),
        **_money("price", line.get("total_gross"), currency, language),
        **_money("unit_price", line.get("unit_gross"), currency, language),
        "image_url": image if is_web_address(image) else "",
    }


def _money(name: str, amount: Any, currency: str, language: str) -> dict[str, str]:
    """Return an amount as people write it, and beside it the bare number."""
    written, plain = _amount(str(amount if amount is not None else 0), currency, language)
    return {name: written, f"{name}_amount": plain}


# Prices come back again and again.
@lru_cache(maxsize=4096)
def _amount(amount: str, currency: str, language: str) -> tuple[str, str]:
    try:
        exact = Decimal(amount)
        return money_format(exact, currency, language), _plain(exact)
    except ArithmeticError:
        return "", ""


def _plain(amount: Decimal) -> str:
    text = f"{amount:f}"
    whole, _point, rest = text.partition(".")
    return f"{whole}.{rest.rstrip('0').ljust(2, '0')}" if rest else text


def mail_render(version: EmailVersion, context: Mapping[str, Any]) -> RenderedMail:
    """Render a version for one person. Raises RenderError, CompileError."""
    return mail_fill(_parsed(version, context.get("shop") or {}), context)


_cache: OrderedDict[tuple[object, ...], ParsedEmail] = OrderedDict()
_lock = Lock()


def _parsed(version: EmailVersion, shop: Mapping[str, Any]) -> ParsedEmail:
    """Return the version's templates, the brand's values put in once.

    A brand's colours and addresses stand dozens of times in a mail and are the same in
    each of them.
    """
    known = {"shop": shop} if all(isinstance(value, str) for value in shop.values()) else {}
    # The digest too: a database restored to an earlier state gives ids out again.
    key = (
        (version.pk, version.digest, *known, *shop.items())
        if known
        else (version.pk, version.digest)
    )
    with _lock:
        if (parsed := _cache.get(key)) is not None:
            _cache.move_to_end(key)
            return parsed
    parsed = mail_parse(subject=version.subject, html=version.html, text=version.text, known=known)
    with _lock:
        _cache[key] = parsed
        while len(_cache) > CACHE_SIZE:
            _cache.popitem(last=False)
    return parsed
