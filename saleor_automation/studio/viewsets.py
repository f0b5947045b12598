"""The Studio's menu and the addresses behind it.

Each set names its views; a test walks every one as a limited user.
"""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import URLPattern, path, reverse
from django.utils.functional import cached_property
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.generic import RedirectView
from wagtail.admin.menu import MenuItem
from wagtail.admin.panels import FieldPanel, FieldRowPanel, MultiFieldPanel
from wagtail.admin.ui.tables import NumberColumn, StatusTagColumn
from wagtail.admin.views.generic import PermissionCheckedMixin
from wagtail.admin.viewsets.base import ViewSet
from wagtail.permission_policies.base import BasePermissionPolicy
from wagtail.permissions import page_permission_policy
from wagtail.snippets.views.snippets import IndexView, SnippetViewSet, SnippetViewSetGroup

from saleor_automation import clock
from saleor_automation.conf import conf
from saleor_automation.emails.models import Brand
from saleor_automation.sequences.models import SequenceSwitch

from . import permissions
from .addresses import AddressesView
from .consent import ConsentView, TopicView
from .erasing import PersonDataView, PersonEraseView
from .faults import FaultIndexView, FaultView
from .imports import ImportFaultsView, ImportIndexView, ImportView
from .mails import MailIndexView, MailSourceView, MailView
from .pages import EmailIndexPage
from .people import (
    PersonConsentView,
    PersonExportView,
    PersonIndexView,
    PersonNoteView,
    PersonView,
)
from .privacy import RequestDeclineView, RequestIndexView, RetentionView
from .saleor import SaleorView
from .segments import SegmentDeleteView, SegmentIndexView, SegmentProgressView, SegmentView
from .selectors import Standing, standings
from .sending import SendingView
from .sequences import Sequence
from .suppressed import SuppressedExportView, SuppressedView
from .switching import SwitchView
from .tracking import TrackingView


def text_state(sequence: Sequence) -> str:
    """Return where the editor's text stands, in words."""
    if not sequence.live:
        return gettext("draft")
    if sequence.has_unpublished_changes:
        return gettext("published, newer draft")
    return gettext("published")


