"""The page that decides what is sent to doubtful addresses, and shows how many there are.

Knows the address policy and counts of what was verified. Single addresses are shown with
the mails that went or did not go there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.generic import TemplateView
from wagtail.admin import messages
from wagtail.admin.views.generic import PermissionCheckedMixin, WagtailAdminTemplateMixin

from saleor_automation.people.verification import services
from saleor_automation.people.verification.policy import DEFAULTS, Action
from saleor_automation.people.verification.resolver import dns_wanted
from saleor_automation.people.verification.verdicts import Reason, Verdict
from saleor_automation.people.verification.words import ACTIONS, NAMES, SENTENCES, VERDICTS

from . import permissions
from .listing import BREADCRUMBS

ACTION_CHOICES = [(action.value, words) for action, words in ACTIONS.items()]


class AddressPolicyForm(forms.Form):
    """One choice per reason a shop decides about."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for reason in DEFAULTS:
            self.fields[reason.value] = forms.ChoiceField(
                label=str(NAMES[reason]),
                help_text=str(SENTENCES[reason]),
                choices=ACTION_CHOICES,
                widget=forms.Select,
            )

    def decided(self) -> dict[Reason, Action]:
        """Return what was chosen."""
        return {reason: Action(self.cleaned_data[reason.value]) for reason in DEFAULTS}


@dataclass(frozen=True)
class Row:
    """Addresses with one verdict for one reason."""

    verdict: str
    name: str
    sentence: str
    count: int


def rows_of(counts: Mapping[tuple[Verdict, Reason], int]) -> list[Row]:
    """Return the counts in words, by verdict and then the most frequent first."""
    order = list(Verdict)
    keys = sorted(counts, key=lambda key: (order.index(key[0]), -counts[key], key[1].value))
    return [
        Row(str(VERDICTS[verdict]), str(NAMES[reason]), str(SENTENCES[reason]), counts[key])
        for key in keys
        for verdict, reason in [key]
    ]


class AddressesView(PermissionCheckedMixin, WagtailAdminTemplateMixin, TemplateView):
    """See how many addresses are doubtful and why; choose what is sent to them."""

    permission_policy = permissions.SENDING
    permission_required = "change"
    template_name = "saleor_automation/studio/addresses.html"
    page_title = gettext_lazy("Addresses")
    header_icon = "tick-inverse"

    def get_breadcrumbs_items(self) -> list[dict[str, Any]]:
        return [*BREADCRUMBS, {"url": "", "label": self.get_page_title()}]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        initial = {reason.value: action for reason, action in services.policy_choices().items()}
        kwargs.setdefault("form", AddressPolicyForm(initial=initial))
        return super().get_context_data(
            rows=rows_of(services.verification_counts()), dns=dns_wanted(), **kwargs
        )

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        form = AddressPolicyForm(request.POST)
        if not form.is_valid():
            return self.render_to_response(self.get_context_data(form=form))
        services.policy_set(choices=form.decided())
        messages.success(request, _("Saved."))
        return redirect(reverse("automation_addresses:index"))
