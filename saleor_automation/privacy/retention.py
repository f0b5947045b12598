"""Forgetting what was kept long enough: what happened, what mails said, and people.

Knows the rules of the shop (none by default) and how to forget in small steps. Keys of
what happened stay, so that nothing counts twice; orders and the ledger of mails stay, so
that figures do. Whoever has an account in the shop is the shop's to delete: they go from
here when they go there.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.functions import Coalesce, Greatest

from saleor_automation.delivery.models import Message, MessageContent
from saleor_automation.inbox.models import Event
from saleor_automation.people.figures import OWN_DOING
from saleor_automation.people.models import Consent, Contact, Identity, Suppression
from saleor_automation.people.services import contact_erase
from saleor_automation.sequences.models import Enrollment
from saleor_automation.shop.models import ShopOrder

from .models import RetentionRules, RetentionRun

#: Rows forgotten in one transaction, and seconds one run may take.
BATCH: Final = 500
PEOPLE_BATCH: Final = 50
BUDGET_SECONDS: Final = 25.0
#: Mails that have come to an end.
_OVER: Final = (
    Message.State.ACCEPTED,
    Message.State.FAILED,
    Message.State.SKIPPED,
    Message.State.EXPIRED,
)


@dataclass(frozen=True)
class Preview:
    """How much the rules would forget today."""

    events: int = 0
    mails: int = 0
    people: int = 0


def rules_get() -> RetentionRules:
    """Return the shop's rules; none of them forgets anything until somebody sets it."""
    return RetentionRules.objects.filter(pk=1).first() or RetentionRules(pk=1)


def rules_preview(rules: RetentionRules, *, now: datetime) -> Preview:
    """Count what the rules would forget at ``now``. Changes nothing."""
    return Preview(
        events=events_old(rules, now=now).count(),
        mails=mails_old(rules, now=now).count(),
        people=people_idle(rules, now=now).count(),
    )


def months_before(now: datetime, months: int) -> datetime:
    """Return the moment so many calendar months before, at the latest day there is."""
    year, month = divmod(now.year * 12 + now.month - 1 - months, 12)
    for day in (now.day, 30, 29, 28):
        try:
            return now.replace(year=year, month=month + 1, day=day)
        except ValueError:
            continue
    raise AssertionError("every month has 28 days")  # pragma: no cover


def events_old(rules: RetentionRules, *, now: datetime) -> QuerySet[Event]:
    """Return what happened too long ago to be kept."""
    if rules.event_months is None:
        return Event.objects.none()
    return Event.objects.filter(occurred_at__lt=months_before(now, rules.event_months))


def mails_old(rules: RetentionRules, *, now: datetime) -> QuerySet[MessageContent]:
    """Return the contents of mails that went too long ago to be kept."""
    if rules.mail_months is None:
        return MessageContent.objects.none()
    return MessageContent.objects.filter(
        message__settled_at__lt=months_before(now, rules.mail_months), message__state__in=_OVER
    )


def people_idle(rules: RetentionRules, *, now: datetime) -> QuerySet[Contact]:
    """Return whom nothing was heard of for too long, and who is nobody's customer.

    Kept are: an account, an order, a "yes" that was never followed by a "no", and whoever is
    inside a sequence.
    """
    if rules.idle_months is None:
        return Contact.objects.none()
    before = months_before(now, rules.idle_months)

    def has(model: Any, **where: Any) -> Exists:
        return Exists(model.objects.filter(contact=OuterRef("pk"), **where))

    inside = [Enrollment.State.DEBOUNCING, Enrollment.State.ACTIVE, Enrollment.State.SENDING]
    seen = Greatest("created_at", Coalesce("figures__last_seen_at", "created_at"))
    return (
        Contact.objects.annotate(seen_at=seen)
        .filter(seen_at__lt=before, has_account=False, is_staff=False)
        .exclude(has(Identity, kind=Identity.Kind.SALEOR_USER))
        .exclude(has(ShopOrder))
        .exclude(
            has(Consent, state=Consent.State.GRANTED)
            & ~has(Consent, state=Consent.State.WITHDRAWN)
            & ~has(Suppression, reason=Suppression.Reason.UNSUBSCRIBED)
        )
        .exclude(has(Consent, at__gte=before))
        .exclude(has(Event, occurred_at__gte=before, kind__in=OWN_DOING))
        .exclude(has(Enrollment, state__in=inside))
    )


def retention_run(*, now: datetime, seconds: float = BUDGET_SECONDS) -> bool:
    """Forget what the rules say; return whether nothing is left to forget.

    Goes on where it was when its time was up. Each step is a transaction, so it may be killed.
    """
    rules = rules_get()
    if (rules.event_months, rules.mail_months, rules.idle_months) == (None, None, None):
        return True
    ends_at = time.monotonic() + seconds
    run = RetentionRun.objects.filter(finished_at=None).order_by("-started_at").first()
    run = run or RetentionRun.objects.create(started_at=now)
    steps: list[tuple[str, Callable[[], int]]] = [
        ("events", lambda: _delete(events_old(rules, now=now))),
        ("mails", lambda: _delete(mails_old(rules, now=now))),
        ("people", lambda: _people_forget(rules, now)),
    ]
    for name, step in steps:
        while True:
            if time.monotonic() > ends_at:
                return False
            with transaction.atomic():
                count = step()
                if count:
                    setattr(run, name, getattr(run, name) + count)
                    run.save(update_fields=[name])
            if not count:
                break
    run.finished_at = now
    run.save(update_fields=["finished_at"])
    return True


def _delete(rows: QuerySet[Any]) -> int:
    ids = list(rows.order_by("pk").values_list("pk", flat=True)[:BATCH])
    if ids:
        rows.model._default_manager.filter(pk__in=ids).delete()
    return len(ids)


def _people_forget(rules: RetentionRules, now: datetime) -> int:
    found = people_idle(rules, now=now).order_by("pk")[:PEOPLE_BATCH]
    people = list(Contact.objects.filter(pk__in=list(found.values_list("pk", flat=True))))
    for person in people:
        person_forget(person=person, now=now)
    return len(people)


def person_forget(*, person: Contact, now: datetime) -> None:
    """Erase somebody as if they had asked for it.

    So a backfill does not bring back what was just forgotten; what they do from now on
    makes them a new person.
    """
    contact_erase(contact=person, at=now, now=now)


def last_run() -> RetentionRun | None:
    """Return the newest run."""
    return RetentionRun.objects.order_by("-started_at").first()
