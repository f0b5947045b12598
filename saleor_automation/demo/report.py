"""The table after a play: who got what when, who did not and why.

Knows how to read the ledger for a person. Must not judge: ``verdict`` does.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.utils import timezone, translation
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from saleor_automation.delivery import reasons as delivery_reasons
from saleor_automation.delivery.models import Message
from saleor_automation.emails.models import EmailVersion
from saleor_automation.people.models import Identity
from saleor_automation.sequences import reasons as sequence_reasons
from saleor_automation.sequences.models import Enrollment, SequenceSwitch

from . import script
from .sink import Sink
from .verdict import message_id_of
from .world import Shopper, World

HEADINGS = ("Who", "Day", "Time", "Sequence", "Mail", "Result", "Why")
GOOD, BAD, QUIET = "green", "red", "yellow"


@dataclass(frozen=True)
class Row:
    """One line: something that was sent, was not, or ended."""

    at: datetime
    sequence: str
    what: str
    result: str
    why: str
    style: str


def rows_by_shopper(world: World, sink: Sink) -> dict[str, list[Row]]:
    """Return what happened to each shopper, in order of time."""
    sequences = dict(SequenceSwitch.objects.values_list("sequence", "name"))
    titles = _titles()
    arrived = {message_id_of(mail): mail.recipients[0] for mail in sink.mails}
    people = _people(world)
    rows: dict[str, list[Row]] = defaultdict(list)
    with translation.override("en"):
        for message in Message.objects.select_related("contact").order_by("planned_at"):
            key = people.get(message.contact_id) if message.contact_id else None
            key = key or _by_address(world, arrived.get(message.pk, message.to_address))
            if key:
                rows[key].append(_message_row(message, sequences, titles))
        for enrollment in Enrollment.objects.exclude(state=Enrollment.State.SENDING):
            key = people.get(enrollment.contact_id)
            row = _ending(enrollment, sequences)
            said = {(r.at, r.why) for r in rows[key]} if key else set()
            # A mail not sent for the same reason at the same time says it already.
            if key and row is not None and (row.at, row.why) not in said:
                rows[key].append(row)
    return {key: sorted(rows[key], key=lambda row: row.at) for key in world.shoppers}


def _people(world: World) -> dict[UUID, str]:
    found: dict[UUID, str] = {}
    for identity in Identity.objects.all():
        for shopper in world.shoppers.values():
            if identity.value in {shopper.email, shopper.id}:
                found[identity.contact_id] = shopper.key
    return found


def _by_address(world: World, address: str) -> str | None:
    return next((s.key for s in world.shoppers.values() if s.email == address), None)


def _titles() -> dict[UUID, str]:
    return {
        version.email_key: version.title
        for version in EmailVersion.objects.order_by("language")
        if version.is_current
    } | {
        version.email_key: version.title
        for version in EmailVersion.objects.filter(is_current=True, language="en")
    }


def _message_row(message: Message, sequences: dict[UUID, str], titles: dict[UUID, str]) -> Row:
    state = Message.State
    at = message.handed_over_at or message.settled_at or message.due_at
    style = {
        state.ACCEPTED: GOOD,
        state.FAILED: BAD,
        state.AMBIGUOUS: BAD,
    }.get(state(message.state), QUIET)
    return Row(
        at=at,
        sequence=sequences.get(message.sequence, "") if message.sequence else "",
        what=titles.get(message.email_key, str(message.email_key)),
        result=str(state(message.state).label),
        why=delivery_reasons.words(message.reason) if message.reason else "",
        style=style,
    )


def _ending(enrollment: Enrollment, sequences: dict[UUID, str]) -> Row | None:
    name = sequences.get(enrollment.sequence, "")
    state = Enrollment.State
    if enrollment.state in {state.ACTIVE, state.DEBOUNCING} and enrollment.due_at:
        return Row(enrollment.due_at, name, "", "goes on later", "", QUIET)
    if enrollment.state == state.EXITED and enrollment.finished_at:
        why = sequence_reasons.words(enrollment.reason)
        return Row(enrollment.finished_at, name, "", "left", why, QUIET)
    return None


def table(world: World, sink: Sink, *, width: int) -> Table:
    """Return the table, made for a window of ``width`` characters."""
    reached = {address for mail in sink.mails for address in mail.recipients}
    result = Table(
        title=f"35 days of a shop: {len(sink.mails)} mails to {len(reached)} of "
        f"{len(world.shoppers)} shoppers. Times are {timezone.get_current_timezone_name()}.",
        title_justify="left",
        padding=(0, 1, 0, 0),
        pad_edge=False,
    )
    sections = [
        _section(world.shoppers[key], rows) for key, rows in rows_by_shopper(world, sink).items()
    ]
    lines = [HEADINGS, *(line.cells for section in sections for line in section)]
    # A character for each gap, each line between columns and both edges.
    room = width - 2 * len(HEADINGS)
    for heading, columns in zip(HEADINGS, column_widths(lines, room), strict=True):
        result.add_column(heading, overflow="fold", width=columns)
    for section in sections:
        result.add_section()
        for line in section:
            result.add_row(*line.styled())
    return result


def column_widths(lines: Sequence[Sequence[str]], room: int) -> list[int]:
    """Share ``room`` between columns so that no word is cut, if that can be.

    What is left goes, one by one, to the column with the longest text for its width.
    """
    columns = list(zip(*lines, strict=True))
    wanted = [max(map(cell_len, column)) for column in columns]
    widths = [max(cell_len(word) for text in c for word in [*text.split(), ""]) for c in columns]
    for _ in range(room - sum(widths)):
        tightness = [want / max(width, 1) for want, width in zip(wanted, widths, strict=True)]
        tightest = max(range(len(widths)), key=tightness.__getitem__)
        if tightness[tightest] <= 1:
            break
        widths[tightest] += 1
    return widths


@dataclass(frozen=True)
class _Line:
    cells: tuple[str, ...]
    style: str = ""

    def styled(self) -> list[Text]:
        return [
            Text(cell, style=self.style if heading == "Result" else "")
            for heading, cell in zip(HEADINGS, self.cells, strict=True)
        ]


def _section(shopper: Shopper, rows: list[Row]) -> list[_Line]:
    who = f"{shopper.first_name} ({shopper.language.lower()})"
    lines = []
    if not rows:
        why = "Nothing started for this person."
        lines.append(_Line((who, "", "", "", "", "nothing", why)))
    for row in rows:
        day = (row.at - script.START).days
        when = f"{timezone.localtime(row.at):%H:%M}"
        cells = (who, str(day), when, row.sequence, row.what, row.result, row.why)
        lines.append(_Line(cells, row.style))
        who = ""
    if shopper.gone:
        why = "Deleted their account: everything about them was erased."
        lines.append(_Line((who, "", "", "", "", "erased", why), QUIET))
    return lines


def show(console: Console, world: World, sink: Sink, troubles: list[str]) -> None:
    """Print the table and what went wrong."""
    console.print(table(world, sink, width=console.width))
    for trouble in troubles:
        console.print(trouble, style=BAD, markup=False, soft_wrap=True)
