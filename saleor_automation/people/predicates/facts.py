"""The facts of a person a condition may ask about: names and types alone.

``values`` loads them, ``finding`` asks the database; whoever adds one here adds it there.
Later stages and other apps add theirs through ``registry``.
"""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from .language import FactType, Kind, fact_register

for _fact in (
    FactType(name="contact.orders", kind=Kind.INT, label=_("Orders ever placed"), windowed=True),
    FactType(
        name="contact.spent",
        kind=Kind.DECIMAL,
        label=_("Money spent"),
        of=_("currency"),
        windowed=True,
    ),
    FactType(
        name="contact.days_since_order",
        kind=Kind.INT,
        label=_("Days since the last order"),
        moves=True,
    ),
    FactType(
        name="contact.bought_category",
        kind=Kind.BOOL,
        label=_("Bought from a category"),
        of=_("category"),
        windowed=True,
    ),
    FactType(
        name="contact.bought_product",
        kind=Kind.BOOL,
        label=_("Bought a product"),
        of=_("product"),
        windowed=True,
    ),
    FactType(
        name="contact.did",
        kind=Kind.INT,
        label=_("How often something happened"),
        of=_("kind of event"),
        windowed=True,
    ),
    FactType(
        name="contact.days_unseen", kind=Kind.INT, label=_("Days since last seen"), moves=True
    ),
    FactType(
        name="contact.days_known", kind=Kind.INT, label=_("Days known to the shop"), moves=True
    ),
    FactType(name="contact.has_account", kind=Kind.BOOL, label=_("Has a shop account")),
    FactType(name="contact.language", kind=Kind.TEXT, label=_("Language")),
    FactType(name="contact.country", kind=Kind.TEXT, label=_("Country")),
    FactType(name="contact.channel", kind=Kind.TEXT, label=_("Sales channel seen last")),
    FactType(name="contact.tagged", kind=Kind.BOOL, label=_("Has a tag"), of=_("tag")),
    FactType(name="contact.text", kind=Kind.TEXT, label=_("Trait, a text"), of=_("trait")),
    FactType(name="contact.number", kind=Kind.DECIMAL, label=_("Trait, a number"), of=_("trait")),
    FactType(name="contact.flag", kind=Kind.BOOL, label=_("Trait, yes or no"), of=_("trait")),
    FactType(
        name="contact.days_since",
        kind=Kind.INT,
        label=_("Trait, days since a date"),
        of=_("trait"),
        moves=True,
    ),
    FactType(
        name="contact.consent",
        kind=Kind.TEXT,
        label=_("Said about marketing mail (yes, no, unsaid)"),
        of=_("topic"),
        of_optional=True,
        words=("yes", "no", "unsaid"),
    ),
):
    fact_register(_fact)
