"""What the shop sent and nobody understood: listed, with the body shown as text."""

from __future__ import annotations

import contextlib
import json
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from wagtail.admin.ui.tables import Column, TitleColumn

from saleor_automation.inbox.models import RawEvent

from . import permissions
from .listing import ListView, OneView, TimeColumn

#: Characters of a body shown on its page; the rest is said to be there.
SHOWN = 100_000


class FaultIndexView(ListView):
    """Received bodies that were not understood, newest first."""

    model = RawEvent
    permission_policy = permissions.FAULTS
    page_title = gettext_lazy("Not understood")
    header_icon = "warning"
    results_template_name = "saleor_automation/studio/fault_results.html"
    index_url_name = "automation_faults:index"
    index_results_url_name = "automation_faults:results"

    @cached_property
    def columns(self) -> list[Column]:
        return [
            TitleColumn(
                "event_type",
                label=_("Event"),
                get_url=lambda raw: reverse("automation_faults:detail", args=[raw.pk]),
            ),
            Column("fault", label=_("Why"), accessor=lambda raw: Truncator(raw.fault).chars(140)),
            Column("source", label=_("Came by"), accessor=lambda raw: raw.get_source_display()),
            TimeColumn("received_at", label=_("Received")),
        ]

    def get_base_queryset(self) -> QuerySet[RawEvent]:
        return RawEvent.objects.filter(state=RawEvent.State.FAULT).defer("body")

    def order_queryset(self, queryset: QuerySet[RawEvent]) -> QuerySet[RawEvent]:
        return queryset.order_by("-received_at", "-id")


class FaultView(OneView):
    """One body that was not understood."""

    permission_policy = permissions.FAULTS
    index_url_name = "automation_faults:index"
    index_title = gettext_lazy("Not understood")
    template_name = "saleor_automation/studio/fault.html"
    header_icon = "warning"

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        self.raw = get_object_or_404(RawEvent, pk=kwargs["pk"], state=RawEvent.State.FAULT)

    def get_page_title(self) -> str:
        return str(self.raw.event_type)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        body, cut = body_text(bytes(self.raw.body))
        return super().get_context_data(raw=self.raw, body=body, cut=cut, **kwargs)


def body_text(body: bytes) -> tuple[str, bool]:
    """Return a body as text a person can read, and whether it was cut short."""
    text = body[: SHOWN * 4].decode("utf-8", "backslashreplace")
    if len(body) <= SHOWN:
        # What is not JSON is shown as it came.
        with contextlib.suppress(ValueError, RecursionError):
            text = json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    return text[:SHOWN], len(text) > SHOWN or len(body) > SHOWN * 4
