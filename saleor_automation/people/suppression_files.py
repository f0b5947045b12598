"""Addresses that must not be written to, in and out of files.

Knows CSV rows and digests. Out go keyed digests alone: from them nobody can be written to, and
whoever is erased stays erased. In come addresses, or digests of this very Studio. Bringing the
same file in again changes nothing.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final

from django.db import transaction
from django.utils.crypto import salted_hmac
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.functional import Promise
from django.utils.timezone import is_naive
from django.utils.translation import gettext_lazy as _

from .digests import address_digest
from .models import Consent, Contact, Identity, Suppression
from .segments.keeping import SILENT, memberships_refresh
from .services import STRENGTH
from .standings import standings_refresh
from .verification.syntax import address_parse

#: Lines taken at a time: one transaction, a handful of queries.
PORTION: Final = 1000
HEADER: Final = ("key", "digest", "channel", "topic", "reason", "at")
#: Names of the column with the address.
ADDRESSES: Final = ("email", "e-mail", "email address", "e-mail address", "email_address", "mail")
#: Faults kept one by one; the others are counted.
SHOWN: Final = 200
_HEX: Final = frozenset("0123456789abcdef")

Reason = Suppression.Reason


class FileProblem(Exception):
    """The file as a whole cannot be used; says what to change."""


@dataclass(frozen=True)
class Fault:
    """What is wrong with one line."""

    line: int
    words: str | Promise


@dataclass(frozen=True)
class Entry:
    """One line that was understood."""

    digest: str
    reason: str
    channel: str = ""
    topic: str = ""
    at: datetime | None = None
    #: Lower case; "" when only the digest is known.
    address: str = ""

    @property
    def place(self) -> tuple[str, str, str]:
        return (self.digest, self.channel, self.topic)


@dataclass
class Brought:
    """What became of a file's lines."""

    new: int = 0
    #: There before, for a weaker reason.
    stronger: int = 0
    known: int = 0
    wrong: int = 0
    faults: list[Fault] = field(default_factory=list)

    def fault(self, fault: Fault) -> None:
        self.wrong += 1
        if len(self.faults) < SHOWN:
            self.faults.append(fault)


def key_mark() -> str:
    """Return what tells the key of this Studio's digests apart from others, not the key."""
    return salted_hmac("saleor_automation.people.key", "", algorithm="sha256").hexdigest()[:12]


def suppressions_export() -> Iterator[Sequence[str]]:
    """Return the rows of a file, the header first; everything, in one order."""
    yield HEADER
    mark = key_mark()
    rows = Suppression.objects.order_by("address_digest", "channel", "topic").values_list(
        "address_digest", "channel", "topic", "reason", "at"
    )
    for digest, channel, topic, reason, at in rows.iterator(chunk_size=PORTION):
        yield (mark, digest, channel, topic, reason, at.astimezone(UTC).isoformat())


def suppressions_import(
    *, lines: Iterable[str], reason: str, now: datetime, dry_run: bool
) -> Iterator[Brought]:
    """Bring a file's lines in, yielding the state after each portion.

    ``reason`` is that of lines that name none. ``dry_run`` looks at everything and changes
    nothing. Raises FileProblem before anything is changed when the header is no use.
    """
    lines = iter(lines)
    reader = csv.reader(_without_nul(lines), delimiter=",")
    table = _Table(reader, lines, reason)
    brought = Brought()
    rows = table.entries(brought)
    seen: set[tuple[str, str, str]] = set()
    while portion := list(islice(rows, PORTION)):
        entries = _strongest(portion)
        brought.known += len(portion) - len(entries)
        if dry_run:
            # What an earlier line would have made is there for a later one.
            fresh = [entry for entry in entries if entry.place not in seen]
            brought.known += len(entries) - len(fresh)
            seen.update(entry.place for entry in fresh)
            _count(fresh, brought)
        else:
            _bring(entries, brought, now)
        yield brought
    yield brought


def _without_nul(lines: Iterable[str]) -> Iterator[str]:
    return (line.replace("\x00", "\ufffd") for line in lines)


