"""A sequence as a graph: parsed, checked and frozen.

Pure: knows nodes and where they lead. Must not know enrollments, mails or the
database. The JSON form is what SequenceVersion stores; ``graph_parse`` is the only
reader of it. Graphs are acyclic by check, so every walk ends.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from saleor_automation.exceptions import CompileError

from .conditions import FACTS, Condition, condition_facts, condition_parse
from .triggers import TRIGGERS

SCHEMA = 1
MAX_NODES = 200
PURPOSES = ("marketing", "transactional")


@dataclass(frozen=True)
class Send:
    """Send one email; ``expires`` after it was due, it is not sent any more."""

    id: str
    email: UUID
    expires: timedelta | None
    next: str | None
    #: Code the mail's link to the basket applies; "" for none.
    voucher: str = ""


@dataclass(frozen=True)
class Wait:
    """Wait, counted from the moment the person came to this step."""

    id: str
    duration: timedelta
    next: str | None


@dataclass(frozen=True)
class If:
    """Take one of two ways."""

    id: str
    condition: Condition
    then: str | None
    otherwise: str | None


@dataclass(frozen=True)
class Exit:
    """Leave, with a reason."""

    id: str
    reason: str


Node = Send | Wait | If | Exit


@dataclass(frozen=True)
class ExitRule:
    """Leave, or jump to ``goto``, as soon as ``condition`` holds; asked at every step."""

    condition: Condition
    reason: str
    goto: str | None


@dataclass(frozen=True)
class Graph:
    """A whole sequence. ``entry`` None is an empty one: people finish at once."""

    trigger: str
    quiet: timedelta
    purpose: str
    topic: str
    exits: tuple[ExitRule, ...]
    entry: str | None
    nodes: Mapping[str, Node]
    #: Which one the trigger is asked of, a segment's key; "" when it is asked of nothing.
    of: str = ""

    def emails(self) -> frozenset[UUID]:
        """Return the keys of the emails it may send."""
        return frozenset(node.email for node in self.nodes.values() if isinstance(node, Send))


def successors(node: Node) -> tuple[str, ...]:
    """Return the ids of the nodes that may follow ``node``."""
    if isinstance(node, If):
        ways: tuple[str | None, ...] = (node.then, node.otherwise)
    elif isinstance(node, Exit):
        ways = ()
    else:
        ways = (node.next,)
    return tuple(way for way in ways if way is not None)


def graph_conditions(graph: Graph, *, exits_only: bool = False) -> list[Condition]:
    """Return every condition of a graph, or those of its exit rules alone."""
    conditions = [rule.condition for rule in graph.exits]
    if not exits_only:
        conditions += [node.condition for node in graph.nodes.values() if isinstance(node, If)]
    return conditions


def graph_digest(data: Mapping[str, Any]) -> str:
    """Return SHA-256, hex, of the graph's JSON with sorted keys: equal graphs, equal digest."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def graph_parse(data: Mapping[str, Any]) -> Graph:
    """Return the graph stored in ``data``.

    Raises CompileError with every problem found in ``diagnostics``: unknown
    schema, trigger, node type or fact, a way that leads nowhere, a cycle, a wait
    of nothing, a fact the trigger does not provide.
    """
    problems: list[str] = []
    if data.get("schema") != SCHEMA:
        raise CompileError(f"The graph has schema {data.get('schema')!r}; this release reads 1.")
    trigger = data.get("trigger") or {}
    kind = str(trigger.get("kind", ""))
    if kind not in TRIGGERS:
        raise CompileError(f"There is no trigger {kind!r}. Known: {', '.join(sorted(TRIGGERS))}.")
    of = str(trigger.get("of") or "")
    if bool(of) is not (TRIGGERS[kind].of is not None):
        problems.append(
            f"“{TRIGGERS[kind].label}”: say which {TRIGGERS[kind].of}."
            if TRIGGERS[kind].of
            else f"“{TRIGGERS[kind].label}” is asked of nothing; leave {of!r} out."
        )
    purpose = str(data.get("purpose", "marketing"))
    if purpose not in PURPOSES:
        problems.append(f"The purpose must be one of {PURPOSES}, not {purpose!r}.")
    raw_nodes: Mapping[str, Mapping[str, Any]] = data.get("nodes") or {}
    if len(raw_nodes) > MAX_NODES:
        problems.append(f"A sequence may have {MAX_NODES} steps, not {len(raw_nodes)}.")
    nodes: dict[str, Node] = {}
    for node_id, raw in raw_nodes.items():
        try:
            nodes[node_id] = _node(node_id, raw)
        except (CompileError, KeyError, TypeError, ValueError) as error:
            problems.append(f"Step {node_id}: {error}")
    exits: list[ExitRule] = []
    for raw in data.get("exits") or []:
        try:
            exits.append(
                ExitRule(
                    condition=condition_parse(raw.get("condition")),
                    reason=str(raw.get("reason") or "exit"),
                    goto=raw.get("goto"),
                )
            )
        except CompileError as error:
            problems.append(f"Exit rule: {error}")
    entry = data.get("entry")
    graph = Graph(
        trigger=kind,
        of=of,
        quiet=timedelta(minutes=int(trigger.get("quiet_minutes") or 0)),
        purpose=purpose,
        topic=str(data.get("topic") or ""),
        exits=tuple(exits),
        entry=entry,
        nodes=nodes,
    )
    problems.extend(_problems(graph))
    if problems:
        raise CompileError("The sequence has problems: " + " ".join(problems), tuple(problems))
    return graph


