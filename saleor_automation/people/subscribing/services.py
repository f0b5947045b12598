"""From a wish to a word in the ledger: received, asked to confirm, confirmed or closed.

``request_add`` only leaves a row, always the same way, so that how long an answer takes says
nothing about whom the shop knows. ``requests_work`` does the rest in the worker.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from django.db import DatabaseError, transaction
from django.db.models import Q

from saleor_automation import signals
from saleor_automation.inbox.models import Event
from saleor_automation.people.consent import (
    DOUBLE_OPT_IN,
    addresses_of,
    consent_states,
    suppressed,
)
from saleor_automation.people.digests import address_digest, address_digests
from saleor_automation.people.identities import Heard, guest_resolve
from saleor_automation.people.models import Consent, Contact, Identity, Suppression
from saleor_automation.people.profile import CHOSEN_LANGUAGE
from saleor_automation.people.services import contact_find, contact_resubscribe, own_no_lift
from saleor_automation.people.verification.services import addresses_verify, history_record
from saleor_automation.people.verification.verdicts import Verdict
from saleor_automation.shop.models import Checkout, ShopOrder

from .defence import DAY, DOTTED_LIMIT, HOUR, MAILBOX_LIMIT, Signal, is_dotted, mailbox_of
from .limits import count_add, counts_prune
from .models import SubscriptionRequest
from .rules import double_in, rules_load

logger = logging.getLogger(__name__)

#: How long a confirmation may take.
CONFIRM_WITHIN: Final = timedelta(days=7)
#: Somebody who did not confirm is not asked again so soon, unless they ask themselves.
ASK_AGAIN_AFTER: Final = timedelta(days=90)
#: What nothing came of is deleted then, with the person if nothing else is known of them.
KEPT_FOR: Final = timedelta(days=30)
#: What was agreed to stays in the ledger; the request itself is kept so long.
SETTLED_KEPT_FOR: Final = timedelta(days=400)
#: Requests worked in one run.
LIMIT: Final = 200

State = SubscriptionRequest.State


class Outcome(StrEnum):
    """What became of a link that was used."""

    CONFIRMED = "confirmed"
    ALREADY = "already"
    EXPIRED = "expired"
    GONE = "gone"


def request_add(
    *,
    address: str,
    channel: str,
    language: str,
    topics: Sequence[str],
    wording: str,
    found: Collection[Signal],
    now: datetime,
) -> SubscriptionRequest:
    """Take down what a form asks for. Nothing else happens before the worker looks at it."""
    return SubscriptionRequest.objects.create(
        address=address.strip(),
        address_digest=address_digest(address),
        channel=channel,
        language=language,
        topics=list(topics),
        source="form",
        wording=wording,
        signals=sorted(found),
        requested_at=now,
    )


def requests_work(*, now: datetime) -> int:
    """Work what was received; return how many. Safe to run twice at once."""
    waiting = SubscriptionRequest.objects.filter(state=State.RECEIVED).order_by("requested_at")
    count = 0
    for pk in list(waiting.values_list("pk", flat=True)[:LIMIT]):
        try:
            count += _work(pk, now)
        except DatabaseError:
            # Two workers met a new person, or the database is away: the next run does it.
            logger.warning("A sign-up could not be worked yet.", exc_info=True)
        except Exception:
            logger.exception("A sign-up could not be worked; it is closed.")
            SubscriptionRequest.objects.filter(pk=pk, state=State.RECEIVED).update(
                state=State.CLOSED, reason="error", settled_at=now
            )
    return count


@transaction.atomic
def _work(pk: uuid.UUID, now: datetime) -> bool:
    request = (
        SubscriptionRequest.objects.select_for_update(skip_locked=True)
        .filter(pk=pk, state=State.RECEIVED)
        .first()
    )
    if request is None:
        return False
    mailbox = mailbox_of(request.address)
    if count_add(scope="mailbox", value=mailbox, now=now, every=DAY) > MAILBOX_LIMIT:
        _close(request, "mailbox_limit", now)
        return True
    found = {Signal(code) for code in request.signals} | _address_signals(request, mailbox, now)
    (assessment,) = addresses_verify(
        addresses=[request.address], now=now, dns=False, keep=False
    ).values()
    if assessment.verdict is Verdict.UNDELIVERABLE:
        _close(request, "address", now)
        return True
    if assessment.verdict is Verdict.RISKY:
        found.add(Signal.DOUBTFUL)
    contact = _contact(request, now)
    if _said_no(contact):
        found.add(Signal.SAID_NO)
    request.contact, request.signals = contact, sorted(found)
    if not contact.email:
        _close(request, "no_address", now)
        return True
    # Known under several addresses: mail goes to one of them, and that one is asked.
    request.address, request.address_digest = contact.email, address_digest(contact.email)
    if _has_it_all(contact, request.topics, request.channel):
        _close(request, "subscribed", now)
    elif found or double_in(request.channel, rules_load()):
        _ask(request, now)
    else:
        _grant(request, basis="opt_in", source="signup_form", wording=request.wording, now=now)
        request.state, request.settled_at = State.GRANTED, now
        request.save()
    return True


def _address_signals(request: SubscriptionRequest, mailbox: str, now: datetime) -> set[Signal]:
    found: set[Signal] = set()
    spelling = f"{mailbox} {request.address.lower()}"
    spelt = count_add(scope="spelling", value=spelling, now=now, every=DAY)
    if spelt == 1 and count_add(scope="spellings", value=mailbox, now=now, every=DAY) > 1:
        found.add(Signal.RESPELLED)
    if is_dotted(request.address):
        dotted = count_add(scope="dotted", value="", now=now, every=HOUR)
        if dotted > DOTTED_LIMIT:
            found.add(Signal.DOTTED)
    return found


def _contact(request: SubscriptionRequest, now: datetime) -> Contact:
    """Return whose address it is. What a stranger types changes nothing about somebody known."""
    known = contact_find(address=request.address)
    if known is not None:
        return known
    values: dict[str, Any] = {"order.email": request.address}
    if request.language:
        values[CHOSEN_LANGUAGE] = request.language
    if request.channel:
        values["order.channel"] = request.channel
    return guest_resolve(
        address=request.address, heard=Heard(at=now, values=values, since=now), now=now
    )


def _said_no(contact: Contact) -> bool:
    blocks = suppressed([contact])[contact.pk]
    if any(row.reason == Suppression.Reason.UNSUBSCRIBED for row in blocks):
        return True
    return any(not word.granted for word in consent_states([contact.pk])[contact.pk].words)


def _has_it_all(contact: Contact, topics: Iterable[str], channel: str) -> bool:
    """Whether a person gets all of it already, confirmed where it must be."""
    blocked = {row.topic for row in suppressed([contact])[contact.pk]}
    state = consent_states([contact.pk])[contact.pk]
    confirm = double_in(channel, rules_load())
    return not blocked and all(
        state.allows(topic, channel) and (not confirm or state.confirmed(topic, channel))
        for topic in (list(topics) or [""])
    )


def _ask(request: SubscriptionRequest, now: datetime) -> None:
    """Ask the mailbox: only who reads it can say yes."""
    request.state, request.expires_at = State.ASKED, now + CONFIRM_WITHIN
    request.save()
    signals.confirmation_wanted.send(sender=SubscriptionRequest, requests=[request], now=now)


def _close(request: SubscriptionRequest, reason: str, now: datetime) -> None:
    request.state, request.reason, request.settled_at = State.CLOSED, reason, now
    request.save()


def _grant(
    request: SubscriptionRequest, *, basis: str, source: str, wording: str, now: datetime
) -> None:
    contact = request.contact
    assert contact is not None  # noqa: S101 - who is asked is known
    said: dict[str, Any] = {"contact": contact, "at": now, "basis": basis, "source": source}
    if not request.topics:
        contact_resubscribe(**said, wording=wording)
        return
    Contact.objects.select_for_update(no_key=True).get(pk=contact.pk)
    # The "no" to everything else stays in the ledger; only its block goes.
    own_no_lift(contact=contact)
    for topic in request.topics:
        contact_resubscribe(**said, topic=topic, wording=wording)


@transaction.atomic
def confirmation_ask(
    *, contact: Contact, source: str, channel: str, now: datetime
) -> SubscriptionRequest | None:
    """Ask somebody who said yes elsewhere to confirm it; None when they need not be asked.

    Who confirmed, said no since, or was asked within ``ASK_AGAIN_AFTER`` is left alone.
    """
    if not contact.email or contact.is_staff:
        return None
    state = consent_states([contact.pk])[contact.pk]
    if not state.allows("", channel) or state.confirmed("", channel):
        return None
    blocks = suppressed([contact])[contact.pk]
    if any(not row.topic and row.channel in ("", channel) for row in blocks):
        return None
    digest = address_digest(contact.email)
    asked = SubscriptionRequest.objects.filter(
        address_digest=digest, requested_at__gt=now - ASK_AGAIN_AFTER
    )
    if asked.exclude(state=State.CLOSED).exists():
        return None
    request = SubscriptionRequest(
        address=contact.email,
        address_digest=digest,
        contact=contact,
        channel=channel,
        language=contact.language,
        source=source,
        requested_at=now,
    )
    _ask(request, now)
    return request


def first_yes_hear(*, contact: Contact, source: str, channel: str, now: datetime) -> None:
    """Ask for a confirmation where the shop wants one of everybody who says yes."""
    if double_in(channel, rules_load()):
        confirmation_ask(contact=contact, source=source, channel=channel, now=now)


@transaction.atomic
def request_confirm(*, request_id: uuid.UUID, note: str, now: datetime) -> Outcome:
    """Take the "yes" of who reads the mailbox. ``note`` names the mail the link was in."""
    request = (
        SubscriptionRequest.objects.select_for_update(of=("self",))
        .select_related("contact")
        .filter(pk=request_id)
        .first()
    )
    outcome = request_outcome(request, now=now)
    if outcome is not Outcome.CONFIRMED or request is None or request.contact is None:
        return outcome
    wording = " ".join(filter(None, [request.wording, note]))
    _grant(request, basis=DOUBLE_OPT_IN, source="confirmation", wording=wording, now=now)
    request.state, request.settled_at = State.CONFIRMED, now
    request.save()
    # Somebody read a mail there: nothing says better that it arrives.
    history_record(address=request.address, now=now, delivered_at=now)
    return Outcome.CONFIRMED


def request_outcome(request: SubscriptionRequest | None, *, now: datetime) -> Outcome:
    """Return what confirming would come to at this moment; changes nothing."""
    if request is None or request.contact is None:
        return Outcome.GONE
    if request.state == State.CONFIRMED:
        return Outcome.ALREADY
    if request.state != State.ASKED or request.expires_at is None or request.expires_at < now:
        return Outcome.EXPIRED
    if request.contact.email.lower() != request.address.lower():
        # The person has another address by now; this one says nothing about it.
        return Outcome.GONE
    return Outcome.CONFIRMED


def contacts_asked(contact_ids: Collection[uuid.UUID], *, now: datetime) -> set[uuid.UUID]:
    """Return who was asked and may still confirm."""
    return set(
        SubscriptionRequest.objects.filter(
            contact__in=contact_ids, state=State.ASKED, expires_at__gt=now
        ).values_list("contact_id", flat=True)
    )


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


def on_contact_merged(*, winner: Contact, loser: Contact, **kwargs: Any) -> None:
    SubscriptionRequest.objects.filter(contact=loser).update(contact=winner)


def on_contact_erased(*, contact: Contact, **kwargs: Any) -> None:
    """Forget also what was received for the person's addresses and not looked at yet."""
    digests = address_digests(addresses_of(contact)).values()
    SubscriptionRequest.objects.filter(
        Q(contact=contact) | Q(address_digest__in=list(digests))
    ).delete()


def connect() -> None:
    """Connect this package's receivers, once."""
    name = "saleor_automation.people.subscribing"
    signals.contact_merged.connect(on_contact_merged, dispatch_uid=name)
    signals.contact_erased.connect(on_contact_erased, dispatch_uid=name)
