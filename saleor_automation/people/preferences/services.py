"""What a person chose on the page of preferences: read, saved, and what it changed.

Only differences are written: a form sent twice says nothing new. Every change of topics is
a row in the ledger, with the words the person saw.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from django.db import transaction

from saleor_automation import signals
from saleor_automation.people.identities import Heard, evidence_hear, user_of
from saleor_automation.people.models import Contact
from saleor_automation.people.profile import CHOSEN_LANGUAGE, email_key, user_key
from saleor_automation.people.services import contact_resubscribe, contact_unsubscribe, own_no_lift

from .models import Preference
from .topics import TopicWords, wanted_of

#: The longest a person may pause.
LONGEST_PAUSE: Final = timedelta(days=90)


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """Everything on the page, as it stands or as it was asked for."""

    nothing: bool = False
    topics: frozenset[str] = frozenset()
    #: Topics somebody said no to one by one.
    refused: frozenset[str] = frozenset()
    #: Asked for alone: a "yes" to everything but what was refused one by one.
    everything: bool = False
    #: Nothing goes there, whatever is chosen; not to be asked for.
    blocked: bool = False
    paused_until: datetime | None = None
    fewer: bool = False
    tracking: str = ""
    language: str = ""


class Change(StrEnum):
    """What a saving changed; codes, the page has the words."""

    NOTHING = "nothing"
    EVERYTHING = "everything"
    TOPIC_ON = "topic_on"
    TOPIC_OFF = "topic_off"
    PAUSED = "paused"
    RESUMED = "resumed"
    FEWER = "fewer"
    AS_BEFORE = "as_before"
    TRACKING_YES = "tracking_yes"
    TRACKING_NO = "tracking_no"
    LANGUAGE = "language"


@dataclass(frozen=True)
class Saved:
    """What stood before, what stands now, and what is different: (change, topic's name)."""

    before: Wishes
    after: Wishes
    changes: tuple[tuple[Change, str], ...]


def wishes_of(
    contact: Contact, topics: Sequence[TopicWords], *, silence_is_yes: bool, now: datetime
) -> Wishes:
    """Return what stands for a contact. A pause that is over is none."""
    wanted = wanted_of(contact, [topic.key for topic in topics], silence_is_yes=silence_is_yes)
    row = Preference.objects.filter(contact=contact).first()
    until = row.paused_until if row is not None else None
    return Wishes(
        nothing=wanted.nothing,
        topics=wanted.topics,
        refused=wanted.refused,
        blocked=wanted.blocked,
        paused_until=until if until is not None and until > now else None,
        fewer=row.fewer if row is not None else False,
        tracking=row.tracking if row is not None else "",
        language=contact.language,
    )


@transaction.atomic
def wishes_save(
    *,
    contact: Contact,
    asked: Wishes,
    topics: Sequence[TopicWords],
    silence_is_yes: bool,
    now: datetime,
    basis: str = "opt_in",
    source: str = "preferences",
) -> Saved:
    """Save what a person asked for, of the topics they were shown.

    Somebody who takes off every topic shown wants nothing at all: topics that are not shown
    must not go on. ``basis`` is that of a "yes" among it.
    """
    contact = Contact.objects.select_for_update(no_key=True).get(pk=contact.pk)
    before = wishes_of(contact, topics, silence_is_yes=silence_is_yes, now=now)
    if before.topics and not asked.topics:
        asked = replace(asked, nothing=True)
    if asked.nothing:
        asked = replace(asked, topics=frozenset())
    changes = _words_save(contact, before, asked, topics, now, basis, source)
    changes += _rest_save(contact, before, asked, now)
    after = wishes_of(contact, topics, silence_is_yes=silence_is_yes, now=now)
    return Saved(before, after, tuple(changes))


def _words_save(
    contact: Contact,
    before: Wishes,
    asked: Wishes,
    topics: Sequence[TopicWords],
    now: datetime,
    basis: str,
    source: str,
) -> list[tuple[Change, str]]:
    said: dict[str, Any] = {"contact": contact, "at": now, "source": source}
    if asked.nothing:
        if before.nothing:
            return []
        contact_unsubscribe(**said)
        return [(Change.NOTHING, "")]
    every = asked.everything or asked.topics >= {topic.key for topic in topics}
    changes: list[tuple[Change, str]] = []
    if before.nothing:
        if every:
            contact_resubscribe(**said, basis=basis)
        else:
            # The "no" to everything else stays in the ledger; only its block goes.
            own_no_lift(contact=contact)
        changes.append((Change.EVERYTHING if every else Change.TOPIC_ON, ""))
    for topic in topics:
        on = topic.key in asked.topics
        if on is (topic.key in before.topics) and not before.nothing:
            continue
        if not on and topic.key in before.refused:
            continue
        if on:
            contact_resubscribe(**said, topic=topic.key, basis=basis, wording=topic.name)
        else:
            contact_unsubscribe(**said, topic=topic.key, wording=topic.name)
        if not (before.nothing and (every or not on)):
            changes.append((Change.TOPIC_ON if on else Change.TOPIC_OFF, topic.name))
    return [change for change in changes if change != (Change.TOPIC_ON, "")]


def _rest_save(
    contact: Contact, before: Wishes, asked: Wishes, now: datetime
) -> list[tuple[Change, str]]:
    changes: list[tuple[Change, str]] = []
    if asked.paused_until != before.paused_until:
        changes.append((Change.PAUSED if asked.paused_until else Change.RESUMED, ""))
    if asked.fewer is not before.fewer:
        changes.append((Change.FEWER if asked.fewer else Change.AS_BEFORE, ""))
    if asked.tracking != before.tracking:
        changes.append((Change.TRACKING_YES if asked.tracking == "yes" else Change.TRACKING_NO, ""))
    if changes:
        Preference.objects.update_or_create(
            contact=contact,
            defaults={
                "paused_until": asked.paused_until,
                "fewer": asked.fewer,
                "tracking": asked.tracking,
                "changed_at": now,
            },
        )
    if asked.language and asked.language != before.language:
        language_choose(contact, asked.language, now)
        changes.append((Change.LANGUAGE, ""))
    return changes


def language_choose(contact: Contact, language: str, now: datetime) -> None:
    """Keep a language the person chose: it counts before what orders and the account say."""
    user_id = user_of(contact)
    key = user_key(user_id) if user_id else email_key(contact.email.lower())
    since = contact.created_at
    evidence_hear(contact, key, [Heard(at=now, values={CHOSEN_LANGUAGE: language}, since=since)])


def on_contact_merged(*, winner: Contact, loser: Contact, **kwargs: Any) -> None:
    """Keep the newer wishes of the two; of two at one moment, those that ask for less mail."""
    rows = {row.contact_id: row for row in Preference.objects.filter(contact__in=[winner, loser])}
    theirs = rows.get(loser.pk)
    if theirs is None:
        return
    own = rows.get(winner.pk)

    def rank(row: Preference) -> tuple[Any, ...]:
        until = row.paused_until
        return (row.changed_at, until.timestamp() if until else 0, row.fewer, row.tracking == "no")

    kept = theirs if own is None or rank(theirs) > rank(own) else own
    Preference.objects.filter(contact=loser).delete()
    Preference.objects.update_or_create(
        contact=winner,
        defaults={
            "paused_until": kept.paused_until,
            "fewer": kept.fewer,
            "tracking": kept.tracking,
            "changed_at": kept.changed_at,
        },
    )


def connect() -> None:
    """Connect this package's receiver, once."""
    signals.contact_merged.connect(
        on_contact_merged, dispatch_uid="saleor_automation.people.preferences"
    )
