"""Refuses to delete an email that a sequence still sends.

Knows pages and current sequence versions. Bulk deletion and code pass it by; then the
engine holds such mails and says so, it does not break.
"""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from wagtail.admin import messages
from wagtail.models import Page

from saleor_automation.sequences.models import SequenceVersion

from .pages import EmailMixin
from .sequences import Sequence


def refuse_needed_email(request: HttpRequest, page: Page) -> HttpResponse | None:
    """Stop the deletion of an email, or a folder with one. Hook ``before_delete_page``."""
    inside = page.get_descendants(inclusive=True).specific()
    used = sequences_sending({str(found.translation_key) for found in inside if is_email(found)})
    if not used:
        return None
    messages.error(
        request,
        _("This is still sent by: %s. Take it out there and publish, then delete it.")
        % ", ".join(f"“{name}”" for name in used),
    )
    return redirect("wagtailadmin_explore", page.get_parent().pk)


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