class _Table:
    """A file's columns, by the names in its first line."""

    def __init__(self, reader: Any, lines: Iterable[str], reason: str) -> None:
        self.reader, self.reason, self.before = reader, reason, 0
        names = [name.strip().lstrip("\ufeff").lower() for name in next(reader, [])]
        if len(names) == 1 and (";" in names[0] or "\t" in names[0]):
            self.reader = csv.reader(
                _without_nul(lines), delimiter=";" if ";" in names[0] else "\t"
            )
            self.before = 1
            names = names[0].replace("\t", ";").split(";")
        self.places = {name.strip().strip('"'): place for place, name in enumerate(names)}
        address = next((name for name in ADDRESSES if name in self.places), None)
        if address is None and "digest" not in self.places:
            raise FileProblem(
                _(
                    "The first line must name the columns, and one of them must be “email” or "
                    "“digest”. Also understood: key, channel, topic, reason, at."
                )
            )
        self.address = address or ""

    def entries(self, brought: Brought) -> Iterator[Entry]:
        while True:
            try:
                cells = next(self.reader)
            except StopIteration:
                return
            except csv.Error:
                brought.fault(Fault(self.line, _("It cannot be read as CSV.")))
                continue
            if not any(cell.strip() for cell in cells):
                continue
            found = self.entry(cells)
            if isinstance(found, Entry):
                yield found
            else:
                brought.fault(Fault(self.line, found))

    @property
    def line(self) -> int:
        """Return the number of the line read last, the header's being 1."""
        return int(self.reader.line_num) + self.before

    def cell(self, cells: Sequence[str], name: str) -> str:
        place = self.places.get(name, len(cells)) if name else len(cells)
        return cells[place].strip() if place < len(cells) else ""

    def entry(self, cells: Sequence[str]) -> Entry | str | Promise:
        """Return a line's entry, or what is wrong with it."""
        address = self.cell(cells, self.address)
        digest = self.cell(cells, "digest").lower()
        reason = self.cell(cells, "reason").lower() or self.reason
        if reason not in Reason.values:
            known = ", ".join(Reason.values)
            return _("The reason must be one of: %s.") % known
        channel, topic = self.cell(cells, "channel"), self.cell(cells, "topic")
        if len(channel) > 255 or len(topic) > 64:
            return _("The channel or the topic is too long.")
        at: datetime | None = None
        if written := self.cell(cells, "at"):
            at = moment_read(written)
            if at is None:
                return _("The date must look like 2026-01-31 or 2026-01-31T09:00:00+00:00.")
        if address:
            if len(address) > 254 or not address_parse(address).is_address:
                return _("This is no e-mail address.")
            return Entry(address_digest(address), reason, channel, topic, at, address.lower())
        if not digest:
            return _("There is neither an address nor a digest.")
        if len(digest) != 64 or not set(digest) <= _HEX:
            return _("A digest has 64 hexadecimal digits.")
        if self.cell(cells, "key") != key_mark():
            return _("This digest was made with another key, so nobody can be told by it.")
        return Entry(digest, reason, channel, topic, at)


def moment_read(text: str) -> datetime | None:
    """Return the moment a cell names, in UTC where it says no zone; None for anything else."""
    try:
        moment = parse_datetime(text)
        if moment is None:
            day = parse_date(text)
            moment = datetime(day.year, day.month, day.day, tzinfo=UTC) if day else None
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment is not None and is_naive(moment) else moment


def _strongest(entries: Iterable[Entry]) -> list[Entry]:
    """Return one entry per place: the one with the strongest reason."""
    kept: dict[tuple[str, str, str], Entry] = {}
    for entry in entries:
        other = kept.get(entry.place)
        if other is None or STRENGTH[entry.reason] > STRENGTH[other.reason]:
            kept[entry.place] = entry
    return [kept[place] for place in sorted(kept)]


def _standing(entries: Sequence[Entry]) -> dict[tuple[str, str, str], Suppression]:
    rows = Suppression.objects.filter(address_digest__in={entry.digest for entry in entries})
    return {(row.address_digest, row.channel, row.topic): row for row in rows}


def _count(entries: Sequence[Entry], brought: Brought) -> None:
    standing = _standing(entries)
    for entry in entries:
        row = standing.get(entry.place)
        if row is None:
            brought.new += 1
        elif STRENGTH[entry.reason] > STRENGTH[row.reason]:
            brought.stronger += 1
        else:
            brought.known += 1


@transaction.atomic
def _bring(entries: Sequence[Entry], brought: Brought, now: datetime) -> None:
    owners = _owners_lock({entry.address for entry in entries if entry.address})
    before = _standing(entries)
    Suppression.objects.bulk_create(
        [
            Suppression(
                address_digest=entry.digest,
                contact_id=owners.get(entry.address),
                channel=entry.channel,
                topic=entry.topic,
                reason=entry.reason,
                at=entry.at or now,
            )
            for entry in entries
            if entry.place not in before
        ],
        ignore_conflicts=True,
    )
    words = []
    for entry in entries:
        row = before.get(entry.place)
        owner = owners.get(entry.address)
        if row is None:
            brought.new += 1
            if entry.reason == Reason.UNSUBSCRIBED and owner is not None:
                words.append(
                    Consent(
                        contact_id=owner,
                        channel=entry.channel,
                        topic=entry.topic,
                        state=Consent.State.WITHDRAWN,
                        source="import",
                        at=entry.at or now,
                    )
                )
        elif STRENGTH[entry.reason] > STRENGTH[row.reason]:
            brought.stronger += 1
            row.reason, row.at = entry.reason, entry.at or now
            row.contact_id = owner or row.contact_id
            row.save(update_fields=["reason", "at", "contact"])
        else:
            brought.known += 1
    Consent.objects.bulk_create(words, ignore_conflicts=True)
    told = {word.contact_id for word in words}
    standings_refresh(told)
    memberships_refresh(told, now=now, telling=SILENT)


def _owners_lock(addresses: set[str]) -> dict[str, Any]:
    """Return whose addresses these are. Their rows are locked: mails about to leave hear it."""
    if not addresses:
        return {}
    known = dict(
        Identity.objects.filter(kind=Identity.Kind.EMAIL, value__in=addresses).values_list(
            "value", "contact_id"
        )
    )
    list(
        Contact.objects.select_for_update(no_key=True)
        .filter(pk__in=set(known.values()))
        .order_by("pk")
        .values_list("pk", flat=True)
    )
    return known
