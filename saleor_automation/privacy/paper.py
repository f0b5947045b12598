"""A person's data as one page of HTML that needs nothing beside it.

Knows how a person reads the document ``dossier`` makes. Must not know tables.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.template.loader import render_to_string
from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

#: Headings, by the document's keys; the order is the page's.
HEADINGS: Final = {
    "identities": gettext_lazy("Names you are known under"),
    "traits": gettext_lazy("Noted of you"),
    "tags": gettext_lazy("Tags"),
    "orders": gettext_lazy("Orders"),
    "baskets": gettext_lazy("Baskets"),
    "events": gettext_lazy("What happened"),
    "consent": gettext_lazy("What you said about our mails"),
    "blocks": gettext_lazy("Addresses we must not write to"),
    "sequences": gettext_lazy("Series of mails"),
    "mails": gettext_lazy("Mails"),
    "addresses": gettext_lazy("What we found out about your addresses"),
    "requests": gettext_lazy("What you asked about your data"),
}


@dataclass(frozen=True)
class Part:
    """One heading with the entries below it, each a list of (name, words)."""

    heading: str
    entries: list[list[tuple[str, str]]]


def paper_render(dossier: Mapping[str, Any], *, shop: str, language: str) -> str:
    """Return the page."""
    parts = [Part(_("Who you are"), [_pairs(dossier["person"])])]
    parts += [
        Part(str(heading), [_pairs(row) for row in dossier[name]])
        for name, heading in HEADINGS.items()
        if dossier[name]
    ]
    parts += [
        Part(name.capitalize(), [_pairs(row) for row in rows])
        for name, rows in dossier["other"].items()
    ]
    empty = [str(heading) for name, heading in HEADINGS.items() if not dossier[name]]
    return render_to_string(
        "saleor_automation/public/dossier.html",
        {
            "parts": parts,
            "empty": empty,
            "shop": shop,
            "language": language,
            "made_at": _words(dossier["made_at"]),
        },
    )


def _pairs(row: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [
        (name.replace("_", " "), _words(value))
        for name, value in row.items()
        if value not in (None, "", [], {})
    ]


def _words(value: Any) -> str:
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, str):
        return _moment(value) or value
    if isinstance(value, Mapping):
        return "; ".join(f"{name}: {words}" for name, words in _pairs(value))
    if isinstance(value, Sequence):
        if any(isinstance(item, Mapping | list) for item in value):
            return "\n".join(_words(item) for item in value)
        return ", ".join(_words(item) for item in value)
    return json.dumps(value)


def _moment(text: str) -> str:
    """Return a time as a person reads it; "" for any other text."""
    if len(text) < 20 or text[10:11] != "T":
        return ""
    try:
        found = parse_datetime(text)
    except ValueError:
        return ""
    return date_format(localtime(found), "j M Y, H:i") if found and found.tzinfo else ""
