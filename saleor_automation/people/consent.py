"""What people said about being written to, for many contacts at once.

Knows the ledger and how to read it. The newest word counts, and at the same moment
"no" beats "yes". A flag in an account's metadata without a date is not a word each time
the profile changes: only the change of the flag is, so a standing "true" never undoes a
later unsubscribing. What we wrote into the account ourselves is no word at all; but what
differs from it afterwards is. What staff entered by mistake is taken back by a row of its
own, and then was never said; so is what an import said that was undone. What a list says
never stands above the person's own "no", whichever is newer.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q

from .digests import address_digests
from .models import Consent, Contact, Identity, Suppression

#: The source whose rows are sightings of a standing flag.
ACCOUNT = "account"
#: The source of rows that are sightings of a flag we wrote ourselves.
WRITE_BACK = "write_back"
#: Basis of the word of somebody who followed a link in a mail to that address.
DOUBLE_OPT_IN = "double_opt_in"
#: The source of what a person told staff.
STAFF = "staff"
#: How the source of words begins that a list said; the import's key follows.
IMPORT = "import"
#: Two sightings of one change may differ by so much: a poll's and the event's.
SAME = timedelta(minutes=1)
#: What a row says, of all its columns.
_SAID = ("channel", "topic", "state", "source", "basis", "wording", "at", "since")
#: Sources that are the shop's and not this Studio's.
SHOP = frozenset({ACCOUNT, WRITE_BACK, "checkout", "order"})


def is_imported(source: str) -> bool:
    """Whether a word was in a list the shop brought in."""
    return source.partition(":")[0] == IMPORT


@dataclass(frozen=True, slots=True)
class Word:
    """One thing said: when it was said first, for which channel and topic ("": all)."""

    at: datetime
    granted: bool
    channel: str
    topic: str
    source: str
    basis: str = ""


@dataclass(frozen=True, slots=True)
class ConsentState:
    """All a person said."""

    words: tuple[Word, ...] = ()

    def allows(self, topic: str, channel: str) -> bool | None:
        """Whether mail on a topic in a channel is wanted; None when nothing was said."""
        newest = self.newest(topic, channel)
        return newest.granted if newest else None

    def newest(self, topic: str, channel: str) -> Word | None:
        """Return the word that counts for a topic and channel."""
        fitting = [
            word
            for word in self.words
            if word.topic in ("", topic) and word.channel in ("", channel)
        ]
        if any(not word.granted and not is_imported(word.source) for word in fitting):
            fitting = [word for word in fitting if not (word.granted and is_imported(word.source))]
        return max(fitting, key=lambda word: (word.at, not word.granted), default=None)

    def confirmed(self, topic: str, channel: str) -> bool:
        """Whether they confirmed by mail that they want mail, and said no to none of this since.

        Whatever it was about: it shows that the mailbox is theirs.
        """
        last_no = max(
            (
                word.at
                for word in self.words
                if not word.granted and word.topic in ("", topic) and word.channel in ("", channel)
            ),
            default=None,
        )
        return any(
            word.granted and word.basis == DOUBLE_OPT_IN and (last_no is None or word.at > last_no)
            for word in self.words
        )


def consent_states(contact_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, ConsentState]:
    """Return what each contact said, in one query; silent contacts have an empty state."""
    ids = list(contact_ids)
    rows: dict[uuid.UUID, list[Any]] = defaultdict(list)
    said = Consent.objects.filter(contact__in=ids).order_by("at", "pk")
    # Plain rows: model instances take longer to make, and a batch of mails makes many.
    for row in said.values_list("contact_id", *_SAID, named=True):
        rows[row.contact_id].append(row)
    return {pk: ConsentState(tuple(words_of(rows.get(pk, [])))) for pk in ids}


def words_of(rows: Collection[Consent]) -> Iterator[Word]:
    """Read ledger rows as words. Repeated account flags without a date count once.

    Our own writing is no word the first time it is seen; when somebody changed the flag
    and set it back, that is.
    """
    flags: dict[tuple[str, str], str] = {}
    echoed: set[str] = set()
    mistakes = {
        (row.source, row.channel, row.topic): row.at
        for row in sorted(rows, key=lambda row: row.at)
        if row.state == Consent.State.RETRACTED
    }
    # At one moment "no" comes last, so that it stands.
    for row in sorted(rows, key=lambda row: (row.at, row.state == Consent.State.WITHDRAWN)):
        at = row.at
        mistaken = mistakes.get((row.source, row.channel, row.topic))
        if mistaken is not None and at <= mistaken:
            continue
        if row.source in (ACCOUNT, WRITE_BACK):
            place = (row.channel, row.topic)
            before = flags.get(place)
            flags[place] = row.state
            if row.source == WRITE_BACK and row.wording not in echoed:
                echoed.add(row.wording)
                continue
            if before == row.state and (row.source == WRITE_BACK or row.since is not None):
                continue
            if row.since is not None and before is None and row.state == Consent.State.GRANTED:
                # Nobody saw the flag before: it is as old as it can be.
                at = row.at if any(_dates(other, row) for other in rows) else row.since
        yield Word(
            at=at,
            granted=row.state == Consent.State.GRANTED,
            channel=row.channel,
            topic=row.topic,
            source=row.source,
            basis=row.basis,
        )


def _dates(other: Consent, row: Consent) -> bool:
    """Whether another sighting says that the flag was set when ``row`` saw it."""
    return (
        other.source == ACCOUNT
        and other.state == row.state
        and other.since == other.at
        and row.at <= other.at <= row.at + SAME
    )


def flag_of(rows: Collection[Consent]) -> str:
    """Return what the account's flag said when it was seen last; "" when never."""
    seen = [row for row in rows if row.source in (ACCOUNT, WRITE_BACK) and not row.topic]
    return max(seen, key=lambda row: row.at).state if seen else ""


def suppressed(contacts: Iterable[Contact]) -> dict[uuid.UUID, list[Suppression]]:
    """Return what keeps each contact from being written to, in one query.

    A dead mailbox concerns the address; a person's "no" follows them to a new one.
    """
    people = {contact.pk: contact for contact in contacts}
    digests = address_digests({contact.email for contact in people.values()})
    owners: dict[str, list[uuid.UUID]] = defaultdict(list)
    for pk, contact in people.items():
        if contact.email:
            owners[digests[contact.email]].append(pk)
    found: dict[uuid.UUID, list[Suppression]] = {pk: [] for pk in people}
    rows = Suppression.objects.filter(
        Q(address_digest__in=list(owners)) | Q(contact__in=list(people))
    ).order_by("pk")
    for row in rows:
        hit = set(owners.get(row.address_digest, ()))
        if row.contact_id in people and row.reason != Suppression.Reason.HARD_BOUNCE:
            hit.add(row.contact_id)
        for pk in hit:
            found[pk].append(row)
    return found


def addresses_of(contact: Contact) -> list[str]:
    """Return every address of a contact, the one mails go to first."""
    values = Identity.objects.filter(contact=contact, kind=Identity.Kind.EMAIL).order_by("value")
    first = [contact.email.lower()] if contact.email else []
    return first + [row.value for row in values if row.value not in first]
