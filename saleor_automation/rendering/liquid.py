"""Liquid as emails may use it: few tags, few filters, and limits on all of it.

Knows python-liquid. Must not know what an email is made of. Values are plain dicts,
lists, strings, numbers and booleans: Liquid reads mappings only, so nothing an
editor writes can call or reach a Python object.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from io import StringIO
from typing import Any

from liquid import BoundTemplate, Environment, StrictDefaultUndefined
from liquid.exceptions import LiquidError, OutputStreamLimitError

from saleor_automation.exceptions import CompileError, RenderError

from .fast import Fill, fast_make
from .filters import FILTERS

__all__ = [
    "HTML",
    "TEXT",
    "Fill",
    "LiquidUse",
    "liquid_compile",
    "liquid_parse",
    "liquid_render",
    "liquid_use",
]

#: Tags an email may use. No includes, no counters, nothing that loads.
TAGS = (
    "assign",
    "break",
    "capture",
    "case",
    "comment",
    "continue",
    "for",
    "if",
    "raw",
    "unless",
)
OUTPUT_LIMIT = 1_000_000


class _Output(StringIO):
    """A buffer with an end. Counts characters, which costs nothing, not bytes."""

    def __init__(self) -> None:
        super().__init__()
        self.room = OUTPUT_LIMIT

    def write(self, text: str) -> int:
        self.room -= len(text)
        if self.room < 0:
            raise OutputStreamLimitError("the mail is too long", token=None)
        return super().write(text)


class _Template(BoundTemplate):
    def _get_buffer(self) -> StringIO:
        return _Output()


class EmailEnvironment(Environment):
    """python-liquid, trimmed and limited."""

    block_nesting_limit = 12
    context_depth_limit = 12
    loop_iteration_limit = 2_000
    local_namespace_limit = 200_000
    output_stream_limit = OUTPUT_LIMIT
    template_class = _Template

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        """Keep what is on the lists; every other name is an error."""
        super().setup_tags_and_filters(extra=False)
        keep = {*TAGS, "content", "output", "illegal"}
        self.tags = {name: tag for name, tag in self.tags.items() if name in keep}
        self.filters = dict(FILTERS)


#: For the HTML part: values are escaped.
HTML = EmailEnvironment(autoescape=True)
#: For subject and text part: values as they are.
TEXT = EmailEnvironment(autoescape=False)
#: For checking: a missing variable is an error unless ``default`` catches it.
STRICT = EmailEnvironment(autoescape=True, undefined=StrictDefaultUndefined)


def _words(error: LiquidError) -> str:
    # str(error) holds the whole source line, which is most of a mail.
    return str(error.args[0] if error.args else error)[:200]


def liquid_parse(source: str, environment: EmailEnvironment) -> BoundTemplate:
    """Parse a template.

    Raises CompileError with Liquid's own words.
    """
    try:
        return environment.from_string(source)
    except LiquidError as error:
        raise CompileError(_words(error)) from error
    except RecursionError as error:
        raise CompileError("nested too deeply") from error


def liquid_render(template: BoundTemplate, context: Mapping[str, Any]) -> str:
    """Render a template with plain values.

    Raises RenderError with Liquid's own words: a limit, a filter's argument.
    """
    return _render(template.render, context)


def liquid_compile(source: str, environment: EmailEnvironment, known: Mapping[str, Any]) -> Fill:
    """Return a function that renders ``source``, many times faster than the library where it can.

    ``known`` are values every context will hold too; they are put in once. Raises
    CompileError, the function RenderError.
    """
    template = liquid_parse(source, environment)
    fill = fast_make(template, known) or template.render
    return lambda context: _render(fill, context)


def _render(fill: Fill, context: Mapping[str, Any]) -> str:
    try:
        return fill(context)
    except LiquidError as error:
        raise RenderError(f"The mail cannot be filled in: {_words(error)}") from error
    except (ArithmeticError, RecursionError, TypeError, ValueError) as error:
        # Filters meet whatever the shop's data holds; one mail fails, not the batch.
        raise RenderError(f"The mail cannot be filled in: {error}") from error


@dataclass(frozen=True)
class LiquidUse:
    """What a template refers to."""

    #: Paths of values it does not define itself, as far as names go: "basket.lines".
    variables: frozenset[str]
    filters: frozenset[str]


def liquid_use(template: BoundTemplate) -> LiquidUse:
    """Return what ``template`` refers to, in every branch."""
    analysis = template.analyze()
    paths = set()
    for uses in analysis.globals.values():
        for use in uses:
            names: list[str] = []
            for segment in use.segments:
                if not isinstance(segment, str) or len(names) == 2:
                    break
                names.append(segment)
            if names:
                paths.add(".".join(names))
    return LiquidUse(frozenset(paths), frozenset(analysis.filters))
