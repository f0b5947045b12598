"""What is wrong with an email before anybody gets it.

Knows every string of a document and what it may hold. Reads values, never a form's
flags: Wagtail's own validation can be lost in a busy process, this cannot.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from django.utils.translation import gettext as _

from saleor_automation.exceptions import CompileError

from . import liquid
from .document import Button, Diagnostic, Document, Footer, Heading, Image, Items, Text
from .filters import FILTERS
from .links import link_is_allowed, link_normalise
from .richtext import richtext_parse, richtext_words
from .tokens import LIQUID, without_liquid

__all__ = ["Known", "lint_document"]

#: Paths an email may use, at most two names deep: "contact.first_name".
Known = frozenset[str]

SUBJECT_LENGTH = 120
_WHOLE = re.compile(r"\{\{-?\s*([A-Za-z_]\w*)\s*(?:\||-?\}\})")


@dataclass(frozen=True)
class _Field:
    """One string an editor wrote."""

    block: str
    name: str
    value: str
    is_link: bool = False
    #: The strings it is made of when formatting cuts it into several.
    pieces: tuple[str, ...] = ()


def lint_document(document: Document, known: Known | None = None) -> list[Diagnostic]:
    """Return everything found. Without ``known`` any variable is taken for a good one."""
    found = list(_missing(document))
    for one in _fields(document):
        found += _link(one) if one.is_link else []
        found += _liquid(one, known)
    for block in document.blocks:
        if isinstance(block, Items) and known is not None and f"{block.source}.lines" not in known:
            found.append(_unknown(block.id, "source", f"{block.source}.lines"))
    return found


def _missing(document: Document) -> Iterator[Diagnostic]:
    subject = document.subject.strip()
    if not subject:
        yield _error("", "subject", "subject-missing", _("Write a subject."))
    elif len(without_liquid(subject)) > SUBJECT_LENGTH:
        yield Diagnostic(
            field="subject",
            severity="warning",
            code="subject-long",
            message=_("The subject is long; most inboxes show the first 50 characters."),
        )
    if not any(not isinstance(block, Footer) for block in document.blocks):
        yield _error("", "body", "body-missing", _("Add at least one block to the email."))
    for block in document.blocks:
        match block:
            case Heading(text=text) if not text.strip():
                yield _error(block.id, "text", "text-missing", _("Write the heading's text."))
            case Text(html=html) if not richtext_parse(html):
                yield _error(block.id, "text", "text-missing", _("Write some text."))
            case Button() if not block.label.strip():
                yield _error(block.id, "label", "label-missing", _("Write the button's label."))
            case Button() if not block.link.strip():
                yield _error(block.id, "link", "link-missing", _("Say where the button leads."))
            case Image(src=src) if not src:
                yield _error(block.id, "image", "image-missing", _("Choose an image."))


def _fields(document: Document) -> Iterator[_Field]:
    yield _Field("", "subject", document.subject)
    yield _Field("", "preheader", document.preheader)
    for block in document.blocks:
        match block:
            case Heading(text=text):
                yield _Field(block.id, "text", text)
            case Text(html=html) | Footer(html=html):
                words = richtext_words(richtext_parse(html))
                # Together, since an {% if %} may begin in one paragraph and end in another.
                pieces = tuple(value for kind, value in words if kind == "text")
                yield _Field(block.id, "text", "\n".join(pieces), pieces=pieces)
                for kind, value in words:
                    if kind == "link":
                        yield _Field(block.id, "text", value, is_link=True)
            case Button():
                yield _Field(block.id, "label", block.label)
                if block.link.strip():
                    yield _Field(block.id, "link", block.link, is_link=True)
            case Image():
                yield _Field(block.id, "alt", block.alt)
                if block.link.strip():
                    yield _Field(block.id, "link", block.link, is_link=True)


def _link(one: _Field) -> list[Diagnostic]:
    if link_is_allowed(link_normalise(one.value)):
        return []
    message = _(
        "“%(link)s” is not a link. Use https://…, mailto:…, a page of the shop such as /sale, "
        "or a variable that holds a link, such as {{ basket.url }}."
    ) % {"link": one.value[:80]}
    return [_error(one.block, one.name, "link-bad", message)]


def _liquid(one: _Field, known: Known | None) -> list[Diagnostic]:
    if "{{" not in one.value and "{%" not in one.value and "}}" not in one.value:
        return []
    rest = "\n".join(without_liquid(piece) for piece in one.pieces or (one.value,))
    if any(mark in rest for mark in ("{{", "}}", "{%", "%}")):
        message = _(
            "The braces of a variable are broken. Write it anew in one go, without bold or a "
            "line break inside, like this: {{ contact.first_name }}."
        )
        return [_error(one.block, one.name, "braces", message)]
    value = link_normalise(one.value) if one.is_link else one.value
    try:
        template = liquid.liquid_parse(value, liquid.HTML)
    except CompileError as error:
        return [_error(one.block, one.name, "liquid-syntax", _syntax_words(value, error))]
    use = liquid.liquid_use(template)
    found = []
    for name in sorted(use.filters - FILTERS.keys()):
        message = _("There is no filter “%(name)s”. There are: %(names)s.") % {
            "name": name,
            "names": ", ".join(sorted(FILTERS)),
        }
        found.append(_error(one.block, one.name, "filter-unknown", message))
    if known is None:
        return found
    roots = {path.split(".")[0] for path in known}
    for path in sorted(use.variables):
        if path not in known and path not in roots:
            found.append(_unknown(one.block, one.name, path))
    for match in _WHOLE.finditer(value):
        name = match.group(1)
        if name in roots and name not in known:
            found.append(_unknown(one.block, one.name, name))
    return found


_TAG = re.compile(r"\{%-?\s*(\w+)")
_CLOSED = ("if", "unless", "for", "case", "capture", "comment", "raw")


def _syntax_words(value: str, error: CompileError) -> str:
    """Say which variable or tag cannot be read, and how one looks; Liquid's words are the last."""
    open_tags: list[tuple[str, str]] = []
    for found in LIQUID.findall(value):
        tag = _TAG.match(found)
        name = tag.group(1) if tag else ""
        inner = name.removeprefix("end")
        if name in {"else", "elsif", "when"} and open_tags:
            continue
        if inner != name and inner in _CLOSED:
            if not open_tags or open_tags[-1][0] != inner:
                words = _("“%(tag)s” ends nothing. Take it out, or write what it ends before it.")
                return words % {"tag": found}
            open_tags.pop()
            continue
        if tag and name not in liquid.TAGS:
            words = _("There is no tag “%(tag)s”. A condition is {%% if … %%} … {%% endif %%}.")
            return words % {"tag": found}
        closing = f"{{% end{name} %}}" if name in _CLOSED else ""
        try:
            liquid.liquid_parse(found + closing, liquid.HTML)
        except CompileError:
            words = _(
                "“%(tag)s” cannot be read. A variable looks like {{ contact.first_name }}, a "
                "condition like {%% if basket.quantity > 1 %%} … {%% endif %%}."
            )
            return words % {"tag": found}
        if closing:
            open_tags.append((name, found))
    if open_tags:
        name, found = open_tags[-1]
        words = _("“%(tag)s” is not ended. Write %(end)s where it should end, in the same field.")
        return words % {"tag": found, "end": f"{{% end{name} %}}"}
    return _("The variable or condition cannot be read: %(reason)s.") % {"reason": error}


def _unknown(block: str, field: str, path: str) -> Diagnostic:
    message = _(
        "There is no variable “%(path)s”. Look it up in the list beside the subject; a "
        "customer's first name is {{ contact.first_name }}."
    ) % {"path": path}
    return _error(block, field, "variable-unknown", message)


def _error(block: str, field: str, code: str, message: str) -> Diagnostic:
    return Diagnostic(block=block, field=field, code=code, message=message)
