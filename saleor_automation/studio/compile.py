"""From an editor's steps to the graph the engine runs.

Pure but for the block names: takes the raw stream data (lists of dicts with
``type``, ``value`` and ``id``) and what is known of the emails. Must not read the
database; ``sequences.Sequence.graph`` does that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from saleor_automation.emails.variables import ALWAYS
from saleor_automation.exceptions import CompileError
from saleor_automation.sequences.conditions import FACTS, OP_WORDS, condition_parse
from saleor_automation.sequences.graph import graph_parse, successors
from saleor_automation.sequences.triggers import TRIGGERS

from .steps import UNIT_MINUTES

#: Reason of an exit whose editor gave none.
REASONS = {
    "contact.orders": "ordered",
    "contact.orders_since_entry": "ordered",
    "basket.bought": "ordered",
    "basket.items": "basket_empty",
    "basket.deleted": "basket_deleted",
    "basket.newer": "basket_newer",
    "basket.paid": "basket_paid",
    "order.cancelled": "cancelled",
    "order.refunded": "refunded",
}

Steps = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class EmailInfo:
    """What the compiler must know of an email page."""

    key: UUID
    title: str
    #: It has a version in the default language that can be sent.
    ready: bool
    #: Objects its templates show, in any language: "basket", "order" or another app's.
    uses: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Problem:
    """What is wrong with one step, in words for the editor."""

    step: str
    where: str
    message: str

    def __str__(self) -> str:
        return f"{self.where}: {self.message}" if self.where else self.message


class _Compiler:
    def __init__(self, trigger: str, emails: Mapping[int, EmailInfo]) -> None:
        self.emails = emails
        self.provides = TRIGGERS[trigger].provides if trigger in TRIGGERS else frozenset()
        self.trigger = trigger
        self.nodes: dict[str, dict[str, Any]] = {}
        self.names: dict[str, str] = {}
        self.problems: list[Problem] = []

    def problem(self, step: str, message: str) -> None:
        self.problems.append(Problem(step, self.names.get(step, ""), message))

    def walk(self, steps: Steps, follow: str | None, path: str) -> str | None:
        """Compile ``steps``, which lead on to ``follow``; return where they begin."""
        after = follow
        for number, step in reversed(list(enumerate(steps, 1))):
            node_id = str(step.get("id") or "")
            kind = str(step.get("type"))
            where = f"{path}{number}"
            if not node_id or node_id in self.nodes:
                self.problems.append(
                    Problem(
                        node_id, _("Step %s") % where, _("Save it again; it has no id of its own.")
                    )
                )
                continue
            self.names[node_id] = _("Step %(number)s (%(kind)s)") % {
                "number": where,
                "kind": _kind_words(kind),
            }
            # Reserved before the branches are walked, so that equal ids are noticed.
            self.nodes[node_id] = {}
            self.nodes[node_id] = self.node(node_id, kind, step.get("value") or {}, after, where)
            after = node_id
        return after

    def node(
        self, node_id: str, kind: str, value: Mapping[str, Any], after: str | None, where: str
    ) -> dict[str, Any]:
        if kind == "send":
            return self.send(node_id, value, after)
        if kind == "wait":
            amount = value.get("amount") or 0
            minutes = int(amount) * UNIT_MINUTES.get(str(value.get("unit")), 0)
            if minutes <= 0:
                self.problem(node_id, _("Say how long to wait."))
            return {"type": "wait", "minutes": max(minutes, 1), "next": after}
        if kind == "exit":
            return {"type": "exit", "reason": value.get("reason") or "finished"}
        if kind == "if":
            then = self.walk(value.get("then") or [], after, _("%s, then ") % where)
            otherwise = self.walk(value.get("otherwise") or [], after, _("%s, otherwise ") % where)
            return {
                "type": "if",
                "condition": self.condition(node_id, value),
                "then": then,
                "otherwise": otherwise,
            }
        self.problem(node_id, _("This release does not know this kind of step."))
        return {"type": "exit", "reason": "unknown_step"}

    def send(self, node_id: str, value: Mapping[str, Any], after: str | None) -> dict[str, Any]:
        email = self.emails.get(value.get("email") or 0)
        if email is None:
            self.problem(node_id, _("Choose an email."))
            return {"type": "exit", "reason": "no_email"}
        if not email.ready:
            self.problem(
                node_id,
                _("“%s” is not published in the default language. Publish it first.") % email.title,
            )
        words_for = {"basket": _("a basket"), "order": _("an order")}
        # A basket is a checkout in the shop's words; what other apps add has one name.
        given = self.provides | ({"basket"} if "checkout" in self.provides else set()) | ALWAYS
        for used in sorted(email.uses):
            words = words_for.get(used, f"“{used}”")
            if used not in given:
                self.problem(
                    node_id,
                    _("“%(email)s” shows %(thing)s, which this sequence's start does not bring.")
                    % {"email": email.title, "thing": words},
                )
        voucher = str(value.get("voucher_code") or "").strip()
        if voucher and "checkout" not in self.provides:
            self.problem(
                node_id,
                _(
                    "A voucher code is applied to a basket, which this sequence's start does not "
                    "bring."
                ),
            )
        return {
            "type": "send",
            "email": str(email.key),
            "expires_hours": value.get("expires_hours") or None,
            "next": after,
            # Not there when there is none: what has no voucher compiles as it always did.
            **({"voucher": voucher} if voucher else {}),
        }

    def condition(self, node_id: str, value: Mapping[str, Any]) -> dict[str, Any]:
        condition: dict[str, Any] = {"fact": value.get("fact"), "op": value.get("op")}
        fact = FACTS.get(str(value.get("fact")))
        if fact is None:
            self.problem(node_id, _("Say what to look at."))
            return condition
        if condition["op"] not in fact.ops:
            ops = ", ".join(f"“{OP_WORDS[op]}”" for op in fact.ops)
            self.problem(
                node_id,
                _("“%(fact)s” can be compared with: %(ops)s.") % {"fact": fact.label, "ops": ops},
            )
            return condition
        if not str(condition["op"]).startswith("is_"):
            condition["value"] = str(value.get("value") or "").strip()
        # Not there when there is none: what asks no more compiles as it always did.
        for name in ("of", "days"):
            if value.get(name):
                condition[name] = value[name]
        try:
            condition_parse(condition)
        except CompileError as error:
            self.problem(node_id, str(error))
        if fact.needs and fact.needs not in self.provides:
            self.problem(
                node_id,
                _("“%(fact)s” is not known in a sequence that starts with “%(trigger)s”.")
                % {"fact": fact.label, "trigger": TRIGGERS[self.trigger].label},
            )
        return condition


def _kind_words(kind: str) -> str:
    words = {"send": _("Send"), "wait": _("Wait"), "if": _("If"), "exit": _("Leave the sequence")}
    return words.get(kind, kind)


def sequence_compile(
    *,
    trigger: str,
    quiet_minutes: int,
    purpose: str,
    topic: str,
    exits: Steps,
    steps: Steps,
    emails: Mapping[int, EmailInfo],
    trigger_of: str = "",
) -> dict[str, Any]:
    """Return the graph of a sequence, in the form ``sequences.graph`` reads.

    ``emails`` maps a page's primary key to what is known of it. Raises
    CompileError whose ``diagnostics`` are Problems naming the step.
    """
    work = _Compiler(trigger, emails)
    if trigger not in TRIGGERS:
        raise CompileError(
            _("Choose what starts the sequence."),
            (Problem("", "", _("Choose what starts the sequence.")),),
        )
    asked_of = TRIGGERS[trigger].of
    if asked_of is not None and not trigger_of:
        work.problem("", _("“Starts when”: say which %s.") % asked_of)
    if not steps:
        work.problem("", _("Add at least one step."))
    entry = work.walk(steps, None, "")
    rules = []
    for number, rule in enumerate(exits, 1):
        rule_id, value = str(rule.get("id") or f"exit-{number}"), rule.get("value") or {}
        work.names[rule_id] = _("Exit rule %s") % number
        reason = value.get("reason") or REASONS.get(str(value.get("fact")), "exit")
        rules.append({"condition": work.condition(rule_id, value), "reason": reason, "goto": None})
    graph = {
        "schema": 1,
        # Not there when there is none: what asks no more compiles as it always did.
        "trigger": {
            "kind": trigger,
            "quiet_minutes": quiet_minutes,
            **({"of": trigger_of} if asked_of is not None else {}),
        },
        "purpose": purpose,
        "topic": topic,
        "exits": rules,
        "entry": entry,
        "nodes": work.nodes,
    }
    if not work.problems:
        _check(work, graph)
    if work.problems:
        # The compiler walks backwards; people read forwards.
        order = list(reversed(work.names))
        work.problems.sort(
            key=lambda problem: order.index(problem.step) if problem.step in order else -1
        )
        raise CompileError(
            _("The sequence cannot be published yet: %s")
            % " ".join(str(problem) for problem in work.problems),
            tuple(work.problems),
        )
    return graph


def _check(work: _Compiler, graph: Mapping[str, Any]) -> None:
    try:
        parsed = graph_parse(graph)
    except CompileError as error:
        work.problem("", str(error))
        return
    reached: set[str] = set()
    waiting = [parsed.entry] if parsed.entry else []
    while waiting:
        node_id = waiting.pop()
        if node_id not in reached:
            reached.add(node_id)
            waiting.extend(successors(parsed.nodes[node_id]))
    lost = [node_id for node_id in reversed(work.names) if node_id in set(parsed.nodes) - reached]
    if lost:
        work.problem(lost[0], _("Nobody ever comes here: every way before it leaves the sequence."))
