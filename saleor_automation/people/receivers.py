"""Receivers of this stage: whose fact is it, and what did they say?

Runs after the shop's rows are up to date, in the same transaction. What each row
belongs to is decided by the row, not by the payload at hand, which may be older.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from saleor_automation import signals
from saleor_automation.conf import conf
from saleor_automation.contract.snapshots import (
    CheckoutSnapshot,
    CustomerSnapshot,
    OrderSnapshot,
    Snapshot,
    UserRef,
)
from saleor_automation.inbox.models import Event, RawEvent
from saleor_automation.inbox.track.storing import Tracked
from saleor_automation.shop.models import Checkout, ShopOrder

from . import figures, forgetting
from .erasure import deletions_mask, events_drop, person_erase, row_date, rows_forget
from .figures import figures_refresh
from .hearing import account_hear, basket_hear, flag_words, suppression_lift
from .identities import Heard, account_resolve, guest_resolve, rows_attach
from .importing.forgetting import changes_merge
from .metadata import Flag, flag_read, names_of
from .models import Consent, Contact, Identity
from .preferences import services as preferences
from .segments import facts as segment_facts
from .segments.keeping import (
    QUIET,
    Telling,
    memberships_forget,
    memberships_move,
    memberships_refresh,
)
from .segments.merging import merge_note, merges_collected
from .standings import standings_refresh
from .subscribing import services as subscribing
from .tombstones import address_buried, user_buried
from .tracking import tracked_hear
from .visitors import visitors_follow
from .write_back import write_back_plan


def facts_resolve(
    *,
    raw: RawEvent,
    snapshot: Snapshot | Tracked | None,
    events: list[Event],
    now: datetime,
    **kwargs: object,
) -> None:
    """Find the contact of a payload; set it on the shop's row and on the events.

    Events of erased people are deleted and taken out of ``events``; the body that names
    them is not kept.
    """
    erased = False
    #: Whose figures may be others afterwards.
    touched: set[UUID] = set()
    with merges_collected() as merged:
        if isinstance(snapshot, CustomerSnapshot):
            erased = _customer(snapshot, raw, events, now, touched)
        elif isinstance(snapshot, OrderSnapshot):
            erased = _row(ShopOrder, snapshot, snapshot.created_at, raw, events, now, touched)
        elif isinstance(snapshot, CheckoutSnapshot):
            erased = _row(Checkout, snapshot, snapshot.updated_at, raw, events, now, touched)
        elif isinstance(snapshot, Tracked):
            touched |= tracked_hear(raw=raw, tracked=snapshot, events=events, now=now)
        if not isinstance(snapshot, Tracked):
            touched |= visitors_follow(_names(snapshot), now=now)
    if erased:
        raw.body = b""
    touched |= merged
    figures_refresh(touched, now=now)
    # A merge or an erasure may have taken some of them away.
    standings_refresh(Contact.objects.filter(pk__in=touched).values_list("pk", flat=True))
    memberships_refresh(merged, now=now, telling=QUIET)
    memberships_refresh(
        touched - merged,
        now=now,
        telling=Telling(
            backfill=raw.source == RawEvent.Source.BACKFILL,
            late=bool(events) and all(event.late for event in events),
        ),
    )


def _names(snapshot: Snapshot | None) -> list[tuple[str, str]]:
    """Return the account and the address a payload is about."""
    if snapshot is None:
        return []
    user = snapshot.user
    addresses = {user.email if user else "", getattr(snapshot, "email", "")} - {""}
    names: list[tuple[str, str]] = [
        (Identity.Kind.EMAIL.value, address.strip().lower()[:254]) for address in addresses
    ]
    return [*names, (Identity.Kind.SALEOR_USER.value, user.id)] if user else names


#: Events whose payload dates a flag without a date: it was set, or metadata was, at that time.
_DATING = frozenset({"customer_created", "customer_metadata_updated"})


def _seen_at(snapshot: CustomerSnapshot, raw: RawEvent) -> datetime:
    """Return as of when a payload tells an account's metadata.

    Saleor makes these webhooks at once, and one about a change of metadata still holds the
    ``updatedAt`` of before it (seen on 3.23.28). A poll and the plugin read the account
    later, and afresh.
    """
    at_once = raw.source == RawEvent.Source.WEBHOOK
    return snapshot.issued_at if at_once else snapshot.updated_at or snapshot.issued_at


def _customer(
    snapshot: CustomerSnapshot,
    raw: RawEvent,
    events: list[Event],
    now: datetime,
    touched: set[UUID],
) -> bool:
    """Hear of an account; return whether its person was erased."""
    user = snapshot.user
    if snapshot.deleted:
        person_erase(user_id=user.id, address=user.email, at=snapshot.issued_at, now=now)
        deletions_mask(events)
        return True
    contact = _account(user, snapshot.issued_at, now, country=snapshot.country)
    if contact is None:
        events_drop(events)
        return True
    touched.add(contact.pk)
    flag = flag_read(user.metadata, names_of(conf().consent_customer_keys), flag_words())
    if flag is not None:
        at = _seen_at(snapshot, raw)
        account_hear(
            contact=contact,
            flag=flag,
            at=at,
            latest=snapshot.issued_at,
            since=at if raw.event_type in _DATING else user.joined_at or at,
        )
        suppression_lift(contact)
        if _is_fresh_yes(flag, raw, at, now):
            subscribing.first_yes_hear(
                contact=contact, source="account", channel=contact.channel, now=now
            )
    # Also without a flag: a guest who said something may have made an account.
    write_back_plan(contact=contact, now=now)
    _events_assign(events, contact)
    return False


def _is_fresh_yes(flag: Flag, raw: RawEvent, at: datetime, now: datetime) -> bool:
    """Whether somebody says yes these days: history brought in must mail nobody."""
    if flag.state != Consent.State.GRANTED or raw.source == RawEvent.Source.BACKFILL:
        return False
    return now - (flag.at or at) <= timedelta(hours=conf().entry_window_hours)


def _row(
    model: type[ShopOrder] | type[Checkout],
    snapshot: OrderSnapshot | CheckoutSnapshot,
    date: datetime,
    raw: RawEvent,
    events: list[Event],
    now: datetime,
    touched: set[UUID],
) -> bool:
    """Hear of an order or a basket; return whether a person it names was erased."""
    contact, erased = _person(snapshot, date, now)
    # Read only now: erasing or merging may have changed it.
    row = model.objects.get(saleor_id=snapshot.id)
    if contact is not None:
        is_order = isinstance(snapshot, OrderSnapshot)
        keys = conf().consent_order_keys if is_order else conf().consent_checkout_keys
        flag = flag_read(snapshot.metadata, names_of(keys), flag_words())
        if flag is not None:
            basket_hear(
                contact=contact,
                flag=flag,
                source="order" if is_order else "checkout",
                at=snapshot.created_at,
                latest=snapshot.issued_at,
            )
            write_back_plan(contact=contact, now=now)
            if _is_fresh_yes(flag, raw, snapshot.created_at, now):
                subscribing.first_yes_hear(
                    contact=contact,
                    source="order" if is_order else "checkout",
                    channel=snapshot.channel.slug,
                    now=now,
                )
    owner, gone = _owner(row, snapshot, contact)
    # A basket may have been another person's before.
    touched.update(
        pk
        for pk in (
            row.contact_id,
            contact.pk if contact is not None else None,
            owner.pk if owner is not None else None,
        )
        if pk is not None
    )
    if erased:
        # Whoever has the row now, what this payload tells of was somebody else's doing.
        events_drop(events)
    if gone or (erased and owner is None):
        rows_forget([row])
        events_drop(events)
        return True
    rows_attach([row], owner)
    _events_assign(events, owner)
    return erased


def _person(
    snapshot: OrderSnapshot | CheckoutSnapshot, date: datetime, now: datetime
) -> tuple[Contact | None, bool]:
    """Return the contact a payload speaks of, and whether that person was erased."""
    values: dict[str, Any] = {
        "order.language": snapshot.language,
        "order.country": snapshot.country,
        "order.channel": snapshot.channel.slug,
        "order.name": [snapshot.first_name, snapshot.last_name],
    }
    values = {name: value for name, value in values.items() if value not in ("", ["", ""])}
    if snapshot.user is not None:
        heard = Heard(at=date, values=values, since=snapshot.created_at)
        contact = _account(snapshot.user, snapshot.issued_at, now, also=[heard])
        return contact, contact is None
    if not snapshot.email:
        return None, False
    if address_buried(snapshot.email, date):
        return None, True
    values["order.email"] = snapshot.email
    heard = Heard(at=date, values=values, since=snapshot.created_at)
    return guest_resolve(address=snapshot.email, heard=heard, now=now), False


def _account(
    user: UserRef,
    at: datetime,
    now: datetime,
    country: str = "",
    also: Sequence[Heard] = (),
) -> Contact | None:
    """Return an account's contact, or None when it was erased."""
    buried = user_buried(user.id)
    if buried is not None:
        # The payload may tell of another address the erased person had.
        person_erase(user_id=user.id, address=user.email, at=buried, now=now)
        return None
    values: dict[str, Any] = {"account.name": [user.first_name, user.last_name]}
    if user.language:
        values["account.language"] = user.language
    if user.email:
        values["account.email"] = user.email
    if user.is_staff is not None:
        values["account.staff"] = user.is_staff
    if country:
        values["account.country"] = country
    own = Heard(at=at, values=values, since=user.joined_at or at)
    return account_resolve(user_id=user.id, address=user.email, heard=[own, *also], now=now)


