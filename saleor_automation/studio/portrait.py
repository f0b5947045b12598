"""What is known of one person, in words: the facts beside their line of time.

Knows the tables of people and how a person reads them. Must not know requests, and
changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import Sum
from django.utils.translation import get_language_info, ngettext
from django.utils.translation import gettext as _

from saleor_automation import clock
from saleor_automation.delivery.models import SendingControl
from saleor_automation.people.consent import STAFF, consent_states, suppressed
from saleor_automation.people.figures import NOT_COUNTED
from saleor_automation.people.models import (
    Contact,
    ContactFigures,
    ContactSpend,
    Identity,
    Suppression,
)
from saleor_automation.people.preferences.models import Preference
from saleor_automation.people.segments.models import SegmentMember
from saleor_automation.people.subscribing.rules import double_in, rules_load
from saleor_automation.people.traits import traits_of
from saleor_automation.shop.models import OrderLine

from .listing import time_words
from .mails import address_words
from .timeline import money_words

#: How many categories are named.
FAVOURITES = 3


def person_name(contact: Contact) -> str:
    """Return what to call a person: their name, else their address."""
    name = f"{contact.first_name} {contact.last_name}".strip()
    if contact.is_anonymous:
        return name or _("Anonymous visitor")
    return name or contact.email or _("Somebody without a name")


def fact_rows(person: Contact) -> list[tuple[str, str]]:
    """Return what is known of a person, as label and words; empty ones left out."""
    known = list(Identity.objects.filter(contact=person).order_by("kind", "value"))
    others = [
        row.value
        for row in known
        if row.kind == Identity.Kind.EMAIL and row.value != person.email.lower()
    ]
    browsers = sum(row.kind == Identity.Kind.ANONYMOUS for row in known)
    rows = [
        (_("Address"), person.email),
        (_("About the address"), address_words(person.email)),
        (_("Also known as"), ", ".join(others)),
        (_("Ids in other systems"), ", ".join(external_ids(known))),
        (_("Browsers"), str(browsers or "")),
        (_("Account"), account_words(person)),
        (_("Staff"), _("yes") if person.is_staff else ""),
        (_("Language"), language_words(person.language)),
        (_("Country"), person.country),
        (_("Sales channel"), person.channel),
        (_("Known since"), time_words(person.created_at)),
        *figure_rows(person),
    ]
    return [(label, value) for label, value in rows if value]


def external_ids(known: Iterable[Identity]) -> list[str]:
    """Return what other systems call a person; an account's own id is none of these."""
    accounts = {row.value for row in known if row.kind == Identity.Kind.SALEOR_USER}
    return [
        row.value
        for row in known
        if row.kind == Identity.Kind.EXTERNAL and row.value not in accounts
    ]


def account_words(person: Contact) -> str:
    """Return whether a person has an account."""
    if person.has_account:
        return _("yes")
    return _("no, a visitor nobody knows") if person.is_anonymous else _("no, a guest")


def figure_rows(person: Contact) -> list[tuple[str, str]]:
    """Return what follows from what a person did."""
    figures = ContactFigures.objects.filter(contact=person).first()
    if figures is None:
        return []
    zone = figures.zone.replace("_", " ")
    guess = _("%(zone)s (a guess)") % {"zone": zone}
    return [
        (_("Last seen"), time_words(figures.last_seen_at) if figures.last_seen_at else ""),
        (_("First order"), time_words(figures.first_order_at) if figures.first_order_at else ""),
        (_("Last order"), time_words(figures.last_order_at) if figures.last_order_at else ""),
        (_("Buys most from"), ", ".join(categories_of(person))),
        (_("Time zone"), guess if zone and figures.zone_confidence < 1 else zone),
    ]


def categories_of(person: Contact) -> list[str]:
    """Return the categories a person bought most pieces of, by their slugs."""
    lines = OrderLine.objects.filter(order__contact=person).exclude(category_slug="")
    rows = lines.exclude(order__status__in=NOT_COUNTED).order_by().values_list("category_slug")
    found = rows.annotate(pieces=Sum("quantity")).order_by("-pieces", "category_slug")
    return [slug for slug, _pieces in found[:FAVOURITES]]


def language_words(code: str) -> str:
    """Return a language by its own name; the code when it is not known."""
    try:
        return str(get_language_info(code)["name_translated"]) if code else ""
    except KeyError:
        return code


def order_rows(person: Contact) -> list[str]:
    """Return what a person bought, a line per currency: sums of two are no sum."""
    return [
        ngettext("%(count)s order, %(spent)s", "%(count)s orders, %(spent)s", row.orders)
        % {"count": row.orders, "spent": money_words(row.gross, row.currency)}
        for row in ContactSpend.objects.filter(contact=person).order_by("currency")
    ]


def segment_rows(person: Contact) -> list[str]:
    """Return the names of the segments a person is in."""
    stays = SegmentMember.objects.filter(contact=person)
    return list(stays.order_by("segment__name").values_list("segment__name", flat=True))


def trait_rows(person: Contact) -> list[tuple[str, str]]:
    """Return what the shop notes of a person, as name and words."""
    return [(name, value_words(value)) for name, value in traits_of(person).items()]


def value_words(value: Any) -> str:
    """Return a trait's value as a person reads it."""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return time_words(value) if isinstance(value, datetime) else str(value)


def standing_of(person: Contact) -> Mapping[str, Any]:
    """Return whether marketing mail may go to a person, why, and who said so last."""
    blocks = suppressed([person])[person.pk]
    state = consent_states([person.pk])[person.pk]
    hard = [row for row in blocks if row.reason != Suppression.Reason.UNSUBSCRIBED]
    own = [row for row in blocks if row.reason == Suppression.Reason.UNSUBSCRIBED]
    everything = [row for row in own if not row.topic and not row.channel]
    newest = state.newest("", "")
    topics = sorted({row.topic for row in own if row.topic})
    policy = SendingControl.objects.values_list("consent_policy", flat=True).first()
    # Of somebody whose "no" to everything stands.
    only = sorted(
        {
            word.topic
            for word in state.words
            if newest is not None
            and not newest.granted
            and word.topic
            and word.topic not in topics
            and state.allows(word.topic, "")
        }
    )
    wish = Preference.objects.filter(contact=person).first()
    now = clock.now()
    if not person.email:
        allowed, why = False, _("No address is known.")
    elif hard:
        allowed, why = False, _("The address is blocked: %s.") % hard[0].get_reason_display()
    elif everything or (newest is not None and not newest.granted and not only):
        allowed, why = False, _("They said no.")
    elif wish is not None and wish.paused_until is not None and wish.paused_until > now:
        allowed, why = False, _("They paused our mails until %s.") % time_words(wish.paused_until)
    elif double_in(person.channel, rules_load()) and not state.confirmed("", person.channel):
        allowed, why = False, _("They did not confirm by mail that they want mail.")
    elif only:
        allowed, why = True, _("They want mail only about: %s.") % ", ".join(only)
    elif newest is not None:
        allowed, why = True, _("They agreed.")
    elif policy == SendingControl.Policy.SOFT_OPT_IN:
        allowed, why = True, _("They never said no; the shop writes to people who used it.")
    else:
        allowed, why = False, _("They never agreed.")
    return {
        "allowed": allowed,
        "why": why,
        "topics": topics,
        "fewer": wish is not None and wish.fewer,
        "said_no": bool(everything),
        # Only what staff entered may staff take back: a person's own "no" is theirs.
        "undo": bool(everything) and newest is not None and newest.source == STAFF,
    }
