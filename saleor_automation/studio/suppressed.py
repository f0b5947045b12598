"""The page on addresses that must not be written to: how many, out as a file, in from one.

Knows counts and files. Shows no address: most of them are kept as digests alone.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

from django import forms
from django.db.models import Count
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views import View
from django.views.generic import TemplateView
from wagtail.admin import messages
from wagtail.admin.views.generic import PermissionCheckedMixin, WagtailAdminTemplateMixin

from saleor_automation import clock
from saleor_automation.people.models import Suppression
from saleor_automation.people.suppression_files import (
    Brought,
    FileProblem,
    suppressions_export,
    suppressions_import,
)

from . import permissions
from .listing import BREADCRUMBS

#: Of a file's wrong lines, those shown.
SHOWN = 50
#: Bytes of a file that is brought in by the browser; larger ones by the command.
LARGEST = 20 * 1024 * 1024


class ImportForm(forms.Form):
    """A file, and what its lines mean."""

    file = forms.FileField(
        label=gettext_lazy("CSV file"),
        help_text=gettext_lazy(
            "Its first line names the columns: “email” or “digest” and “key”; also understood are "
            "“reason”, “topic”, “channel” and “at”."
        ),
    )
    reason = forms.ChoiceField(
        choices=Suppression.Reason.choices,
        initial=Suppression.Reason.MANUAL,
        label=gettext_lazy("Why, where the file does not say"),
    )

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file.size > LARGEST:
            raise forms.ValidationError(
                _("It is larger than 20 MB. Use the command: saleor-automation suppressions import")
            )
        return file


class SuppressedView(PermissionCheckedMixin, WagtailAdminTemplateMixin, TemplateView):
    """See how many addresses are blocked; bring more in, after a look at what would happen."""

    permission_policy = permissions.SENDING
    permission_required = "change"
    template_name = "saleor_automation/studio/suppressed.html"
    page_title = gettext_lazy("Blocked addresses")
    header_icon = "cross"

    def get_breadcrumbs_items(self) -> list[dict[str, Any]]:
        index = {"url": reverse("automation_consent:index"), "label": _("Consent")}
        return [*BREADCRUMBS, index, {"url": "", "label": self.get_page_title()}]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        kwargs.setdefault("form", ImportForm())
        counts = Suppression.objects.order_by().values_list("reason").annotate(Count("pk"))
        labels = dict(Suppression.Reason.choices)
        rows = sorted(
            ((labels.get(one, one), count) for one, count in counts), key=lambda row: -row[1]
        )
        return super().get_context_data(rows=rows, **kwargs)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        form = ImportForm(request.POST, request.FILES)
        if not form.is_valid():
            return self.render_to_response(self.get_context_data(form=form))
        for_real = request.POST.get("action") == "import"
        try:
            brought = _bring(form, dry_run=not for_real)
        except FileProblem as problem:
            form.add_error("file", str(problem))
            return self.render_to_response(self.get_context_data(form=form))
        except UnicodeDecodeError:
            form.add_error("file", _("It is not written in UTF-8. Save it as “CSV UTF-8”."))
            return self.render_to_response(self.get_context_data(form=form))
        if for_real and not brought.wrong:
            messages.success(
                request,
                _("New: %(new)s. There already: %(known)s.")
                % {"new": brought.new + brought.stronger, "known": brought.known},
            )
            return redirect("automation_consent:suppressed")
        return self.render_to_response(
            self.get_context_data(
                form=form, brought=brought, faults=brought.faults[:SHOWN], for_real=for_real
            )
        )


def _bring(form: ImportForm, *, dry_run: bool) -> Brought:
    text = io.TextIOWrapper(form.cleaned_data["file"].file, encoding="utf-8-sig", newline="")
    brought = Brought()
    try:
        for brought in suppressions_import(  # noqa: B007 - the last one counts
            lines=text, reason=form.cleaned_data["reason"], now=clock.now(), dry_run=dry_run
        ):
            pass
    finally:
        # Not closed: the upload is Django's.
        text.detach()
    return brought


class SuppressedExportView(PermissionCheckedMixin, View):
    """Save them all as a file: keyed digests, no addresses."""

    permission_policy = permissions.SENDING
    permission_required = "change"
    http_method_names = ["get"]

    def get(self, request: HttpRequest) -> StreamingHttpResponse:
        response = StreamingHttpResponse(_lines(), content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = 'attachment; filename="blocked-addresses.csv"'
        return response


def _lines() -> Iterator[str]:
    for row in suppressions_export():
        line = io.StringIO()
        csv.writer(line, lineterminator="\n").writerow(row)
        yield line.getvalue()
