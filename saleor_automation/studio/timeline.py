"""All that is known of one person's way, in one line of time.

Knows events, mails, sequences and consent of one contact, and how a person says each.
Must not know requests, and changes nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from saleor_automation.contract import kinds
from saleor_automation.delivery import reasons as mail_reasons
from saleor_automation.delivery.models import Message
from saleor_automation.inbox.models import Event, RawEvent
from saleor_automation.inbox.track import kinds as track
from saleor_automation.people.consent import STAFF, WRITE_BACK, is_imported
from saleor_automation.people.models import Consent, Contact, Suppression
from saleor_automation.people.segments.models import Segment
from saleor_automation.sequences import reasons as exit_reasons
from saleor_automation.sequences.models import Enrollment
from saleor_automation.shop.models import ShopOrder

from .listing import time_words
from .mails import mail_title
from .selectors import email_titles
from .sequences import Sequence
from .switching import edit_url

#: How many things a page of the line holds.
SHOWN = 50

EVENT_WORDS = {
    kinds.JOINED: gettext_lazy("Created an account"),
    kinds.PROFILE_CHANGED: gettext_lazy("The account was changed"),
    kinds.CONFIRMED_ACCOUNT: gettext_lazy("Confirmed the account"),
    kinds.EMAIL_CHANGED: gettext_lazy("Changed the email address"),
    kinds.BASKET_CHANGED: gettext_lazy("Changed the basket"),
    kinds.ORDERED: gettext_lazy("Placed an order"),
    kinds.CONFIRMED: gettext_lazy("The order was confirmed"),
    kinds.PAID: gettext_lazy("The order was paid"),
    kinds.SHIPPED: gettext_lazy("A parcel was shipped"),
    kinds.FULFILLED: gettext_lazy("The whole order was shipped"),
    kinds.CANCELLED: gettext_lazy("The order was cancelled"),
    kinds.REFUNDED: gettext_lazy("Money was paid back"),
    kinds.EXPIRED: gettext_lazy("The order expired unpaid"),
    kinds.SEGMENT_JOINED: gettext_lazy("Came into a segment"),
    kinds.SEGMENT_LEFT: gettext_lazy("Went out of a segment"),
}
TRACK_WORDS = {
    track.PAGE_VIEWED: gettext_lazy("Looked at a page"),
    track.SCREEN_VIEWED: gettext_lazy("Looked at a screen of the app"),
    track.IDENTIFIED: gettext_lazy("Said who they are"),
    track.ALIASED: gettext_lazy("Got another id"),
    track.GROUPED: gettext_lazy("Joined a group"),
    track.PRODUCT_VIEWED: gettext_lazy("Looked at a product"),
    track.PRODUCT_ADDED: gettext_lazy("Put a product into the basket"),
    track.PRODUCT_REMOVED: gettext_lazy("Took a product out of the basket"),
    track.CART_VIEWED: gettext_lazy("Looked at the basket"),
    track.CHECKOUT_STARTED: gettext_lazy("Began the checkout"),
    track.ORDER_COMPLETED: gettext_lazy("Completed the checkout"),
}
#: Where a word of consent was heard.
SOURCE_WORDS = {
    "checkout": gettext_lazy("at the checkout"),
    "order": gettext_lazy("with an order"),
    "account": gettext_lazy("in the shop account"),
    "unsubscribe": gettext_lazy("through the link in a mail"),
    "unsubscribe_link": gettext_lazy("through the link in a mail"),
    "unsubscribe_mail": gettext_lazy("by a mail"),
    "preferences": gettext_lazy("on the preferences page"),
    "signup_form": gettext_lazy("with the sign-up form"),
    "confirmation": gettext_lazy("confirmed by mail"),
    "import": gettext_lazy("imported"),
    STAFF: gettext_lazy("told to staff"),
}
WORD_WORDS = {
    Consent.State.GRANTED: gettext_lazy("Agreed to marketing mail"),
    Consent.State.WITHDRAWN: gettext_lazy("Said no to marketing mail"),
    Consent.State.RETRACTED: gettext_lazy("The “no” was entered by mistake"),
}


@dataclass(frozen=True)
class Entry:
    """One thing that happened, or is going to."""

    at: datetime
    #: Name of Wagtail's or our own icon.
    icon: str
    title: str
    detail: str = ""
    url: str = ""
    #: good, bad or "": how the entry is coloured.
    tone: str = ""

    @property
    def when(self) -> str:
        return time_words(self.at)


@dataclass(frozen=True)
class Timeline:
    """A page of the line, newest first."""

    entries: list[Entry]
    #: Where the next page begins; None when this is the last.
    older: datetime | None


def timeline(
    *, contact: Contact, mails: bool, before: datetime | None = None, limit: int = SHOWN
) -> Timeline:
    """Return what happened to a person before a moment, the newest ``limit`` things.

    Things of one moment stay on one page, so a page may be longer. ``mails``: whether who
    asks may see mails.
    """
    sources = (*_SOURCES, _mails) if mails else _SOURCES
    found = sorted(
        (entry for source in sources for entry in source(contact, before, limit + 1)),
        key=attrgetter("at"),
        reverse=True,
    )
    shown = found[:limit]
    rest = found[limit:]
    while rest and rest[0].at == shown[-1].at:
        shown.append(rest.pop(0))
    return Timeline(shown, shown[-1].at if rest else None)


def upcoming(*, contact: Contact, mails: bool) -> list[Entry]:
    """Return what the person stands in and waits for, the next first."""
    drafts = _drafts()
    entries = [
        Entry(
            at=row.due_at or row.node_entered_at,
            icon="sa-sequence",
            title=drafts[row.sequence].name,
            detail=str(row.get_state_display()),
            url=drafts[row.sequence].url,
        )
        for row in Enrollment.objects.filter(
            contact=contact,
            state__in=[
                Enrollment.State.DEBOUNCING,
                Enrollment.State.ACTIVE,
                Enrollment.State.SENDING,
            ],
        )
    ]
    if not mails:
        return sorted(entries, key=attrgetter("at"))
    titles = email_titles()
    planned = Message.objects.filter(
        contact=contact, state__in=[Message.State.PLANNED, Message.State.CLAIMED]
    ).select_related("content", "email_version")
    entries += [
        Entry(
            at=mail.due_at,
            icon="mail",
            title=mail_title(mail, titles),
            detail=str(mail_reasons.words(mail.reason)) if mail.reason else _("planned"),
            url=reverse("automation_mails:detail", args=[mail.pk]),
        )
        for mail in planned
    ]
    return sorted(entries, key=attrgetter("at"))


def _until(before: datetime | None, field: str) -> Q:
    return Q(**{f"{field}__lt": before}) if before else Q()


def _events(contact: Contact, before: datetime | None, limit: int) -> Iterator[Entry]:
    rows = list(
        Event.objects.select_related("key")
        .filter(_until(before, "occurred_at"), contact=contact)
        .order_by("-occurred_at", "-pk")[:limit]
    )
    orders = {
        order.saleor_id: order
        for order in ShopOrder.objects.filter(
            saleor_id__in={str(row.data.get("order") or "") for row in rows} - {""}
        )
    }
    segments = dict(
        Segment.objects.filter(
            key__in={str(row.data.get("segment") or "") for row in rows} - {""}
        ).values_list("key", "name")
    )
    bad = {kinds.CANCELLED, kinds.REFUNDED, kinds.EXPIRED}
    for row in rows:
        order = orders.get(str(row.data.get("order") or ""))
        segment = str(row.data.get("segment") or "")
        yield Entry(
            at=row.occurred_at,
            icon="sa-segment" if segment else "view" if row.kind in track.OWN_DOING else "sa-shop",
            title=event_title(row),
            detail=(
                order_words(order)
                if order
                else segments.get(segment, segment)
                if segment
                else event_detail(row)
            ),
            tone="bad" if row.kind in bad else "good" if row.kind == kinds.ORDERED else "",
        )


def event_title(event: Event) -> str:
    """Return what happened in words; of what other systems tell, in theirs."""
    words = EVENT_WORDS.get(event.kind) or TRACK_WORDS.get(event.kind)
    name = event.data.get("name") if event.source == RawEvent.Source.TRACK else ""
    return str(words or name or event.kind.replace("_", " ").capitalize())


def event_detail(event: Event) -> str:
    """Return what a tracked event is about: the product, or the page."""
    properties = event.data.get("properties") or {}
    about = properties.get("name") or event.data.get("slug") or event.data.get("product")
    where = properties.get("title") or properties.get("path") or event.data.get("name")
    if event.kind in (track.PAGE_VIEWED, track.SCREEN_VIEWED):
        return str(where or "")
    return str(about or properties.get("query") or properties.get("group") or "")


def order_words(order: ShopOrder) -> str:
    """Return an order in a few words: its number and what it came to."""
    return f"#{order.number} · {money_words(order.total_gross, order.currency)}"


def money_words(amount: Any, currency: str) -> str:
    """Return an amount with its currency, two places."""
    return f"{amount:,.2f} {currency}".strip()


def _mails(contact: Contact, before: datetime | None, limit: int) -> Iterator[Entry]:
    waiting = [Message.State.PLANNED, Message.State.CLAIMED]
    rows = list(
        Message.objects.annotate(left_at=Coalesce("handed_over_at", "settled_at", "planned_at"))
        .filter(_until(before, "left_at"), contact=contact)
        .exclude(state__in=waiting)
        .select_related("content", "email_version")
        .order_by("-left_at", "-pk")[:limit]
    )
    titles = email_titles(*{row.email_key for row in rows}) if rows else {}
    for row in rows:
        reason = str(mail_reasons.words(row.reason)) if row.reason else ""
        sent = row.state in (Message.State.ACCEPTED, Message.State.HANDED_OVER)
        yield Entry(
            at=row.left_at,
            icon="mail",
            title=f"{str(row.get_state_display()).capitalize()}: {mail_title(row, titles)}",
            detail=reason,
            url=reverse("automation_mails:detail", args=[row.pk]),
            tone="good" if sent else "bad" if row.state == Message.State.FAILED else "",
        )


def _words(contact: Contact, before: datetime | None, limit: int) -> Iterator[Entry]:
    rows = Consent.objects.filter(_until(before, "at"), contact=contact).exclude(source=WRITE_BACK)
    for row in rows.order_by("-at", "-pk")[:limit]:
        granted = row.state == Consent.State.GRANTED
        source = row.source.partition(":")[0]
        where = str(SOURCE_WORDS.get(source, source.replace("_", " ")))
        yield Entry(
            at=row.at,
            icon="check" if granted else "cross",
            title=word_words(row),
            detail=", ".join(filter(None, [where, row.topic, row.channel, row.wording])),
            tone="good" if granted else "bad" if row.state == Consent.State.WITHDRAWN else "",
        )


def word_words(row: Consent) -> str:
    """Return what a row of the ledger says."""
    if row.state == Consent.State.RETRACTED and is_imported(row.source):
        return _("An import's “yes” was taken back")
    return str(WORD_WORDS[Consent.State(row.state)])


def _blocks(contact: Contact, before: datetime | None, limit: int) -> Iterator[Entry]:
    rows = Suppression.objects.filter(_until(before, "at"), contact=contact).exclude(
        # The person's own word beside it says the same.
        reason=Suppression.Reason.UNSUBSCRIBED
    )
    for row in rows.order_by("-at", "-pk")[:limit]:
        yield Entry(
            at=row.at,
            icon="warning",
            title=_("The address was blocked"),
            detail=str(row.get_reason_display()),
            tone="bad",
        )


def _ways(contact: Contact, before: datetime | None, limit: int) -> Iterator[Entry]:
    drafts = _drafts()
    rows = Enrollment.objects.filter(contact=contact)
    entered = rows.filter(_until(before, "entered_at")).exclude(state=Enrollment.State.DEBOUNCING)
    for row in entered.order_by("-entered_at", "-pk")[:limit]:
        yield Entry(
            at=row.entered_at,
            icon="sa-sequence",
            title=_("Entered “%s”") % drafts[row.sequence].name,
            url=drafts[row.sequence].url,
        )
    ended = rows.filter(_until(before, "finished_at"), finished_at__isnull=False)
    for row in ended.order_by("-finished_at", "-pk")[:limit]:
        yield Entry(
            at=row.finished_at or row.entered_at,
            icon="sa-sequence",
            title=_("Left “%s”") % drafts[row.sequence].name,
            detail=exit_reasons.words(row.reason) if row.reason else "",
            url=drafts[row.sequence].url,
            tone="bad" if row.state == Enrollment.State.ERROR else "",
        )


@dataclass(frozen=True)
class _Draft:
    """What an editor calls a sequence, and where it is edited."""

    name: str
    url: str


def _drafts() -> defaultdict[UUID, _Draft]:
    found = defaultdict(lambda: _Draft(_("a deleted sequence"), ""))
    for draft in Sequence.objects.only("key", "name"):
        found[draft.key] = _Draft(draft.name, edit_url(draft))
    return found


#: Whoever may see people may see these. Mails want a permission of their own.
_SOURCES = (_events, _words, _blocks, _ways)
