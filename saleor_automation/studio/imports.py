"""Files of people in the Studio: upload, choose what columns mean, look, import, undo.

Knows the services of ``people.importing`` and how to ask a person. What is not decided yet
is asked, what takes long shows how far it is, and nothing is done before it was looked at.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views import View
from django.views.generic import TemplateView
from wagtail.admin import messages
from wagtail.admin.views.generic import PermissionCheckedMixin, WagtailAdminTemplateMixin

from saleor_automation import clock
from saleor_automation.exceptions import UsageError
from saleor_automation.people.exporting import csv_lines
from saleor_automation.people.importing import outcomes, services
from saleor_automation.people.importing.models import ContactImport, ImportChange, ImportFault
from saleor_automation.people.importing.working import WORKING
from saleor_automation.sequences.worker import heartbeat_age

from . import permissions
from .import_forms import RulesForm, UploadForm, rules_initial
from .listing import BREADCRUMBS, time_words

State = ContactImport.State

#: Imports listed, and lines left out that are shown; the rest is in the file.
LISTED: Final = 50
SHOWN: Final = 20
#: Seconds after which it is said that no worker runs.
SILENT: Final = 120


class ImportPage(PermissionCheckedMixin, WagtailAdminTemplateMixin, TemplateView):
    """What both pages share."""

    permission_policy = permissions.PEOPLE
    permission_required = "add"
    header_icon = "upload"

    def get_breadcrumbs_items(self) -> list[dict[str, Any]]:
        trail: list[dict[str, Any]] = [
            *BREADCRUMBS,
            {"url": reverse("automation_people:index"), "label": _("People")},
        ]
        if not isinstance(self, ImportIndexView):
            trail.append({"url": reverse("automation_people:imports"), "label": _("Import")})
        return [*trail, {"url": "", "label": self.get_page_title()}]


class ImportIndexView(ImportPage):
    """Upload a file; see the ones before."""

    page_title = gettext_lazy("Import")
    template_name = "saleor_automation/studio/imports.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        kwargs.setdefault("form", UploadForm())
        rows = ContactImport.objects.order_by("-pk")[:LISTED]
        return super().get_context_data(
            rows=[(row, time_words(row.created_at)) for row in rows], **kwargs
        )

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        form = UploadForm(request.POST, request.FILES)
        if form.is_valid():
            file = form.cleaned_data["file"]
            try:
                found = services.import_create(
                    source=file.file,
                    name=file.name,
                    by=request.user.get_username(),
                    now=clock.now(),
                )
            except UsageError as error:
                form.add_error("file", str(error))
            else:
                return redirect("automation_people:import", found.pk)
        return self.render_to_response(self.get_context_data(form=form))


class ImportView(ImportPage):
    """One file: what is to be decided, how far it is, or what it came to."""

    template_name = "saleor_automation/studio/import.html"

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        self.importing = get_object_or_404(ContactImport, pk=kwargs["number"])

    def get_page_title(self) -> str:
        return self.importing.name

    @cached_property
    def form(self) -> RulesForm | None:
        if self.importing.state not in (State.UPLOADED, State.CHECKED):
            return None
        if self.request.POST.get("action") == "look":
            return RulesForm(self.request.POST, importing=self.importing)
        return RulesForm(importing=self.importing, initial=rules_initial(self.importing))

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        row = self.importing
        age = heartbeat_age()
        faults = ImportFault.objects.filter(importing=row).order_by("line", "pk")
        count = faults.count()
        return super().get_context_data(
            importing=row,
            form=self.form,
            working=row.state in WORKING,
            silent=age is None or age > SILENT,
            report=report_rows(row),
            faults=faults[:SHOWN],
            more_faults=max(0, count - SHOWN),
            may_undo=row.state == State.DONE
            and ImportChange.objects.filter(importing=row).exists(),
            created_at=time_words(row.created_at),
            **kwargs,
        )

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        row, action = self.importing, request.POST.get("action", "")
        if action == "look":
            return self._look()
        if action == "delete":
            if services.import_delete(importing=row):
                messages.success(request, _("The file is forgotten. Whom it brought in stays."))
                return redirect("automation_people:imports")
            done = False
        elif action == "run":
            # Only what was looked at.
            done = row.state == State.CHECKED and services.import_begin(
                importing=row, state=State.RUNNING
            )
        elif action == "undo":
            done = services.import_begin(importing=row, state=State.UNDOING)
        else:
            done = action == "resume" and services.import_resume(importing=row)
        if not done:
            messages.error(request, _("That cannot be done at the moment. Look at its state."))
        return redirect("automation_people:import", row.pk)

    def _look(self) -> HttpResponse:
        form = self.form
        if form is not None and form.is_valid():
            problems = services.import_decide(
                importing=self.importing, rules=form.rules(), now=clock.now()
            )
            if not problems and services.import_begin(
                importing=self.importing, state=State.CHECKING
            ):
                return redirect("automation_people:import", self.importing.pk)
            if not problems:
                problems = [_("The upload was cut off. Forget the file, and upload it again.")]
            for problem in problems:
                form.add_error(None, problem)
        return self.render_to_response(self.get_context_data())


def report_rows(row: ContactImport) -> list[tuple[int, str, str]]:
    """Return what lines came to: how many, in words, and how it is coloured."""
    return [
        (count, str(words), "bad" if code in outcomes.LEFT_OUT else "")
        for code, words in outcomes.WORDS.items()
        if (count := row.counts.get(code))
    ]


class ImportFaultsView(PermissionCheckedMixin, View):
    """The lines that were left out, with why, to mend and bring in again."""

    permission_policy = permissions.PEOPLE
    permission_required = "add"
    http_method_names = ["get"]

    def get(self, request: HttpRequest, number: int) -> StreamingHttpResponse:
        row = get_object_or_404(ContactImport, pk=number)
        response = StreamingHttpResponse(
            csv_lines(fault_rows(row)), content_type="text/csv; charset=utf-8"
        )
        response["Content-Disposition"] = f'attachment; filename="left-out-{row.pk}.csv"'
        return response


def fault_rows(row: ContactImport) -> Iterator[list[str]]:
    """Return the header, then each line that was left out with its cells."""
    yield ["line", "reason", *row.header]
    faults = ImportFault.objects.filter(importing=row).order_by("line", "pk")
    for fault in faults.iterator(chunk_size=1000):
        yield [str(fault.line), fault.reason, *json.loads(fault.cells)]
