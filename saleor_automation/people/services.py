"""What others ask of people: record consent, unsubscribe, suppress, erase.

Every service that changes what a person said locks the contact's row first, so two
clicks, or a click and a webhook, come one after the other.
"""

from __future__ import annotations

import logging
from datetime import datetime

from django.db import transaction

from .consent import STAFF, addresses_of, consent_states, suppressed
from .digests import address_digest, identity_digest
from .erasure import contact_forget
from .models import Consent, ConsentWriteBack, Contact, Identity, Suppression
from .segments.keeping import memberships_refresh
from .standings import standings_refresh
from .write_back import write_back_plan

__all__ = [
    "consent_record",
    "contact_erase",
    "contact_find",
    "contact_resubscribe",
    "contact_retract",
    "contact_subscribed",
    "contact_unsubscribe",
    "own_no_lift",
    "suppression_add",
]

logger = logging.getLogger(__name__)

#: A stronger reason replaces a weaker one; resubscribing lifts the weakest only.
STRENGTH: dict[str, int] = {
    Suppression.Reason.UNSUBSCRIBED: 0,
    Suppression.Reason.HARD_BOUNCE: 1,
    Suppression.Reason.COMPLAINT: 2,
    Suppression.Reason.MANUAL: 3,
}


def contact_find(*, address: str) -> Contact | None:
    """Return the contact of an address, or None."""
    identity = (
        Identity.objects.select_related("contact")
        .filter(kind=Identity.Kind.EMAIL, value=address.strip().lower())
        .first()
    )
    return identity.contact if identity else None


@transaction.atomic
def consent_record(
    *,
    contact: Contact,
    state: str,
    source: str,
    at: datetime,
    channel: str = "",
    topic: str = "",
    basis: str = "",
    wording: str = "",
    now: datetime | None = None,
) -> None:
    """Add what a person said to the ledger; the same word at the same time counts once.

    Segments are looked at as of ``now``, the clock's time when it is not given.
    """
    locked = _lock(contact)
    _record(
        contact=locked,
        state=state,
        source=source,
        at=at,
        channel=channel,
        topic=topic,
        basis=basis,
        wording=wording,
    )
    _said(locked, now)


def _said(contact: Contact, now: datetime | None = None) -> None:
    """Bring up to the ledger what follows from it. Nothing of it may undo what was said."""
    try:
        with transaction.atomic():
            standings_refresh([contact.pk])
        with transaction.atomic():
            memberships_refresh([contact.pk], now=now)
    except Exception:
        logger.exception("Segments could not be kept; they are looked at again within a day.")


def _record(
    *,
    contact: Contact,
    state: str,
    source: str,
    at: datetime,
    channel: str = "",
    topic: str = "",
    basis: str = "",
    wording: str = "",
) -> None:
    Consent.objects.bulk_create(
        [
            Consent(
                contact=contact,
                channel=channel,
                topic=topic,
                state=state,
                basis=basis,
                source=source[:64],
                wording=wording,
                at=at,
            )
        ],
        ignore_conflicts=True,
    )


def contact_subscribed(*, contact: Contact, topic: str = "", channel: str = "") -> bool | None:
    """Whether a contact wants mail on a topic; None when they never said.

    For one contact. Batches use ``consent.consent_states`` and ``consent.suppressed``.
    """
    blocks = suppressed([contact])[contact.pk]
    if any(row.topic in ("", topic) and row.channel in ("", channel) for row in blocks):
        return False
    return consent_states([contact.pk])[contact.pk].allows(topic, channel)


@transaction.atomic
def contact_unsubscribe(
    *,
    contact: Contact,
    at: datetime,
    source: str = "unsubscribe",
    channel: str = "",
    topic: str = "",
    wording: str = "",
) -> None:
    """Take a contact's "no": a ledger row and a suppression. Safe to repeat."""
    locked = _lock(contact)
    _record(
        contact=locked,
        state=Consent.State.WITHDRAWN,
        source=source,
        at=at,
        channel=channel,
        topic=topic,
        wording=wording,
    )
    suppression_add(
        contact=locked,
        reason=Suppression.Reason.UNSUBSCRIBED,
        at=at,
        channel=channel,
        topic=topic,
    )
    _said(locked)
    write_back_plan(contact=locked, now=at)


