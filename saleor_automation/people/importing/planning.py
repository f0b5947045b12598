"""What some lines of a file would do, without doing it: the look beforehand and the real
run ask the same.

Knows people, what they said, and addresses. Reads only; ``look`` may ask the DNS, so no
transaction may be open around it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.utils.translation import gettext as _

from saleor_automation.contract.values import iso
from saleor_automation.people.consent import ConsentState, consent_states, suppressed
from saleor_automation.people.digests import identity_digest
from saleor_automation.people.models import (
    Contact,
    Identity,
    Suppression,
    Tag,
    Tombstone,
    Trait,
)
from saleor_automation.people.profile import email_key
from saleor_automation.people.traits import TraitError, trait_value
from saleor_automation.people.verification.services import addresses_verify, suppressions_add
from saleor_automation.people.verification.verdicts import Assessment, Reason, Verdict
from saleor_automation.people.verification.words import NAMES

from . import outcomes
from .models import ContactImport
from .reading import Line
from .rules import LineError, Row, Rules, row_read, target_trait

#: Seconds some lines may wait for the DNS; what it did not say is found out when a mail leaves.
DNS_SECONDS: Final = 10.0
_NOTHING: Final = Assessment(verdict=Verdict.UNKNOWN, reasons=(Reason.NOT_CHECKED,))


@dataclass(frozen=True)
class Fault:
    """A line, or a value of one, that is left out."""

    line: int
    kind: str
    reason: str
    cells: Sequence[str] = ()


@dataclass
class Looked:
    """Some lines, read: those that can be taken, and what is wrong with others."""

    rows: list[Row] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    risky: int = 0
    #: The cells of the lines that are taken, by their number.
    cells: dict[int, Sequence[str]] = field(default_factory=dict)

    def leave_out(self, row: Row, kind: str, reason: str, cells: Sequence[str]) -> None:
        self.faults.append(Fault(row.line, kind, reason, cells))


@dataclass(frozen=True, kw_only=True)
class Planned:
    """What one line does to one person."""

    row: Row
    #: None: somebody new.
    contact: Contact | None
    #: Evidence for the profile that is not there yet, by slot.
    slots: Mapping[str, list[Any]]
    #: Values by the name of the trait, typed.
    traits: Mapping[str, Any]
    tags: Sequence[str]
    #: When they agreed; None: nothing is taken down.
    agreed_at: datetime | None
    #: Why a "yes" is not taken down: a code of ``outcomes``.
    refused: str = ""

    @property
    def outcome(self) -> str:
        if self.contact is None:
            return outcomes.NEW
        touched = self.slots or self.traits or self.tags or self.agreed_at
        return outcomes.UPDATED if touched else outcomes.UNCHANGED


def lines_look(
    lines: Sequence[Line],
    rules: Rules,
    *,
    seen: MutableMapping[int, int],
    now: datetime,
    keep: bool,
    seconds: float = DNS_SECONDS,
) -> Looked:
    """Read some lines; leave out what is wrong, repeated or undeliverable.

    ``seen`` is which address stood in which line so far. ``keep``: what is found out about
    addresses is remembered.
    """
    looked = Looked()
    read: list[tuple[Row, Line]] = []
    for line in lines:
        if line.fault:
            looked.faults.append(
                Fault(line.number, outcomes.MALFORMED, line.fault[:255], line.cells)
            )
            continue
        try:
            row = row_read(line.number, line.cells, rules)
        except LineError as error:
            looked.faults.append(
                Fault(line.number, outcomes.MALFORMED, str(error)[:255], line.cells)
            )
            continue
        first = seen.setdefault(hash(row.email.lower()), row.line)
        if first != row.line:
            looked.leave_out(
                row,
                outcomes.REPEATED,
                _("the address stands in line %s already") % first,
                line.cells,
            )
            continue
        read.append((row, line))
    assessed = addresses_verify(
        addresses=[row.email for row, _line in read], now=now, seconds=seconds, keep=keep
    )
    for row, line in read:
        found = assessed[row.email]
        if found.verdict is Verdict.UNDELIVERABLE:
            malformed = found.reason in (Reason.SYNTAX, Reason.SYNTAX_UNUSUAL)
            if malformed or rules.skip_undeliverable:
                looked.leave_out(
                    row,
                    outcomes.MALFORMED if malformed else outcomes.UNDELIVERABLE,
                    str(NAMES[found.reason])[:255],
                    line.cells,
                )
                continue
        looked.risky += found.verdict is Verdict.RISKY
        looked.faults += [
            Fault(row.line, outcomes.VALUE, words[:255], line.cells) for words in row.odd
        ]
        looked.rows.append(row)
        looked.cells[row.line] = line.cells
    return looked


def _living(looked: Looked, rules: Rules) -> list[Row]:
    """Return the lines whose people were not erased, and leave out the others."""
    digests = {identity_digest(Identity.Kind.EMAIL, row.email): row.email for row in looked.rows}
    found = Tombstone.objects.filter(kind=Identity.Kind.EMAIL, digest__in=list(digests))
    erased = {digests[digest]: at for digest, at in found.values_list("digest", "at")}
    living = []
    for row in looked.rows:
        buried = erased.get(row.email)
        if buried is not None and not _newer(row, rules, buried):
            words = _("erased on %s") % f"{buried:%Y-%m-%d}"
            # Not the line: nothing of them is kept.
            looked.leave_out(row, outcomes.ERASED, words, ())
        else:
            living.append(row)
    return living


def _newer(row: Row, rules: Rules, buried: datetime) -> bool:
    """Whether somebody agreed after they were erased: then they came back by themselves."""
    agreed_at = row.agreed_at or rules.at
    return bool(rules.basis and row.agreed and agreed_at and agreed_at > buried)


def rows_plan(
    looked: Looked, rules: Rules, importing: ContactImport, *, lock: bool, now: datetime
) -> list[Planned]:
    """Return what the lines do to whom. ``lock`` holds the people, in a transaction.

    Faults found on the way are added to those of ``looked``.
    """
    rows = _living(looked, rules)
    people = _people([row.email.lower() for row in rows], lock=lock)
    ids = [contact.pk for contact in people.values()]
    known = _Known.load(list(people.values()), ids)
    blocked = suppressions_add({row.email: _NOTHING for row in rows})
    planned = []
    for row in rows:
        contact = people.get(row.email.lower())
        typed, odd = _typed(row, rules)
        looked.faults += [
            Fault(row.line, outcomes.VALUE, words[:255], looked.cells[row.line]) for words in odd
        ]
        reasons = set(blocked[row.email].reasons)
        agreed_at, refused = _consent(row, rules, contact, known, reasons, now)
        planned.append(
            Planned(
                row=row,
                contact=contact,
                slots=_slots(row, contact, importing, rules),
                traits=known.traits_new(contact, typed, importing.created_at),
                tags=known.tags_new(contact, row.tags, importing.created_at),
                agreed_at=agreed_at,
                refused=refused,
            )
        )
    return planned


def counts_of(looked: Looked, planned: Iterable[Planned]) -> Counter[str]:
    """Count what became, or would become, of lines."""
    counts = Counter(fault.kind for fault in looked.faults)
    counts[outcomes.RISKY] += looked.risky
    for one in planned:
        counts[one.outcome] += 1
        if one.agreed_at:
            counts[outcomes.AGREED] += 1
        if one.refused:
            counts[one.refused] += 1
    return +counts


def _people(addresses: Sequence[str], *, lock: bool) -> dict[str, Contact]:
    owners = dict(
        Identity.objects.filter(kind=Identity.Kind.EMAIL, value__in=addresses).values_list(
            "value", "contact_id"
        )
    )
    rows = Contact.objects.filter(pk__in=set(owners.values())).order_by("pk")
    if lock:
        rows = rows.select_for_update(no_key=True)
    contacts = {contact.pk: contact for contact in rows}
    # Who was merged or erased between the two is read again in the next try.
    return {value: contacts[pk] for value, pk in owners.items() if pk in contacts}


@dataclass(frozen=True)
class _Known:
    """What is known of people already: their words, blocks, traits and tags."""

    states: Mapping[UUID, ConsentState]
    blocks: Mapping[UUID, Sequence[Suppression]]
    traits: Mapping[tuple[UUID, str], Trait]
    tags: Mapping[tuple[UUID, str], Tag]

    @classmethod
    def load(cls, people: Sequence[Contact], ids: Sequence[UUID]) -> _Known:
        return cls(
            states=consent_states(ids),
            blocks=suppressed(people),
            traits={
                (row.contact_id, row.type_id): row
                for row in Trait.objects.select_related("type").filter(contact__in=ids)
            },
            tags={(row.contact_id, row.name): row for row in Tag.objects.filter(contact__in=ids)},
        )

    def traits_new(
        self, contact: Contact | None, typed: Mapping[str, Any], at: datetime
    ) -> dict[str, Any]:
        """Return the values that change something: the same, and a newer one, stay."""
        if contact is None:
            return dict(typed)
        found = {name: self.traits.get((contact.pk, name)) for name in typed}
        return {
            name: value
            for name, value in typed.items()
            if (row := found[name]) is None or (row.value != value and row.at < at)
        }

    def tags_new(self, contact: Contact | None, tags: Sequence[str], at: datetime) -> list[str]:
        if contact is None:
            return list(tags)
        found = {name: self.tags.get((contact.pk, name)) for name in tags}
        return [
            name for name in tags if (row := found[name]) is None or (not row.on and row.at < at)
        ]


def _typed(row: Row, rules: Rules) -> tuple[dict[str, Any], list[str]]:
    """Return a line's traits as their kinds, and what is of another kind."""
    kinds = {name: kind for kind, name in map(target_trait, rules.columns) if kind}
    typed, odd = {}, []
    for name, text in row.traits.items():
        try:
            typed[name] = trait_value(kinds[name], text)
        except TraitError as error:
            odd.append(f"{name}: {error}")
    return typed, odd


