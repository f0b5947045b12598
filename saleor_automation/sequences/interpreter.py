"""What happens next: ``(graph, position, facts, now) -> outcome``. Pure.

Knows nodes, waits and conditions. Must not know rows, mails or the clock. The
same arguments always give the same outcome, so a batch that ran twice changes
nothing twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from .conditions import Value, condition_holds
from .graph import Exit, Graph, If, Send, Wait, successors

FINISHED = "finished"


@dataclass(frozen=True)
class Position:
    """Where a person stands. ``node`` None: not entered yet, the trigger was quiet enough."""

    node: str | None
    node_entered_at: datetime


@dataclass(frozen=True)
class Step:
    """One step taken; ``outcome`` is waited, then, otherwise or exited."""

    node: str
    outcome: str


@dataclass(frozen=True)
class Stay:
    """Wait at ``node`` until ``until``."""

    node: str
    node_entered_at: datetime
    until: datetime
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True)
class Mail:
    """Have ``send`` sent, then go on from there."""

    send: Send
    node_entered_at: datetime
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True)
class Leave:
    """Leave the sequence. ``early`` is False when it was gone through to the end."""

    reason: str
    early: bool
    steps: tuple[Step, ...] = ()


Outcome = Stay | Mail | Leave


def exit_reason(graph: Graph, facts: Mapping[str, Value]) -> str | None:
    """Return why a person must leave now, or None. Rules with a jump do not leave."""
    for rule in graph.exits:
        if rule.goto is None and condition_holds(rule.condition, facts):
            return rule.reason
    return None


def advance(graph: Graph, position: Position, facts: Mapping[str, Value], now: datetime) -> Outcome:
    """Walk from ``position`` to the next wait, mail or end.

    Exit rules are asked first. A person jumps once: nobody who is at or behind the
    target of a rule with ``goto`` is moved by such a rule again. A wait counts from when
    the person came to it; every further step of the walk is entered at ``now``.
    """
    reason = exit_reason(graph, facts)
    if reason is not None:
        return Leave(reason, early=True)
    node_id = graph.entry if position.node is None else position.node
    entered_at = now if position.node is None else position.node_entered_at
    jumps = [rule for rule in graph.exits if rule.goto is not None]
    if not any(node_id in _reachable(graph, rule.goto) for rule in jumps if rule.goto):
        for rule in jumps:
            if condition_holds(rule.condition, facts):
                node_id, entered_at = rule.goto, now
                break
    return _walk(graph, node_id, entered_at, facts, now)


def after_send(graph: Graph, node: str, now: datetime) -> Stay | Leave:
    """Go on behind the send step ``node``, whose mail is settled.

    Needs no facts: it only says where the person stands next and when to look
    again; exit rules and conditions are asked then.
    """
    send = graph.nodes[node]
    following = send.next if isinstance(send, Send) else None
    if following is None:
        return Leave(FINISHED, early=False)
    target = graph.nodes[following]
    until = now + target.duration if isinstance(target, Wait) else now
    return Stay(following, now, until)


def _walk(
    graph: Graph,
    node_id: str | None,
    entered_at: datetime,
    facts: Mapping[str, Value],
    now: datetime,
) -> Outcome:
    steps: list[Step] = []
    while node_id is not None:
        node = graph.nodes[node_id]
        if isinstance(node, Wait):
            until = entered_at + node.duration
            if until > now:
                return Stay(node.id, entered_at, until, tuple(steps))
            steps.append(Step(node.id, "waited"))
            node_id = node.next
        elif isinstance(node, Send):
            return Mail(node, entered_at, tuple(steps))
        elif isinstance(node, If):
            holds = condition_holds(node.condition, facts)
            steps.append(Step(node.id, "then" if holds else "otherwise"))
            node_id = node.then if holds else node.otherwise
        elif isinstance(node, Exit):
            steps.append(Step(node.id, "exited"))
            return Leave(node.reason, early=True, steps=tuple(steps))
        entered_at = now
    return Leave(FINISHED, early=False, steps=tuple(steps))


def _reachable(graph: Graph, start: str) -> frozenset[str]:
    """Return ``start`` and everything behind it."""
    seen: set[str] = set()
    todo = [start]
    while todo:
        node_id = todo.pop()
        if node_id not in seen:
            seen.add(node_id)
            todo.extend(successors(graph.nodes[node_id]))
    return frozenset(seen)
