"""The people the shop knows: a list to search, and one page for each with everything.

Shows personal data, so each view names its permission. Changes only what staff notes: a
"no" they were told, tags and traits.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import Any
from uuid import UUID

import django_filters
from django import forms
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.utils.functional import cached_property
from django.utils.timezone import is_aware
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views import View
from wagtail.admin import messages
from wagtail.admin.filters import WagtailFilterSet
from wagtail.admin.ui.tables import Column, NumberColumn, StatusTagColumn, TitleColumn
from wagtail.admin.views.generic import PermissionCheckedMixin
from wagtail.admin.widgets.button import HeaderButton

from saleor_automation import clock
from saleor_automation.people.consent import STAFF
from saleor_automation.people.exporting import csv_lines, people_rows
from saleor_automation.people.models import (
    Contact,
    Identity,
    Tag,
    TraitType,
)
from saleor_automation.people.segments.facts import segment_choices
from saleor_automation.people.segments.models import SegmentMember
from saleor_automation.people.services import contact_retract, contact_unsubscribe
from saleor_automation.people.traits import (
    TraitError,
    tag_set,
    trait_remove,
    trait_set,
    trait_value,
)

from . import permissions
from .listing import ListView, OneView, TimeColumn
from .portrait import fact_rows, order_rows, person_name, segment_rows, standing_of, trait_rows
from .timeline import timeline, upcoming


class PersonFilterSet(WagtailFilterSet):
    account = django_filters.ChoiceFilter(
        field_name="has_account",
        choices=[(True, gettext_lazy("Has an account")), (False, gettext_lazy("Guest"))],
        label=gettext_lazy("Account"),
        empty_label=gettext_lazy("All"),
        widget=forms.RadioSelect,
    )
    ordered = django_filters.ChoiceFilter(
        method="has_ordered",
        choices=[("yes", gettext_lazy("Ordered")), ("no", gettext_lazy("Never ordered"))],
        label=gettext_lazy("Orders"),
        empty_label=gettext_lazy("All"),
        widget=forms.RadioSelect,
    )

    #: Without a choice the list leaves visitors out: see ``PersonIndexView``.
    visitors = django_filters.ChoiceFilter(
        method="as_it_is",
        choices=[
            ("with", gettext_lazy("With anonymous visitors")),
            ("only", gettext_lazy("Anonymous visitors alone")),
        ],
        label=gettext_lazy("Visitors"),
        empty_label=gettext_lazy("Known people alone"),
        widget=forms.RadioSelect,
    )
    segment = django_filters.ChoiceFilter(
        method="in_segment",
        choices=segment_choices,
        label=gettext_lazy("Segment"),
        empty_label=gettext_lazy("All"),
        widget=forms.RadioSelect,
    )

    class Meta:
        model = Contact
        fields = ["account", "ordered", "visitors", "segment"]

    def as_it_is(self, queryset: QuerySet[Contact], name: str, value: str) -> QuerySet[Contact]:
        return queryset

    def in_segment(self, queryset: QuerySet[Contact], name: str, value: str) -> QuerySet[Contact]:
        stays = SegmentMember.objects.filter(contact=OuterRef("pk"), segment__key=value)
        return queryset.filter(Exists(stays))

    def has_ordered(self, queryset: QuerySet[Contact], name: str, value: str) -> QuerySet[Contact]:
        buyers = Q(figures__orders__gt=0)
        return queryset.filter(buyers if value == "yes" else ~buyers)


def people_named(queryset: QuerySet[Contact], text: str) -> QuerySet[Contact]:
    """Return those in whose name or address every word of a text stands."""
    wanted = Q()
    for word in text.split():
        # An address the person had before.
        had = Identity.objects.filter(kind=Identity.Kind.EMAIL, value__contains=word.lower())
        wanted &= (
            Q(email__icontains=word)
            | Q(first_name__icontains=word)
            | Q(last_name__icontains=word)
            | Q(pk__in=had.values("contact"))
        )
    return queryset.filter(wanted)


class PersonIndexView(ListView):
    """Everybody the shop knows, newest first."""

    model = Contact
    permission_policy = permissions.PEOPLE
    page_title = gettext_lazy("People")
    header_icon = "group"
    results_template_name = "saleor_automation/studio/people_results.html"
    index_url_name = "automation_people:index"
    index_results_url_name = "automation_people:results"
    filterset_class = PersonFilterSet
    is_searchable = True
    default_ordering = "-created_at"

    @cached_property
    def columns(self) -> list[Column]:
        return [
            TitleColumn(
                "name",
                label=_("Name"),
                accessor=person_name,
                get_url=lambda person: reverse("automation_people:detail", args=[person.pk]),
            ),
            Column("email", label=_("Address"), accessor=lambda person: person.email or "–"),
            StatusTagColumn(
                "has_account",
                label=_("Account"),
                accessor=lambda person: (
                    _("account")
                    if person.has_account
                    else _("visitor")
                    if person.is_anonymous
                    else _("guest")
                ),
                primary=lambda person: person.has_account,
            ),
            NumberColumn("order_count", label=_("Orders")),
            TimeColumn("ordered_at", label=_("Last order")),
            TimeColumn("created_at", label=_("Known since")),
        ]

    def get_base_queryset(self) -> QuerySet[Contact]:
        queryset: QuerySet[Contact] = super().get_base_queryset()
        visitors = self.request.GET.get("visitors", "")
        if visitors != "with":
            queryset = queryset.filter(is_anonymous=visitors == "only")
        return queryset.annotate(
            order_count=Coalesce("figures__orders", 0), ordered_at=F("figures__last_order_at")
        )

    @cached_property
    def header_buttons(self) -> list[Any]:
        if not permissions.PEOPLE.user_has_permission(self.request.user, "add"):
            return []
        return [
            HeaderButton(
                _("Import people"), url=reverse("automation_people:imports"), icon_name="upload"
            )
        ]

    def get_context_data(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        may_export = permissions.PEOPLE.user_has_permission(self.request.user, "export")
        return {**super().get_context_data(*args, **kwargs), "may_export": may_export}

    def search_queryset(self, queryset: QuerySet[Contact]) -> QuerySet[Contact]:
        return people_named(queryset, self.search_query) if self.is_searching else queryset

    def order_queryset(self, queryset: QuerySet[Contact]) -> QuerySet[Contact]:
        return queryset.order_by("-created_at", "-id")


class PersonExportView(PersonIndexView):
    """The people of the list as it is filtered, a line each."""

    any_permission_required = ["export"]
    http_method_names = ["get"]

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        # In the list's order; each part is read as it leaves.
        ids = list(self.get_queryset().values_list("pk", flat=True))
        response = StreamingHttpResponse(
            csv_lines(people_rows(ids)), content_type="text/csv; charset=utf-8"
        )
        response["Content-Disposition"] = 'attachment; filename="people.csv"'
        response["Cache-Control"] = "no-store"
        return response


class PersonView(OneView):
    """One person: who they are, what they said, what happened and what will."""

    permission_policy = permissions.PEOPLE
    index_url_name = "automation_people:index"
    index_title = gettext_lazy("People")
    template_name = "saleor_automation/studio/person.html"
    header_icon = "user"

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        self.person = get_object_or_404(Contact, pk=kwargs["pk"])

    def get_page_title(self) -> str:
        return person_name(self.person)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        before = moment_of(self.request.GET.get("before", ""))
        user = self.request.user
        mails = permissions.MESSAGES.user_has_any_permission(user, ["view", "change"])
        context.update(
            person=self.person,
            facts=fact_rows(self.person),
            orders=order_rows(self.person),
            traits=trait_rows(self.person),
            tags=Tag.objects.filter(contact=self.person, on=True).order_by("name"),
            segments=segment_rows(self.person),
            standing=standing_of(self.person),
            line=timeline(contact=self.person, mails=mails, before=before),
            # What comes next stands above the newest page alone.
            coming=[] if before else upcoming(contact=self.person, mails=mails),
            before=before,
            may_change=permissions.PEOPLE.user_has_permission(user, "change"),
            may_export=permissions.PEOPLE.user_has_permission(user, "export"),
            may_erase=permissions.PEOPLE.user_has_permission(user, "delete"),
        )
        return context


class PersonNoteView(PermissionCheckedMixin, View):
    """Note a tag or a trait, or take it off again. POST alone."""

    permission_policy = permissions.PEOPLE
    permission_required = "change"
    http_method_names = ["post"]

    def post(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        person = get_object_or_404(Contact, pk=pk)
        now, asked = clock.now(), request.POST
        try:
            if tag := asked.get("tag"):
                tag_set(contact=person, name=tag, on=asked.get("off") is None, at=now)
            elif asked.get("off") is not None:
                trait_remove(contact=person, name=asked.get("name", ""))
            else:
                name = asked.get("name", "").strip().lower().replace(" ", "_")
                text = asked.get("value", "").strip()
                # A trait that has a kind already reads the text itself.
                known = TraitType.objects.filter(name=name).exists()
                value = text if known else typed(text)
                trait_set(contact=person, name=name, value=value, at=now, source=STAFF)
        except TraitError as error:
            messages.error(request, str(error))
        else:
            messages.success(request, _("Saved."))
        return redirect("automation_people:detail", pk=person.pk)


def moment_of(text: str) -> datetime | None:
    """Return the moment an address names; None for anything else."""
    try:
        found = parse_datetime(text)
    except ValueError:
        return None
    return found if found is not None and is_aware(found) else None


def typed(text: str) -> Any:
    """Return what a person who types means: a number, yes or no, a date, else a text."""
    for kind in (TraitType.Kind.NUMBER, TraitType.Kind.FLAG, TraitType.Kind.MOMENT):
        with suppress(TraitError):
            return trait_value(kind, text)
    return text


class PersonConsentView(PermissionCheckedMixin, View):
    """Take down what a person told staff: “no”, or that this was a mistake. POST alone."""

    permission_policy = permissions.PEOPLE
    permission_required = "change"
    http_method_names = ["post"]

    def post(self, request: HttpRequest, pk: UUID, word: str) -> HttpResponse:
        person = get_object_or_404(Contact, pk=pk)
        wording = _("Entered by %s") % request.user.get_username()
        if word == "no":
            contact_unsubscribe(contact=person, at=clock.now(), source=STAFF, wording=wording)
            messages.success(
                request,
                _("%s gets no marketing mail any more. Mails about orders still go out.")
                % person_name(person),
            )
        elif contact_retract(contact=person, at=clock.now(), wording=wording):
            messages.success(request, _("The “no” that was entered here is taken back."))
        else:
            messages.error(request, _("They said no themselves, so only they can take it back."))
        return redirect("automation_people:detail", pk=person.pk)
