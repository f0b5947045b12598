"""The page of the track API: keys, how to use one, what was refused and what came last.

Knows keys and the newest events. A key itself is shown once, right after it was made, and is
kept nowhere. People are named only for who may see people.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django import forms
from django.db.models import Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.generic import TemplateView
from wagtail.admin import messages
from wagtail.admin.views.generic import PermissionCheckedMixin, WagtailAdminTemplateMixin

from saleor_automation import clock
from saleor_automation.conf import conf
from saleor_automation.exceptions import UsageError
from saleor_automation.inbox.models import Event, RawEvent
from saleor_automation.inbox.track.keys import write_key_create, write_key_revoke
from saleor_automation.inbox.track.models import TrackRefusal, WriteKey
from saleor_automation.inbox.track.script import script_path
from saleor_automation.shop.models import Channel

from . import permissions
from .listing import BREADCRUMBS, time_words
from .portrait import person_name
from .timeline import event_detail, event_title

#: Events shown, and the newest of all kinds they are looked for among.
SHOWN, SEARCHED = 20, 1000
#: For so long refusals are mentioned.
WEEK = timedelta(days=7)

#: Keeps calls until the script is there; see ``static/saleor_automation/track.js``.
SNIPPET = """<script>
["saLoad","saConsent","saPage","saView","saAdd","saTrack","saIdentify","saReset"].forEach(function(n){
window[n]=window[n]||function(){(window.saQueue=window.saQueue||[]).push([n,arguments])}});
saLoad({key:"%(key)s",host:"%(host)s",consent:false});
</script>
<script async src="%(host)s%(path)s"></script>"""


class WriteKeyForm(forms.Form):
    """What a new key is for."""

    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=64,
        help_text=gettext_lazy("Where it will be used, such as “storefront” or “CRM”."),
    )
    kind = forms.ChoiceField(
        label=gettext_lazy("Used in"),
        choices=[
            (WriteKey.Kind.BROWSER, gettext_lazy("the pages of the shop: anybody can read it")),
            (WriteKey.Kind.SERVER, gettext_lazy("a server: a secret, and believed more")),
        ],
        initial=WriteKey.Kind.BROWSER,
        widget=forms.RadioSelect,
    )
    origins = forms.CharField(
        label=gettext_lazy("Addresses of the shop"),
        required=False,
        help_text=gettext_lazy(
            "For pages only: scheme and host, one a line, such as https://shop.example."
        ),
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    channel = forms.ChoiceField(label=gettext_lazy("Sales channel"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        slugs = Channel.objects.order_by("slug").values_list("slug", flat=True)
        self.fields["channel"].choices = [  # type: ignore[attr-defined]
            ("", _("Any")),
            *((slug, slug) for slug in slugs),
        ]


@dataclass(frozen=True)
class KeyRow:
    """One key in the list."""

    key: WriteKey
    used: str
    refused: list[str]


@dataclass(frozen=True)
class EventRow:
    """One of the events that came last."""

    when: str
    title: str
    detail: str
    key: str
    who: str
    url: str


def key_rows() -> list[KeyRow]:
    """Return every key, those that may be used first."""
    since = (clock.now() - WEEK).date()
    counts: dict[int | None, list[str]] = {}
    rows = TrackRefusal.objects.filter(day__gt=since).values_list("key_id", "reason")
    for key, reason, count in rows.annotate(Sum("count")).order_by("reason"):
        counts.setdefault(key, []).append(f"{TrackRefusal.Reason(reason).label}: {count}")
    return [
        KeyRow(
            key,
            time_words(key.last_used_at) if key.last_used_at else _("never"),
            counts.get(key.pk, []),
        )
        for key in sorted(
            WriteKey.objects.order_by("-created_at"), key=lambda key: key.revoked_at is not None
        )
    ]


def event_rows(*, people: bool) -> list[EventRow]:
    """Return the events told last. ``people``: whether who asks may see people."""
    newest = Event.objects.order_by("-pk").select_related("contact")[:SEARCHED]
    found = [event for event in newest if event.source == RawEvent.Source.TRACK][:SHOWN]
    names = {key.pk: str(key) for key in WriteKey.objects.all()}
    return [
        EventRow(
            when=time_words(event.occurred_at),
            title=event_title(event),
            detail=event_detail(event),
            key=names.get(event.data.get("key", 0), ""),
            who=person_name(event.contact) if people and event.contact else "",
            url=reverse("automation_people:detail", args=[event.contact_id])
            if people and event.contact
            else "",
        )
        for event in found
    ]


def key_use(key: WriteKey, secret: str) -> str:
    """Return what to write where a new key is used."""
    host = conf().public_url
    if key.kind == WriteKey.Kind.BROWSER:
        return SNIPPET % {"key": secret, "host": host, "path": script_path()}
    return f'analytics.write_key = "{secret}"\nanalytics.host = "{host}"'


@method_decorator(never_cache, name="dispatch")
class TrackingView(PermissionCheckedMixin, WagtailAdminTemplateMixin, TemplateView):
    """See and make keys, and see what came."""

    permission_policy = permissions.TRACKING
    permission_required = "change"
    template_name = "saleor_automation/studio/tracking.html"
    page_title = gettext_lazy("Tracking")
    header_icon = "code"

    def get_breadcrumbs_items(self) -> list[dict[str, Any]]:
        return [*BREADCRUMBS, {"url": "", "label": self.get_page_title()}]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        kwargs.setdefault("form", WriteKeyForm())
        user = self.request.user
        people = permissions.PEOPLE.user_has_any_permission(user, ["view", "change"])
        waiting = RawEvent.objects.filter(
            state=RawEvent.State.PENDING, source=RawEvent.Source.TRACK
        ).count()
        return super().get_context_data(
            rows=key_rows(),
            events=event_rows(people=people),
            waiting=waiting,
            people=people,
            host=conf().public_url,
            **kwargs,
        )

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if revoked := request.POST.get("revoke", ""):
            key = WriteKey.objects.filter(pk=int(revoked)).first() if revoked.isdecimal() else None
            if key is None:
                messages.error(request, _("There is no such key."))
            else:
                write_key_revoke(key=key, now=clock.now())
                messages.success(request, _("The key “%s” lets nobody in any more.") % key)
            return redirect(reverse("automation_tracking:index"))
        form = WriteKeyForm(request.POST)
        if form.is_valid():
            try:
                key, secret = write_key_create(
                    name=form.cleaned_data["name"],
                    kind=form.cleaned_data["kind"],
                    channel=form.cleaned_data["channel"],
                    origins=form.cleaned_data["origins"].replace(",", " ").split(),
                    now=clock.now(),
                )
            except UsageError as error:
                form.add_error("origins", str(error))
            else:
                # Not after a redirect: it is shown now or never.
                return self.render_to_response(
                    self.get_context_data(made=key, secret=secret, use=key_use(key, secret))
                )
        return self.render_to_response(self.get_context_data(form=form))
