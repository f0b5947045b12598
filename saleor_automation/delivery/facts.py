"""Facts of a person that this stage knows: which mails they got. For conditions.

Registered as any other app would. What was opened or clicked is not known yet.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import Count, IntegerField, OuterRef, Q, QuerySet, Subquery
from django.utils.translation import gettext_lazy as _

from saleor_automation.people.models import Contact
from saleor_automation.people.predicates.comparing import (
    moment_compared,
    number_compared,
    rows_figure,
)
from saleor_automation.people.predicates.language import FACTS, Ask, Compare, FactType, Kind
from saleor_automation.people.predicates.registry import Values, person_fact_register
from saleor_automation.people.predicates.windows import since, whole_days

from .models import Message

#: As far as anybody can know these have left the house.
LEFT: Final = (Message.State.HANDED_OVER, Message.State.ACCEPTED, Message.State.AMBIGUOUS)


def purpose_choices() -> list[tuple[str, str]]:
    """Return what mails may be for."""
    return [(value, str(label)) for value, label in Message.Purpose.choices]


MAILS: Final = FactType(
    name="contact.mails",
    kind=Kind.INT,
    label=_("Mails received"),
    of=_("purpose"),
    of_optional=True,
    of_choices=purpose_choices,
    windowed=True,
)
DAYS_SINCE_MAIL: Final = FactType(
    name="contact.days_since_mail",
    kind=Kind.INT,
    label=_("Days since the last mail"),
    of=_("purpose"),
    of_optional=True,
    of_choices=purpose_choices,
    moves=True,
)


def load(
    contacts: Collection[Contact], asks: list[Ask], found: dict[UUID, Values], now: datetime
) -> None:
    """Write how many mails each person got, or how long ago the last was."""
    mails: dict[UUID, list[tuple[str, datetime]]] = defaultdict(list)
    for contact, purpose, at in _left(contact__in=contacts).values_list(
        "contact", "purpose", "handed_over_at"
    ):
        if at is not None:
            mails[contact].append((purpose, at))
    for person in contacts:
        for ask in asks:
            times = [at for purpose, at in mails[person.pk] if ask.of.lower() in ("", purpose)]
            if ask.fact == DAYS_SINCE_MAIL.name:
                value = whole_days(max(times), now) if times else None
            else:
                start = since(ask, now)
                value = sum(start is None or at >= start for at in times)
            found[person.pk][ask.key] = value


def find(asked: Compare, now: datetime) -> Q:
    """Ask the same of the database."""
    rows = _left(contact=OuterRef("pk"))
    if asked.of:
        rows = rows.filter(purpose=asked.of.lower())
    if asked.fact == DAYS_SINCE_MAIL.name:
        last = rows.order_by("-handed_over_at").values("handed_over_at")[:1]
        return moment_compared(Subquery(last), asked, now)
    start = since(asked.ask, now)
    if start is not None:
        rows = rows.filter(handed_over_at__gte=start)
    return number_compared(rows_figure(rows, Count("pk"), IntegerField(), 0), asked)


def _left(**where: Any) -> QuerySet[Message]:
    return Message.objects.filter(state__in=LEFT, handed_over_at__isnull=False, **where)


def register() -> None:
    """Add the facts, once."""
    for fact in (MAILS, DAYS_SINCE_MAIL):
        if fact.name not in FACTS:
            person_fact_register(fact, load=load, find=find)
