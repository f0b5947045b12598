"""Every variable an email may hold: what it is called, what it looks like, where it is from.

Knows names, labels and samples; docs, the Studio's lists, previews and the check at
publish all read this one registry. Another app adds its own with
``variables_register`` in its ``AppConfig.ready`` and fills it in through
``emails.mail.contexts_build``'s callers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

__all__ = [
    "ALWAYS",
    "Variable",
    "variables_all",
    "variables_known",
    "variables_missing",
    "variables_register",
]

#: Subjects every mail has; the others, "basket" and "order", come from what started
#: the sequence.
ALWAYS = frozenset({"contact", "shop", "links"})


@dataclass(frozen=True, kw_only=True)
class Variable:
    """One value. The path's first name is its subject: "basket.total" is of the basket.

    A path holds at most two names. One whose value is a link's target ends in
    "url" or begins with "links."; only such a one may stand at a link's beginning.
    """

    path: str
    label: str | Promise
    #: What previews and the check at publish see: a string, number, or list of dicts.
    sample: Any
    #: Shown among the few that help texts name.
    common: bool = False
    #: Whether the Studio lists it; the ones the layout itself needs it does not.
    listed: bool = True

    @property
    def subject(self) -> str:
        """What a sequence's trigger must provide for it."""
        return self.path.split(".")[0]


_registry: dict[str, Variable] = {}


def variables_register(variables: Iterable[Variable]) -> None:
    """Add variables; a path that is there already is replaced."""
    for variable in variables:
        if not 1 <= variable.path.count(".") + 1 <= 2:
            raise ValueError(f"“{variable.path}” must be one or two names, like basket.total.")
        _registry[variable.path] = variable


def variables_all() -> Iterator[Variable]:
    """Return every variable, in the order they were registered."""
    yield from _registry.values()


def variables_known() -> frozenset[str]:
    """Return every path."""
    return frozenset(_registry)


def variables_missing(used: Iterable[str], subjects: Iterable[str]) -> list[str]:
    """Return the paths in ``used`` for which a trigger with ``subjects`` has no value.

    A path that is not registered, such as "basket" in ``{% if basket %}``, asks
    whether there is one, so it is never missing.
    """
    given = ALWAYS | set(subjects)
    return sorted(
        path for path in used if path in _registry and _registry[path].subject not in given | {path}
    )


def sample_values() -> Mapping[str, Any]:
    """Return the samples as one nested context."""
    context: dict[str, Any] = {}
    for variable in _registry.values():
        subject, _dot, name = variable.path.partition(".")
        if name:
            context.setdefault(subject, {})[name] = variable.sample
        else:
            context[subject] = variable.sample
    return context


variables_register(
    [
        Variable(path="contact.first_name", label=_("First name"), sample="Aisyah", common=True),
        Variable(path="contact.last_name", label=_("Last name"), sample="Rahman"),
        Variable(path="contact.email", label=_("Email address"), sample="aisyah@example.com"),
        Variable(path="contact.language", label=_("Language code of the customer"), sample="en"),
        Variable(path="language", label=_("Language code of this mail"), sample="en"),
        Variable(path="shop.name", label=_("Name of the shop"), sample="Our shop", common=True),
        Variable(
            path="shop.url",
            label=_("Website of the shop"),
            sample="https://shop.example",
            common=True,
        ),
        Variable(
            path="shop.postal_address",
            label=_("Postal address of the shop"),
            sample="12 Jalan Tun Razak\n50400 Kuala Lumpur",
        ),
        Variable(path="shop.logo_url", label=_("Logo of the shop"), sample="", listed=False),
        Variable(
            path="shop.color_primary", label=_("Button colour"), sample="#1f4b3f", listed=False
        ),
        Variable(
            path="shop.color_on_primary",
            label=_("Button's text colour"),
            sample="#ffffff",
            listed=False,
        ),
        Variable(path="shop.color_text", label=_("Text colour"), sample="#222222", listed=False),
        Variable(
            path="shop.color_background",
            label=_("Background colour"),
            sample="#f4f1ec",
            listed=False,
        ),
        Variable(
            path="shop.font_family",
            label=_("Font"),
            sample="Helvetica, Arial, sans-serif",
            listed=False,
        ),
        Variable(
            path="links.unsubscribe",
            label=_("Link to unsubscribe"),
            sample="https://studio.example/unsubscribe",
        ),
        Variable(
            path="links.preferences",
            label=_("Link to choose topics and how many mails"),
            sample="https://studio.example/preferences",
        ),
        Variable(path="links.view", label=_("Link to this mail in the browser"), sample=""),
        Variable(
            path="subscription.confirm_url",
            label=_("Link to confirm that somebody wants mail"),
            sample="https://studio.example/confirm",
        ),
        Variable(path="basket.lines", label=_("Lines of the basket"), sample=[]),
        Variable(path="basket.quantity", label=_("Number of things in the basket"), sample=3),
        Variable(
            path="basket.total", label=_("Total of the basket"), sample="RM 119.80", common=True
        ),
        Variable(
            path="basket.total_amount", label=_("Total of the basket, number"), sample="119.80"
        ),
        Variable(path="basket.currency", label=_("Currency of the basket"), sample="MYR"),
        Variable(
            path="basket.url",
            label=_("Link back to the basket"),
            sample="https://shop.example/checkout",
            common=True,
        ),
        Variable(
            path="basket.voucher_code",
            label=_("Voucher code of the step that sends the email"),
            sample="SELAMAT10",
        ),
        Variable(
            path="basket.sold_out",
            label=_("What was in the basket and cannot be bought any more"),
            sample="",
        ),
        Variable(path="order.number", label=_("Order number"), sample="1042", common=True),
        Variable(path="order.lines", label=_("Lines of the order"), sample=[]),
        Variable(path="order.quantity", label=_("Number of things ordered"), sample=3),
        Variable(path="order.total", label=_("Total of the order"), sample="RM 119.80"),
        Variable(path="order.total_amount", label=_("Total of the order, number"), sample="119.80"),
        Variable(path="order.currency", label=_("Currency of the order"), sample="MYR"),
        Variable(path="order.placed_on", label=_("Day of the order"), sample="3 March 2026"),
        Variable(
            path="order.placed_at",
            label=_("Time of the order, for the date filter"),
            sample="2026-03-03T09:30:00+00:00",
        ),
        Variable(
            path="order.tracking_number",
            label=_("Tracking number of the parcel"),
            sample="JT12345678MY",
            common=True,
        ),
    ]
)
