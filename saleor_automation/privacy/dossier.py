"""Everything kept of one person, as plain values: what they may ask for.

Knows the tables of the stages before it, and that a table of another app which points at
contacts belongs to it as well, whether it is known here or not. The form is documented in
``docs/privacy.md``; ``SCHEMA`` counts up when a reader of it would break.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.db.models import ForeignObjectRel, Model, Q

from saleor_automation.contract.values import iso
from saleor_automation.delivery import reasons as mail_reasons
from saleor_automation.delivery.models import Message
from saleor_automation.delivery.services import message_rendered
from saleor_automation.exceptions import AutomationError
from saleor_automation.inbox.models import Event
from saleor_automation.people.consent import addresses_of
from saleor_automation.people.digests import address_digests
from saleor_automation.people.models import (
    Consent,
    Contact,
    ContactFigures,
    ContactSpend,
    Identity,
    Suppression,
    Tag,
    Trait,
)
from saleor_automation.people.verification.services import verifications_of
from saleor_automation.sequences import reasons as exit_reasons
from saleor_automation.sequences.models import Enrollment, SequenceSwitch
from saleor_automation.shop.models import Checkout, ShopOrder

from .models import DataRequest

SCHEMA: Final = "saleor-automation/person/1"

Section = Callable[[Contact], list[dict[str, Any]]]


def dossier_of(contact: Contact, *, now: datetime) -> dict[str, Any]:
    """Return all that is kept of a person: texts, numbers, booleans, lists and dicts."""
    sections = {name: section(contact) for name, section in SECTIONS.items()}
    return {
        "schema": SCHEMA,
        "made_at": iso(now),
        "person": _person(contact),
        **{name: plain(rows) for name, rows in sections.items()},
        "other": plain(_other(contact)),
    }


def plain(value: Any) -> Any:
    """Return a value as JSON has it."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [plain(item) for item in value]
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, date | UUID | Decimal):
        return str(value)
    if isinstance(value, memoryview | bytes):
        return bytes(value).decode("utf-8", "replace")
    if value is None or isinstance(value, str | int | float | bool):
        return value
    # A translated word.
    return str(value)


def _person(contact: Contact) -> dict[str, Any]:
    figures = ContactFigures.objects.filter(contact=contact).first()
    return plain(
        {
            **_columns(contact, leave=("field_versions",)),
            "heard": contact.field_versions,
            "figures": _columns(figures, leave=("contact",)) if figures else None,
            "spent": [
                _columns(row, leave=("id", "contact"))
                for row in ContactSpend.objects.filter(contact=contact).order_by("currency")
            ],
        }
    )


def _identities(contact: Contact) -> list[dict[str, Any]]:
    rows = Identity.objects.filter(contact=contact).order_by("kind", "value")
    return [_columns(row, leave=("id", "contact")) for row in rows]


def _traits(contact: Contact) -> list[dict[str, Any]]:
    rows = Trait.objects.select_related("type").filter(contact=contact).order_by("type")
    return [
        {
            "name": row.type_id,
            "kind": row.type.kind,
            "value": row.value,
            "source": row.source,
            "at": row.at,
        }
        for row in rows
    ]


def _tags(contact: Contact) -> list[dict[str, Any]]:
    rows = Tag.objects.filter(contact=contact).order_by("name")
    return [_columns(row, leave=("id", "contact")) for row in rows]


def _orders(contact: Contact) -> list[dict[str, Any]]:
    rows = ShopOrder.objects.filter(contact=contact).order_by("placed_at", "pk")
    return [
        {
            **_columns(row, leave=("id", "contact")),
            "lines": [_columns(line, leave=("id", "order")) for line in row.lines.all()],
            "parcels": [
                _columns(parcel, leave=("id", "order")) for parcel in row.fulfillments.all()
            ],
        }
        for row in rows.prefetch_related("lines", "fulfillments")
    ]


def _baskets(contact: Contact) -> list[dict[str, Any]]:
    rows = Checkout.objects.filter(contact=contact).order_by("created_at", "pk")
    # Whoever holds the token may change the basket.
    return [_columns(row, leave=("id", "contact", "token")) for row in rows]


def _events(contact: Contact) -> list[dict[str, Any]]:
    rows = Event.objects.filter(contact=contact).order_by("occurred_at", "pk")
    return [
        {
            "kind": row.kind,
            "occurred_at": row.occurred_at,
            "recorded_at": row.recorded_at,
            "source": row.source,
            "data": row.data,
        }
        for row in rows
    ]


