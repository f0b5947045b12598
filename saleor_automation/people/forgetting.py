"""Letting visitors go: with the person they turned out to be, or when nobody came back.

Knows identities, claims and events. An erased person leaves tombstones for their visits and
ids in other systems, so that calls which come late do not bring them back.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from saleor_automation import signals
from saleor_automation.inbox.models import Event, EventKey

from .attribution import ANONYMOUS, EMAIL, EXTERNAL, USER
from .claimed import own_pk
from .models import Contact, Identity, IdentityClaim
from .tombstones import tombstone_add

#: Visitors forgotten at a time.
PORTION = 500


def visitors_forget(*, addresses: Collection[str], now: datetime) -> None:
    """Erase the visitors last said to have one of these addresses, and what claims it.

    Nobody else is found by them here: people who are known go with their own rows.
    """
    claims = IdentityClaim.objects.filter(target_kind=EMAIL, target__in=list(addresses))
    waiting = {
        row.identity.value: row.identity.contact_id
        for row in claims.filter(identity__kind=ANONYMOUS).select_related("identity")
    }
    own = {pk for value, pk in waiting.items() if pk == own_pk((ANONYMOUS, value))}
    for contact in Contact.objects.filter(pk__in=own, is_anonymous=True):
        contact_drop(contact, now=now)
    claims.delete()


def contact_drop(contact: Contact, *, now: datetime) -> None:
    """Delete a contact nobody knows, with what it did; a repeat of that makes it new again."""
    signals.contact_erased.send(sender=Contact, contact=contact, now=now)
    Event.objects.filter(contact=contact).delete()
    contact.delete()


def visitors_prune(*, before: datetime, now: datetime, limit: int = PORTION) -> int:
    """Forget visitors who never became known and were not seen since; return how many."""
    seen = Identity.objects.filter(contact=OuterRef("pk"), as_of__gte=before)
    rows = Contact.objects.filter(~Exists(seen), is_anonymous=True, created_at__lt=before)
    pks = list(rows.order_by("created_at").values_list("pk", flat=True)[:limit])
    keys = EventKey.objects.filter(event__contact__in=pks)
    with transaction.atomic():
        # Forgotten, not erased: no tombstone, and who comes back is a visitor like any other.
        Identity.objects.filter(contact__in=pks).delete()
        for contact in Contact.objects.select_for_update(no_key=True).filter(pk__in=pks):
            signals.contact_erased.send(sender=Contact, contact=contact, now=now)
        # With their keys: nobody repeats calls of that age.
        EventKey.objects.filter(pk__in=list(keys.values_list("pk", flat=True))).delete()
        Contact.objects.filter(pk__in=pks).delete()
    return len(pks)


def _erased(*, contact: Contact, now: datetime, **kwargs: object) -> None:
    """Leave tombstones for a person's visits and ids, and nothing that names them."""
    wanted = Q(pk=None)
    for row in Identity.objects.filter(contact=contact):
        wanted |= Q(target_kind=row.kind, target=row.value)
        if row.kind in (ANONYMOUS, EXTERNAL):
            tombstone_add(kind=row.kind, value=row.value, at=now)
        elif row.kind == USER:
            wanted |= Q(target_kind=EXTERNAL, target=row.value)
    IdentityClaim.objects.filter(wanted).delete()


def connect() -> None:
    """Follow what is erased."""
    signals.contact_erased.connect(_erased, dispatch_uid="saleor_automation.visitors.erased")
