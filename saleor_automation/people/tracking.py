"""What storefronts and other systems tell: who did it, and what they say of themselves.

Knows calls and how much each may be believed. A page in a browser is anybody's to write:
it may say who a visitor is, and no more. What Saleor says of an account stands above what
a server says, and that above a browser. Nobody's consent is heard here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q

from saleor_automation.contract.values import iso
from saleor_automation.inbox.models import Event, RawEvent
from saleor_automation.inbox.track.calls import Call
from saleor_automation.inbox.track.storing import Tracked

from .attribution import ANONYMOUS, EMAIL, EXTERNAL, USER, Claim, Name, whose_at
from .claimed import claims_load, followers_of
from .digests import identity_digest
from .identities import Heard, evidence_hear, guest_resolve
from .models import Contact, Identity, IdentityClaim, Tombstone, TraitType
from .profile import SINCE, external_key
from .sayings import PERSON_TRAITS, address_of, person_values, trait_name
from .traits import BROWSER, SERVER, TraitError, trait_put
from .visitors import contacts_ensure, own_dates_set, rows_update, visitors_settle


@dataclass(frozen=True, slots=True)
class _New:
    """A claim a call makes."""

    of: Name
    at: datetime
    target: Name
    is_trusted: bool
    values: Mapping[str, Any]


def tracked_hear(
    *, raw: RawEvent, tracked: Tracked, events: list[Event], now: datetime
) -> set[UUID]:
    """Find whose calls these are and hear what they say; return the contacts touched.

    Calls of erased people are dropped, with their events, and the body is not kept.
    """
    buried = _buried(tracked)
    if buried:
        raw.body = b""
        gone = [
            event.pk
            for call, event in zip(tracked.calls, events, strict=True)
            if call.message_id in buried
        ]
        Event.objects.filter(pk__in=gone).delete()
        kept = [event for event in events if event.pk not in set(gone)]
        # The list is shared with the later stages: nothing of it happened for them.
        events[:] = kept
    calls = [call for call in tracked.calls if call.message_id not in buried]
    if not calls:
        return set()
    touched: set[UUID] = set()
    if not tracked.is_browser:
        touched |= _addresses_hear(calls, now)
    new = [claim for call in calls for claim in _claims_of(call, tracked.is_browser)]
    seen = _names(calls, new, tracked.is_browser)
    rows = _identities_ensure(seen, new, now)
    changed = {claim.of for claim in new}
    _claims_insert(new, rows)
    if not tracked.is_browser:
        touched |= _external_evidence(calls, rows)
        # Somebody may have waited for an address to be known.
        changed |= {(EMAIL, address.lower()) for call in calls if (address := address_of(call))}
    touched |= _events_assign(calls, events, rows, tracked.is_browser)
    if changed:
        touched |= visitors_settle(followers_of(changed), now=now)
    held = Identity.objects.filter(pk__in=[row.pk for row in rows.values()])
    touched |= set(held.values_list("contact_id", flat=True))
    own_dates_set(touched)
    _traits_hear(calls, tracked.is_browser)
    return set(Contact.objects.filter(pk__in=touched).values_list("pk", flat=True))


def _buried(tracked: Tracked) -> set[str]:
    """Return the message ids of calls that tell of somebody erased."""
    names: dict[str, list[tuple[Name, Call]]] = {}
    for call in tracked.calls:
        for name in _names_of(call):
            names.setdefault(identity_digest(*name), []).append((name, call))
    found = set()
    rows = Tombstone.objects.filter(digest__in=list(names)) if names else ()
    for row in rows:
        for (kind, _value), call in names[row.digest]:
            # Saleor never uses an account's id again; anything else blocks up to its time.
            if kind == row.kind and (kind == USER or call.at <= row.at):
                found.add(call.message_id)
    return found


def _names_of(call: Call) -> Iterator[Name]:
    if call.anonymous_id:
        yield (ANONYMOUS, call.anonymous_id)
    for value in filter(None, (call.user_id, call.previous_id)):
        yield (USER, value)
        yield (EXTERNAL, value)
    if address := address_of(call):
        yield (EMAIL, address.lower())


def _claims_of(call: Call, browser: bool) -> Iterator[_New]:
    trusted = not browser
    visitor, external = (ANONYMOUS, call.anonymous_id), (EXTERNAL, call.user_id)
    if call.type == "alias":
        yield _New((ANONYMOUS, call.previous_id), call.at, external, trusted, {})
        if trusted and call.previous_id != call.user_id:
            yield _New((EXTERNAL, call.previous_id), call.at, external, trusted, {})
        return
    if call.type != "identify":
        return
    address = address_of(call).lower()
    values = person_values(call, "browser") if browser else {}
    if call.anonymous_id and call.user_id:
        yield _New(visitor, call.at, external, trusted, values)
    if call.anonymous_id and address and (browser or not call.user_id):
        yield _New(visitor, call.at, (EMAIL, address), trusted, values)
    if call.user_id and address and trusted:
        yield _New(external, call.at, (EMAIL, address), trusted, {})


def _names(calls: Iterable[Call], new: Iterable[_New], browser: bool) -> dict[Name, datetime]:
    """Return every identity something was told of, and when that was last."""
    found: dict[Name, datetime] = {}

    def see(name: Name, at: datetime) -> None:
        if name[1]:
            found[name] = max(found.get(name, at), at)

    for call in calls:
        see(_owner(call, browser), call.at)
    for claim in new:
        see(claim.of, claim.at)
        if claim.target[0] == EXTERNAL:
            see(claim.target, claim.at)
    return found


def _identities_ensure(
    seen: Mapping[Name, datetime], new: Collection[_New], now: datetime
) -> dict[Name, Identity]:
    """Return the identities of these names, locked in a fixed order; missing ones are made."""
    wanted = Q(pk=None)
    for kind in (ANONYMOUS, EXTERNAL):
        if values := sorted(value for known, value in seen if known == kind):
            wanted |= Q(kind=kind, value__in=values)
    rows = {
        (row.kind, row.value): row
        for row in Identity.objects.select_for_update(of=("self",))
        .filter(wanted)
        .order_by("kind", "value")
    }
    rows_update(
        Identity,
        ["as_of"],
        [(seen[name], row.pk) for name, row in rows.items() if row.as_of < seen[name]],
    )
    missing = sorted(seen.keys() - rows.keys())
    if missing:
        claims = claims_load(
            missing, [(claim.of, Claim(claim.at, claim.target, claim.is_trusted)) for claim in new]
        )
        led = {
            name: claims.external(name[1])
            if name[0] == EXTERNAL
            else claims.visitor(name[1], seen[name])
            for name in missing
        }
        contacts = contacts_ensure(led.values(), at=seen)
        for row in Identity.objects.bulk_create(
            [
                Identity(
                    kind=name[0], value=name[1], contact_id=contacts[led[name]], as_of=seen[name]
                )
                for name in missing
            ]
        ):
            rows[row.kind, row.value] = row
    return rows


def _claims_insert(new: Iterable[_New], rows: Mapping[Name, Identity]) -> None:
    IdentityClaim.objects.bulk_create(
        [
            IdentityClaim(
                identity=rows[claim.of],
                at=claim.at,
                target_kind=claim.target[0],
                target=claim.target[1],
                is_trusted=claim.is_trusted,
                values=dict(claim.values),
            )
            for claim in new
        ],
        ignore_conflicts=True,
    )


def _addresses_hear(calls: Iterable[Call], now: datetime) -> set[UUID]:
    """Know everybody whose address a server tells, as a guest of the shop is known."""
    touched = set()
    for call in calls:
        if address := address_of(call):
            heard = Heard(at=call.at, values={"server.email": address}, since=call.at)
            touched.add(guest_resolve(address=address, heard=heard, now=now).pk)
    return touched


def _external_evidence(calls: Iterable[Call], rows: Mapping[Name, Identity]) -> set[UUID]:
    """Keep what a server says of somebody under the id it has for them."""
    heard: dict[str, list[Heard]] = {}
    for call in calls:
        if call.user_id:
            values = person_values(call, "server")
            heard.setdefault(call.user_id, []).append(Heard(call.at, values, since=call.at))
    pks = {rows[EXTERNAL, value].contact_id for value in heard}
    people = {
        row.pk: row
        for row in Contact.objects.select_for_update(no_key=True).filter(pk__in=pks).order_by("pk")
    }
    touched = set()
    for value, told in heard.items():
        contact, key = people[rows[EXTERNAL, value].contact_id], external_key(value)
        since = contact.field_versions.get(key, {}).get(SINCE)
        first = iso(min(item.since for item in told))
        # Most calls tell nothing new of who they are about.
        if any(item.values for item in told) or since is None or first < since[0]:
            evidence_hear(contact, key, told)
            touched.add(contact.pk)
    return touched


def _events_assign(
    calls: Iterable[Call], events: list[Event], rows: Mapping[Name, Identity], browser: bool
) -> set[UUID]:
    """Give the events of a batch to whoever did what they tell."""
    owners = [_owner(call, browser) for call in calls]
    claims = claims_load(set(owners))
    visits = {name: claims.stretches(name[1]) for name in owners if name[0] == ANONYMOUS}
    led = [
        whose_at(visits[name], name[1], event.occurred_at)
        if name[0] == ANONYMOUS
        else claims.external(name[1])
        for name, event in zip(owners, events, strict=True)
    ]
    contacts = contacts_ensure(
        led, at={name: event.occurred_at for name, event in zip(owners, events, strict=True)}
    )
    for event, name, whose in zip(events, owners, led, strict=True):
        event.visitor_id, event.contact_id = rows[name].pk, contacts[whose]
    rows_update(
        Event,
        ["visitor", "contact"],
        [(event.visitor_id, event.contact_id, event.pk) for event in events],
    )
    return set(contacts.values())


def _owner(call: Call, browser: bool) -> Name:
    """Return the identity a call tells of.

    A page's visitor, since a page may say any id; of a server the id, which is trusted.
    """
    if call.user_id and (not browser or not call.anonymous_id):
        return (EXTERNAL, call.user_id)
    return (ANONYMOUS, call.anonymous_id or call.previous_id)


def _traits_hear(calls: Iterable[Call], browser: bool) -> None:
    """Note traits. A page adds to those the shop keeps already, and begins none."""
    told = [
        (call, {n: v for k, v in call.traits.items() if (n := trait_name(k)) not in PERSON_TRAITS})
        for call in calls
        if call.type == "identify"
    ]
    told = [(call, traits) for call, traits in told if traits]
    if not told:
        return
    names = {name for _call, traits in told for name in traits}
    kept = set(TraitType.objects.filter(name__in=names).values_list("name", flat=True))
    claims = claims_load({_owner(call, browser) for call, _traits in told})
    for call, traits in told:
        name = _owner(call, browser)
        whose = (
            claims.visitor(name[1], call.at) if name[0] == ANONYMOUS else claims.external(name[1])
        )
        contact = Contact.objects.get(pk=contacts_ensure([whose], at={name: call.at})[whose])
        for trait, value in traits.items():
            if browser and trait not in kept:
                continue
            try:
                trait_put(
                    contact=contact,
                    name=trait,
                    value=value,
                    at=call.at,
                    source=BROWSER if browser else SERVER,
                )
            except TraitError:
                # Of another kind than the shop keeps under that name: the rest counts.
                continue
