"""The form a segment's condition is written in, and its way to stored data and back.

Knows blocks and the shape of conditions. Must not know segments' rows. All that stands at
the top must hold; below it stand groups of which all, one or none must.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from wagtail import blocks

from saleor_automation.exceptions import CompileError
from saleor_automation.people.predicates.language import FACTS

from .steps import TestBlock

#: How deep groups may be nested in the form.
DEPTH = 2
GROUPS = ("all", "any", "none")


def person_fact_choices() -> list[tuple[str, Any]]:
    """Return every fact that is known of everybody, as form choices."""
    return [(name, fact.label) for name, fact in FACTS.items() if fact.of_everybody]


class PersonTestBlock(TestBlock):
    """One comparison of what is known of everybody."""

    fact = blocks.ChoiceBlock(choices=person_fact_choices, label=_("What to look at"))

    class Meta:
        label = _("Condition")
        icon = "decimal"
        label_format = "{fact} {of} {op} {value}"


@cache
def _children(depth: int) -> tuple[tuple[str, blocks.Block], ...]:
    # One instance per level, as in ``steps``.
    found: list[tuple[str, blocks.Block]] = [("test", PersonTestBlock())]
    if depth:
        inner = list(_children(depth - 1))
        words = {
            "all": _("All of these"),
            "any": _("At least one of these"),
            "none": _("None of these"),
        }
        icons = {"all": "check", "any": "list-ul", "none": "cross"}
        found += [
            (group, blocks.StreamBlock(inner, label=words[group], icon=icons[group]))
            for group in GROUPS
        ]
    return tuple(found)


def condition_block() -> blocks.StreamBlock:
    """Return the block of a whole condition."""
    return blocks.StreamBlock(list(_children(DEPTH)), label=_("Conditions"))


def condition_of(stream: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the stored form of what was written, as ``predicates.language`` reads it."""
    return {"all": [_part_of(block) for block in stream]}


def _part_of(block: Mapping[str, Any]) -> dict[str, Any]:
    kind, value = block["type"], block["value"]
    if kind in GROUPS:
        parts = [_part_of(part) for part in value]
        return {"not": {"any": parts}} if kind == "none" else {kind: parts}
    part: dict[str, Any] = {"fact": value["fact"], "op": value["op"]}
    if not str(value["op"]).startswith("is_"):
        part["value"] = str(value.get("value") or "").strip()
    for name in ("of", "days"):
        if value.get(name):
            part[name] = value[name]
    return part


def stream_of(condition: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a stored condition as blocks. Raises CompileError when the form is too flat for it."""
    parts = condition.get("all", [condition])
    return [_block_of(part, DEPTH) for part in parts]


def _block_of(part: Mapping[str, Any], depth: int) -> dict[str, Any]:
    if "fact" in part:
        value = part.get("value")
        text = ", ".join(map(str, value)) if isinstance(value, list) else value
        fields = {
            "fact": part["fact"],
            "op": part["op"],
            "value": "" if text is None else str(text),
        }
        return {
            "type": "test",
            "value": {**fields, "of": part.get("of") or "", "days": part.get("days") or None},
        }
    if not depth:
        raise CompileError(
            gettext(
                "This condition was written by code and has more levels than the form: "
                "change it there."
            )
        )
    if "not" in part:
        inner = part["not"]
        kind, parts = "none", inner.get("any", [inner])
    else:
        kind = "all" if "all" in part else "any"
        parts = part[kind]
    return {"type": kind, "value": [_block_of(one, depth - 1) for one in parts]}