def _slots(
    row: Row, contact: Contact | None, importing: ContactImport, rules: Rules
) -> dict[str, list[Any]]:
    """Return the evidence a line brings that is not known word for word."""
    values: dict[str, Any] = {
        "import.email": row.email,
        "import.name": [row.first_name, row.last_name],
        "import.language": row.language,
        "import.country": row.country,
        "import.channel": rules.channel,
    }
    before = contact.field_versions.get(email_key(row.email.lower()), {}) if contact else {}
    at = iso(importing.created_at)
    return {
        name: [at, value]
        for name, value in values.items()
        if value not in ("", ["", ""])
        and (name not in before or (before[name][1] != value and before[name][0] < at))
        # An address alone says nothing new of somebody who is known under it.
        and not (name == "import.email" and contact is not None)
    }


def _consent(
    row: Row,
    rules: Rules,
    contact: Contact | None,
    known: _Known,
    reasons: set[Reason],
    now: datetime,
) -> tuple[datetime | None, str]:
    """Return when a line's person agreed, or why their "yes" is not taken down.

    A person's own "no" stands above every list, however new the list says it is.
    """
    if not rules.basis or not row.agreed:
        return None, ""
    blocks = known.blocks.get(contact.pk, ()) if contact else ()
    own = {block.reason for block in blocks if block.channel in ("", rules.channel)}
    if reasons & {Reason.COMPLAINED, Reason.BLOCKED, Reason.OWN_HARD_BOUNCE} or own - {
        Suppression.Reason.UNSUBSCRIBED
    }:
        return None, outcomes.SUPPRESSED
    state = known.states.get(contact.pk) if contact else None
    newest = state.newest("", rules.channel) if state else None
    if Reason.UNSUBSCRIBED in reasons or own or (newest is not None and not newest.granted):
        return None, outcomes.SAID_NO
    at = min(row.agreed_at or rules.at or now, now)
    if newest is not None and newest.at >= at:
        return None, ""
    return at, ""
