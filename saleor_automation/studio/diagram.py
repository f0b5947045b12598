"""The flow of a sequence as a picture: nested lists a browser lays out by CSS.

Knows the editor's steps and how many people stand at each. Draws drafts too, so it
must not need a graph that compiles.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from wagtail.admin.userbar import Userbar

from saleor_automation import clock
from saleor_automation.sequences.conditions import FACTS, OP_WORDS
from saleor_automation.sequences.triggers import TRIGGERS, TriggerType

from .compile import EmailInfo
from .selectors import Standing, standing
from .sequences import Sequence as SequenceDraft
from .sequences import emails_in, emails_load, stream_data
from .steps import UNIT_MINUTES


@dataclass(frozen=True)
class Box:
    """One step of the picture."""

    kind: str
    title: str
    detail: str = ""
    people: int = 0
    warning: bool = False
    then: list[Box] = field(default_factory=list)
    otherwise: list[Box] = field(default_factory=list)


def boxes(
    steps: Sequence[Mapping[str, Any]],
    emails: Mapping[int, EmailInfo],
    people: Mapping[str, int],
    elapsed: int = 0,
) -> list[Box]:
    """Return the boxes of ``steps``; ``elapsed`` is minutes since the person entered."""
    result = []
    for step in steps:
        kind, value = str(step.get("type")), step.get("value") or {}
        count = people.get(str(step.get("id")), 0)
        if kind == "wait":
            minutes = int(value.get("amount") or 0) * UNIT_MINUTES.get(str(value.get("unit")), 0)
            elapsed += minutes
            result.append(Box(kind, duration_words(minutes), people=count, warning=not minutes))
        elif kind == "send":
            email = emails.get(value.get("email") or 0)
            detail = (
                _("%s after entering") % duration_words(elapsed) if elapsed else _("straight away")
            )
            if email is None:
                result.append(Box(kind, _("No email chosen"), detail, count, warning=True))
            else:
                if not email.ready:
                    detail = _("not published yet")
                result.append(Box(kind, email.title, detail, count, warning=not email.ready))
        elif kind == "if":
            then = boxes(value.get("then") or [], emails, people, elapsed)
            otherwise = boxes(value.get("otherwise") or [], emails, people, elapsed)
            result.append(
                Box(kind, condition_words(value), people=count, then=then, otherwise=otherwise)
            )
        else:
            result.append(Box("exit", str(value.get("reason") or ""), people=count))
    return result


def duration_words(minutes: int) -> str:
    """Return ``minutes`` as a person would say it: 1380 is “23 hours”."""
    if not minutes:
        return _("no wait")
    parts = []
    days, rest = divmod(minutes, 24 * 60)
    hours, rest = divmod(rest, 60)
    if days:
        parts.append(ngettext("%(count)s day", "%(count)s days", days) % {"count": days})
    if hours:
        parts.append(ngettext("%(count)s hour", "%(count)s hours", hours) % {"count": hours})
    if rest:
        parts.append(ngettext("%(count)s minute", "%(count)s minutes", rest) % {"count": rest})
    return " ".join(parts)


def condition_words(value: Mapping[str, Any]) -> str:
    """Return a condition as a short sentence."""
    fact = FACTS.get(str(value.get("fact")))
    if fact is None:
        return _("No condition yet")
    label = str(fact.label)
    if value.get("of"):
        label = f"{label}: {value['of']}"
    if value.get("days"):
        days = int(value["days"])
        label += " " + ngettext("(last day)", "(last %(days)s days)", days) % {"days": days}
    op = str(value.get("op"))
    if op == "is_true":
        return label
    if op == "is_false":
        return _("Not: %s") % label
    return f"{label} {OP_WORDS.get(op, op)} {value.get('value') or '?'}"


def trigger_words(trigger: TriggerType | None, of: str) -> str:
    """Return what starts a sequence, in words."""
    if trigger is None:
        return ""
    return f"{trigger.label}: {of or '?'}" if trigger.of is not None else str(trigger.label)


def flow_context(sequence: SequenceDraft, count: Standing) -> dict[str, Any]:
    """Return what the picture's template shows."""
    steps = stream_data(sequence.steps)
    trigger = TRIGGERS.get(sequence.trigger)
    rules = stream_data(sequence.exits)
    entering = count.nodes.get("", 0)
    return {
        "sequence": sequence,
        "standing": count,
        "trigger": trigger_words(trigger, sequence.trigger_of),
        "quiet": duration_words(sequence.quiet_minutes) if sequence.quiet_minutes else "",
        "entering": entering,
        "boxes": boxes(steps, emails_load(emails_in(steps)), count.nodes),
        "exits": [condition_words(rule.get("value") or {}) for rule in rules],
        "problems": sequence.problems(),
    }


def diagram_response(request: HttpRequest, sequence: SequenceDraft) -> HttpResponse:
    """Return the picture as a page of its own, for the preview panel."""
    context = flow_context(sequence, standing(sequence.key, now=clock.now()))
    html: str = render_to_string("saleor_automation/studio/flow.html", context, request)
    if getattr(request, "in_preview_panel", False):
        # The panel keeps the scroll position and runs its checks through the userbar.
        bar = Userbar(object=sequence).render_html({"request": request})
        html = html.replace("</body>", f"{bar}</body>")
    return HttpResponse(html)
