"""What the Studio's lists and overview count.

Knows how to ask in a constant number of queries. Must not change anything.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Count, Q

from saleor_automation.conf import conf
from saleor_automation.delivery.models import Message
from saleor_automation.emails.models import EmailVersion
from saleor_automation.sequences.models import Enrollment, SequenceSwitch, SequenceVersion

from .pages import EmailPage

INSIDE = (Enrollment.State.DEBOUNCING, Enrollment.State.ACTIVE, Enrollment.State.SENDING)
#: A mail in one of these has, as far as anybody can know, left the house.
SENT = (Message.State.HANDED_OVER, Message.State.ACCEPTED, Message.State.AMBIGUOUS)


@dataclass(frozen=True)
class Standing:
    """How one sequence is doing."""

    state: str = SequenceSwitch.State.OFF
    inside: int = 0
    sent: int = 0
    sent_week: int = 0
    #: A compiled version exists, so it can be turned on.
    published: bool = False
    nodes: dict[str, int] = field(default_factory=dict)

    @property
    def state_words(self) -> str:
        return str(SequenceSwitch.State(self.state).label)


def standings(*, now: datetime) -> dict[UUID, Standing]:
    """Return the standing of every sequence that has one, in four queries."""
    states = dict(SequenceSwitch.objects.values_list("sequence", "state"))
    inside = dict(
        Enrollment.objects.filter(state__in=INSIDE)
        .values_list("sequence")
        .annotate(people=Count("pk"))
        .order_by()
    )
    mails = {
        key: (sent, week)
        for key, sent, week in Message.objects.filter(state__in=SENT, sequence__isnull=False)
        .values_list("sequence")
        .annotate(
            sent=Count("pk"),
            week=Count("pk", filter=Q(handed_over_at__gte=now - timedelta(days=7))),
        )
        .order_by()
    }
    published = set(
        SequenceVersion.objects.filter(is_current=True).values_list("sequence", flat=True)
    )
    return {
        key: Standing(
            state=states.get(key, SequenceSwitch.State.OFF),
            inside=inside.get(key, 0),
            sent=mails.get(key, (0, 0))[0],
            sent_week=mails.get(key, (0, 0))[1],
            published=key in published,
        )
        for key in {*states, *inside, *mails, *published}
    }


def email_titles(*keys: UUID) -> dict[UUID, str]:
    """Return titles of emails, of all without ``keys``: the default language's if there is one.

    The page's title counts only for an email that never had a version.
    """
    default = conf().default_language.lower()
    pages = EmailPage.objects.values_list("translation_key", "locale__language_code", "title")
    versions = EmailVersion.objects.order_by("is_current", "number").values_list(
        "email_key", "language", "title"
    )
    if keys:
        pages, versions = (
            pages.filter(translation_key__in=keys),
            versions.filter(email_key__in=keys),
        )
    titles: dict[UUID, str] = {}
    for rows in (pages, versions):
        # What comes later wins: the default language after the others.
        for key, _language, title in sorted(rows, key=lambda row: row[1].lower() == default):
            titles[key] = title
    return titles


def standing(key: UUID, *, now: datetime) -> Standing:
    """Return the standing of one sequence, with the people at each of its steps."""
    switch = SequenceSwitch.objects.filter(sequence=key).first()
    people = Enrollment.objects.filter(sequence=key, state__in=INSIDE)
    nodes = dict(people.values_list("node").annotate(people=Count("pk")).order_by())
    mails = Message.objects.filter(sequence=key, state__in=SENT)
    return Standing(
        state=switch.state if switch else SequenceSwitch.State.OFF,
        inside=sum(nodes.values()),
        sent=mails.count(),
        sent_week=mails.filter(handed_over_at__gte=now - timedelta(days=7)).count(),
        published=SequenceVersion.objects.filter(sequence=key, is_current=True).exists(),
        nodes=nodes,
    )