def _owner(
    row: ShopOrder | Checkout, snapshot: OrderSnapshot | CheckoutSnapshot, contact: Contact | None
) -> tuple[Contact | None, bool]:
    """Return whose row it is by what the row says now, and whether they were erased."""
    same_user = row.user_id == (snapshot.user.id if snapshot.user else "")
    if contact is not None and same_user and (row.user_id or row.email == snapshot.email.lower()):
        return contact, False
    if row.user_id:
        if user_buried(row.user_id):
            return None, True
        return _known(Identity.Kind.SALEOR_USER, row.user_id), False
    if row.email:
        date = row_date(row)
        if date is not None and address_buried(row.email, date):
            return None, True
        return _known(Identity.Kind.EMAIL, row.email), False
    return None, False


def _known(kind: str, value: str) -> Contact | None:
    found = Identity.objects.select_related("contact").filter(kind=kind, value=value).first()
    return found.contact if found else None


def _events_assign(events: list[Event], contact: Contact | None) -> None:
    if not events or contact is None:
        return
    Event.objects.filter(pk__in=[event.pk for event in events]).update(contact=contact)
    for event in events:
        event.contact = contact


def _merged(*, winner: Contact, loser: Contact, **kwargs: object) -> None:
    memberships_move(winner=winner, loser=loser)
    merge_note(winner.pk)


def _moved(*, from_contact: Contact, to_contact: Contact, **kwargs: object) -> None:
    merge_note(from_contact.pk, to_contact.pk)


def _erased(*, contact: Contact, **kwargs: object) -> None:
    memberships_forget(contact)


def connect() -> None:
    """Connect this stage's receivers, once."""
    name = "saleor_automation.people"
    signals.facts_recorded.connect(facts_resolve, dispatch_uid="saleor_automation.people.facts")
    signals.contact_merged.connect(changes_merge, dispatch_uid="saleor_automation.people.imports")
    # Figures first: segments ask them.
    figures.connect()
    preferences.connect()
    subscribing.connect()
    forgetting.connect()
    signals.contact_merged.connect(_merged, dispatch_uid=name)
    signals.objects_moved.connect(_moved, dispatch_uid=name)
    signals.contact_erased.connect(_erased, dispatch_uid=name)
    segment_facts.register()
