"""An email as its editor wrote it, compiled once to templates for every recipient.

Knows the order: look it over, lay it out, MJML to HTML, collect links, put Liquid
back, parse it. Must not know pages, rows or recipients: no customer's data comes
here, samples for a strict trial apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.utils.translation import gettext as _

from saleor_automation.exceptions import CompileError, RenderError

from . import liquid
from .document import CompiledEmail, Diagnostic, Document, Style
from .layout import LAYOUT, layout_mjml
from .links import links_collect
from .lint import Known, lint_document
from .mjml import COMPILER, mjml_compile
from .text import text_compile
from .tokens import restore

__all__ = ["compile_email"]

#: Gmail cuts a mail off at about 102 kB; values and tracking want some of it.
CLIPPED_AT = 90_000


def compile_email(
    document: Document,
    style: Style,
    *,
    known: Known | None = None,
    samples: Iterable[Mapping[str, Any]] = (),
) -> CompiledEmail:
    """Compile a document; never raises for what an editor can do wrong.

    ``known`` are the variables there are, ``samples`` whole contexts the result is
    tried with: a variable missing from one of them is an error too. With errors the
    templates are empty and ``diagnostics`` say what to repair.
    """
    diagnostics = lint_document(document, known)
    compiler = f"{COMPILER}/layout-{LAYOUT}"
    html, text = "", ""
    links: tuple[str, ...] = ()
    if not _errors(diagnostics):
        try:
            tokenised = mjml_compile(layout_mjml(document, style))
            links = links_collect(tokenised)
            html, text = restore(tokenised), text_compile(document)
        except CompileError as error:
            diagnostics.append(Diagnostic(code="layout", message=str(error)))
    subject = " ".join(document.subject.split())
    variables: frozenset[str] = frozenset()
    if not _errors(diagnostics):
        try:
            variables, subjects = _try(subject, html, text, samples)
            diagnostics += _subject_warnings(subjects)
        except (CompileError, RenderError) as error:
            message = _("A trial with a sample customer failed: %(reason)s") % {"reason": error}
            diagnostics.append(Diagnostic(code="trial", message=message))
    if len(html) > CLIPPED_AT:
        message = _("The email is so long that Gmail will cut it off. Shorten it.")
        diagnostics.append(Diagnostic(severity="warning", code="clipped", message=message))
    failed = bool(_errors(diagnostics))
    return CompiledEmail(
        subject=subject,
        preheader=" ".join(document.preheader.split()),
        html="" if failed else html,
        text="" if failed else text,
        variables=tuple(sorted(variables)),
        links=() if failed else links,
        compiler=compiler,
        diagnostics=tuple(diagnostics),
    )


def _subject_warnings(subjects: Iterable[str]) -> list[Diagnostic]:
    if all(subject.strip() for subject in subjects):
        return []
    message = _(
        "For a customer of whom little is known the subject is empty. Add words, or a default: "
        "{{ contact.first_name | default: 'friend' }}."
    )
    return [Diagnostic(field="subject", severity="warning", code="subject-empty", message=message)]


def _errors(diagnostics: list[Diagnostic]) -> list[Diagnostic]:
    return [found for found in diagnostics if found.severity == "error"]


def _try(
    subject: str, html: str, text: str, samples: Iterable[Mapping[str, Any]]
) -> tuple[frozenset[str], list[str]]:
    """Parse all three, render each strictly; return variables they use, and the subjects."""
    strict = [liquid.liquid_parse(source, liquid.STRICT) for source in (subject, html, text)]
    subjects = []
    for context in samples:
        rendered = [liquid.liquid_render(template, context) for template in strict]
        subjects.append(rendered[0])
    used = (liquid.liquid_use(template).variables for template in strict)
    return frozenset().union(*used), subjects
