"""The page that decides whether mail may leave: pause, consent policy, this place.

Knows the one SendingControl row and the services that read it.
"""

from __future__ import annotations

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

from saleor_automation import clock
from saleor_automation.delivery import services
from saleor_automation.delivery.models import SendingControl

from . import permissions
from .listing import BREADCRUMBS


class SendingForm(forms.ModelForm):
    """What the shop decides about sending."""

    class Meta:
        model = SendingControl
        fields = ["paused", "consent_policy"]
        labels = {
            "paused": gettext_lazy("Pause all sending"),
            "consent_policy": gettext_lazy("Who gets marketing mail"),
        }
        help_texts = {
            "paused": gettext_lazy("Mails wait until you take this off. Nothing is lost."),
            "consent_policy": gettext_lazy(
                "No marketing mail is sent before you have chosen. Writing only to people who "
                "agreed is allowed everywhere; ask your lawyer before you choose more."
            ),
        }
        widgets = {"consent_policy": forms.RadioSelect}


class SendingView(PermissionCheckedMixin, WagtailAdminTemplateMixin, TemplateView):
    """See why mail may not leave, and change what a person may change."""

    permission_policy = permissions.SENDING
    permission_required = "change"
    template_name = "saleor_automation/studio/sending.html"
    page_title = gettext_lazy("Sending")
    header_icon = "sa-send"

    def get_breadcrumbs_items(self) -> list[dict[str, Any]]:
        return [*BREADCRUMBS, {"url": "", "label": self.get_page_title()}]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        control = SendingControl.objects.filter(pk=1).first() or SendingControl(pk=1)
        kwargs.setdefault("form", SendingForm(instance=control))
        return super().get_context_data(
            control=control, problems=services.sending_problems(), **kwargs
        )

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.POST.get("action") == "bind":
            services.sending_bind(now=clock.now())
            messages.success(request, _("Mail may leave from this installation."))
            return redirect(reverse("automation_sending:index"))
        control, _created = SendingControl.objects.get_or_create(pk=1)
        form = SendingForm(request.POST, instance=control)
        if not form.is_valid():
            return self.render_to_response(self.get_context_data(form=form))
        # Only these columns: a worker may be binding the row at the same moment.
        form.instance.save(update_fields=list(form.fields))
        messages.success(request, _("Saved."))
        return redirect(reverse("automation_sending:index"))
