"""Takes back what an import did, as far as nothing happened since.

Knows what stood before. Somebody the import brought in goes again unless they, the shop or
another import did something with them; then they stay, and what the import said of them is
taken off. Words of consent are taken back by rows of their own: the ledger keeps both.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import Count, ForeignObjectRel

from saleor_automation.contract.values import iso
from saleor_automation.inbox.models import Event
from saleor_automation.people.models import Consent, Contact, Identity, Tag, Trait
from saleor_automation.people.traits import trait_value

from .applying import contacts_refill, people_follow
from .models import ContactImport, ImportChange

#: Tables that follow from others, or are looked at one by one below.
OWN: Final = frozenset(
    {
        "identity",
        "consent",
        "trait",
        "tag",
        "contactfigures",
        "contactspend",
        "importchange",
        # Computed of the others.
        "segmentmember",
        "consentstanding",
        "event",
    }
)
#: How kinds of events begin that are computed, and nobody's doing.
COMPUTED: Final = "segment_"


def changes_undo(
    changes: Sequence[ImportChange], importing: ContactImport, *, now: datetime
) -> tuple[int, int]:
    """Take back some changes; return how many people went, and how many were set back.

    Must run in a transaction; the rows of ``changes`` are deleted in it.
    """
    people = {
        contact.pk: contact
        for contact in Contact.objects.select_for_update(no_key=True)
        .filter(pk__in={change.contact_id for change in changes})
        .order_by("pk")
    }
    made = [change.contact_id for change in changes if change.created]
    lively = doing_something(made, importing)
    going = [pk for pk in made if pk in people and pk not in lively]
    staying = [change for change in changes if change.contact_id not in set(going)]
    Contact.objects.filter(pk__in=going).delete()
    _slots_restore(staying, people, importing)
    _traits_restore(staying, importing)
    _tags_restore(staying, importing)
    _consents_retract([change.contact_id for change in staying], importing, now)
    ImportChange.objects.filter(pk__in=[change.pk for change in changes]).delete()
    people_follow([change.contact_id for change in staying], now=now)
    return len(going), len(staying)


def doing_something(ids: Sequence[UUID], importing: ContactImport) -> set[UUID]:
    """Return who has anything that did not come with this import.

    Every table that points at people counts, also one of another app.
    """
    found: set[UUID] = set()
    for relation in Contact._meta.get_fields(include_hidden=True):
        model = relation.related_model
        if not isinstance(relation, ForeignObjectRel) or not isinstance(model, type):
            continue
        if model._meta.model_name not in OWN:
            found |= _owners(model._default_manager.all(), relation.field.name, ids)
    names = (
        Identity.objects.filter(contact__in=ids)
        .values_list("contact")
        .annotate(count=Count("pk"))
        .filter(count__gt=1)
    )
    found |= {pk for pk, _count in names}
    source, at = importing.source, importing.created_at
    found |= _owners(Consent.objects.exclude(source=source), "contact", ids)
    found |= _owners(Event.objects.exclude(kind__startswith=COMPUTED), "contact", ids)
    found |= _owners(Trait.objects.exclude(source=source), "contact", ids)
    found |= _owners(Tag.objects.exclude(at=at), "contact", ids)
    found |= _owners(ImportChange.objects.exclude(importing=importing), "contact", ids)
    return found


def _owners(rows: Any, name: str, ids: Sequence[UUID]) -> set[UUID]:
    return set(rows.filter(**{f"{name}__in": ids}).values_list(name, flat=True))


def _slots_restore(
    changes: Iterable[ImportChange], people: dict[UUID, Contact], importing: ContactImport
) -> None:
    at, changed = iso(importing.created_at), []
    for change in changes:
        contact = people.get(change.contact_id)
        if contact is None:
            continue
        saved = change.before.get("slots", {})
        for key, slots in list(contact.field_versions.items()):
            for name in [name for name in slots if name.startswith("import.")]:
                if slots[name][0] != at:
                    continue
                before = saved.get(key, {}).get(name)
                if before is None:
                    del slots[name]
                else:
                    slots[name] = before
            if not slots:
                del contact.field_versions[key]
        changed.append(contact)
    contacts_refill(changed)


def _traits_restore(changes: Sequence[ImportChange], importing: ContactImport) -> None:
    """Set back the traits nobody touched since."""
    rows = Trait.objects.select_related("type").filter(
        contact__in=[change.contact_id for change in changes], source=importing.source
    )
    saved = {change.contact_id: change.before.get("traits", {}) for change in changes}
    for row in rows:
        before = saved[row.contact_id].get(row.type_id)
        if before is None:
            row.delete()
            continue
        text, at, source = before
        value = trait_value(row.type.kind, text)
        setattr(row, row.type.kind, value)
        row.folded = value.lower() if isinstance(value, str) else ""
        row.at, row.source = datetime.fromisoformat(at), source
        row.save()


def _tags_restore(changes: Sequence[ImportChange], importing: ContactImport) -> None:
    saved = {change.contact_id: change.before.get("tags", {}) for change in changes}
    for row in Tag.objects.filter(contact__in=list(saved), on=True, at=importing.created_at):
        before = saved[row.contact_id].get(row.name)
        if before is None:
            row.delete()
        else:
            row.on, row.at = before[0], datetime.fromisoformat(before[1])
            row.save(update_fields=["on", "at"])


def _consents_retract(ids: Sequence[UUID], importing: ContactImport, now: datetime) -> None:
    said = Consent.objects.filter(
        contact__in=ids, source=importing.source, state=Consent.State.GRANTED
    )
    Consent.objects.bulk_create(
        [
            Consent(
                contact_id=row.contact_id,
                channel=row.channel,
                topic=row.topic,
                state=Consent.State.RETRACTED,
                source=importing.source,
                wording=f"{importing.name}: the import was undone",
                at=max(now, row.at),
            )
            for row in said
        ],
        ignore_conflicts=True,
    )
