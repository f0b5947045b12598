"""Turning a sequence on, pausing it, turning it off: a page that says what happens.

GET shows, POST does. Knows nothing of how the engine works: it calls one service. A
sequence of service mails that something else in the shop sends too is turned on only
together with a decision, which is kept with the name of who made it.
"""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.generic import TemplateView
from wagtail.admin import messages
from wagtail.admin.views.generic import PermissionCheckedMixin, WagtailAdminTemplateMixin

from saleor_automation import clock
from saleor_automation.delivery.coexistence import Conflict, conflicts_find, decision_keep
from saleor_automation.delivery.models import SenderDecision
from saleor_automation.exceptions import AutomationError
from saleor_automation.sequences import services
from saleor_automation.sequences.models import SequenceSwitch

from . import permissions
from .neighbours import hint_for
from .selectors import Standing, standing
from .sequences import Sequence

State = SequenceSwitch.State


class SwitchView(PermissionCheckedMixin, WagtailAdminTemplateMixin, TemplateView):
    """Confirm, then change a sequence's state."""

    permission_policy = permissions.SEQUENCES
    permission_required = "publish"
    template_name = "saleor_automation/studio/switch.html"
    header_icon = "sa-sequence"

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        if kwargs["state"] not in State.values:
            raise Http404
        self.state = State(kwargs["state"])
        self.sequence = get_object_or_404(Sequence, pk=kwargs["pk"])

    def get_page_title(self) -> str:
        return {
            State.ON: _("Turn on"),
            State.PAUSED: _("Pause"),
            State.OFF: _("Turn off"),
        }[self.state]

    def get_page_subtitle(self) -> str:
        return self.sequence.name

    def get_breadcrumbs_items(self) -> list[dict[str, Any]]:
        return [
            *self.breadcrumbs_items,
            {
                "url": reverse(Sequence.snippet_viewset.get_url_name("list")),
                "label": _("Sequences"),
            },
            {"url": edit_url(self.sequence), "label": self.sequence.name},
            {"url": "", "label": self.get_page_title()},
        ]

    def conflict(self) -> Conflict | None:
        """Return who else sends these mails, when that matters for this state."""
        if self.state != State.ON:
            return None
        return conflicts_find([self.sequence.key]).get(self.sequence.key)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        count = standing(self.sequence.key, now=clock.now())
        conflict = self.conflict()
        kwargs.setdefault("undecided", False)
        return super().get_context_data(
            conflict=conflict,
            choices=SenderDecision.Choice.choices if conflict else [],
            chosen=conflict.decision.choice if conflict and conflict.decision else "",
            hint=hint_for(self.sequence) if self.state == State.ON else "",
            sequence=self.sequence,
            standing=count,
            consequences=consequences(self.state, count),
            possible=count.published or self.state != State.ON,
            back_url=edit_url(self.sequence),
            confirm_label=self.get_page_title(),
            **kwargs,
        )

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        conflict = self.conflict()
        choice = request.POST.get("choice", "")
        if conflict is not None and conflict.is_open and not choice:
            return self.render_to_response(self.get_context_data(undecided=True))
        try:
            if conflict is not None and choice:
                decision_keep(
                    sequence=self.sequence.key,
                    choice=choice,
                    decided_by=request.user.get_username(),
                    now=clock.now(),
                )
            services.sequence_switch(
                sequence=self.sequence.key,
                name=self.sequence.name,
                state=self.state,
                now=clock.now(),
            )
        except AutomationError as error:
            messages.error(request, str(error))
        else:
            done = {
                State.ON: _("“%s” is on."),
                State.PAUSED: _("“%s” is paused."),
                State.OFF: _("“%s” is off."),
            }[self.state]
            messages.success(request, done % self.sequence.name)
        return redirect(edit_url(self.sequence))


def edit_url(sequence: Sequence) -> str:
    """Return the address of the sequence's editor."""
    return reverse(Sequence.snippet_viewset.get_url_name("edit"), args=[sequence.pk])


def consequences(state: str, count: Standing) -> list[str]:
    """Say what changing to ``state`` does to whom."""
    people = ngettext("One person is inside.", "%(count)s people are inside.", count.inside) % {
        "count": count.inside
    }
    if not count.inside:
        people = _("Nobody is inside.")
    if state == State.ON:
        if not count.published:
            return [_("It has never been published. Publish it first, then turn it on.")]
        return [
            people,
            _(
                "From now on people enter when the start happens. What happened before starts "
                "nothing."
            ),
            _("People inside go on."),
        ]
    if state == State.PAUSED:
        return [
            people,
            _("Nobody enters and nobody moves on. Waits go on counting; nothing is sent."),
            _("Turning it on again lets everyone go on from where they stand."),
        ]
    return [
        people,
        _("Nobody enters any more. People inside finish and still get their mails."),
        _("To stop their mails too, pause the sequence instead."),
    ]
