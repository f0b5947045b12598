"""Answers GraphQL documents from plain dicts: as much of it as the demo shop needs.

Knows fields, aliases, arguments, variables and fragments. Must not know the shop.
A field that does not exist is an error, as in Saleor, so a wrong query is noticed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

_TOKEN = re.compile(
    r'#[^\n]*|\.\.\.|[_A-Za-z]\w*|"(?:\\.|[^"\\])*"|-?\d+(?:\.\d+)?|[{}()\[\]:!$=@|&]'
)


class QueryError(Exception):
    """The document cannot be answered; the message is for its author, the code for programs."""

    def __init__(self, message: str, *, code: str = "GraphQLError") -> None:
        super().__init__(message)
        self.code = code


@dataclass
class Selected:
    """One selected field, or the fields of a fragment on ``on``."""

    name: str
    alias: str = ""
    arguments: dict[str, Any] = field(default_factory=dict)
    fields: list[Selected] = field(default_factory=list)
    #: Name of a fragment to put in place, or the type an inline one is for.
    spread: str = ""
    on: str = ""


class Document:
    """A parsed document: one operation and its fragments."""

    def __init__(self, text: str, variables: Mapping[str, Any]) -> None:
        self.variables = variables
        self.fragments: dict[str, list[Selected]] = {}
        self.operation: list[Selected] = []
        self._tokens = [token for token in _TOKEN.findall(text) if not token.startswith("#")]
        self._at = 0
        try:
            while self._at < len(self._tokens):
                self._definition()
        except IndexError:
            raise QueryError("Syntax Error: unexpected end of the document.") from None

    def _next(self) -> str:
        self._at += 1
        return self._tokens[self._at - 1]

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _take(self, token: str) -> bool:
        if self._peek() != token:
            return False
        self._at += 1
        return True

    def _definition(self) -> None:
        word = self._peek()
        if word == "fragment":
            self._next()
            name = self._next()
            self._next()  # on
            self._next()  # type
            self.fragments[name] = self._selection()
            return
        if word != "{":
            if word not in {"query", "mutation", "subscription"}:
                raise QueryError(f"Syntax Error: unexpected {word!r}.")
            self._next()
            if self._peek() not in {"{", "(", "@"}:
                self._next()
            if self._peek() == "(":
                self._skip_parentheses()
            self._directives()
        self.operation = self._selection()

    def _skip_parentheses(self) -> None:
        depth = 0
        while True:
            token = self._next()
            depth += {"(": 1, ")": -1}.get(token, 0)
            if depth == 0:
                return

    def _directives(self) -> None:
        while self._take("@"):
            self._next()
            if self._peek() == "(":
                self._skip_parentheses()

    def _selection(self) -> list[Selected]:
        if not self._take("{"):
            raise QueryError(f"Syntax Error: expected '{{', found {self._peek()!r}.")
        fields = []
        while not self._take("}"):
            fields.append(self._field())
        return fields

    def _field(self) -> Selected:
        if self._take("..."):
            selected = Selected(name="")
            if self._take("on"):
                selected.on = self._next()
            elif self._peek() not in {"{", "@"}:
                selected.spread = self._next()
            self._directives()
            if not selected.spread:
                selected.fields = self._selection()
            return selected
        name = alias = self._next()
        if self._take(":"):
            name = self._next()
        selected = Selected(name=name, alias=alias)
        if self._take("("):
            while not self._take(")"):
                key = self._next()
                self._take(":")
                selected.arguments[key] = self._value()
        self._directives()
        if self._peek() == "{":
            selected.fields = self._selection()
        return selected

    def _value(self) -> Any:
        token = self._next()
        if token == "$":  # noqa: S105 - a token of the language
            return self.variables.get(self._next())
        if token == "[":  # noqa: S105
            items = []
            while not self._take("]"):
                items.append(self._value())
            return items
        if token == "{":  # noqa: S105
            result = {}
            while not self._take("}"):
                key = self._next()
                self._take(":")
                result[key] = self._value()
            return result
        if token[0] in '"-0123456789' or token in {"true", "false", "null"}:
            return json.loads(token)
        return token


def answer(text: str, variables: Mapping[str, Any], root: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``{"data": ...}`` or ``{"errors": [...]}`` for one document.

    Values of ``root`` may be functions; they get the field's arguments as keywords.
    """
    try:
        document = Document(text, variables)
        return {"data": _object(document, root, document.operation)}
    except QueryError as error:
        extensions = {"exception": {"code": error.code}}
        return {"errors": [{"message": str(error), "extensions": extensions}]}


def _flat(
    document: Document, source: Mapping[str, Any], selection: list[Selected]
) -> Iterator[Selected]:
    for selected in selection:
        if selected.name:
            yield selected
        elif selected.spread:
            if selected.spread not in document.fragments:
                raise QueryError(f'Unknown fragment "{selected.spread}".')
            yield from _flat(document, source, document.fragments[selected.spread])
        elif selected.on in {"", source.get("__typename", selected.on)}:
            yield from _flat(document, source, selected.fields)


def _merged(selection: Iterable[Selected]) -> Iterable[Selected]:
    """Put the selections of one field together: a fragment and the query may both have some."""
    fields: dict[str, Selected] = {}
    for selected in selection:
        known = fields.get(selected.alias)
        fields[selected.alias] = (
            selected if known is None else replace(known, fields=known.fields + selected.fields)
        )
    return fields.values()


def _object(
    document: Document, source: Mapping[str, Any], selection: list[Selected]
) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for selected in _merged(_flat(document, source, selection)):
        if selected.name not in source:
            raise QueryError(f'Cannot query field "{selected.name}".')
        value = source[selected.name]
        if callable(value):
            value = value(**selected.arguments)
        result[selected.alias] = _value(document, value, selected)
    return result


def _value(document: Document, value: Any, selected: Selected) -> Any:
    if isinstance(value, list):
        return [_value(document, item, selected) for item in value]
    if isinstance(value, Mapping):
        if not selected.fields:
            raise QueryError(f'Field "{selected.name}" must have a selection of subfields.')
        return _object(document, value, selected.fields)
    return value