@transaction.atomic
def contact_resubscribe(
    *,
    contact: Contact,
    at: datetime,
    source: str = "preferences",
    channel: str = "",
    topic: str = "",
    basis: str = "opt_in",
    wording: str = "",
) -> None:
    """Take a contact's "yes" and lift their own "no" for that channel and topic.

    Dead mailboxes, complaints and the shop's own blocks stay.
    """
    locked = _lock(contact)
    _record(
        contact=locked,
        state=Consent.State.GRANTED,
        source=source,
        at=at,
        channel=channel,
        topic=topic,
        basis=basis,
        wording=wording,
    )
    own_no_lift(contact=locked, channel=channel, topic=topic)
    _said(locked)
    write_back_plan(contact=locked, now=at)


def own_no_lift(*, contact: Contact, channel: str = "", topic: str = "") -> None:
    """Lift the block of a contact's own "no" for a channel and topic; the ledger keeps the word.

    The contact must be locked by the caller.
    """
    own = Suppression.objects.filter(
        reason=Suppression.Reason.UNSUBSCRIBED, channel=channel, topic=topic
    )
    own.filter(contact=contact).delete()
    own.filter(address_digest__in=[address_digest(a) for a in addresses_of(contact)]).delete()


@transaction.atomic
def contact_retract(*, contact: Contact, at: datetime, wording: str = "") -> bool:
    """Take back the "no" to everything that staff entered by mistake; False when there is none.

    The ledger keeps both. What the person said themselves, before or after, stands.
    """
    locked = _lock(contact)
    newest = consent_states([locked.pk])[locked.pk].newest("", "")
    if newest is None or newest.granted or newest.source != STAFF:
        return False
    _record(contact=locked, state=Consent.State.RETRACTED, source=STAFF, at=at, wording=wording)
    if consent_states([locked.pk])[locked.pk].allows("", "") is not False:
        # Older ones are the person's own.
        Suppression.objects.filter(
            contact=locked,
            reason=Suppression.Reason.UNSUBSCRIBED,
            channel="",
            topic="",
            at__gte=newest.at,
        ).delete()
    ConsentWriteBack.objects.filter(
        contact=locked, state=ConsentWriteBack.State.PENDING, said_at=newest.at
    ).update(state=ConsentWriteBack.State.NEEDLESS)
    _said(locked)
    write_back_plan(contact=locked, now=at)
    return True


@transaction.atomic
def suppression_add(
    *, contact: Contact, reason: str, at: datetime, channel: str = "", topic: str = ""
) -> Suppression:
    """Keep a contact's address from being written to; return the row that does."""
    locked = _lock(contact)
    address = next(iter(addresses_of(locked)), "")
    # A contact without an address is kept by its own id, until it has one.
    digest = address_digest(address) if address else identity_digest("contact", str(locked.pk))
    place = {"address_digest": digest, "channel": channel, "topic": topic}
    Suppression.objects.bulk_create(
        [Suppression(contact=locked, reason=reason, at=at, **place)], ignore_conflicts=True
    )
    row = Suppression.objects.select_for_update().get(**place)
    stronger = STRENGTH[Suppression.Reason(reason)] > STRENGTH[Suppression.Reason(row.reason)]
    if stronger or row.contact_id is None:
        if stronger:
            row.reason, row.at = reason, at
        row.contact = locked
        row.save(update_fields=["reason", "at", "contact"])
    return row


@transaction.atomic
def contact_erase(*, contact: Contact, at: datetime, now: datetime) -> None:
    """Erase a person for good, as the law lets them ask. Tombstones keep them out."""
    contact_forget(contact=contact, at=at, now=now)


def _lock(contact: Contact) -> Contact:
    # "no_key": inserting a row that points at the contact need not wait for us.
    return Contact.objects.select_for_update(no_key=True).get(pk=contact.pk)
