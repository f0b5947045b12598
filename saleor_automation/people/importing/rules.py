"""What the columns of a file mean, where its people agreed, and one line read by that.

Pure: knows names of columns and values. Must not know files or tables. A target is
"email", "first_name", "last_name", "name", "language", "country", "tags", "agreed",
"agreed_at", "trait:<name>:<kind>", or "" for a column that is left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import gettext as _

from saleor_automation.people.verification.syntax import address_parse

EMAIL: Final = "email"
TRAIT: Final = "trait"
PLAIN: Final = (
    EMAIL,
    "first_name",
    "last_name",
    "name",
    "language",
    "country",
    "tags",
    "agreed",
    "agreed_at",
)
BASES: Final = ("opt_in", "double_opt_in", "soft_opt_in")
KINDS: Final = ("text", "number", "flag", "moment")
#: Names of columns in files of other systems, in small letters, without marks.
USUAL: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        ("email", "emailaddress", "mail", "emel", "alamatemel", "emailaddresses"), EMAIL
    ),
    **dict.fromkeys(("firstname", "givenname", "forename", "fname", "vorname"), "first_name"),
    **dict.fromkeys(("lastname", "surname", "familyname", "lname", "nachname"), "last_name"),
    **dict.fromkeys(("name", "fullname", "contact", "nama", "contactname"), "name"),
    **dict.fromkeys(("language", "locale", "lang", "bahasa"), "language"),
    **dict.fromkeys(("country", "countrycode", "cc", "negara"), "country"),
    **dict.fromkeys(("tags", "tag", "labels", "groups"), "tags"),
    **dict.fromkeys(
        ("acceptsmarketing", "acceptsemailmarketing", "optin", "subscribed", "consent"), "agreed"
    ),
    **dict.fromkeys(
        ("optintime", "confirmtime", "consentdate", "subscribedat", "optindate"), "agreed_at"
    ),
}
YES: Final = frozenset({"true", "yes", "1", "y", "ya", "subscribed", "on"})
NO: Final = frozenset(
    {"", "false", "no", "0", "n", "tidak", "unsubscribed", "off", "never subscribed"}
)
_TRAIT_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[a-z0-9]{2,8})*")
_COUNTRY = re.compile(r"[A-Z]{2}")
_TAG_MARKS = re.compile(r"[,;|]")


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What a person decided about a file."""

    #: A target per column.
    columns: tuple[str, ...]
    #: Legal basis; "": these people did not agree, only their profiles are wanted.
    basis: str = ""
    #: Where, when and to which words they agreed.
    where: str = ""
    at: datetime | None = None
    wording: str = ""
    #: Sales channel these people belong to, and the consent is for; "" means all.
    channel: str = ""
    #: For people whose line says none.
    language: str = ""
    #: Put on everybody.
    tags: tuple[str, ...] = ()
    #: Leave out addresses no mail will reach.
    skip_undeliverable: bool = True

    def as_json(self) -> dict[str, Any]:
        return {
            **self.__dict__,
            "columns": list(self.columns),
            "tags": list(self.tags),
            "at": self.at.isoformat() if self.at else None,
        }

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> Rules:
        at = given.get("at")
        return cls(
            **{
                **given,
                "columns": tuple(given["columns"]),
                "tags": tuple(given.get("tags", ())),
                "at": datetime.fromisoformat(at) if at else None,
            }
        )


@dataclass(frozen=True, kw_only=True)
class Row:
    """What one line says."""

    line: int
    email: str
    first_name: str = ""
    last_name: str = ""
    language: str = ""
    country: str = ""
    tags: tuple[str, ...] = ()
    #: As written, by the trait's name; the kind is known elsewhere.
    traits: Mapping[str, str] = field(default_factory=dict)
    agreed: bool = True
    agreed_at: datetime | None = None
    #: Values that could not be taken, and why.
    odd: tuple[str, ...] = ()


class LineError(Exception):
    """A line that cannot be taken; the words say why."""


def rules_problems(rules: Rules, *, now: datetime) -> list[str]:
    """Return what must be decided or changed before a file can be looked over."""
    problems = []
    used = [target for target in rules.columns if target]
    if rules.columns.count(EMAIL) != 1:
        problems.append(_("Choose the one column that holds the address."))
    for target in sorted({target for target in used if used.count(target) > 1 and target != EMAIL}):
        if target != "tags":
            problems.append(_("Two columns are the same: %s.") % target)
    for target in used:
        if target in PLAIN:
            continue
        kind, name = target_trait(target)
        if kind not in KINDS or not _TRAIT_NAME.fullmatch(name):
            problems.append(
                _("“%s” is no trait: a name has small letters, digits and underscores.") % name
            )
    if rules.basis:
        if rules.basis not in BASES:
            problems.append(_("Say how these people agreed."))
        if not (rules.where.strip() and rules.wording.strip() and rules.at):
            problems.append(
                _("Say where and when these people agreed, and to which words: you must prove it.")
            )
        if rules.at is not None and rules.at > now:
            problems.append(_("Nobody can have agreed in the future."))
    if rules.language and not _LANGUAGE.fullmatch(rules.language):
        problems.append(_("A language is a code such as en or pt-br."))
    return problems


