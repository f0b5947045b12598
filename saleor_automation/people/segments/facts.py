"""The fact that asks whether somebody is in a segment. Registered as any other app would."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext_lazy as _

from saleor_automation.people.models import Contact
from saleor_automation.people.predicates.language import FACTS, Ask, Compare, FactType, Kind
from saleor_automation.people.predicates.registry import Values, person_fact_register

from .definitions import IN_SEGMENT
from .models import Segment, SegmentMember


def segment_choices() -> list[tuple[str, str]]:
    """Return every segment's key with its name."""
    return list(Segment.objects.order_by("name", "key").values_list("key", "name"))


def load(
    contacts: Collection[Contact], asks: list[Ask], found: dict[UUID, Values], now: datetime
) -> None:
    """Write who is in which segment; of a segment that does not exist nothing is known."""
    keys = {ask.of.lower() for ask in asks}
    existing = dict(Segment.objects.filter(key__in=keys).values_list("key", "pk"))
    stays = set(
        SegmentMember.objects.filter(
            contact__in=contacts, segment__in=existing.values()
        ).values_list("contact", "segment")
    )
    for contact in contacts:
        for ask in asks:
            pk = existing.get(ask.of.lower())
            found[contact.pk][ask.key] = None if pk is None else (contact.pk, pk) in stays


def find(asked: Compare, now: datetime) -> Q:
    """Ask the same of the database."""
    key = asked.of.lower()
    inside = Exists(SegmentMember.objects.filter(contact=OuterRef("pk"), segment__key=key))
    if asked.value:
        return Q(inside)
    return Q(Exists(Segment.objects.filter(key=key))) & ~Q(inside)


def register() -> None:
    """Add the fact, once."""
    if IN_SEGMENT not in FACTS:
        fact = FactType(
            name=IN_SEGMENT,
            kind=Kind.BOOL,
            label=_("Is in a segment"),
            of=_("segment"),
            of_choices=segment_choices,
        )
        person_fact_register(fact, load=load, find=find)
