"""Publishing, switching and entering sequences.

Knows versions, switches and enrollments. Must not know Wagtail: the Studio calls
these with a compiled graph.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Max, Q

from saleor_automation.conf import conf
from saleor_automation.contract import kinds
from saleor_automation.exceptions import UsageError
from saleor_automation.inbox.models import Event
from saleor_automation.people.segments.definitions import segments_asked

from .graph import Graph, Send, graph_conditions, graph_digest, graph_parse
from .models import Enrollment, SequenceSwitch, SequenceVersion
from .parcels import UNSAID, parcel_wishes
from .triggers import TRIGGERS, entry_context, entry_key

logger = logging.getLogger(__name__)

LIVE = (Enrollment.State.DEBOUNCING, Enrollment.State.ACTIVE, Enrollment.State.SENDING)
#: Condition of a claim, in SQL: rows of paused sequences stay where they are.
NOT_PAUSED = (
    "AND (sequence IS NULL OR sequence NOT IN "  # noqa: S608 - our own table's name
    f"(SELECT sequence FROM {SequenceSwitch._meta.db_table} WHERE state = 'paused'))"
)
#: Facts that may end somebody's way through any sequence at once.
WAKING = frozenset({kinds.ORDERED, kinds.PAID, kinds.CANCELLED, kinds.REFUNDED, kinds.DELETED})


@lru_cache(maxsize=200)
def version_graph(version_id: int) -> Graph:
    """Return the parsed graph of a version. Versions are immutable, so it is kept."""
    return graph_parse(SequenceVersion.objects.values_list("graph", flat=True).get(pk=version_id))


@transaction.atomic
def sequence_publish(
    *, sequence: UUID, name: str, graph: Mapping[str, Any], now: datetime
) -> SequenceVersion:
    """Make ``graph`` the version new people enter; those inside finish on theirs.

    An equal graph makes no new version: the earlier one becomes current again.
    Raises CompileError when the graph has problems.
    """
    parsed = graph_parse(graph)
    digest = graph_digest(graph)
    SequenceSwitch.objects.get_or_create(
        sequence=sequence, defaults={"name": name, "changed_at": now}
    )
    SequenceSwitch.objects.filter(sequence=sequence).update(name=name)
    versions = SequenceVersion.objects.filter(sequence=sequence)
    version = versions.select_for_update().filter(digest=digest).first()
    versions.filter(is_current=True).exclude(digest=digest).update(is_current=False)
    if version is not None:
        if not version.is_current:
            version.is_current = True
            version.save(update_fields=["is_current"])
        return version
    number = (versions.aggregate(last=Max("number"))["last"] or 0) + 1
    return SequenceVersion.objects.create(
        sequence=sequence,
        number=number,
        digest=digest,
        graph=dict(graph),
        is_current=True,
        trigger=parsed.trigger,
        created_at=now,
    )


def sequences_asking(segment: str) -> set[UUID]:
    """Return the keys of sequences whose current version asks about a segment, or starts by it."""
    found = set()
    for pk, sequence in SequenceVersion.objects.filter(is_current=True).values_list(
        "pk", "sequence"
    ):
        graph = version_graph(pk)
        asked = (segments_asked(condition) for condition in graph_conditions(graph))
        starts = TRIGGERS[graph.trigger].of_key == "segment" and graph.of == segment
        if starts or any(segment in keys for keys in asked):
            found.add(sequence)
    return found


def sequence_switch(*, sequence: UUID, state: str, now: datetime, name: str = "") -> None:
    """Turn a sequence on, off or to paused.

    Raises UsageError when it is turned on before it was ever published.
    """
    if state not in SequenceSwitch.State.values:
        raise UsageError(f"A sequence is on, off or paused, not {state!r}.")
    if (
        state == SequenceSwitch.State.ON
        and not SequenceVersion.objects.filter(sequence=sequence, is_current=True).exists()
    ):
        raise UsageError("Publish the sequence first, then turn it on.")
    SequenceSwitch.objects.update_or_create(
        sequence=sequence,
        defaults={"state": state, "changed_at": now, **({"name": name} if name else {})},
        create_defaults={"state": state, "changed_at": now, "name": name or str(sequence)},
    )


def people_per_node(*, sequence: UUID) -> dict[str, int]:
    """Return how many people stand at each node; "" counts those about to enter."""
    return dict(
        Enrollment.objects.filter(sequence=sequence, state__in=LIVE)
        .order_by()
        .values_list("node")
        .annotate(Count("pk"))
    )


def people_per_state(*, sequences: Iterable[UUID]) -> dict[UUID, dict[str, int]]:
    """Return how many enrollments each sequence has per state."""
    counts: dict[UUID, dict[str, int]] = {sequence: {} for sequence in sequences}
    rows = (
        Enrollment.objects.filter(sequence__in=counts)
        .order_by()
        .values_list("sequence", "state")
        .annotate(Count("pk"))
    )
    for sequence, state, count in rows:
        counts[sequence][state] = count
    return counts


def events_apply(*, events: Sequence[Event], now: datetime) -> None:
    """Let new facts start sequences and wake the people they concern.

    A fact that is late or from a history import starts nothing; it may still end
    something, since knowing late that somebody bought is better than never.
    """
    for event in events:
        if event.contact_id is None:
            continue
        if not event.late and not event.backfill:
            _event_enter(event, now)
        if event.kind in WAKING:
            _wake(Q(contact_id=event.contact_id), now)
        elif event.kind == kinds.BASKET_CHANGED:
            _wake(Q(contact_id=event.contact_id, entry_key=event.data.get("checkout", "")), now)


def _wake(whose: Q, now: datetime) -> None:
    """Have the engine look at these people now. Those about to enter keep their quiet time."""
    Enrollment.objects.filter(whose, state=Enrollment.State.ACTIVE, due_at__gt=now).update(
        due_at=now
    )


def _event_enter(event: Event, now: datetime) -> None:
    trigger = TRIGGERS.get(event.kind)
    if trigger is None:
        return
    key = entry_key(trigger, event.data)
    if not key:
        return
    if event.kind == kinds.SHIPPED:
        parcel = str(event.data.get("fulfillment", ""))
        if parcel_wishes([parcel]).get(parcel) is False:
            return
    switched_on = SequenceSwitch.objects.filter(state=SequenceSwitch.State.ON).values("sequence")
    of = str(event.data.get(trigger.of_key) or "")
    for version in SequenceVersion.objects.filter(
        trigger=event.kind, is_current=True, sequence__in=switched_on
    ).order_by("sequence"):
        if trigger.of_key and version_graph(version.pk).of != of:
            continue
        enrollment_enter(version=version, event=event, key=key, now=now)


def enrollment_enter(
    *, version: SequenceVersion, event: Event, key: str, now: datetime
) -> Enrollment | None:
    """Take the event's contact into ``version`` once per ``key``.

    A trigger with quiet time lets people in only once the shop was quiet about
    ``key`` for that long; each further event about it, before the first mail,
    starts the quiet time anew. Returns None when nothing changed.
    """
    if event.contact_id is None:
        return None
    quiet = version_graph(version.pk).quiet
    # A fact from the future (a shop whose clock is ahead) must not delay for ever.
    happened = min(event.occurred_at, now)
    context = entry_context(event.data)
    enrollment, created = Enrollment.objects.get_or_create(
        sequence=version.sequence,
        entry_key=key,
        occurrence=0,
        defaults={
            "version": version,
            "contact_id": event.contact_id,
            "context": context,
            "state": Enrollment.State.DEBOUNCING if quiet else Enrollment.State.ACTIVE,
            "node_entered_at": now,
            "entered_at": happened,
            "due_at": happened + quiet if quiet else now + _pause(version, event),
        },
    )
    if created:
        return enrollment
    if happened < enrollment.entered_at:
        # Deliveries overtake each other: the earliest fact says when it began.
        enrollment.entered_at = happened
        Enrollment.objects.filter(pk=enrollment.pk).update(entered_at=happened)
    if not quiet or enrollment.mails or enrollment.state not in LIVE:
        return None
    due_at = happened + quiet
    if enrollment.state == Enrollment.State.DEBOUNCING and enrollment.due_at is not None:
        due_at = max(due_at, enrollment.due_at)
    if enrollment.state == Enrollment.State.ACTIVE and due_at <= enrollment.node_entered_at:
        return None
    # The basket may have moved from a guest to an account meanwhile.
    changed = Enrollment.objects.filter(pk=enrollment.pk, mails=0, state__in=LIVE).update(
        state=Enrollment.State.DEBOUNCING,
        node="",
        contact_id=event.contact_id,
        due_at=due_at,
        claim=None,
        claimed_until=None,
    )
    return enrollment if changed else None


def _pause(version: SequenceVersion, event: Event) -> timedelta:
    """Return how long to wait for the shop's wish before a mail about a parcel is planned."""
    graph = version_graph(version.pk)
    at_once = graph.entry is not None and isinstance(graph.nodes[graph.entry], Send)
    unsaid = event.kind == kinds.SHIPPED and event.data.get("notify") is None
    return UNSAID if at_once and unsaid else timedelta(0)


def parcels_untell(*, order_id: str, fulfillment_ids: Collection[str], now: datetime) -> None:
    """Take out whom parcels brought in that the shop does not want the customer told of.

    Before their first mail they were never in: another parcel of the order may still bring
    them in.
    """
    shipped = SequenceVersion.objects.filter(trigger=kinds.SHIPPED).values("sequence")
    inside = Enrollment.objects.filter(
        sequence__in=shipped,
        entry_key=order_id,
        context__fulfillment__in=list(fulfillment_ids),
        state__in=LIVE,
    )
    inside.filter(mails=0).delete()
    inside.update(
        state=Enrollment.State.EXITED,
        reason="not_told",
        finished_at=now,
        due_at=None,
        claim=None,
        claimed_until=None,
    )


def mail_expiry(*, due_at: datetime, expires: timedelta | None) -> datetime:
    """Return after when a step's mail makes no sense any more."""
    return due_at + (expires or timedelta(hours=conf().step_mail_expires_hours))
