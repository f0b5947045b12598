"""From an email being published to a version mails are made from.

Knows Wagtail's signals and hooks, and how to say what is wrong to an editor. The
signal is the one point every way of publishing passes; the hook is the friendly
refusal before it, which bulk publishing and workflows do not call.
"""

from __future__ import annotations

import logging
from typing import Any

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext as _
from wagtail.admin import messages
from wagtail.models import Page
from wagtail.signals import page_published, page_unpublished

from saleor_automation import clock
from saleor_automation.emails.samples import sample_contexts
from saleor_automation.emails.services import email_version_create, email_version_retire
from saleor_automation.emails.variables import variables_known
from saleor_automation.rendering.compiler import compile_email
from saleor_automation.rendering.document import CompiledEmail, Diagnostic, Style
from saleor_automation.rendering.mjml import COMPILER

from .pages import EmailMixin

__all__ = ["connect", "email_compile", "email_problems", "refuse_broken_email"]

logger = logging.getLogger(__name__)


def connect() -> None:
    """Connect the receivers, once."""
    page_published.connect(email_published, dispatch_uid="saleor_automation.email_published")
    page_unpublished.connect(email_unpublished, dispatch_uid="saleor_automation.email_unpublished")


def email_compile(email: EmailMixin) -> CompiledEmail:
    """Compile an email and try it with the sample customers."""
    return compile_email(
        email.email_document(),
        Style(),
        known=variables_known(),
        samples=sample_contexts(email.email_language),
    )


def email_problems(page: EmailMixin) -> list[str]:
    """Return what must be repaired before the email can be sent, in words; [] when good."""
    return problem_words(page, _compile_safely(page))


def problem_words(
    page: EmailMixin, compiled: CompiledEmail, *, warnings: bool = False
) -> list[str]:
    """Return a compiled email's errors, or its warnings, each with the block it is in."""
    places = {
        child.id or f"block-{number}": _("Block %(number)s (%(label)s)")
        % {"number": number, "label": child.block.label}
        for number, child in enumerate(page.body, start=1)
    }
    names = {"subject": _("Subject"), "preheader": _("Preview line"), "body": _("Body")}
    words = []
    for found in compiled.warnings if warnings else compiled.errors:
        place = places.get(found.block) or names.get(found.field)
        words.append(f"{place}: {found.message}" if place else found.message)
    return words


def refuse_broken_email(request: HttpRequest, page: Any) -> HttpResponse | None:
    """Stop a publish that would give an email nobody can get. Hook ``before_publish_page``."""
    if not issubclass(type(page), EmailMixin):
        return None
    problems = email_problems(page)
    if not problems:
        return None
    if page.live and page.live_revision_id is None:
        # Wagtail saves a new page as live before it asks.
        page.live, page.has_unpublished_changes = False, True
        Page.objects.filter(pk=page.pk).update(live=False, has_unpublished_changes=True)
    messages.error(
        request,
        format_html(
            "{}<ul>{}</ul>",
            _("The email is saved as a draft, but not published. Please repair:"),
            format_html_join("", "<li>{}</li>", ((problem,) for problem in problems)),
        ),
    )
    return redirect("wagtailadmin_pages:edit", page.pk)


def tell_warnings(request: HttpRequest, page: Any) -> None:
    """Say what is doubtful about an email just published. Hook ``after_publish_page``."""
    if not issubclass(type(page), EmailMixin):
        return
    for words in problem_words(page, _compile_safely(page), warnings=True):
        messages.warning(request, words)


def email_published(sender: type, instance: Any, revision: Any = None, **kwargs: Any) -> None:
    """Write the version. Never raises: the page is live already."""
    # A first publish with a date in the future comes here too, before its time.
    if not issubclass(sender, EmailMixin) or not instance.live:
        return
    try:
        compiled = _compile_safely(instance)
        with transaction.atomic():
            version = email_version_create(
                email_key=instance.translation_key,
                language=instance.email_language,
                title=instance.title,
                compiled=compiled,
                page_id=instance.pk,
                revision_id=revision.pk if revision else None,
                now=clock.now(),
            )
    except Exception:
        logger.exception("No version of email %s could be written", instance.pk)
        return
    if not compiled.ok:
        logger.warning(
            "Email %s was published but cannot be sent; the last good version stays: %s",
            version,
            "; ".join(found.code for found in compiled.errors),
        )


def email_unpublished(sender: type, instance: Any, **kwargs: Any) -> None:
    """Let no new mail use an email its editor took down. Never raises."""
    if not issubclass(sender, EmailMixin):
        return
    try:
        with transaction.atomic():
            email_version_retire(
                email_key=instance.translation_key, language=instance.email_language
            )
    except Exception:
        logger.exception("Email %s could not be taken out of use", instance.pk)


def _compile_safely(email: EmailMixin) -> CompiledEmail:
    """Compile; an error of ours becomes a diagnostic like any other."""
    try:
        return email_compile(email)
    except Exception as error:
        logger.exception("Email %s could not be compiled", email.pk)
        message = _("The email could not be compiled (%(error)s). This is a fault of the program.")
        return CompiledEmail(
            subject=email.subject or "",
            preheader=email.preheader or "",
            html="",
            text="",
            variables=(),
            links=(),
            compiler=COMPILER,
            diagnostics=(
                Diagnostic(code="internal", message=message % {"error": type(error).__name__}),
            ),
        )
