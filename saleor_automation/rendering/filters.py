"""The Liquid filters an email may use, each with a ceiling on what it may cost.

Knows strings, lists, numbers, money and dates. Must not know email or HTML. Stock
Liquid lets ``{{ (1..100000000) | join }}`` run for minutes and a few chained
``append`` fill the memory; everything here refuses large arguments and large
results instead. No filter reads a clock: a mail must render the same next year.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from functools import wraps
from typing import Any

from liquid.builtin.filters import array, math, misc, string
from liquid.exceptions import FilterArgumentError
from liquid.filter import with_context, with_environment
from liquid.undefined import Undefined

from .money import money_format
from .phrases import date_long, month

__all__ = ["FILTERS"]

MAX_TEXT = 20_000
MAX_ITEMS = 1_000
MAX_NUMBER = 10**15

Filter = Callable[..., Any]


def _check(value: object) -> None:
    if isinstance(value, str):
        too_large = len(value) > MAX_TEXT
    elif isinstance(value, bool):
        too_large = False
    elif isinstance(value, int | float | Decimal):
        # Written this way round so that NaN is refused as well.
        too_large = not -MAX_NUMBER <= value <= MAX_NUMBER
    elif isinstance(value, Undefined):
        # Looking at its size would count as a use of the missing variable.
        too_large = False
    elif isinstance(value, list | tuple | range | dict):
        too_large = len(value) > MAX_ITEMS
    else:
        too_large = False
    if too_large:
        raise FilterArgumentError("a value is too large for a filter", token=None)


def _limited(func: Filter) -> Filter:
    """Refuse large values going in and coming out."""

    @wraps(func)  # copies the with_context and with_environment marks too
    def limited(value: object, *args: object, **kwargs: object) -> object:
        _check(value)
        for arg in args:
            _check(arg)
        result = func(value, *args, **kwargs)
        _check(result)
        return result

    return limited


def _affordable(length: int) -> None:
    if length > MAX_TEXT:
        raise FilterArgumentError("the result of a filter would be too long", token=None)


def _replace(value: object, old: object, new: object = "") -> Any:
    source, found = str(value), str(old)
    _affordable(len(source) + source.count(found) * len(str(new)))
    return string.replace(value, old, new)


@with_environment
def _join(value: object, separator: object = " ", *, environment: Any) -> Any:
    if isinstance(value, list | tuple | range):
        texts = sum(len(item) if isinstance(item, str) else 20 for item in value)
        _affordable(texts + len(value) * len(str(separator)))
    return array.join(value, separator, environment=environment)


def _round(value: object, digits: object = 0) -> Any:
    if isinstance(digits, int) and not 0 <= digits <= 10:
        raise FilterArgumentError("round takes 0 to 10 digits", token=None)
    return math.round_(value, digits)


def _language(context: Any) -> str:
    return str(context.resolve("language", default="en") or "en")


@with_context
def _money(value: object, currency: object = "", *, context: Any) -> str:
    """``{{ order.total_amount | money: order.currency }}``"""
    if value in (None, "") or isinstance(value, Undefined):
        return ""
    if isinstance(currency, Undefined):
        currency = ""
    try:
        return money_format(str(value).strip(), str(currency), _language(context))
    except (InvalidOperation, ArithmeticError) as error:
        raise FilterArgumentError("money needs an amount such as 12.50", token=None) from error


_DIRECTIVE = re.compile(r"%(-?[dmHIM]|[BYyp%])")


@with_context
def _date(value: object, pattern: object = "", *, context: Any) -> str:
    """``{{ order.placed_at | date }}`` or ``| date: "%-d %B %Y"``, from an ISO date."""
    language = _language(context)
    if not value or isinstance(value, Undefined):
        return ""
    try:
        moment: date = datetime.fromisoformat(str(value))
    except ValueError as error:
        raise FilterArgumentError("date needs a date such as 2026-03-05", token=None) from error
    if not pattern or isinstance(pattern, Undefined):
        return date_long(moment, language)

    def write(match: re.Match[str]) -> str:
        code = match.group(1)
        if code == "%":
            return "%"
        if code == "B":
            return month(moment.month, language)
        written = moment.strftime(f"%{code[-1]}")
        return written.lstrip("0") or "0" if code.startswith("-") else written

    return _DIRECTIVE.sub(write, str(pattern))


_PLAIN: Mapping[str, Filter] = {
    "abs": math.abs_,
    "append": string.append,
    "at_least": math.at_least,
    "at_most": math.at_most,
    "capitalize": string.capitalize,
    "ceil": math.ceil,
    "default": misc.default,
    "divided_by": math.divided_by,
    "downcase": string.downcase,
    "first": array.first,
    "floor": math.floor,
    "last": array.last,
    "lstrip": string.lstrip,
    "map": array.map_,
    "minus": math.minus,
    "modulo": math.modulo,
    "newline_to_br": string.newline_to_br,
    "plus": math.plus,
    "prepend": string.prepend,
    "remove": string.remove,
    "remove_first": string.remove_first,
    "replace_first": string.replace_first,
    "reverse": array.reverse,
    "rstrip": string.rstrip,
    "size": misc.size,
    "slice": string.slice_,
    "sort": array.sort,
    "split": string.split,
    "strip": string.strip,
    "strip_html": string.strip_html,
    "strip_newlines": string.strip_newlines,
    "times": math.times,
    "truncate": string.truncate,
    "truncatewords": string.truncatewords,
    "uniq": array.uniq,
    "upcase": string.upcase,
    "url_encode": string.url_encode,
    "where": array.where,
    "date": _date,
    "join": _join,
    "money": _money,
    "replace": _replace,
    "round": _round,
}

#: Name -> function, ready for an environment.
FILTERS: Mapping[str, Filter] = {name: _limited(func) for name, func in _PLAIN.items()}
