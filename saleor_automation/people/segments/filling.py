"""Looking at everybody: the first filling of a segment, and what time alone changes.

Knows portions and the database's answer. A filling goes through all people once by their
keys and remembers how far it came, so that it goes on where a worker ended. A sweep asks
the database who is in and should not be, or the other way round; those are looked at again
by ``keeping``, which decides.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import BooleanField, Case, Exists, OuterRef, Q, QuerySet, Value, When

from saleor_automation.people.models import Contact
from saleor_automation.people.predicates.finding import condition_q
from saleor_automation.people.standings import standings_fill

from .definitions import Definition
from .keeping import ALOUD, QUIET, definitions_load, members_insert, memberships_refresh
from .models import Segment, SegmentMember

#: People of one transaction of a filling, and of a sweep.
PORTION: Final = 1000
SWEPT_AT_ONCE: Final = 200
#: Most who are looked for at a time; the rest comes next time.
SWEPT_AT_MOST: Final = 20_000
#: Seconds one run of a chore may take.
BUDGET_SECONDS: Final = 20.0
#: Time of the shop after which the database is asked for everybody again: when time alone
#: changes the answer, and to find what was missed.
MOVING_EVERY: Final = timedelta(minutes=10)
OTHERS_EVERY: Final = timedelta(hours=24)


def segments_fill(*, now: datetime, seconds: float = BUDGET_SECONDS) -> bool:
    """Fill new and changed segments; return whether that is finished.

    Goes on next time where its time was up, or where a worker ended. Two at once come one
    after the other, portion by portion.
    """
    ends_at = time.monotonic() + seconds
    # What people said must be known of everybody before it is asked.
    asking = any(found.filling and found.asks_consent for found in definitions_load())
    if asking and not standings_fill(seconds=seconds):
        return False
    while True:
        definitions = definitions_load()
        waiting = {found.key for found in definitions if found.filling}
        # One that asks about another is filled after it.
        following = next(
            (found for found in definitions if found.filling and not found.needs & waiting), None
        )
        if following is None:
            return not waiting
        if time.monotonic() >= ends_at:
            return False
        _portion(following, now)


@transaction.atomic
def _portion(definition: Definition, now: datetime) -> None:
    segment = (
        Segment.objects.select_for_update(no_key=True)
        .filter(pk=definition.pk, state=Segment.State.FILLING)
        .first()
    )
    if segment is None:
        return
    # The definition may have changed since; the row is ours now.
    current = next((found for found in definitions_load() if found.pk == segment.pk), None)
    if current is None:
        return
    people = Contact.objects.order_by("pk")
    if segment.filled_up_to is not None:
        people = people.filter(pk__gt=segment.filled_up_to)
    # Locked, so that whoever is changing somebody by the old definition ends first.
    ids = list(people.select_for_update(no_key=True).values_list("pk", flat=True)[:PORTION])
    if ids:
        found = set(
            Contact.objects.filter(condition_q(current.condition, now=now), pk__in=ids).values_list(
                "pk", flat=True
            )
        )
        _members_set(segment, ids, found, now)
        segment.filled_up_to, segment.filled = ids[-1], segment.filled + len(ids)
    if len(ids) < PORTION:
        segment.state, segment.checked_at = Segment.State.READY, now
    segment.save(update_fields=["state", "filled_up_to", "filled", "checked_at"])


def _members_set(
    segment: Segment, ids: Collection[UUID], wanted: Collection[UUID], now: datetime
) -> None:
    members = SegmentMember.objects.filter(segment=segment, contact__in=ids)
    known = dict(members.values_list("contact", "pk"))
    members_insert([(pk, segment.pk) for pk in wanted if pk not in known], now=now)
    gone = [stay for pk, stay in known.items() if pk not in wanted]
    if gone:
        SegmentMember.objects.filter(pk__in=gone).delete()


def segments_sweep(*, now: datetime, seconds: float = BUDGET_SECONDS) -> int:
    """Look again at whom time moved in or out; return how many were looked at.

    Segments whose time has come, each after those it asks about. What is left when the time
    is up differs still, and is found next time. Who differs though time moves nobody was
    changed by something that told nobody; nothing starts by that.
    """
    ends_at, count = time.monotonic() + seconds, 0
    for found in definitions_load():
        if found.filling or not _due(found, now):
            continue
        differing = list(people_differing(found, now=now).values_list("pk", flat=True))
        for start in range(0, len(differing), SWEPT_AT_ONCE):
            if time.monotonic() >= ends_at:
                return count
            portion = differing[start : start + SWEPT_AT_ONCE]
            memberships_refresh(portion, now=now, telling=ALOUD if found.moves else QUIET)
            count += len(portion)
        if len(differing) < SWEPT_AT_MOST:
            Segment.objects.filter(pk=found.pk, state=Segment.State.READY).update(checked_at=now)
    return count


def _due(definition: Definition, now: datetime) -> bool:
    before = now - (MOVING_EVERY if definition.moves else OTHERS_EVERY)
    recent = Q(checked_at__isnull=True) | Q(checked_at__lte=before)
    return Segment.objects.filter(recent, pk=definition.pk).exists()


def people_differing(definition: Definition, *, now: datetime) -> QuerySet[Contact]:
    """Return those who are in a segment and should not be, or should and are not."""
    holds = Case(
        When(condition_q(definition.condition, now=now), then=Value(True)),
        default=Value(False),
        output_field=BooleanField(),
    )
    stays = SegmentMember.objects.filter(segment=definition.pk, contact=OuterRef("pk"))
    people = Contact.objects.annotate(holds=holds, stays=Exists(stays))
    differing = people.filter(Q(holds=True, stays=False) | Q(holds=False, stays=True))
    return differing.order_by("pk")[:SWEPT_AT_MOST]
