"""Why a person left a sequence, in words. Codes are stored, words are shown.

A sequence may bring codes of its own (its exits name them); those are shown as
they are written.
"""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

FINISHED = "finished"
ORDERED = "ordered"
POISON = "poison"
ERASED = "erased"
NOT_ON = "not_on"
LATE = "late"

WORDS = {
    FINISHED: _("Went through to the end."),
    ORDERED: _("Placed an order."),
    POISON: _("Stopped: working on it failed again and again. See the worker's log."),
    NOT_ON: _("The sequence was not on any more when the person would have entered."),
    "basket_empty": _("The basket was emptied."),
    "basket_deleted": _("The basket is gone."),
    "basket_newer": _("A newer basket took its place."),
    "basket_paid": _("The basket is paid."),
    "not_told": _("The shop shipped the parcel without telling the customer."),
    "order_gone": _("Saleor has no such order any more."),
    "cancelled": _("The order was cancelled."),
    "refunded": _("The order was refunded."),
}


def words(code: str) -> str:
    """Return ``code`` as a sentence for a person."""
    return str(WORDS.get(code, code.replace("_", " ").capitalize()))
