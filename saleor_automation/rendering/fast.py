"""Short cuts through python-liquid for what a mail mostly is: ``{{ plain.path }}``.

Knows python-liquid's nodes and context. Changes no result: whatever is not a string
found by names in plain dicts goes the library's own way. Together they make a mail a
third faster (see ``benchmarks``).
"""

from __future__ import annotations

from typing import Any, TextIO

from liquid import RenderContext, Token
from liquid.builtin.expressions import FilteredExpression, Path
from liquid.builtin.output import Output, OutputNode
from liquid.expression import Expression
from liquid.undefined import UNDEFINED
from markupsafe import escape

__all__ = ["PlainContext", "PlainOutput"]


class PlainContext(RenderContext):
    """A context that looks into plain dicts itself."""

    def get(self, path: list[Any], *, token: Token | None, default: object = UNDEFINED) -> object:
        try:
            value: Any = self.scope[path[0]]
            for name in path[1:]:
                if type(value) is not dict:
                    return super().get(path, token=token, default=default)
                value = value[name]
        except (KeyError, TypeError):
            return super().get(path, token=token, default=default)
        return value


class PlainOutputNode(OutputNode):
    """An output statement; a bare path to a string takes the short way."""

    __slots__ = ("names", "root")

    def __init__(self, token: Token, expression: Expression) -> None:
        super().__init__(token, expression)
        self.root: str | None = None
        self.names: tuple[str, ...] = ()
        if (
            isinstance(expression, FilteredExpression)
            and not expression.filters
            and isinstance(expression.left, Path)
        ):
            path = expression.left.path
            names = tuple(name for name in path if isinstance(name, str))
            if len(names) == len(path):
                self.root, self.names = names[0], names[1:]

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        if self.root is not None:
            try:
                value: Any = context.scope[self.root]
                for name in self.names:
                    value = value[name] if type(value) is dict else None
            except KeyError:
                value = None
            if type(value) is str:
                return buffer.write(escape(value) if context.autoescape else value)
        return super().render_to_output(context, buffer)


class PlainOutput(Output):
    """The pseudo tag that makes the nodes."""

    node_class = PlainOutputNode
