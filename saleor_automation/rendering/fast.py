"""A parsed template as one Python function, for what mails mostly are.

Knows python-liquid's nodes: content, ``{{ plain.path }}`` with or without ``default``,
``if`` and ``unless`` with simple conditions, ``for`` over a list. Changes no result: an
expression beyond these is evaluated by the library, and ``fast_make`` gives up a
template with a tag beyond them. What depends on known values only is decided once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from liquid import BoundTemplate, RenderContext
from liquid.ast import BlockNode, Node
from liquid.builtin.content import ContentNode
from liquid.builtin.expressions import BooleanExpression, FilteredExpression, Path, StringLiteral
from liquid.builtin.expressions.arguments import PositionalArgument
from liquid.builtin.expressions.logical import (
    EqExpression,
    LogicalAndExpression,
    LogicalNotExpression,
    LogicalOrExpression,
    NeExpression,
)
from liquid.builtin.expressions.primitive import Blank, Empty, Nil
from liquid.builtin.output import OutputNode
from liquid.builtin.tags.comment_tag import CommentNode
from liquid.builtin.tags.for_tag import ForNode
from liquid.builtin.tags.if_tag import IfNode
from liquid.builtin.tags.unless_tag import UnlessNode
from liquid.exceptions import LiquidError
from liquid.expression import Expression
from liquid.stringify import to_liquid_string
from liquid.undefined import Undefined

from .fast_source import Fill, Source
from .filters import MAX_TEXT

__all__ = ["Fill", "fast_make"]

#: Loops in loops: further ones meet limits of the library that are not repeated here.
MAX_LOOPS = 2
#: Segments that are more than a key.
_SPECIAL = frozenset({"size", "first", "last"})


class _Beyond(Exception):
    """The template holds what only the library can do."""


def fast_make(template: BoundTemplate, known: Mapping[str, Any]) -> Fill | None:
    """Return a function that renders ``template``, or None when the library must.

    ``known`` are values that every context the function is called with will hold too.
    The function raises the library's errors.
    """
    if template.env.undefined is not Undefined:
        return None
    writer = _Writer(template, known)
    try:
        writer.nodes(template.nodes, {}, ())
        writer.flush()
        return writer.function()
    except (_Beyond, SyntaxError, RecursionError):  # SyntaxError: nested too deeply
        return None


def _expressions(expression: Expression) -> Iterator[Expression]:
    yield expression
    for child in expression.children():
        yield from _expressions(child)


def _plain(path: Path) -> bool:
    return all(isinstance(name, str) and name not in _SPECIAL for name in path.path)


class _Writer(Source):
    """Writes a template's nodes. ``scope`` is loop variable -> Python variable."""

    def __init__(self, template: BoundTemplate, known: Mapping[str, Any]) -> None:
        super().__init__(template)
        self.known = known

    # Nodes.

    def nodes(self, nodes: Sequence[Node], scope: dict[str, str], loops: tuple[str, ...]) -> None:
        for node in nodes:
            if isinstance(node, ContentNode):
                self.static.append(node.text)
            elif isinstance(node, OutputNode):
                self.output(node.expression, scope)
            elif isinstance(node, IfNode | UnlessNode):
                branches: list[tuple[Expression, BlockNode]] = [(node.condition, node.consequence)]
                branches += [(other.expression, other.block) for other in node.alternatives]
                self.branches(
                    branches, node.default, scope, loops, negate=isinstance(node, UnlessNode)
                )
            elif isinstance(node, ForNode):
                self.loop(node, scope, loops)
            elif not isinstance(node, CommentNode):
                raise _Beyond

    def block(self, block: BlockNode | None, scope: dict[str, str], loops: tuple[str, ...]) -> None:
        """Write a block at this indentation, or what makes an empty one."""
        if block is None:
            return
        if block.blank and self.template.env.suppress_blank_control_flow_blocks:
            # Nothing of it is written; what it evaluates could fail all the same.
            if not all(isinstance(node, ContentNode | CommentNode) for node in block.nodes):
                raise _Beyond
            return
        self.nodes(block.nodes, scope, loops)

    def indented(
        self, block: BlockNode | None, scope: dict[str, str], loops: tuple[str, ...]
    ) -> None:
        self.indent += 1
        self.block(block, scope, loops)
        self.flush()
        self.line("pass")
        self.indent -= 1

    def branches(
        self,
        branches: Sequence[tuple[Expression, BlockNode]],
        default: BlockNode | None,
        scope: dict[str, str],
        loops: tuple[str, ...],
        *,
        negate: bool = False,
    ) -> None:
        if not branches:
            self.block(default, scope, loops)
            return
        (condition, block), *others = branches
        decided = self.decided(condition, scope)
        if decided is not None:
            if bool(decided[0]) is not negate:
                self.block(block, scope, loops)
            else:
                self.branches(others, default, scope, loops)
            return
        self.flush()
        test = self.condition(condition, scope)
        self.line(f"if {'not ' if negate else ''}({test}):")
        self.indented(block, scope, loops)
        if others or default:
            self.line("else:")
            self.indent += 1
            self.branches(others, default, scope, loops)
            self.flush()
            self.line("pass")
            self.indent -= 1

    def loop(self, node: ForNode, scope: dict[str, str], loops: tuple[str, ...]) -> None:
        loop = node.expression
        if (
            loop.limit or loop.offset or loop.reversed or loop.cols
            or not isinstance(loop.iterable, Path)
            or loop.identifier == "forloop"
            or len(loops) == MAX_LOOPS
        ):  # fmt: skip
            raise _Beyond
        self.flush()
        values, item = self.value(loop.iterable, scope), self.variable()
        self.line(
            f"{values} = items({values}, {' * '.join([f'len({name})' for name in loops] or ['1'])})"
        )
        self.line(f"for {item} in {values}:")
        self.indent += 1
        self.block(node.block, {**scope, loop.identifier: item}, (*loops, values))
        self.flush()
        # Before the next turn: an endless mail must not be made first and refused then.
        self.line("r, m = spend(p, m, r)")
        self.indent -= 1
        if node.default:
            self.line(f"if not {values}:")
            self.indented(node.default, scope, loops)

    # Expressions.

    def decided(self, expression: Expression, scope: dict[str, str]) -> tuple[object] | None:
        """Return the value of an expression that every context gives it, in a tuple."""
        for part in _expressions(expression):
            if isinstance(part, Path):
                if part.head() in scope or part.head() not in self.known:
                    return None
            elif isinstance(part, FilteredExpression):
                filters = self.template.env.filters
                for used in part.filters or ():
                    if getattr(filters.get(used.name), "with_context", True):
                        return None
        try:
            return (self.library(expression, self.known, ()),)
        except (LiquidError, ArithmeticError, TypeError, ValueError):
            # It is the recipient's mail that must fail, in its own time.
            return None

    def output(self, expression: Expression, scope: dict[str, str]) -> None:
        autoescape = self.template.env.autoescape
        decided = self.decided(expression, scope)
        if decided is not None:
            self.static.append(str(to_liquid_string(decided[0], autoescape)))
            return
        self.flush()
        written = "escape({0}) if type({0}) is str else text({0})" if autoescape else (
            "{0} if type({0}) is str else text({0})"
        )  # fmt: skip
        if (
            isinstance(expression, FilteredExpression)
            and isinstance(expression.left, Path)
            and _plain(expression.left)
        ):
            if not expression.filters:
                self.line(f"w({written.format(self.value(expression.left, scope))})")
                return
            if (fallback := self.fallback(expression)) is not None:
                name = self.value(expression.left, scope)
                escaped = f"escape({name})" if autoescape else name
                self.line(f"if type({name}) is str and 0 < len({name}) <= {MAX_TEXT}:")
                self.line(f"    w({escaped})")
                self.line(f"elif {name} is None or {name} == '':")
                self.line(f"    w({self.constant(fallback)})")
                self.line("else:")
                self.line(f"    w(text({self.call(expression, scope)}))")
                return
        self.line(f"w(text({self.call(expression, scope)}))")

    def fallback(self, expression: FilteredExpression) -> str | None:
        """Return what ``default: 'text'``, alone, writes instead of nothing."""
        filters = expression.filters or []
        if len(filters) != 1 or filters[0].name != "default" or len(filters[0].args) != 1:
            return None
        (argument,) = filters[0].args
        if not isinstance(argument, PositionalArgument):
            return None
        literal = argument.value
        if not isinstance(literal, StringLiteral) or len(literal.value) > MAX_TEXT:
            return None
        value = literal.evaluate(RenderContext(self.template))
        return str(to_liquid_string(value, self.template.env.autoescape))

    def call(self, expression: Expression, scope: dict[str, str]) -> str:
        """Return source that has the library evaluate an expression."""
        if any(
            isinstance(part, Path) and part.head() == "forloop" for part in _expressions(expression)
        ):
            raise _Beyond
        loops = "".join(
            f"{{{self.constant(name)}: {variable}}}, " for name, variable in scope.items()
        )
        return f"library({self.constant(expression)}, g, ({loops}))"

    def value(self, path: Path, scope: dict[str, str]) -> str:
        """Write what finds a value, and return its variable; a missing one is None."""
        name = self.variable()
        head = path.head()
        if not _plain(path) or head in {"now", "today", "partial", "forloop"}:
            self.line(f"{name} = {self.call(path, scope)}")
            return name
        loop = scope.get(str(head))
        source, rest = (loop, path.path[1:]) if loop else ("g", path.path)
        keys = "".join(f"[{self.constant(key)}]" for key in rest)
        if not keys:
            self.line(f"{name} = {source}")
            return name
        self.line("try:")
        self.line(f"    {name} = {source}{keys}")
        self.line("except MISSING:")
        self.line(f"    {name} = None")
        return name

    def condition(self, expression: Expression, scope: dict[str, str]) -> str:
        """Write what a condition needs, and return its test."""
        inner = expression.expression if isinstance(expression, BooleanExpression) else expression
        if not self.simple(inner):
            return self.call(expression, scope)
        return self.test(inner, scope)

    def simple(self, expression: Expression) -> bool:
        """True when evaluating it cannot fail, so that its parts may be asked in any order."""
        if isinstance(expression, Path):
            return _plain(expression)
        if isinstance(expression, LogicalNotExpression):
            return self.simple(expression.right)
        if isinstance(expression, LogicalAndExpression | LogicalOrExpression):
            return self.simple(expression.left) and self.simple(expression.right)
        return (
            isinstance(expression, EqExpression | NeExpression)
            and isinstance(expression.left, Path)
            and _plain(expression.left)
            and isinstance(expression.right, Blank | Empty | Nil | StringLiteral)
        )

    def test(self, expression: Expression, scope: dict[str, str]) -> str:
        if isinstance(expression, Path):
            name = self.value(expression, scope)
            return f"({name} is not None and {name} is not False)"
        if isinstance(expression, LogicalNotExpression):
            return f"(not {self.test(expression.right, scope)})"
        if isinstance(expression, LogicalAndExpression | LogicalOrExpression):
            word = "and" if isinstance(expression, LogicalAndExpression) else "or"
            left, right = self.test(expression.left, scope), self.test(expression.right, scope)
            return f"({left} {word} {right})"
        name = self.value(expression.left, scope)  # type: ignore[attr-defined]
        right = expression.right  # type: ignore[attr-defined]
        if isinstance(right, Nil):
            test = f"({name} is None)"
        elif isinstance(right, StringLiteral):
            test = f"({name} == {self.constant(right.value)})"
        else:
            test = f"{'blank' if isinstance(right, Blank) else 'empty'}({name})"
        return f"(not {test})" if isinstance(expression, NeExpression) else test