def _node(node_id: str, raw: Mapping[str, Any]) -> Node:
    kind = raw.get("type")
    if kind == "send":
        hours = raw.get("expires_hours")
        return Send(
            node_id,
            UUID(str(raw["email"])),
            timedelta(hours=float(hours)) if hours else None,
            raw.get("next"),
            str(raw.get("voucher") or ""),
        )
    if kind == "wait":
        minutes = int(raw["minutes"])
        if minutes <= 0:
            raise CompileError("A wait must be longer than nothing.")
        return Wait(node_id, timedelta(minutes=minutes), raw.get("next"))
    if kind == "if":
        return If(node_id, condition_parse(raw["condition"]), raw.get("then"), raw.get("otherwise"))
    if kind == "exit":
        return Exit(node_id, str(raw.get("reason") or "exit"))
    raise CompileError(f"There is no step of type {kind!r}.")


def _problems(graph: Graph) -> Iterator[str]:
    """Say what no single node can know: dangling ways, cycles, unknown facts."""
    for node in graph.nodes.values():
        for way in successors(node):
            if way not in graph.nodes:
                yield f"Step {node.id} leads to {way}, which does not exist."
    starts = [graph.entry, *(rule.goto for rule in graph.exits)]
    for start in starts:
        if start is not None and start not in graph.nodes:
            yield f"The sequence starts at or jumps to {start}, which does not exist."
    if _has_cycle(graph):
        yield "The steps go round in a circle."
    provides = TRIGGERS[graph.trigger].provides
    conditions = [rule.condition for rule in graph.exits]
    conditions += [node.condition for node in graph.nodes.values() if isinstance(node, If)]
    for condition in conditions:
        for name in sorted(condition_facts(condition)):
            needs = FACTS[name].needs
            if needs and needs not in provides:
                yield (
                    f"“{FACTS[name].label}” is not known in a sequence that starts with "
                    f"“{TRIGGERS[graph.trigger].label}”."
                )


def _has_cycle(graph: Graph) -> bool:
    done: set[str] = set()
    for start in graph.nodes:
        path: list[tuple[str, Iterator[str]]] = [(start, iter(successors(graph.nodes[start])))]
        on_path = {start}
        while path:
            node_id, ways = path[-1]
            way = next(ways, None)
            if way is None:
                path.pop()
                on_path.discard(node_id)
                done.add(node_id)
            elif way in on_path:
                return True
            elif way in graph.nodes and way not in done:
                on_path.add(way)
                path.append((way, iter(successors(graph.nodes[way]))))
    return False
