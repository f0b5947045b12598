"""What people asked about their data, and how long the shop keeps what: two pages.

Shows who asked, so each view names its permission.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views import View
from django.views.generic import TemplateView
from wagtail.admin import messages
from wagtail.admin.ui.tables import Column, StatusTagColumn
from wagtail.admin.views.generic import PermissionCheckedMixin, WagtailAdminTemplateMixin

from saleor_automation import clock
from saleor_automation.conf import conf
from saleor_automation.delivery import reasons as mail_reasons
from saleor_automation.delivery.models import Message
from saleor_automation.privacy.models import DataRequest, RetentionRules
from saleor_automation.privacy.requests import ANSWERED_IN, request_decline
from saleor_automation.privacy.retention import last_run, rules_get, rules_preview

from . import permissions
from .listing import BREADCRUMBS, ListView, TimeColumn, time_words
from .portrait import person_name

State = DataRequest.State


class RequestIndexView(ListView):
    """Requests of people about their data, newest first."""

    model = DataRequest
    permission_policy = permissions.PEOPLE
    any_permission_required = ["view", "change"]
    page_title = gettext_lazy("Privacy")
    header_icon = "lock"
    template_name = "saleor_automation/studio/requests.html"
    results_template_name = "saleor_automation/studio/requests_results.html"
    index_url_name = "automation_privacy:index"
    index_results_url_name = "automation_privacy:results"
    default_ordering = "-asked_at"

    @cached_property
    def columns(self) -> list[Column]:
        return [
            Column("kind", label=_("Asked"), accessor=lambda row: row.get_kind_display()),
            StatusTagColumn(
                "state",
                label=_("State"),
                accessor=lambda row: row.get_state_display(),
                primary=lambda row: row.state == State.CONFIRMED,
            ),
            PersonColumn("person", label=_("Who")),
            TimeColumn("asked_at", label=_("Asked on")),
            Column("until", label=_("To be done by"), accessor=until_words),
            Column("why", label=_("Note"), accessor=self.note_words),
            DeclineColumn("decline", label=""),
        ]

    def get_base_queryset(self) -> QuerySet[DataRequest]:
        queryset: QuerySet[DataRequest] = super().get_base_queryset()
        return queryset.select_related("contact")

    @cached_property
    def mails(self) -> dict[UUID, Message]:
        ids = [row.message for row in self.object_list]
        return {mail.pk: mail for mail in Message.objects.filter(pk__in=ids)}

    def note_words(self, row: DataRequest) -> str:
        """Return why nothing happens: staff said no, or the mail did not leave."""
        mail = self.mails.get(row.message)
        if row.note or mail is None or row.state != State.ASKED:
            return row.note
        return str(mail_reasons.words(mail.reason)) if mail.reason else ""

    def get_context_data(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(*args, **kwargs)
        context["public_page"] = conf().public_url + reverse("saleor_automation:privacy")
        context["may_retain"] = permissions.RETENTION.user_has_permission(
            self.request.user, "change"
        )
        return context


def requests_waiting() -> int:
    """Return how many confirmed requests wait for staff."""
    return DataRequest.objects.filter(state=State.CONFIRMED).count()


def request_first_due() -> str:
    """Return by when the first of them must be answered; "" when there is none."""
    waiting = DataRequest.objects.filter(state=State.CONFIRMED).order_by("confirmed_at")
    first = waiting.first()
    return until_words(first) if first is not None else ""


class PersonColumn(Column):
    """The person, with the page where they can be erased."""

    cell_template_name = "saleor_automation/studio/request_person.html"

    def get_value(self, instance: Any) -> str:
        return person_name(instance.contact) if instance.contact else "–"


class DeclineColumn(Column):
    """A way to answer no."""

    cell_template_name = "saleor_automation/studio/request_decline.html"

    def get_value(self, instance: Any) -> bool:
        return instance.state in (State.ASKED, State.CONFIRMED)


def until_words(row: DataRequest) -> str:
    """Return by when a confirmed request must be answered."""
    if row.state != State.CONFIRMED or row.confirmed_at is None:
        return ""
    return time_words(row.confirmed_at + ANSWERED_IN)


class RequestDeclineView(PermissionCheckedMixin, View):
    """Note that a request was answered with no. POST alone."""

    permission_policy = permissions.PEOPLE
    permission_required = "delete"
    http_method_names = ["post"]

    def post(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        found = get_object_or_404(DataRequest, pk=pk)
        note = request.POST.get("note", "").strip()
        if not note:
            messages.error(request, _("Say why, so that you can answer for it later."))
        else:
            request_decline(request=found, note=note, now=clock.now())
            messages.success(request, _("Noted. Tell the person yourself: no mail goes out."))
        return redirect("automation_privacy:index")


class RetentionForm(forms.ModelForm):
    """How long the shop keeps what."""

    class Meta:
        model = RetentionRules
        fields = ["event_months", "mail_months", "idle_months"]
        labels = {
            "event_months": gettext_lazy("Forget what people did after so many months"),
            "mail_months": gettext_lazy("Forget what mails said after so many months"),
            "idle_months": gettext_lazy("Forget people nothing was heard of for so many months"),
        }
        help_texts = {
            "event_months": gettext_lazy(
                "Orders and baskets stay. Conditions that look further back find nothing. Empty: "
                "kept for good."
            ),
            "mail_months": gettext_lazy(
                "That a mail was sent, when and to whom stays. Empty: kept for good."
            ),
            "idle_months": gettext_lazy(
                "Only who has no account, never ordered, and did not agree to mails. They are "
                "erased. Empty: nobody."
            ),
        }


class RetentionView(PermissionCheckedMixin, WagtailAdminTemplateMixin, TemplateView):
    """See what would be forgotten before it is; decide how long what is kept."""

    permission_policy = permissions.RETENTION
    permission_required = "change"
    template_name = "saleor_automation/studio/retention.html"
    page_title = gettext_lazy("Retention")
    header_icon = "history"

    def get_breadcrumbs_items(self) -> list[dict[str, Any]]:
        return [
            *BREADCRUMBS,
            {"url": reverse("automation_privacy:index"), "label": _("Privacy")},
            {"url": "", "label": self.get_page_title()},
        ]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        rules = rules_get()
        kwargs.setdefault("form", RetentionForm(instance=rules))
        kwargs.setdefault("preview", rules_preview(rules, now=clock.now()))
        run = last_run()
        return super().get_context_data(
            rules=rules,
            run=run,
            run_at=time_words(run.started_at) if run else "",
            body_days=conf().raw_event_days,
            **kwargs,
        )

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        form = RetentionForm(request.POST, instance=RetentionRules(pk=1))
        if not form.is_valid():
            return self.render_to_response(self.get_context_data(form=form))
        if request.POST.get("action") != "save":
            # What it would do, and nothing done.
            preview = rules_preview(form.instance, now=clock.now())
            return self.render_to_response(
                self.get_context_data(form=form, preview=preview, asked=True)
            )
        form.save()
        messages.success(request, _("Saved. What is older is forgotten within a day."))
        return redirect("automation_privacy:retention")
