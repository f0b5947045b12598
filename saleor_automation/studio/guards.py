"""Refuses to take away what is still needed: emails, sequences that run, the default brand.

Knows pages, snippets and current sequence versions. Code passes it by; then the engine
holds such mails and says so, it does not break.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from wagtail.admin import messages
from wagtail.models import Page

from saleor_automation import clock
from saleor_automation.emails.models import Brand
from saleor_automation.emails.system import CONFIRMATION
from saleor_automation.people.subscribing.rules import rules_load
from saleor_automation.sequences.models import SequenceSwitch, SequenceVersion

from .pages import EmailMixin
from .selectors import standing
from .sequences import Sequence


def refuse_needed_email(request: HttpRequest, page: Page) -> HttpResponse | None:
    """Stop deleting or unpublishing an email, or a folder with one.

    Hook ``before_delete_page`` and ``before_unpublish_page``.
    """
    if not _says_needed(request, [page]):
        return None
    return redirect("wagtailadmin_explore", page.get_parent().pk)


def refuse_needed_emails(
    request: HttpRequest, action_type: str, objects: Iterable[Any], action: Any
) -> HttpResponse | None:
    """Stop the same done to many at once. Hook ``before_bulk_action``."""
    pages = [found for found in objects if isinstance(found, Page)]
    if action_type not in {"delete", "unpublish"} or not _says_needed(request, pages):
        return None
    return redirect("wagtailadmin_explore", pages[0].get_parent().pk)


def _says_needed(request: HttpRequest, pages: Iterable[Page]) -> bool:
    """Tell the editor what still sends these; False when nothing does."""
    keys = {
        str(found.translation_key)
        for page in pages
        for found in page.get_descendants(inclusive=True).specific()
        if is_email(found)
    }
    used = sequences_sending(keys)
    if used:
        messages.error(
            request,
            _("This is still sent by: %s. Take it out there and publish, then try again.")
            % ", ".join(f"“{name}”" for name in used),
        )
    if str(CONFIRMATION) in keys and any(rules_load().values()):
        messages.error(
            request,
            _(
                "People are asked with this email to confirm that they want mail. Take that off "
                "under Automation, Consent, then try again."
            ),
        )
        return True
    return bool(used)


def refuse_needed_snippet(request: HttpRequest, instances: Iterable[Any]) -> HttpResponse | None:
    """Stop deleting the default brand or a sequence that runs. Hook ``before_delete_snippet``."""
    for found in instances:
        problem = ""
        if isinstance(found, Brand) and not found.channel:
            problem = _(
                "The default brand cannot be deleted: every mail needs a sender. Change it."
            )
        elif isinstance(found, Sequence):
            problem = _sequence_problem(request, found)
        if problem:
            messages.error(request, problem)
            return redirect(type(found).snippet_viewset.get_url_name("edit"), found.pk)
    return None


def _sequence_problem(request: HttpRequest, sequence: Sequence) -> str:
    """Say why a sequence cannot be deleted; of one that can, warn of who is inside."""
    now = standing(sequence.key, now=clock.now())
    people = ngettext("One person is inside.", "%(count)s people are inside.", now.inside) % {
        "count": now.inside
    }
    if now.state != SequenceSwitch.State.OFF:
        words = _("Turn “%s” off first, then delete it.") % sequence.name
        return f"{words} {people}" if now.inside else words
    if now.inside and request.method == "GET":
        words = _("They finish “%s” and still get its mails, and nobody can pause it any more.")
        messages.warning(request, f"{people} {words % sequence.name}")
    return ""


def is_email(page: Any) -> bool:
    """Say whether a page is an email, whichever class a host made of it."""
    return isinstance(page, EmailMixin)


def sequences_sending(email_keys: set[str]) -> list[str]:
    """Return the names of sequences whose current version sends one of these emails."""
    keys = [
        key
        for key, graph in SequenceVersion.objects.filter(is_current=True).values_list(
            "sequence", "graph"
        )
        if any(node.get("email") in email_keys for node in graph.get("nodes", {}).values())
    ]
    return list(Sequence.objects.filter(key__in=keys).values_list("name", flat=True))
