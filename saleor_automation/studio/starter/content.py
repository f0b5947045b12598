"""What the starter content is made of: three sequences, twelve emails, four topics.

Plain data and the words for it. Must not know Wagtail: ``loader`` turns it into
pages and snippets.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

MINUTE, HOUR, DAY = 1, 60, 24 * 60


@dataclass(frozen=True)
class EmailText:
    """One email in one language. ``body`` holds (block name, block value) pairs."""

    title: str
    subject: str
    preheader: str
    body: tuple[tuple[str, Any], ...]


@dataclass(frozen=True)
class Step:
    """Wait ``wait`` minutes, then send ``email``."""

    wait: int
    email: str


@dataclass(frozen=True)
class ExitRule:
    fact: str
    op: str
    value: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class SequenceContent:
    slug: str
    name: str
    trigger: str
    topic: str
    purpose: str = "marketing"
    quiet_minutes: int = 0
    steps: tuple[Step, ...]
    exits: tuple[ExitRule, ...] = field(default=())


def heading(text: str) -> tuple[str, Any]:
    return ("heading", {"text": text, "level": "1"})


def text(html: str) -> tuple[str, Any]:
    return ("text", html)


def button(label: str, link: str) -> tuple[str, Any]:
    return ("button", {"label": label, "link": link})


def items(source: str) -> tuple[str, Any]:
    return ("items", {"source": source, "show_images": True, "show_total": True})


DIVIDER: tuple[str, Any] = ("divider", None)


#: By key what people may choose on their page of preferences: name and description by language.
TOPICS: dict[str, dict[str, tuple[str, str]]] = {
    "news": {
        "en": ("News and offers", "What is new in the shop, and when something costs less."),
        "ms": ("Berita dan tawaran", "Apa yang baharu di kedai, dan apabila harga turun."),
    },
    "welcome": {
        "en": ("First steps", "A few mails after you made an account."),
        "ms": ("Langkah pertama", "Beberapa e-mel selepas anda membuka akaun."),
    },
    "baskets": {
        "en": ("Your basket", "A reminder of what you left in it."),
        "ms": ("Bakul anda", "Peringatan tentang barang yang anda tinggalkan."),
    },
    "orders": {
        "en": ("After an order", "How to use what you bought, and what you think of it."),
        "ms": ("Selepas pesanan", "Cara guna barang yang dibeli, dan pendapat anda."),
    },
}

#: Waits are counted from the step before; the comment gives the time since entry.
SEQUENCES: tuple[SequenceContent, ...] = (
    SequenceContent(
        slug="welcome",
        name="Welcome",
        trigger="joined",
        topic="welcome",
        steps=(
            Step(0, "welcome-hello"),
            Step(2 * DAY, "welcome-good-to-know"),  # 2 days
            Step(3 * DAY, "welcome-where-to-start"),  # 5 days
            Step(4 * DAY, "welcome-questions"),  # 9 days
            Step(4 * DAY, "welcome-last-one"),  # 13 days
        ),
        exits=(ExitRule("contact.orders_since_entry", "gte", "1", "ordered"),),
    ),
    SequenceContent(
        slug="basket",
        name="Abandoned checkout",
        trigger="basket_changed",
        topic="baskets",
        quiet_minutes=45,
        steps=(
            Step(1 * HOUR, "basket-still-here"),  # 1 hour
            Step(23 * HOUR, "basket-any-trouble"),  # 24 hours
            Step(48 * HOUR, "basket-last-reminder"),  # 72 hours
        ),
        exits=(
            ExitRule("basket.bought", "is_true", "", "ordered"),
            ExitRule("basket.items", "eq", "0", "basket_empty"),
            ExitRule("basket.deleted", "is_true", "", "basket_deleted"),
            ExitRule("basket.newer", "is_true", "", "basket_newer"),
            ExitRule("basket.paid", "is_true", "", "basket_paid"),
        ),
    ),
    SequenceContent(
        slug="after-purchase",
        name="After the purchase",
        trigger="shipped",
        topic="orders",
        steps=(
            Step(1 * DAY, "order-on-its-way"),  # 1 day
            Step(6 * DAY, "order-how-is-it"),  # 7 days
            Step(14 * DAY, "order-your-opinion"),  # 21 days
        ),
        exits=(
            ExitRule("order.cancelled", "is_true", "", "cancelled"),
            ExitRule("order.refunded", "is_true", "", "refunded"),
        ),
    ),
)