class SequenceIndexView(IndexView):
    """Sequences with what they are doing right now."""

    def get_context_data(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        counts = standings(now=clock.now())
        context: dict[str, Any] = super().get_context_data(*args, **kwargs)
        for sequence in context["object_list"]:
            sequence.standing = counts.get(sequence.key, Standing())
        return context


class SequenceViewSet(SnippetViewSet):
    model = Sequence
    icon = "sa-sequence"
    menu_label = _("Sequences")
    url_prefix = "automation/sequences"
    index_view_class = SequenceIndexView
    copy_view_enabled = False
    inspect_view_enabled = False
    list_display = [
        "name",
        StatusTagColumn(
            "state",
            label=_("Runs"),
            accessor="standing.state_words",
            primary=lambda sequence: sequence.standing.state == SequenceSwitch.State.ON,
        ),
        # Wagtail's own column asks each row for its schedule: a query per row.
        StatusTagColumn(
            "text", label=_("Text"), accessor=text_state, primary=lambda sequence: sequence.live
        ),
        NumberColumn("inside", label=_("People inside"), accessor="standing.inside"),
        NumberColumn("sent", label=_("Mails sent"), accessor="standing.sent"),
    ]

    def get_urlpatterns(self) -> list[URLPattern]:
        return [
            *super().get_urlpatterns(),
            path("switch/<int:pk>/<slug:state>/", SwitchView.as_view(), name="switch"),
        ]


class BrandViewSet(SnippetViewSet):
    model = Brand
    icon = "sa-brand"
    menu_label = _("Brands")
    url_prefix = "automation/brands"
    copy_view_enabled = False
    list_display = ["name", "channel", "from_email"]
    panels = [
        FieldRowPanel([FieldPanel("name"), FieldPanel("channel")]),
        MultiFieldPanel(
            [
                FieldRowPanel([FieldPanel("from_name"), FieldPanel("from_email")]),
                FieldPanel("reply_to"),
            ],
            heading=_("Sender"),
        ),
        MultiFieldPanel(
            [FieldPanel("website_url"), FieldPanel("basket_url"), FieldPanel("postal_address")],
            heading=_("Links and address"),
        ),
        MultiFieldPanel(
            [
                FieldPanel("logo_url"),
                FieldRowPanel(
                    [
                        FieldPanel("color_primary"),
                        FieldPanel("color_text"),
                        FieldPanel("color_background"),
                    ]
                ),
                FieldPanel("font_family"),
            ],
            heading=_("Look"),
        ),
    ]


class GuardedViewSet(ViewSet):
    """A viewset without a model form, shown to those its policy lets in."""

    policy: BasePermissionPolicy
    actions: tuple[str, ...] = ("view", "change")

    @cached_property
    def menu_item_class(self) -> type[MenuItem]:
        policy, actions = self.policy, self.actions

        class GuardedMenuItem(MenuItem):
            def is_shown(self, request: HttpRequest) -> bool:
                return bool(policy.user_has_any_permission(request.user, actions))

        return GuardedMenuItem


class EmailsView(PermissionCheckedMixin, RedirectView):
    """Leads to the folder of emails in the default language, or to where one can be made."""

    permission_policy = page_permission_policy
    any_permission_required = ["add", "change", "publish"]

    def get_redirect_url(self, *args: Any, **kwargs: Any) -> str:
        folders = EmailIndexPage.objects.order_by("depth", "path")
        own = folders.filter(locale__language_code__iexact=conf().default_language).first()
        folder = own or folders.first()
        if folder is None:
            return reverse("wagtailadmin_explore_root")
        return reverse("wagtailadmin_explore", args=[folder.pk])


class EmailsViewSet(GuardedViewSet):
    name = "automation_emails"
    url_prefix = "automation/emails"
    icon = "doc-full-inverse"
    menu_label = _("Emails")
    policy = page_permission_policy
    actions = ("add", "change", "publish")

    def get_urlpatterns(self) -> list[URLPattern]:
        return [path("", EmailsView.as_view(), name="index")]


class MailsViewSet(GuardedViewSet):
    name = "automation_mails"
    url_prefix = "automation/mails"
    icon = "mail"
    menu_label = _("Mails")
    policy = permissions.MESSAGES

    def get_urlpatterns(self) -> list[URLPattern]:
        return [
            path("", MailIndexView.as_view(), name="index"),
            path("results/", MailIndexView.as_view(results_only=True), name="results"),
            path("<uuid:pk>/", MailView.as_view(), name="detail"),
            path("<uuid:pk>/source.eml", MailSourceView.as_view(), name="source"),
        ]


class PeopleViewSet(GuardedViewSet):
    name = "automation_people"
    url_prefix = "automation/people"
    icon = "group"
    menu_label = _("People")
    policy = permissions.PEOPLE

    def get_urlpatterns(self) -> list[URLPattern]:
        return [
            path("", PersonIndexView.as_view(), name="index"),
            path("results/", PersonIndexView.as_view(results_only=True), name="results"),
            path("export.csv", PersonExportView.as_view(), name="export"),
            path("import/", ImportIndexView.as_view(), name="imports"),
            path("import/<int:number>/", ImportView.as_view(), name="import"),
            path(
                "import/<int:number>/left-out.csv",
                ImportFaultsView.as_view(),
                name="import_faults",
            ),
            path("<uuid:pk>/", PersonView.as_view(), name="detail"),
            path("<uuid:pk>/note/", PersonNoteView.as_view(), name="note"),
            path("<uuid:pk>/no/", PersonConsentView.as_view(), {"word": "no"}, name="no"),
            path("<uuid:pk>/undo/", PersonConsentView.as_view(), {"word": "undo"}, name="undo"),
            path("<uuid:pk>/data.html", PersonDataView.as_view(), name="data"),
            path("<uuid:pk>/data.json", PersonDataView.as_view(form="json"), name="data_json"),
            path("<uuid:pk>/erase/", PersonEraseView.as_view(), name="erase"),
        ]


class PrivacyViewSet(GuardedViewSet):
    name = "automation_privacy"
    url_prefix = "automation/privacy"
    icon = "lock"
    menu_label = _("Privacy")
    policy = permissions.PEOPLE

    def get_urlpatterns(self) -> list[URLPattern]:
        return [
            path("", RequestIndexView.as_view(), name="index"),
            path("results/", RequestIndexView.as_view(results_only=True), name="results"),
            path("<uuid:pk>/decline/", RequestDeclineView.as_view(), name="decline"),
            path("retention/", RetentionView.as_view(), name="retention"),
        ]


class SegmentsViewSet(GuardedViewSet):
    name = "automation_segments"
    url_prefix = "automation/segments"
    icon = "sa-segment"
    menu_label = _("Segments")
    policy = permissions.SEGMENTS

    def get_urlpatterns(self) -> list[URLPattern]:
        return [
            path("", SegmentIndexView.as_view(), name="index"),
            path("results/", SegmentIndexView.as_view(results_only=True), name="results"),
            path("add/", SegmentView.as_view(), name="add"),
            path("<int:pk>/", SegmentView.as_view(), name="edit"),
            path("<int:pk>/progress/", SegmentProgressView.as_view(), name="progress"),
            path("<int:pk>/delete/", SegmentDeleteView.as_view(), name="delete"),
        ]


class FaultsViewSet(GuardedViewSet):
    name = "automation_faults"
    url_prefix = "automation/not-understood"
    icon = "warning"
    menu_label = _("Not understood")
    policy = permissions.FAULTS

    def get_urlpatterns(self) -> list[URLPattern]:
        return [
            path("", FaultIndexView.as_view(), name="index"),
            path("results/", FaultIndexView.as_view(results_only=True), name="results"),
            path("<int:pk>/", FaultView.as_view(), name="detail"),
        ]


class SendingViewSet(GuardedViewSet):
    name = "automation_sending"
    url_prefix = "automation/sending"
    icon = "sa-send"
    menu_label = _("Sending")
    policy = permissions.SENDING
    actions = ("change",)

    def get_urlpatterns(self) -> list[URLPattern]:
        return [path("", SendingView.as_view(), name="index")]


class AddressesViewSet(GuardedViewSet):
    name = "automation_addresses"
    url_prefix = "automation/addresses"
    icon = "tick-inverse"
    menu_label = _("Addresses")
    policy = permissions.SENDING
    actions = ("change",)

    def get_urlpatterns(self) -> list[URLPattern]:
        return [path("", AddressesView.as_view(), name="index")]


class ConsentViewSet(GuardedViewSet):
    name = "automation_consent"
    url_prefix = "automation/consent"
    icon = "check"
    menu_label = _("Consent")
    policy = permissions.SENDING
    actions = ("change",)

    def get_urlpatterns(self) -> list[URLPattern]:
        return [
            path("", ConsentView.as_view(), name="index"),
            path("topics/new/", TopicView.as_view(), name="topic_add"),
            path("topics/<int:pk>/", TopicView.as_view(), name="topic"),
            path("blocked/", SuppressedView.as_view(), name="suppressed"),
            path("blocked/export.csv", SuppressedExportView.as_view(), name="suppressed_export"),
        ]


class SaleorViewSet(GuardedViewSet):
    name = "automation_saleor"
    url_prefix = "automation/saleor"
    icon = "sa-shop"
    menu_label = _("Saleor")
    policy = permissions.SENDING
    actions = ("change",)

    def get_urlpatterns(self) -> list[URLPattern]:
        return [path("", SaleorView.as_view(), name="index")]


class TrackingViewSet(GuardedViewSet):
    name = "automation_tracking"
    url_prefix = "automation/tracking"
    icon = "code"
    menu_label = _("Tracking")
    policy = permissions.TRACKING
    actions = ("change",)

    def get_urlpatterns(self) -> list[URLPattern]:
        return [path("", TrackingView.as_view(), name="index")]


class AutomationGroup(SnippetViewSetGroup):
    """The menu “Automation”."""

    menu_label = _("Automation")
    menu_name = "automation"
    menu_icon = "sa-sequence"
    menu_order = 90
    add_to_admin_menu = True
    submenu_hook = "register_automation_menu_item"
    items = (
        SequenceViewSet,
        EmailsViewSet,
        MailsViewSet,
        PeopleViewSet,
        PrivacyViewSet,
        SegmentsViewSet,
        BrandViewSet,
        SendingViewSet,
        AddressesViewSet,
        ConsentViewSet,
        SaleorViewSet,
        TrackingViewSet,
        FaultsViewSet,
    )
