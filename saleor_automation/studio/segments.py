"""Segments in the Studio: a list, a form that says how many it finds, and deleting.

Failures: 302 to the Studio's first page without the permission, 404 for a segment that is
gone. GET changes nothing; a condition nobody can have is shown beside the form and not saved.
Names of people are shown to those who may see people.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.generic import TemplateView
from wagtail.admin import messages
from wagtail.admin.ui.tables import Column, NumberColumn, StatusTagColumn, TitleColumn
from wagtail.admin.views.generic import PermissionCheckedMixin, WagtailAdminTemplateMixin
from wagtail.admin.widgets.button import HeaderButton
from wagtail.blocks.base import BlockField

from saleor_automation import clock
from saleor_automation.exceptions import AutomationError, CompileError
from saleor_automation.people.models import Contact
from saleor_automation.people.segments.models import Segment
from saleor_automation.people.segments.services import (
    Preview,
    segment_delete,
    segment_preview,
    segment_save,
    segment_sizes,
    segments_asking,
)
from saleor_automation.sequences.segmenting import FILL
from saleor_automation.sequences.services import sequences_asking
from saleor_automation.sequences.worker import chore_hasten

from . import permissions
from .conditions import condition_block, condition_of, stream_of
from .listing import BREADCRUMBS, ListView, TimeColumn
from .portrait import person_name
from .sequences import Sequence
from .switching import edit_url

INDEX = "automation_segments:index"


@dataclass(frozen=True)
class User:
    """A sequence or a segment that asks about one."""

    name: str
    url: str


class SegmentIndexView(ListView):
    """Every segment with how many are in it."""

    model = Segment
    permission_policy = permissions.SEGMENTS
    page_title = gettext_lazy("Segments")
    header_icon = "sa-segment"
    results_template_name = "saleor_automation/studio/segments_results.html"
    index_url_name = INDEX
    index_results_url_name = "automation_segments:results"
    is_searchable = True
    default_ordering = "name"

    @cached_property
    def columns(self) -> list[Column]:
        return [
            TitleColumn(
                "name",
                label=_("Name"),
                get_url=lambda segment: reverse("automation_segments:edit", args=[segment.pk]),
            ),
            NumberColumn("size", label=_("People")),
            StatusTagColumn(
                "state",
                label=_("Count"),
                accessor=state_words,
                primary=lambda segment: segment.state == Segment.State.READY,
            ),
            TimeColumn("changed_at", label=_("Last changed")),
        ]

    @cached_property
    def header_buttons(self) -> list[Any]:
        if not permissions.SEGMENTS.user_has_permission(self.request.user, "change"):
            return []
        add = reverse("automation_segments:add")
        return [HeaderButton(_("Add segment"), url=add, icon_name="plus")]

    def search_queryset(self, queryset: QuerySet[Segment]) -> QuerySet[Segment]:
        return queryset.filter(name__icontains=self.search_query) if self.is_searching else queryset

    def get_context_data(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(*args, **kwargs)
        sizes = segment_sizes()
        total = Contact.objects.count()
        for segment in context["object_list"]:
            segment.size, segment.total = sizes.get(segment.pk, 0), total
        context["may_change"] = permissions.SEGMENTS.user_has_permission(
            self.request.user, "change"
        )
        return context


def state_words(segment: Segment) -> str:
    """Return whether everybody in it is known; while they are looked for, how far that is."""
    total = getattr(segment, "total", 0)
    if segment.state == Segment.State.READY:
        return str(segment.get_state_display())
    if not total:
        return _("being counted")
    return _("being counted: %(percent)s %%") % {"percent": min(99, 100 * segment.filled // total)}


class SegmentForm(forms.Form):
    """A name and a condition."""

    name = forms.CharField(max_length=255, label=gettext_lazy("Name"))

    def __init__(self, *args: Any, key: str = "", preview: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.key, self.preview = key, preview
        self.found: Preview | None = None
        self.fields["condition"] = BlockField(
            block=condition_block(),
            label=gettext_lazy("Who is in it"),
            help_text=gettext_lazy("All of these must hold."),
        )

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if "condition" in cleaned and not self.errors:
            block = cleaned["condition"].stream_block
            cleaned["data"] = condition_of(block.get_prep_value(cleaned["condition"]))
            try:
                if self.preview:
                    self.found = segment_preview(
                        condition=cleaned["data"], now=clock.now(), key=self.key
                    )
            except CompileError as error:
                self.add_error(None, str(error))
        return cleaned

    @property
    def condition_html(self) -> str:
        """The blocks, with what is wrong at its place; safe, as ``format_html`` made it."""
        bound = self["condition"]
        html: str = bound.field.widget.render_with_errors(
            bound.html_name, bound.value(), errors=bound.errors
        )
        return html


class SegmentView(PermissionCheckedMixin, WagtailAdminTemplateMixin, TemplateView):
    """Write a segment, see how many it finds, save it."""

    permission_policy = permissions.SEGMENTS
    any_permission_required = ["view", "change"]
    template_name = "saleor_automation/studio/segment.html"
    header_icon = "sa-segment"
    segment: Segment | None = None

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        if "pk" in kwargs:
            self.segment = get_object_or_404(Segment, pk=kwargs["pk"])

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if self.segment is None or request.method not in ("GET", "HEAD"):
            self.any_permission_required = ["change"]
        return super().dispatch(request, *args, **kwargs)

    def get_page_title(self) -> str:
        return self.segment.name if self.segment else _("New segment")

    def get_breadcrumbs_items(self) -> list[dict[str, Any]]:
        return [
            *BREADCRUMBS,
            {"url": reverse(INDEX), "label": _("Segments")},
            {"url": "", "label": self.get_page_title()},
        ]

    @property
    def may_change(self) -> bool:
        return bool(permissions.SEGMENTS.user_has_permission(self.request.user, "change"))

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return self.render_to_response(self.get_context_data())

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        asked = "preview" in request.POST
        key = self.segment.key if self.segment else ""
        form = SegmentForm(request.POST, key=key, preview=asked)
        if form.is_valid() and not asked:
            try:
                segment = segment_save(
                    segment=self.segment,
                    name=form.cleaned_data["name"],
                    condition=form.cleaned_data["data"],
                    now=clock.now(),
                )
            except AutomationError as error:
                form.add_error(None, str(error))
            else:
                chore_hasten(FILL)
                messages.success(request, _("Saved. “%s” is being counted.") % segment.name)
                return redirect("automation_segments:edit", segment.pk)
        if not form.is_valid():
            messages.error(request, _("This cannot be saved yet; see below."))
        return self.render_to_response(self.get_context_data(form=form))

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        segment, form, trouble = self.segment, kwargs.pop("form", None), ""
        if form is None:
            form, trouble = self._initial()
        found = form.found
        people = permissions.PEOPLE.user_has_any_permission(self.request.user, ["view", "change"])
        context: dict[str, Any] = super().get_context_data(
            form=form,
            media=form.media,
            trouble=trouble,
            segment=segment,
            may_change=self.may_change,
            preview=found,
            preview_words=preview_words(found) if found else "",
            examples=[
                User(person_name(one), reverse("automation_people:detail", args=[one.pk]))
                for one in (found.examples if found and people else ())
            ],
            may_see_people=people,
            **kwargs,
        )
        if segment is not None:
            context.update(strip_context(segment), users=users_of(segment))
        return context

    def _initial(self) -> tuple[SegmentForm, str]:
        block = condition_block()
        if self.segment is None:
            # One to begin with, so that the form shows what it is made of.
            first = block.to_python([{"type": "test", "value": {}}])
            return SegmentForm(initial={"condition": first}), ""
        initial: dict[str, Any] = {"name": self.segment.name}
        try:
            initial["condition"] = block.to_python(stream_of(self.segment.condition))
        except CompileError as error:
            return SegmentForm(initial=initial), str(error)
        return SegmentForm(initial=initial, key=self.segment.key), ""


class SegmentProgressView(PermissionCheckedMixin, TemplateView):
    """How far the counting is: the strip above the form, alone."""

    permission_policy = permissions.SEGMENTS
    any_permission_required = ["view", "change"]
    template_name = "saleor_automation/studio/segment_strip.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        segment = get_object_or_404(Segment, pk=kwargs["pk"])
        return super().get_context_data(segment=segment, **strip_context(segment))


def strip_context(segment: Segment) -> dict[str, Any]:
    """Return what the strip shows: how many are in it, and how far the counting is."""
    total = Contact.objects.count()
    segment.total = total  # type: ignore[attr-defined]
    return {
        "size": segment.members.count(),
        "total": total,
        "is_ready": segment.state == Segment.State.READY,
        "state_words": state_words(segment),
    }


def preview_words(found: Preview) -> str:
    """Return a preview in a sentence."""
    words = ngettext(
        "%(count)s of %(total)s person, %(percent)s %%",
        "%(count)s of %(total)s people, %(percent)s %%",
        found.total,
    )
    percent = f"{found.percent:.0f}" if not 0 < found.percent < 10 else f"{found.percent:.1f}"
    return words % {"count": f"{found.count:,}", "total": f"{found.total:,}", "percent": percent}


def users_of(segment: Segment) -> list[User]:
    """Return who asks about a segment: sequences, published or drafts, and other segments."""
    published = sequences_asking(segment.key)
    sequences = [
        User(draft.name, edit_url(draft))
        for draft in Sequence.objects.order_by("name")
        if draft.key in published
        or draft.trigger_of == segment.key
        or draft_asks(draft, segment.key)
    ]
    return sequences + [
        User(one.name, reverse("automation_segments:edit", args=[one.pk]))
        for one in segments_asking(segment.key)
    ]


def draft_asks(draft: Sequence, key: str) -> bool:
    """Whether a draft asks about a segment anywhere in its steps and exit rules."""

    def walk(found: Any) -> bool:
        if isinstance(found, dict):
            if found.get("fact") == "contact.in_segment":
                return str(found.get("of") or "").strip().lower() == key
            return any(walk(value) for value in found.values())
        return isinstance(found, list) and any(walk(value) for value in found)

    return any(walk(list(getattr(draft, field).raw_data)) for field in ("steps", "exits"))


class SegmentDeleteView(PermissionCheckedMixin, WagtailAdminTemplateMixin, TemplateView):
    """Say who asks about a segment, then delete it. GET shows, POST does."""

    permission_policy = permissions.SEGMENTS
    permission_required = "change"
    template_name = "saleor_automation/studio/segment_delete.html"
    header_icon = "bin"
    page_title = gettext_lazy("Delete segment")

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        self.segment = get_object_or_404(Segment, pk=kwargs["pk"])

    def get_breadcrumbs_items(self) -> list[dict[str, Any]]:
        edit = reverse("automation_segments:edit", args=[self.segment.pk])
        return [
            *BREADCRUMBS,
            {"url": reverse(INDEX), "label": _("Segments")},
            {"url": edit, "label": self.segment.name},
            {"url": "", "label": self.get_page_title()},
        ]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        asking = segments_asking(self.segment.key)
        return super().get_context_data(
            segment=self.segment,
            users=users_of(self.segment),
            possible=not asking,
            size=self.segment.members.count(),
            **kwargs,
        )

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            segment_delete(segment=self.segment)
        except AutomationError as error:
            messages.error(request, str(error))
            return redirect("automation_segments:delete", self.segment.pk)
        messages.success(request, _("“%s” is deleted.") % self.segment.name)
        return redirect(INDEX)