def target_trait(target: str) -> tuple[str, str]:
    """Return (kind, name) of a trait's target; ("", target) for what is none."""
    parts = target.split(":")
    return (parts[2], parts[1]) if len(parts) == 3 and parts[0] == TRAIT else ("", target)


def columns_guess(header: Sequence[str], samples: Sequence[Sequence[str]]) -> list[str]:
    """Guess what each column means; what is not known is left out."""
    guessed: list[str] = []
    for name in header:
        target = USUAL.get(re.sub(r"[^a-z0-9]", "", name.lower()), "")
        guessed.append(target if target not in guessed or target == "tags" else "")
    if EMAIL not in guessed:
        for place in range(len(header)):
            cells = [row[place] for row in samples if place < len(row) and row[place]]
            if cells and all(address_parse(cell).is_address for cell in cells):
                guessed[place] = EMAIL
                break
    return guessed


def trait_guess(name: str, cells: Sequence[str]) -> str:
    """Return the target that keeps a column as a trait, its kind by what its cells look like."""
    plain = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")[:60] or "column"
    plain = plain if plain[0].isalpha() else f"x_{plain}"
    filled = [cell for cell in cells if cell]
    kind = "text"
    if filled and all(re.fullmatch(r"-?\d{1,15}(\.\d+)?", cell) for cell in filled):
        kind = "number"
    elif filled and all(cell.lower() in {"true", "false", "yes", "no"} for cell in filled):
        kind = "flag"
    elif filled and all(date_read(cell) for cell in filled):
        kind = "moment"
    return f"{TRAIT}:{plain}:{kind}"


def date_read(text: str) -> datetime | None:
    """Return an ISO date or time, in UTC when it does not say; None for anything else."""
    try:
        found = parse_datetime(text)
        if found is None and (day := parse_date(text)) is not None:
            found = datetime(day.year, day.month, day.day, tzinfo=UTC)
    except ValueError:
        return None
    if found is None:
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def row_read(number: int, cells: Sequence[str], rules: Rules) -> Row:
    """Read a line. Raises LineError when nothing of it can be taken."""
    if len(cells) != len(rules.columns):
        raise LineError(
            _("%(count)s cells instead of %(wanted)s")
            % {"count": len(cells), "wanted": len(rules.columns)}
        )
    said: dict[str, str] = {}
    tags = list(rules.tags)
    traits: dict[str, str] = {}
    for target, cell in zip(rules.columns, cells, strict=True):
        kind, name = target_trait(target)
        if kind:
            if cell:
                traits[name] = cell
        elif target == "tags":
            tags += [word for part in _TAG_MARKS.split(cell) if (word := _tag(part))]
        elif target:
            said[target] = cell
    email = said[EMAIL]
    if not email:
        raise LineError(_("no address"))
    parsed = address_parse(email)
    if not parsed.is_address:
        raise LineError(_("“%s” is no address") % email[:100])
    odd: list[str] = []
    first, last = said.get("first_name", ""), said.get("last_name", "")
    if not first and not last and (whole := said.get("name", "")):
        first, _space, last = whole.partition(" ")
    language = said.get("language", "").replace("_", "-").lower()
    if language and not _LANGUAGE.fullmatch(language):
        odd.append(_("language “%s” is no code such as en") % said["language"][:50])
        language = ""
    country = said.get("country", "").upper()
    if country and not _COUNTRY.fullmatch(country):
        odd.append(_("country “%s” is no code such as MY") % said["country"][:50])
        country = ""
    agreed, agreed_at = _agreed(said, odd)
    return Row(
        line=number,
        email=email,
        first_name=first[:256],
        last_name=last.strip()[:256],
        language=(language or rules.language)[:16],
        country=country,
        tags=tuple(dict.fromkeys(tags)),
        traits=traits,
        agreed=agreed,
        agreed_at=agreed_at,
        odd=tuple(odd),
    )


def _agreed(said: Mapping[str, str], odd: list[str]) -> tuple[bool, datetime | None]:
    """Return whether a line's person agreed, and when; a doubtful "yes" is none."""
    agreed = True
    if (word := said.get("agreed")) is not None:
        agreed = word.lower() in YES
        if word.lower() not in YES | NO:
            odd.append(_("“%s” is neither yes nor no; taken as no") % word[:50])
    when = said.get("agreed_at", "")
    agreed_at = date_read(when) if when else None
    if when and agreed_at is None:
        odd.append(_("“%s” is no date such as 2026-05-31") % when[:50])
    return agreed, agreed_at


def _tag(part: str) -> str:
    return " ".join(part.lower().split())[:64]
