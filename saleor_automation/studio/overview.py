"""The panel on the Studio's first page: what runs, what it sent, what is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.urls import reverse
from wagtail.admin.ui.components import Component

from saleor_automation import clock
from saleor_automation.delivery import services
from saleor_automation.inbox.models import RawEvent
from saleor_automation.saleor_app.reconcile import POLL
from saleor_automation.saleor_app.watermarks import standings

from . import permissions
from .connection import troubles_find
from .neighbours import neighbours_find
from .privacy import request_first_due, requests_waiting
from .selectors import Standing
from .selectors import standings as sequence_standings
from .sequences import Sequence
from .switching import edit_url


class OverviewPanel(Component):
    """Sequences with their state, people and mails, and the problems of sending."""

    name = "automation_overview"
    order = 50
    template_name = "saleor_automation/studio/overview.html"

    def get_context_data(self, parent_context: Mapping[str, Any]) -> dict[str, Any]:
        return overview_context(parent_context["request"].user)


def overview_context(user: AbstractBaseUser) -> dict[str, Any]:
    """Return what ``user`` may see of the overview; ``shown`` False when nothing."""
    context: dict[str, Any] = {
        "may_sequences": permissions.SEQUENCES.user_has_any_permission(user, ["view", "change"]),
        "may_mails": permissions.MESSAGES.user_has_any_permission(user, ["view", "change"]),
        "may_faults": permissions.FAULTS.user_has_any_permission(user, ["view", "change"]),
        "may_send": permissions.SENDING.user_has_permission(user, "change"),
    }
    may_erase = permissions.PEOPLE.user_has_permission(user, "delete")
    context["shown"] = any(context.values()) or may_erase
    if may_erase:
        context["requests"] = requests_waiting()
        context["requests_by"] = request_first_due()
    if context["may_sequences"]:
        counts = sequence_standings(now=clock.now())
        context["rows"] = [
            {
                "sequence": sequence,
                "standing": counts.get(sequence.key, Standing()),
                "problems": sequence.problems() if sequence.live else [],
                "edit_url": edit_url(sequence),
                "mails_url": f"{reverse('automation_mails:index')}?sequence={sequence.key}",
            }
            for sequence in Sequence.objects.all()
        ]
        context["sent_week"] = sum(row["standing"].sent_week for row in context["rows"])
        context["inside"] = sum(row["standing"].inside for row in context["rows"])
        context["add_url"] = reverse(Sequence.snippet_viewset.get_url_name("add"))
    if context["may_send"]:
        context["sending_problems"] = services.sending_problems()
        context["troubles"] = troubles_find(now=clock.now())
        context["neighbours"] = neighbours_find()
    if context["may_faults"]:
        context["faults"] = RawEvent.objects.filter(state=RawEvent.State.FAULT).count()
        context["missed"] = standings(source=POLL)
        context["missed_problem"] = any(kind.problem for kind in context["missed"])
    return context
