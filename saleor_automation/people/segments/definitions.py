"""What a segment is by its condition: parsed, checked, and in an order that can be computed.

Pure but for the exceptions' words: knows conditions and keys, no rows. A segment may ask
about others, so they are computed in an order in which each comes after those it asks about.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from django.utils.translation import gettext as _

from saleor_automation.contract import kinds
from saleor_automation.exceptions import CompileError
from saleor_automation.people.predicates.language import (
    FACTS,
    Ask,
    Condition,
    condition_asks,
    condition_moves,
)

#: The fact by which conditions ask whether somebody is in a segment.
IN_SEGMENT = "contact.in_segment"
#: The fact by which conditions ask what people said of mail.
CONSENT = "contact.consent"
#: Events of ours a segment may not count: their cause would be their effect.
OWN_KINDS = frozenset({kinds.SEGMENT_JOINED, kinds.SEGMENT_LEFT})


@dataclass(frozen=True)
class Definition:
    """One segment's condition, parsed."""

    pk: int
    key: str
    condition: Condition
    #: Everybody is being looked at; nobody is told who comes in.
    filling: bool = False

    @cached_property
    def asks(self) -> frozenset[Ask]:
        return condition_asks(self.condition)

    @cached_property
    def needs(self) -> frozenset[str]:
        """Keys of the segments it asks about."""
        return segments_asked(self.condition)

    @property
    def asks_consent(self) -> bool:
        """Whether it asks what people said of mail."""
        return any(ask.fact == CONSENT for ask in self.asks)

    @cached_property
    def moves(self) -> bool:
        """Whether people come in or go out by the passing of time."""
        return condition_moves(self.condition)


def segments_asked(condition: Condition) -> frozenset[str]:
    """Return the keys of the segments a condition asks about."""
    return frozenset(ask.of.lower() for ask in condition_asks(condition) if ask.fact == IN_SEGMENT)


def definitions_sorted(definitions: Iterable[Definition]) -> list[Definition]:
    """Return segments so that each comes after those it asks about.

    Of a circle, which ``condition_check`` keeps out, the rest comes last, by key.
    """
    waiting = {found.key: found for found in definitions}
    done: list[Definition] = []
    while waiting:
        ready = sorted(key for key, found in waiting.items() if not found.needs & waiting.keys())
        for key in ready or sorted(waiting):
            done.append(waiting.pop(key))
    return done


def dependents_of(key: str, definitions: Iterable[Definition]) -> list[Definition]:
    """Return the segments that ask about one, and those that ask about them, and so on."""
    found, keys = [], {key}
    for one in definitions_sorted(definitions):
        if one.key not in keys and one.needs & keys:
            keys.add(one.key)
            found.append(one)
    return found


def condition_check(condition: Condition, *, key: str, others: Collection[Definition]) -> None:
    """Raise CompileError when a segment ``key`` cannot have this condition.

    It must be about what is known of everybody, ask about segments that exist, not about
    itself in a roundabout way, and not count the joining and leaving of segments.
    """
    known = {found.key: found for found in others if found.key != key}
    for ask in sorted(condition_asks(condition)):
        fact = FACTS[ask.fact]
        if not fact.of_everybody:
            raise CompileError(
                _("“%s” is known in a sequence alone, so no segment can ask about it.") % fact.label
            )
        if ask.fact == "contact.did" and ask.of.lower() in OWN_KINDS:
            raise CompileError(
                _("A segment cannot count joining and leaving. Ask whether they are in one.")
            )
    for asked in sorted(segments_asked(condition)):
        if asked == key:
            raise CompileError(_("A segment cannot ask about itself."))
        if asked not in known:
            raise CompileError(
                _("There is no segment “%(key)s”. Segments: %(known)s.")
                % {"key": asked, "known": ", ".join(sorted(known)) or _("none yet")}
            )
        way = _way(asked, key, known)
        if way:
            raise CompileError(
                _("That goes round in a circle: %s. Take one of these conditions out.")
                % " → ".join(f"“{one}”" for one in [key, *way])
            )


def _way(start: str, goal: str, known: Mapping[str, Definition]) -> list[str]:
    """Return the segments from ``start`` on by which ``goal`` is asked about; none: []."""
    seen: set[str] = set()
    waiting: list[list[str]] = [[start]]
    while waiting:
        path = waiting.pop()
        if path[-1] == goal:
            return path
        if path[-1] in seen or path[-1] not in known:
            continue
        seen.add(path[-1])
        waiting += [[*path, further] for further in sorted(known[path[-1]].needs)]
    return []
