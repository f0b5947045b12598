"""Python source of a function that renders a template, and what it needs to run.

Knows lines, constants and the limits of an environment. Must not know a template's nodes.

Not a word of a template becomes source: names and texts go in as constants, the source
is made of this package's literals and numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from liquid import BoundTemplate, RenderContext
from liquid.exceptions import LoopIterationLimitError, OutputStreamLimitError
from liquid.expression import Expression
from liquid.stringify import to_liquid_string
from liquid.undefined import Undefined
from markupsafe import escape

__all__ = ["Fill", "Source"]

Fill = Callable[[Mapping[str, Any]], str]


@dataclass
class Source:
    """Source being written, line by line.

    In it ``g`` is the context, ``p`` what is rendered so far, ``w`` adds to it, ``r`` is
    the room left when there were ``m`` parts.
    """

    template: BoundTemplate
    lines: list[str] = field(default_factory=list)
    constants: list[object] = field(default_factory=list)
    static: list[str] = field(default_factory=list)
    indent: int = 2
    variables: int = 0

    def line(self, text: str) -> None:
        self.lines.append("    " * self.indent + text)

    def constant(self, value: object) -> str:
        self.constants.append(value)
        return f"k{len(self.constants) - 1}"

    def variable(self) -> str:
        self.variables += 1
        return f"v{self.variables}"

    def flush(self) -> None:
        """Write the text collected so far; texts next to each other are one."""
        if text := "".join(self.static):
            self.line(f"w({self.constant(text)})")
        self.static = []

    def function(self) -> Fill:
        names = "".join(f"k{number}, " for number in range(len(self.constants)))
        source = "\n".join(
            [
                "def make(K, escape, text, blank, empty, items, spend, room, library, MISSING):",
                f"    ({names}) = K" if names else "    pass",
                "    def fill(g):",
                "        p, m, r = [], 0, room",
                "        w = p.append",
                *self.lines,
                "        out = ''.join(p)",
                "        spend((out,), 0, room)",
                "        return out",
                "    return fill",
            ]
        )
        space: dict[str, Any] = {}
        exec(compile(source, "<mail>", "exec"), space)  # noqa: S102 - see above
        env = self.template.env
        return space["make"](  # type: ignore[no-any-return]
            tuple(self.constants),
            escape,
            lambda value: to_liquid_string(value, env.autoescape),
            _is_blank,
            _is_empty,
            _items(env.loop_iteration_limit or 0),
            _spend,
            env.output_stream_limit,
            self.library,
            (KeyError, TypeError, IndexError),
        )

    def library(
        self, expression: Expression, values: Mapping[str, Any], loops: Sequence[Mapping[str, Any]]
    ) -> object:
        """Evaluate an expression as the library does in a template; missing is None."""
        context = RenderContext(self.template, globals=values)
        for namespace in ({"partial": False}, *loops):
            context.scope.push(namespace)
        value = expression.evaluate(context)
        return None if isinstance(value, Undefined) else value


def _is_blank(value: object) -> bool:
    if isinstance(value, str):
        return not value or value.isspace()
    return isinstance(value, list | dict) and not value


def _is_empty(value: object) -> bool:
    return isinstance(value, list | dict | str) and not value


def _items(limit: int) -> Callable[[Any, int], Sequence[Any]]:
    def items(value: Any, turns: int) -> Sequence[Any]:
        if isinstance(value, Mapping):
            value = list(value.items())
        elif isinstance(value, str):
            value = [value] if value else ()
        elif not isinstance(value, Sequence):
            value = ()
        if limit and len(value) * turns > limit:
            raise LoopIterationLimitError("loop iteration limit reached", token=None)
        return value  # type: ignore[no-any-return]

    return items


def _spend(parts: Sequence[str], mark: int, room: int) -> tuple[int, int]:
    room -= sum(map(len, parts[mark:]))
    if room < 0:
        raise OutputStreamLimitError("the mail is too long", token=None)
    return room, len(parts)
