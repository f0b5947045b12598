"""What the Studio's own lists and the pages behind their lines have in common.

Knows Wagtail's views. Must not know what is listed.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.urls import reverse, reverse_lazy
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext_lazy
from django.views.generic import TemplateView
from wagtail.admin.ui.tables import Column
from wagtail.admin.views.generic import IndexView, PermissionCheckedMixin, WagtailAdminTemplateMixin

BREADCRUMBS = [{"url": reverse_lazy("wagtailadmin_home"), "label": gettext_lazy("Home")}]


class TimeColumn(Column):
    """A date and time. Not “2 hours ago”: in the demo the shop's time is not the wall's."""

    def get_value(self, instance: Any) -> str:
        value = super().get_value(instance)
        return time_words(value) if value else ""


def time_words(value: datetime) -> str:
    """Return a time with 24 hours in every language; Django's Malay formats have twelve.

    A narrow column breaks it between day and hour only.
    """
    return date_format(localtime(value), "j\N{NO-BREAK SPACE}M\N{NO-BREAK SPACE}Y, H:i")


class ListView(IndexView):
    """A list nobody adds to by hand, fifty lines to a page."""

    any_permission_required = ["view", "change"]
    breadcrumbs_items = BREADCRUMBS
    template_name = "wagtailadmin/generic/index.html"
    paginate_by = 50
    list_export: list[str] = []


class OneView(PermissionCheckedMixin, WagtailAdminTemplateMixin, TemplateView):
    """One line of a list, on a page of its own."""

    any_permission_required = ["view", "change"]
    #: The list it stands in.
    index_url_name: str
    index_title: Any

    def get_breadcrumbs_items(self) -> list[dict[str, Any]]:
        return [
            *BREADCRUMBS,
            {"url": reverse(self.index_url_name), "label": self.index_title},
            {"url": "", "label": self.get_page_title()},
        ]
