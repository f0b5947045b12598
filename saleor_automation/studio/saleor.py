"""The page "Saleor": how the two are connected, and a button to look again and mend.

GET shows what is known; POST asks Saleor and brings the app's webhooks up to date.
"""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.generic import TemplateView
from wagtail.admin import messages
from wagtail.admin.views.generic import PermissionCheckedMixin, WagtailAdminTemplateMixin

from saleor_automation import clock
from saleor_automation.conf import conf
from saleor_automation.exceptions import SaleorAPIError
from saleor_automation.saleor_app.installations import inactive_words
from saleor_automation.saleor_app.plugin_reports import plugin_report_current
from saleor_automation.saleor_app.upkeep import Upkeep, upkeep_run

from . import permissions
from .connection import installation_known, permissions_known, troubles_find
from .listing import BREADCRUMBS
from .neighbours import neighbours_find, unseen_words


class SaleorView(PermissionCheckedMixin, WagtailAdminTemplateMixin, TemplateView):
    """See how the Studio is connected with the shop, and look again."""

    permission_policy = permissions.SENDING
    permission_required = "change"
    template_name = "saleor_automation/studio/saleor.html"
    page_title = gettext_lazy("Saleor")
    header_icon = "sa-shop"

    def get_breadcrumbs_items(self) -> list[dict[str, Any]]:
        return [*BREADCRUMBS, {"url": "", "label": self.get_page_title()}]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        installation = installation_known()
        report = plugin_report_current()
        return super().get_context_data(
            installation=installation,
            permissions=permissions_known(installation) if installation else [],
            missing_words="" if installation else inactive_words(None),
            troubles=troubles_find(now=clock.now()),
            report=report,
            neighbours=neighbours_find(),
            unseen="" if report else unseen_words(),
            manifest_url=f"{conf().public_url}/saleor/manifest",
            **kwargs,
        )

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            done = upkeep_run(now=True)
        except SaleorAPIError as error:
            messages.error(request, str(error))
        else:
            _tell(request, done)
        return redirect(reverse("automation_saleor:index"))


def _tell(request: HttpRequest, done: Upkeep) -> None:
    if done.state is None or not done.state.is_known:
        messages.error(request, inactive_words(installation_known()))
        return
    if done.plan is not None and done.plan.size:
        messages.success(
            request,
            _(
                "Saleor knows the app. Its webhooks were brought up to date: %(created)s new, "
                "%(changed)s changed, %(deleted)s removed."
            )
            % {
                "created": len(done.plan.create),
                "changed": len(done.plan.update),
                "deleted": len(done.plan.delete),
            },
        )
    else:
        messages.success(request, _("Saleor knows the app, and its webhooks are up to date."))
