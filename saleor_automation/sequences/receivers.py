"""Receivers and lanes of this stage."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Q
from django_q.models import Task

from saleor_automation import clock, signals
from saleor_automation.claims import Claimed, claim_due
from saleor_automation.conf import conf
from saleor_automation.contract.snapshots import OrderSnapshot, Snapshot
from saleor_automation.inbox.models import Event, RawEvent
from saleor_automation.inbox.services import raw_events_process, raw_events_prune
from saleor_automation.people.forgetting import PORTION, visitors_prune
from saleor_automation.people.models import Contact

from . import reconciling, segmenting
from .advancing import enrollments_advance
from .models import Enrollment
from .services import NOT_PAUSED, events_apply, parcels_untell
from .worker import LANES, Chore, Lane, chore_hasten, chore_register, lane_register

#: Name of the chore that forgets visitors.
VISITORS = "visitors_prune"
#: Bodies between two looks at the clock.
AT_ONCE = 20


def on_facts_recorded(
    *, events: Sequence[Event], now: datetime, snapshot: Snapshot | None = None, **kwargs: Any
) -> None:
    events_apply(events=events, now=now)
    if isinstance(snapshot, OrderSnapshot):
        # A repeat of what is known may be the first to say so.
        untold = [parcel.id for parcel in snapshot.fulfillments if parcel.notify is False]
        if untold:
            parcels_untell(order_id=snapshot.id, fulfillment_ids=untold, now=now)


def on_contact_merged(*, winner: Contact, loser: Contact, **kwargs: Any) -> None:
    Enrollment.objects.filter(contact=loser).update(contact=winner)


def on_objects_moved(
    *,
    from_contact: Contact,
    to_contact: Contact,
    checkout_ids: Collection[str],
    order_ids: Collection[str],
    **kwargs: Any,
) -> None:
    """Follow baskets and orders to the person they turned out to belong to."""
    about = Q(context__checkout__in=list(checkout_ids)) | Q(context__order__in=list(order_ids))
    Enrollment.objects.filter(about, contact=from_contact).update(contact=to_contact)


def on_contact_erased(*, contact: Contact, **kwargs: Any) -> None:
    Enrollment.objects.filter(contact=contact).delete()


def _raw_claim(token: UUID, now: datetime, wall: datetime, limit: int) -> Sequence[Claimed]:
    return claim_due(
        RawEvent,
        claim=token,
        states=[RawEvent.State.PENDING],
        now=None,
        wall=wall,
        lease_seconds=conf().lease_seconds,
        limit=limit,
    )


def _raw_run(*, claim: UUID, ids: Sequence[str], now: datetime) -> None:
    rows = RawEvent.objects.filter(pk__in=ids, claim=claim, state=RawEvent.State.PENDING)
    held = list(rows.order_by("pk").values_list("pk", flat=True))
    # The queue ends a task at half a lease, in the middle of a body.
    deadline = clock.wall() + timedelta(seconds=conf().lease_seconds / 4)
    for start in range(0, len(held), AT_ONCE):
        if clock.wall() > deadline:
            LANES["inbox"].release(claim=claim, ids=held[start:], counted=False)
            return
        raw_events_process(ids=held[start : start + AT_ONCE], now=now, claim=claim)


def _raw_leased(wall: datetime) -> int:
    return RawEvent.objects.filter(
        state=RawEvent.State.PENDING, claim__isnull=False, claimed_until__gte=wall
    ).count()


def _enrollment_claim(token: UUID, now: datetime, wall: datetime, limit: int) -> Sequence[Claimed]:
    return claim_due(
        Enrollment,
        claim=token,
        states=[Enrollment.State.DEBOUNCING, Enrollment.State.ACTIVE],
        now=now,
        wall=wall,
        lease_seconds=conf().lease_seconds,
        limit=limit,
        only=NOT_PAUSED,
    )


def _enrollment_run(*, claim: UUID, ids: Sequence[str], now: datetime) -> None:
    enrollments_advance(claim=claim, ids=[UUID(pk) for pk in ids], now=now)


def queue_prune() -> None:
    """Delete what django-q2 keeps for ever: results and failures older than a week."""
    before = clock.wall() - timedelta(days=7)
    Task.objects.filter(stopped__lt=before).delete()


def bodies_prune() -> None:
    """Blank received bodies that were understood a month ago: they hold personal data."""
    raw_events_prune(before=clock.now() - timedelta(days=conf().raw_event_days))


def visitors_chore() -> None:
    """Forget visitors who never became known: nothing else would ever end their traces."""
    now = clock.now()
    if visitors_prune(before=now - timedelta(days=conf().anonymous_days), now=now) == PORTION:
        chore_hasten(VISITORS)


def connect() -> None:
    """Connect this stage's receivers and lanes, once."""
    name = "saleor_automation.sequences"
    signals.facts_recorded.connect(on_facts_recorded, dispatch_uid=name)
    signals.contact_merged.connect(on_contact_merged, dispatch_uid=name)
    signals.objects_moved.connect(on_objects_moved, dispatch_uid=name)
    signals.contact_erased.connect(on_contact_erased, dispatch_uid=name)
    lane_register(
        Lane(
            name="inbox",
            model=RawEvent,
            held=[RawEvent.State.PENDING],
            claim=_raw_claim,
            run=_raw_run,
            batch=lambda: conf().claim_batch,
            serial=True,
            leased=_raw_leased,
        )
    )
    lane_register(
        Lane(
            name="enrollments",
            model=Enrollment,
            held=[Enrollment.State.DEBOUNCING, Enrollment.State.ACTIVE],
            claim=_enrollment_claim,
            run=_enrollment_run,
            batch=lambda: conf().claim_batch,
        )
    )
    chore_register(Chore(name="bodies_prune", every_seconds=24 * 3600, run=bodies_prune))
    chore_register(Chore(name=VISITORS, every_seconds=24 * 3600, run=visitors_chore))
    chore_register(Chore(name="queue_prune", every_seconds=24 * 3600, run=queue_prune))
    reconciling.connect()
    segmenting.connect()
