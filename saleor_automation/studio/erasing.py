"""One person's data, to take along or to have erased, from their page in the Studio.

Each view names its permission: who may see people may not take them along as a file, nor
erase them. Erasing asks for the address to be typed, because nothing brings a person back.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views import View
from django.views.generic import TemplateView
from wagtail.admin import messages
from wagtail.admin.views.generic import PermissionCheckedMixin, WagtailAdminTemplateMixin

from saleor_automation import clock
from saleor_automation.delivery.models import Message
from saleor_automation.inbox.models import Event
from saleor_automation.people.identities import user_of
from saleor_automation.people.models import Consent, Contact, Tag, Trait
from saleor_automation.people.services import contact_erase
from saleor_automation.privacy.views import dossier_response
from saleor_automation.sequences.models import Enrollment
from saleor_automation.shop.models import Checkout, ShopOrder

from . import permissions
from .listing import BREADCRUMBS
from .portrait import person_name


class PersonDataView(PermissionCheckedMixin, View):
    """Everything kept of one person, as a file."""

    permission_policy = permissions.PEOPLE
    permission_required = "export"
    http_method_names = ["get"]
    form = "html"

    def get(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        return dossier_response(get_object_or_404(Contact, pk=pk), form=self.form)


class PersonEraseView(PermissionCheckedMixin, WagtailAdminTemplateMixin, TemplateView):
    """Say what goes and what stays; erase once the address was typed."""

    permission_policy = permissions.PEOPLE
    permission_required = "delete"
    template_name = "saleor_automation/studio/erase.html"
    header_icon = "bin"

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        self.person = get_object_or_404(Contact, pk=kwargs["pk"])

    def get_page_title(self) -> str:
        return _("Erase %s") % person_name(self.person)

    def get_breadcrumbs_items(self) -> list[dict[str, Any]]:
        return [
            *BREADCRUMBS,
            {"url": reverse("automation_people:index"), "label": _("People")},
            {
                "url": reverse("automation_people:detail", args=[self.person.pk]),
                "label": person_name(self.person),
            },
            {"url": "", "label": _("Erase")},
        ]

    @property
    def wanted(self) -> str:
        """What must be typed: the address, or the name of who has none."""
        return self.person.email or person_name(self.person)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(
            person=self.person,
            wanted=self.wanted,
            goes=rows_going(self.person),
            has_account=bool(user_of(self.person)),
            **kwargs,
        )

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.POST.get("typed", "").strip().lower() != self.wanted.strip().lower():
            return self.render_to_response(self.get_context_data(wrong=True))
        now = clock.now()
        contact_erase(contact=self.person, at=now, now=now)
        # Without a name: the message would keep it.
        messages.success(request, _("The person is erased."))
        return redirect("automation_people:index")


def rows_going(person: Contact) -> list[str]:
    """Return in words what erasing a person takes away; what there is none of is left out."""
    notes = (
        Trait.objects.filter(contact=person).count()
        + Tag.objects.filter(contact=person, on=True).count()
    )
    mails = Message.objects.filter(contact=person)
    orders = ShopOrder.objects.filter(contact=person).count()
    baskets = Checkout.objects.filter(contact=person).count()
    words = [
        (
            Event.objects.filter(contact=person).count(),
            lambda n: ngettext("%s thing that happened", "%s things that happened", n),
        ),
        (notes, lambda n: ngettext("%s tag or trait", "%s tags and traits", n)),
        (
            Consent.objects.filter(contact=person).count(),
            lambda n: ngettext("%s word about mails", "%s words about mails", n),
        ),
        (
            Enrollment.objects.filter(contact=person).count(),
            lambda n: ngettext("%s way through a sequence", "%s ways through sequences", n),
        ),
        (
            mails.filter(Q(content__isnull=False) | ~Q(to_address="")).count(),
            lambda n: ngettext(
                "content and address of %s mail", "content and addresses of %s mails", n
            ),
        ),
        (orders, lambda n: ngettext("the name on %s order", "the name on %s orders", n)),
        (baskets, lambda n: ngettext("the name on %s basket", "the name on %s baskets", n)),
    ]
    return [_("the profile"), *(say(count) % count for count, say in words if count)]
