"""Does what was planned, for many people at once, and remembers what stood before.

Knows rows. Must run in the transaction that moves the import's cursor. Tells nobody: no
event is made of an import, so nothing starts.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db.models import Q

from saleor_automation.contract.values import iso
from saleor_automation.people.figures import figures_refresh
from saleor_automation.people.identities import EMAIL, USER, contact_fill
from saleor_automation.people.models import Consent, Contact, Identity, Tag, Trait, TraitType
from saleor_automation.people.profile import SINCE, email_key
from saleor_automation.people.segments.keeping import SILENT, memberships_refresh
from saleor_automation.people.standings import standings_refresh

from .models import ContactImport, ImportChange, ImportFault
from .planning import Fault, Planned
from .rules import Rules, target_trait

#: Columns of a contact that follow from its evidence.
_FIELDS = (
    "email",
    "first_name",
    "last_name",
    "language",
    "country",
    "channel",
    "has_account",
    "is_staff",
    "created_at",
    "field_versions",
)


def planned_apply(
    planned: Sequence[Planned], rules: Rules, importing: ContactImport, *, now: datetime
) -> None:
    """Write what was planned. The people must be locked."""
    before: dict[uuid.UUID, dict[str, Any]] = {}
    contacts = _contacts_write(planned, importing, before)
    _traits_write(planned, contacts, rules, importing, before)
    _tags_write(planned, contacts, importing, before)
    _consents_write(planned, contacts, rules, importing)
    touched = [
        (one, contact)
        for one, contact in zip(planned, contacts, strict=True)
        if one.outcome != "unchanged"
    ]
    _changes_write(touched, importing, before)
    people_follow([contact.pk for _one, contact in touched], now=now)


def people_follow(ids: Sequence[uuid.UUID], *, now: datetime) -> None:
    """Bring what is computed of people up to what an import, or its undoing, made of them.

    Silently: whatever follows from it must start nothing either.
    """
    figures_refresh(ids, now=now)
    standings_refresh(ids)
    memberships_refresh(ids, now=now, telling=SILENT)


def _changes_write(
    touched: Sequence[tuple[Planned, Contact]],
    importing: ContactImport,
    before: dict[uuid.UUID, dict[str, Any]],
) -> None:
    """Remember what stood before; of two lines about one person, before the first."""
    ids = {contact.pk for _one, contact in touched}
    known = {
        row.contact_id: row
        for row in ImportChange.objects.filter(importing=importing, contact__in=ids)
    }
    rows: dict[uuid.UUID, ImportChange] = {}
    for one, contact in touched:
        saved = before.get(contact.pk, {})
        if (row := known.get(contact.pk)) is not None:
            for name, values in saved.items():
                row.before[name] = {**values, **row.before.get(name, {})}
            row.save(update_fields=["before"])
        else:
            rows.setdefault(
                contact.pk,
                ImportChange(
                    importing=importing,
                    contact=contact,
                    created=one.contact is None,
                    before=saved,
                ),
            )
    ImportChange.objects.bulk_create(rows.values())


def faults_write(faults: Sequence[Fault], importing: ContactImport) -> None:
    """Keep lines that were left out, with why."""
    ImportFault.objects.bulk_create(
        [
            ImportFault(
                importing=importing,
                line=fault.line,
                kind=fault.kind,
                reason=fault.reason,
                cells=json.dumps([cell[:500] for cell in fault.cells], ensure_ascii=False),
            )
            for fault in faults
        ]
    )


def _contacts_write(
    planned: Sequence[Planned], importing: ContactImport, before: dict[uuid.UUID, dict[str, Any]]
) -> list[Contact]:
    """Make who is new, add evidence to who is known; return the person of each line."""
    contacts: list[Contact] = []
    new: list[tuple[Contact, str]] = []
    changed: dict[uuid.UUID, Contact] = {}
    at = importing.created_at
    for one in planned:
        address = one.row.email.lower()
        key = email_key(address)
        if one.contact is None:
            contact = Contact(id=uuid.uuid4(), created_at=at)
            contact.field_versions = {key: {**one.slots, SINCE: [iso(at), ""]}}
            new.append((contact, address))
        else:
            contact = one.contact
            if one.slots:
                slots = contact.field_versions.setdefault(key, {})
                saved = before.setdefault(contact.pk, {}).setdefault("slots", {})
                saved[key] = {name: slots.get(name) for name in one.slots}
                slots.update(one.slots)
                changed[contact.pk] = contact
        contacts.append(contact)
    for contact, address in new:
        contact_fill(contact, [(EMAIL, address)])
    Contact.objects.bulk_create([contact for contact, _address in new])
    Identity.objects.bulk_create(
        [Identity(kind=EMAIL, value=address, contact=contact, as_of=at) for contact, address in new]
    )
    contacts_refill(changed.values())
    return contacts


def contacts_refill(contacts: Any) -> None:
    """Compute the fields of several people from their evidence, and save them."""
    contacts = list(contacts)
    if not contacts:
        return
    names: dict[uuid.UUID, list[tuple[str, str]]] = {contact.pk: [] for contact in contacts}
    rows = Identity.objects.filter(Q(kind=EMAIL) | Q(kind=USER), contact__in=list(names))
    for pk, kind, value in rows.values_list("contact_id", "kind", "value"):
        names[pk].append((kind, value))
    for contact in contacts:
        contact_fill(contact, names[contact.pk])
    Contact.objects.bulk_update(contacts, _FIELDS)


def _traits_write(
    planned: Sequence[Planned],
    contacts: Sequence[Contact],
    rules: Rules,
    importing: ContactImport,
    before: dict[uuid.UUID, dict[str, Any]],
) -> None:
    kinds = {name: kind for kind, name in map(target_trait, rules.columns) if kind}
    wanted = [
        (contact, name, value)
        for one, contact in zip(planned, contacts, strict=True)
        for name, value in one.traits.items()
    ]
    if not wanted:
        return
    for name in sorted({name for _contact, name, _value in wanted}):
        TraitType.objects.get_or_create(name=name, defaults={"kind": kinds[name]})
    old = {
        (row.contact_id, row.type_id): row
        for row in Trait.objects.select_related("type").filter(
            contact__in={contact.pk for contact, _name, _value in wanted},
            type__in={name for _contact, name, _value in wanted},
        )
    }
    rows = {}
    for contact, name, value in wanted:
        row = old.get((contact.pk, name))
        saved = before.setdefault(contact.pk, {}).setdefault("traits", {})
        saved[name] = [_text(row.value), iso(row.at), row.source] if row is not None else None
        # The one column its kind names; the others are empty.
        made = Trait(
            contact=contact, type_id=name, at=importing.created_at, source=importing.source
        )
        setattr(made, kinds[name], value)
        made.folded = value.lower() if isinstance(value, str) else ""
        rows[contact.pk, name] = made
    Trait.objects.bulk_create(
        rows.values(),
        update_conflicts=True,
        unique_fields=["contact", "type"],
        update_fields=["text", "folded", "number", "flag", "moment", "source", "at"],
    )


def _text(value: Any) -> str:
    return iso(value) if isinstance(value, datetime) else str(value)


def _tags_write(
    planned: Sequence[Planned],
    contacts: Sequence[Contact],
    importing: ContactImport,
    before: dict[uuid.UUID, dict[str, Any]],
) -> None:
    wanted = [
        (contact, name) for one, contact in zip(planned, contacts, strict=True) for name in one.tags
    ]
    if not wanted:
        return
    old = {
        (row.contact_id, row.name): row
        for row in Tag.objects.filter(contact__in={contact.pk for contact, _name in wanted})
    }
    rows = {}
    for contact, name in wanted:
        row = old.get((contact.pk, name))
        saved = before.setdefault(contact.pk, {}).setdefault("tags", {})
        saved[name] = [row.on, iso(row.at)] if row is not None else None
        rows[contact.pk, name] = Tag(contact=contact, name=name, on=True, at=importing.created_at)
    Tag.objects.bulk_create(
        rows.values(),
        update_conflicts=True,
        unique_fields=["contact", "name"],
        update_fields=["on", "at"],
    )


def _consents_write(
    planned: Sequence[Planned],
    contacts: Sequence[Contact],
    rules: Rules,
    importing: ContactImport,
) -> None:
    Consent.objects.bulk_create(
        [
            Consent(
                contact=contact,
                channel=rules.channel,
                topic="",
                state=Consent.State.GRANTED,
                basis=rules.basis,
                source=importing.source,
                wording=f"{rules.wording} ({rules.where})",
                at=one.agreed_at,
            )
            for one, contact in zip(planned, contacts, strict=True)
            if one.agreed_at is not None
        ],
        ignore_conflicts=True,
    )
