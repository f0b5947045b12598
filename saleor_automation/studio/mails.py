"""The inbox page: every mail that was sent, will be sent, or was not, and why.

Shows personal data, so each view names its permission. Bodies are shown in a
sandboxed frame: no scripts, no forms, no way out.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import django_filters
from django import forms
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from wagtail.admin.filters import WagtailFilterSet
from wagtail.admin.ui.tables import Column, StatusTagColumn, TitleColumn

from saleor_automation.delivery import reasons, services
from saleor_automation.delivery.models import Message
from saleor_automation.exceptions import AutomationError
from saleor_automation.people.verification.services import verifications_of
from saleor_automation.people.verification.words import assessment_words

from . import permissions
from .listing import ListView, OneView, TimeColumn, time_words
from .selectors import email_titles
from .sequences import Sequence


def sequence_choices() -> list[tuple[str, str]]:
    """Return the sequences as form choices."""
    return [(str(key), name) for key, name in Sequence.objects.values_list("key", "name")]


class MailFilterSet(WagtailFilterSet):
    address = django_filters.CharFilter(
        field_name="to_address", lookup_expr="icontains", label=gettext_lazy("Address")
    )
    state = django_filters.MultipleChoiceFilter(
        choices=Message.State.choices,
        label=gettext_lazy("State"),
        widget=forms.CheckboxSelectMultiple,
    )
    sequence = django_filters.ChoiceFilter(
        choices=sequence_choices,
        label=gettext_lazy("Sequence"),
        empty_label=gettext_lazy("All"),
        widget=forms.RadioSelect,
    )

    class Meta:
        model = Message
        fields = ["address", "state", "sequence"]


def reason_words(message: Message) -> str:
    """Return why the mail is where it is, in words; "" when there is nothing to say."""
    return str(reasons.words(message.reason)) if message.reason else ""


class MailIndexView(ListView):
    """All mails, newest first."""

    model = Message
    permission_policy = permissions.MESSAGES
    page_title = gettext_lazy("Mails")
    header_icon = "mail"
    results_template_name = "saleor_automation/studio/mail_results.html"
    index_url_name = "automation_mails:index"
    index_results_url_name = "automation_mails:results"
    filterset_class = MailFilterSet
    default_ordering = "-planned_at"

    @cached_property
    def columns(self) -> list[Column]:
        return [
            TitleColumn(
                "subject",
                label=_("Mail"),
                accessor=lambda mail: mail_title(mail, self.titles),
                get_url=lambda mail: reverse("automation_mails:detail", args=[mail.pk]),
            ),
            Column("to_address", label=_("To"), accessor=lambda mail: mail.to_address or "–"),
            StatusTagColumn(
                "state",
                label=_("State"),
                accessor=lambda mail: mail.get_state_display(),
                primary=lambda mail: mail.state == Message.State.ACCEPTED,
            ),
            Column("reason", label=_("Why"), accessor=reason_words),
            Column("sequence", label=_("Sequence"), accessor=self.sequence_name),
            TimeColumn("due_at", label=_("Due")),
            TimeColumn("handed_over_at", label=_("Left")),
        ]

    @cached_property
    def names(self) -> dict[Any, str]:
        return dict(Sequence.objects.values_list("key", "name"))

    @cached_property
    def titles(self) -> dict[UUID, str]:
        return email_titles()

    def sequence_name(self, mail: Message) -> str:
        return self.names.get(mail.sequence, "")

    def get_base_queryset(self) -> QuerySet[Message]:
        queryset: QuerySet[Message] = super().get_base_queryset()
        return queryset.select_related("content", "email_version")

    def order_queryset(self, queryset: QuerySet[Message]) -> QuerySet[Message]:
        return queryset.order_by("-planned_at", "-id")


def mail_title(mail: Message, titles: Mapping[UUID, str]) -> str:
    """Return the mail's subject, or its email's title while it has none."""
    content = getattr(mail, "content", None)
    if content is not None and content.subject:
        return str(content.subject)
    if mail.email_version:
        return str(mail.email_version.title)
    return titles.get(mail.email_key) or _("Mail not written yet")


class MailView(OneView):
    """One mail: as HTML, as text, its source, and why it is where it is."""

    permission_policy = permissions.MESSAGES
    index_url_name = "automation_mails:index"
    index_title = gettext_lazy("Mails")
    template_name = "saleor_automation/studio/mail.html"
    header_icon = "mail"

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        self.mail = get_object_or_404(
            Message.objects.select_related("content", "email_version", "contact", "enrollment"),
            pk=kwargs["pk"],
        )

    @cached_property
    def titles(self) -> dict[UUID, str]:
        return email_titles(self.mail.email_key)

    def get_page_title(self) -> str:
        return mail_title(self.mail, self.titles)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        mail = self.mail
        context.update(
            mail=mail,
            reason=reason_words(mail),
            why=why_rows(mail, self.titles),
            problem="",
            written=getattr(mail, "content", None) is not None,
        )
        try:
            context["rendered"] = services.message_rendered(mail)
            context["source"] = services.message_source(mail).decode("utf-8", "replace")
        except AutomationError as error:
            context["problem"] = str(error)
        return context


def why_rows(mail: Message, titles: Mapping[UUID, str]) -> list[tuple[str, Any]]:
    """Return what is known of the mail's way, as label and value; empty values left out."""
    name = (
        Sequence.objects.filter(key=mail.sequence).values_list("name", flat=True).first()
        if mail.sequence
        else None
    )
    version = mail.email_version
    rows: list[tuple[str, Any]] = [
        (_("To"), mail.to_address),
        (_("Sequence"), name),
        (_("Email"), version.title if version else titles.get(mail.email_key)),
        (_("Language and version"), f"{version.language}, {version.number}" if version else None),
        (_("Purpose"), mail.get_purpose_display()),
        (_("Topic"), mail.topic),
        (_("Sales channel"), mail.channel),
        (_("Planned"), mail.planned_at),
        (_("Due"), mail.due_at),
        (_("Makes no sense after"), mail.expires_at),
        (_("Handed to the mail server"), mail.handed_over_at),
        (_("About the address"), address_words(mail.to_address)),
        (_("Saleor was asked before"), truth_words(mail)),
        (_("Settled"), mail.settled_at),
        (_("Attempts"), mail.attempts or None),
        (
            _("Saleor said") if mail.reason == reasons.UNREACHABLE else _("The mail server said"),
            mail.detail,
        ),
        (_("Key"), mail.key),
    ]
    return [
        (label, time_words(value) if isinstance(value, datetime) else value)
        for label, value in rows
        if value not in (None, "")
    ]


def address_words(address: str) -> str:
    """Return what is known about an address by now; "" when nobody asked."""
    found = verifications_of([address]).get(address)
    return assessment_words(found) if found is not None else ""


def truth_words(mail: Message) -> str:
    """Return how old Saleor's word was when the mail left; "" when nothing was asked."""
    if mail.truth_age is None:
        return ""
    return ngettext("%s second", "%s seconds", mail.truth_age) % mail.truth_age


class MailSourceView(MailView):
    """The mail's exact bytes, to keep or to open in a mail program."""

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            source = services.message_source(self.mail)
        except AutomationError as error:
            return HttpResponse(str(error), status=409, content_type="text/plain; charset=utf-8")
        response = HttpResponse(source, content_type="message/rfc822")
        response["Content-Disposition"] = f'attachment; filename="{self.mail.pk}.eml"'
        return response
