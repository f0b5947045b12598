"""Forgets sign-ups nothing came of, and strangers of whom nothing else is known."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import Q

from saleor_automation import signals
from saleor_automation.inbox.models import Event
from saleor_automation.people.models import Consent, Contact, Identity, Suppression
from saleor_automation.shop.models import Checkout, ShopOrder

from .limits import counts_prune
from .models import SubscriptionRequest
from .services import CONFIRM_WITHIN

State = SubscriptionRequest.State

#: What nothing came of is deleted then, with the person if nothing else is known of them.
KEPT_FOR: Final = timedelta(days=30)
#: What was agreed to stays in the ledger; the request itself is kept so long.
SETTLED_KEPT_FOR: Final = timedelta(days=400)


def requests_prune(*, now: datetime) -> int:
    """Delete what is over, and people of whom nothing but an unconfirmed wish is known."""
    counts_prune(now=now)
    over = SubscriptionRequest.objects.filter(
        Q(state__in=[State.ASKED, State.CLOSED], requested_at__lt=now - KEPT_FOR - CONFIRM_WITHIN)
        | Q(requested_at__lt=now - SETTLED_KEPT_FOR)
    )
    people = {pk for pk in over.values_list("contact_id", flat=True) if pk is not None}
    deleted, _ = over.delete()
    for pk in people:
        _stranger_forget(pk, now)
    return deleted


@transaction.atomic
def _stranger_forget(contact_id: uuid.UUID, now: datetime) -> None:
    contact = Contact.objects.select_for_update().filter(pk=contact_id, has_account=False).first()
    if contact is None or any(
        model._default_manager.filter(contact=contact_id).exists()
        for model in (Consent, Suppression, ShopOrder, Checkout, Event, SubscriptionRequest)
    ):
        return
    if Identity.objects.filter(contact=contact).exclude(kind=Identity.Kind.EMAIL).exists():
        return
    # No tombstone: nobody asked to be kept out.
    signals.contact_erased.send(sender=Contact, contact=contact, now=now)
    contact.delete()
