"""Emails as they will look, with a sample customer, while they are being written.

Knows Wagtail's preview panel. An unfinished email shows what is finished and says
what is missing: a preview must never answer with an error.
"""

from __future__ import annotations

import dataclasses
import logging
import re
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from wagtail.admin.userbar import Userbar

from saleor_automation.emails.samples import sample_context
from saleor_automation.exceptions import AutomationError
from saleor_automation.rendering.compiler import compile_email
from saleor_automation.rendering.document import (
    Block,
    CompiledEmail,
    Divider,
    Document,
    Footer,
    Style,
)
from saleor_automation.rendering.mail import RenderedMail, mail_fill, mail_parse

from .publishing import email_compile, problem_words

__all__ = ["block_preview", "preview_response"]

logger = logging.getLogger(__name__)
_BODY = re.compile(r"<body[^>]*>")


def preview_response(email: Any, request: HttpRequest, mode: str) -> HttpResponse:
    """Return an email in one of its preview modes: html, html-sparse, text."""
    try:
        compiled = email_compile(email)
        problems = problem_words(email, compiled)
        context = sample_context(email.email_language, sparse=mode == "html-sparse")
        mail = _mail(email.email_document(), compiled, context)
    except AutomationError as error:
        problems, mail, context = [str(error)], None, {}
    except Exception:
        # Half-written content meets every code path here, several times a second.
        logger.exception("The preview of email %s failed", email.pk)
        problems, mail, context = [_("The preview could not be made.")], None, {}
    if mode == "text":
        return HttpResponse(_as_text(problems, mail), content_type="text/plain; charset=utf-8")
    return HttpResponse(_as_page(email, request, problems, mail, context))


def block_preview(block: Block) -> str:
    """Return a page that shows one block alone, without what is around it.

    A block that cannot be shown gives the words for why.
    """
    language = "en"
    is_footer = isinstance(block, Footer)
    # A mail of nothing but a footer is not one.
    blocks = (Divider(), block) if is_footer else (block,)
    compiled = compile_email(
        Document(subject=".", blocks=blocks, language=language), Style(color_background="#ffffff")
    )
    mail = _fill(compiled, sample_context(language)) if compiled.ok else None
    if mail is None:
        return render_to_string(
            "saleor_automation/studio/preview_email.html",
            {"problems": [found.message for found in compiled.errors]},
        )
    # A mail has three parts: the shop's name, the card with the blocks, the footer.
    shown = 3 if is_footer else 2
    style = f"<style>body>div>div:not(:nth-of-type({shown})){{display:none}}</style>"
    return mail.html.replace("</head>", f"{style}</head>", 1)


def _mail(document: Document, compiled: CompiledEmail, context: Any) -> RenderedMail | None:
    """Fill the email in; without its broken parts when it has some."""
    if compiled.ok:
        return _fill(compiled, context)
    broken = {found.block for found in compiled.errors}
    whole = dataclasses.replace(
        document,
        blocks=tuple(block for block in document.blocks if block.id not in broken),
        **({"subject": "…", "preheader": ""} if "" in broken else {}),
    )
    rest = compile_email(whole, Style())
    return _fill(rest, context) if rest.ok else None


def _fill(compiled: CompiledEmail, context: Any) -> RenderedMail:
    parsed = mail_parse(subject=compiled.subject, html=compiled.html, text=compiled.text)
    return mail_fill(parsed, context)


def _as_text(problems: list[str], mail: RenderedMail | None) -> str:
    lines = [f"! {problem}" for problem in problems]
    if mail is not None:
        lines += [_("Subject: %s") % mail.subject, "", mail.text]
    return "\n".join(lines)


def _as_page(
    email: Any,
    request: HttpRequest,
    problems: list[str],
    mail: RenderedMail | None,
    context: dict[str, Any],
) -> str:
    top = render_to_string(
        "saleor_automation/studio/preview_email.html",
        {
            "problems": problems,
            "subject": mail.subject if mail else "",
            "sender": context.get("shop", {}).get("name", ""),
        },
    )
    if mail is None:
        html = f"<!doctype html><html><body>{top}</body></html>"
    else:
        html = _BODY.sub(lambda match: match.group() + top, mail.html, count=1)
    if getattr(request, "in_preview_panel", False):
        # The panel's word count and checks live in the user bar.
        bar = Userbar(object=email).render_html({"request": request})
        html = html.replace("</body>", f"{bar}</body>", 1)
    return html
