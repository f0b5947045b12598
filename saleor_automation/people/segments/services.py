"""What others ask of segments: save one, delete one, preview a condition, count.

Knows definitions and members. Who fills them is ``filling``, who keeps them ``keeping``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Count
from django.utils.text import slugify
from django.utils.translation import gettext as _

from saleor_automation.exceptions import UsageError
from saleor_automation.people.models import Contact
from saleor_automation.people.predicates.finding import people_find
from saleor_automation.people.predicates.language import condition_parse

from .definitions import Definition, condition_check, dependents_of
from .keeping import definitions_load
from .models import Segment, SegmentMember

#: How many people a preview names.
EXAMPLES = 5
_BEGINNING = {"state": Segment.State.FILLING, "filled_up_to": None, "filled": 0}


@dataclass(frozen=True)
class Preview:
    """Of how many people a condition holds, and some of them."""

    count: int
    total: int
    examples: Sequence[Contact]

    @property
    def percent(self) -> float:
        return 100 * self.count / self.total if self.total else 0.0


def segment_preview(
    *, condition: Mapping[str, Any], now: datetime, key: str = "", examples: int = EXAMPLES
) -> Preview:
    """Say whom a condition would find, without saving it. Raises CompileError as saving does."""
    parsed = condition_parse(condition)
    condition_check(parsed, key=key, others=definitions_load())
    people = people_find(condition=parsed, now=now)
    return Preview(
        count=people.count(),
        total=Contact.objects.count(),
        examples=list(people.order_by("-created_at", "-pk")[:examples]) if examples else [],
    )


@transaction.atomic
def segment_save(
    *,
    name: str,
    condition: Mapping[str, Any],
    now: datetime,
    segment: Segment | None = None,
    key: str = "",
) -> Segment:
    """Write a segment, new without ``segment``; a changed condition is filled again.

    ``key`` is what conditions call a new one, made of the name when it is not given. Raises
    CompileError for a condition that no segment can have, UsageError for a key that is taken.
    """
    # One at a time: two that ask about each other must not both be the first.
    definitions = _others_lock()
    wanted = slugify(key)[:60] or (
        segment.key if segment else _key_of(name, {one.key for one in definitions})
    )
    parsed = condition_parse(condition)
    condition_check(parsed, key=wanted, others=definitions)
    if segment is None:
        try:
            with transaction.atomic():
                return Segment.objects.create(
                    key=wanted, name=name, condition=dict(condition), created_at=now, changed_at=now
                )
        except IntegrityError:
            raise UsageError(
                _("There is a segment “%s” already. Give another key.") % wanted
            ) from None
    locked = Segment.objects.select_for_update(no_key=True).get(pk=segment.pk)
    changed = locked.condition != dict(condition)
    locked.name, locked.condition, locked.changed_at = name, dict(condition), now
    fields = ["name", "condition", "changed_at"]
    if changed:
        for field, value in _BEGINNING.items():
            setattr(locked, field, value)
        fields += list(_BEGINNING)
    locked.save(update_fields=fields)
    if changed:
        following = [one.pk for one in dependents_of(locked.key, definitions)]
        Segment.objects.filter(pk__in=following).update(**_BEGINNING)
    return locked


def _others_lock() -> list[Definition]:
    list(Segment.objects.select_for_update(no_key=True).order_by("pk").values_list("pk", flat=True))
    return definitions_load()


def _key_of(name: str, taken: set[str]) -> str:
    base = slugify(name)[:56] or "segment"
    key, number = base, 2
    while key in taken:
        key, number = f"{base}-{number}", number + 1
    return key


@transaction.atomic
def segment_delete(*, segment: Segment) -> None:
    """Delete a segment and forget who was in it.

    Raises UsageError while another segment asks about it. A sequence that does knows nothing
    of it any more: neither that somebody is in it, nor that they are not.
    """
    definitions = _others_lock()
    asking = [one.key for one in definitions if segment.key in one.needs]
    if asking:
        raise UsageError(
            _("Other segments ask about it: %s. Change them first.") % ", ".join(asking)
        )
    # Whoever is taking somebody in holds the row for so long, and finds it gone after.
    Segment.objects.select_for_update().filter(pk=segment.pk).first()
    SegmentMember.objects.filter(segment=segment.pk).delete()
    Segment.objects.filter(pk=segment.pk).delete()


def segment_sizes() -> dict[int, int]:
    """Return how many people are in each segment that has any."""
    rows = SegmentMember.objects.order_by().values_list("segment").annotate(Count("pk"))
    return dict(rows)


def segments_asking(key: str) -> list[Segment]:
    """Return the segments that ask about one."""
    pks = [one.pk for one in definitions_load() if key in one.needs]
    return list(Segment.objects.filter(pk__in=pks).order_by("name"))