def _consent(contact: Contact) -> list[dict[str, Any]]:
    rows = Consent.objects.filter(contact=contact).order_by("at", "pk")
    return [_columns(row, leave=("id", "contact")) for row in rows]


def _blocks(contact: Contact) -> list[dict[str, Any]]:
    digests = list(address_digests(addresses_of(contact)).values())
    rows = Suppression.objects.filter(Q(contact=contact) | Q(address_digest__in=digests))
    rows = rows.order_by("at", "pk")
    return [_columns(row, leave=("id", "contact", "address_digest")) for row in rows]


def _sequences(contact: Contact) -> list[dict[str, Any]]:
    names = dict(SequenceSwitch.objects.values_list("sequence", "name"))
    rows = Enrollment.objects.filter(contact=contact).order_by("entered_at", "pk")
    return [
        {
            "sequence": names.get(row.sequence, str(row.sequence)),
            "state": row.state,
            "entered_at": row.entered_at,
            "finished_at": row.finished_at,
            "reason": exit_reasons.words(row.reason) if row.reason else "",
            "about": row.context,
        }
        for row in rows
    ]


def _mails(contact: Contact) -> list[dict[str, Any]]:
    rows = Message.objects.filter(contact=contact).order_by("planned_at", "pk")
    return [
        _mail(row)
        for row in rows.select_related("content", "email_version", "contact", "enrollment")
    ]


def _mail(row: Message) -> dict[str, Any]:
    content = getattr(row, "content", None)
    text = ""
    if content is not None:
        try:
            text = message_rendered(row).text
        except AutomationError:
            text = ""
    return {
        "subject": content.subject if content is not None else "",
        "to": row.to_address,
        "state": row.state,
        "why": mail_reasons.words(row.reason) if row.reason else "",
        "purpose": row.purpose,
        "topic": row.topic,
        "planned_at": row.planned_at,
        "sent_at": row.handed_over_at,
        "settled_at": row.settled_at,
        "mail_server": row.detail,
        "text": text,
    }


def _addresses(contact: Contact) -> list[dict[str, Any]]:
    return [
        {
            "address": address,
            "verdict": found.verdict.value,
            "reasons": [reason.value for reason in found.reasons],
            "suggestion": found.suggestion,
            "evidence": dict(found.evidence),
            "checked_at": found.checked_at,
        }
        for address, found in sorted(verifications_of(addresses_of(contact)).items())
    ]


def _requests(contact: Contact) -> list[dict[str, Any]]:
    rows = DataRequest.objects.filter(contact=contact).order_by("asked_at")
    return [_columns(row, leave=("id", "contact", "message")) for row in rows]


#: What the document has besides the person, in its order.
SECTIONS: Final[dict[str, Section]] = {
    "identities": _identities,
    "traits": _traits,
    "tags": _tags,
    "orders": _orders,
    "baskets": _baskets,
    "events": _events,
    "consent": _consent,
    "blocks": _blocks,
    "sequences": _sequences,
    "mails": _mails,
    "addresses": _addresses,
    "requests": _requests,
}
#: Tables whose rows stand above.
_SHOWN: Final = frozenset(
    {
        Identity,
        Trait,
        Tag,
        ShopOrder,
        Checkout,
        Event,
        Consent,
        Suppression,
        Enrollment,
        Message,
        ContactFigures,
        ContactSpend,
        DataRequest,
    }
)


def _other(contact: Contact) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of every other table that points at the person, column by column."""
    found: dict[str, list[dict[str, Any]]] = {}
    for relation in Contact._meta.get_fields(include_hidden=True):
        if not isinstance(relation, ForeignObjectRel):
            continue
        model = relation.related_model
        if not isinstance(model, type) or model in _SHOWN:
            continue
        rows: Iterable[Model] = model._default_manager.filter(**{relation.field.name: contact})
        columns = [_columns(row, leave=(relation.field.name,)) for row in rows]
        if columns:
            found.setdefault(str(model._meta.verbose_name_plural), []).extend(columns)
    return found


def _columns(row: Model, *, leave: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return a row's columns by name; what only the engine needs is left out."""
    engine = ("claim", "claimed_until", "attempts", "version_updated_at", "version_issued_at")
    return {
        field.name: getattr(row, field.attname)
        for field in row._meta.concrete_fields
        if field.name not in (*leave, *engine)
    }
