"""The pages on what people may choose and how they sign up: topics, confirmation, the form.

Knows topics, rules per channel and the words people agree to. Who said what stands on each
person's page.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation
from django.utils.translation import get_language_info, gettext_lazy
from django.utils.translation import gettext as _
from django.views.generic import TemplateView
from wagtail.admin import messages
from wagtail.admin.views.generic import PermissionCheckedMixin, WagtailAdminTemplateMixin

from saleor_automation import clock
from saleor_automation.conf import conf
from saleor_automation.emails.models import EmailVersion
from saleor_automation.emails.system import CONFIRMATION
from saleor_automation.people.preferences.models import Topic
from saleor_automation.people.preferences.topics import topics_offered
from saleor_automation.people.subscribing.models import SubscriptionRequest
from saleor_automation.people.subscribing.rules import rules_load, rules_set
from saleor_automation.people.subscribing.wording import wording_current, wording_write
from saleor_automation.sequences.models import SequenceVersion
from saleor_automation.shop.models import Channel

from . import permissions
from .listing import BREADCRUMBS

FOLLOW, YES, NO = "", "yes", "no"


def language_name(code: str) -> str:
    """Return a language's name; its code when Django does not know it."""
    try:
        return str(get_language_info(code)["name_translated"])
    except KeyError:
        return code


class TopicForm(forms.Form):
    """A topic: its key, its words in each language, its place."""

    key = forms.SlugField(
        max_length=64,
        label=gettext_lazy("Key"),
        help_text=gettext_lazy("Sequences name the topic by it. It cannot be changed afterwards."),
    )

    def __init__(self, *args: Any, topic: Topic | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.topic = topic
        if topic is not None:
            del self.fields["key"]
        texts: Mapping[str, Mapping[str, str]] = topic.texts if topic is not None else {}
        for code, _name in settings.LANGUAGES:
            words = texts.get(code, {})
            self.fields[f"name_{code}"] = forms.CharField(
                max_length=100,
                label=_("Name (%s)") % language_name(code),
                initial=words.get("name", ""),
                required=code == self.language,
            )
            self.fields[f"description_{code}"] = forms.CharField(
                max_length=300,
                label=_("Description (%s)") % language_name(code),
                initial=words.get("description", ""),
                required=False,
            )
        self.fields["position"] = forms.IntegerField(
            min_value=0,
            max_value=9999,
            label=_("Place in the list"),
            help_text=_("Smaller numbers stand first."),
            initial=topic.position if topic is not None else 0,
        )
        self.fields["offered"] = forms.BooleanField(
            required=False,
            label=_("People may choose it"),
            help_text=_("Taken off, the topic is not shown; what people said about it stays."),
            initial=topic.offered if topic is not None else True,
        )

    @property
    def language(self) -> str:
        """Return the language a name must be in: the one of last resort."""
        codes = [code for code, _name in settings.LANGUAGES]
        default = conf().default_language.lower()
        return default if default in codes else codes[0]

    def clean_key(self) -> str:
        key = str(self.cleaned_data["key"])
        if Topic.objects.filter(key=key).exists():
            raise forms.ValidationError(_("There is a topic with this key already."))
        return key

    def save(self) -> Topic:
        """Keep the topic; languages without a name are left out."""
        data = self.cleaned_data
        topic = self.topic or Topic(key=data["key"])
        kept = {
            code: text for code, text in topic.texts.items() if code not in dict(settings.LANGUAGES)
        }
        for code, _name in settings.LANGUAGES:
            if name := data[f"name_{code}"]:
                kept[code] = {"name": name, "description": data[f"description_{code}"]}
        topic.texts, topic.position, topic.offered = kept, data["position"], data["offered"]
        topic.save()
        return topic


class SignupForm(forms.Form):
    """Where people must confirm, and the sentence they agree to, in each language."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        rules = rules_load()
        answers = [(YES, _("Yes, everybody confirms")), (NO, _("No, only doubtful sign-ups do"))]
        self.fields["rule"] = forms.ChoiceField(
            label=_("Must people confirm by mail that they want mail?"),
            help_text=_(
                "With “yes” marketing mail goes only to people who pressed the button in that "
                "mail: also of those who agreed in the shop."
            ),
            choices=answers,
            widget=forms.RadioSelect,
            initial=YES if rules.get("") else NO,
        )
        self.channels = list(Channel.objects.order_by("slug").values_list("slug", flat=True))
        for number, slug in enumerate(self.channels):
            self.fields[f"rule_{number}"] = forms.ChoiceField(
                label=_("In the sales channel “%s”") % slug,
                choices=[(FOLLOW, _("As everywhere")), *answers],
                required=False,
                initial={True: YES, False: NO}.get(rules[slug], FOLLOW)
                if slug in rules
                else FOLLOW,
            )
        for code, _name in settings.LANGUAGES:
            words = wording_current(code)
            same = words.language == code
            self.fields[f"words_{code}"] = forms.CharField(
                max_length=1000,
                widget=forms.Textarea(attrs={"rows": 2}),
                label=_("What people agree to (%s)") % language_name(code),
                help_text=_(
                    "Version %s. A changed text is a new version; what people agreed to before "
                    "is kept as they saw it."
                )
                % words.version
                if same
                else _("Not written yet: people see another language's."),
                initial=words.text if same else "",
                required=same,
            )

    def save(self, *, by: str) -> None:
        """Put the answers in force."""
        data = self.cleaned_data
        rules = {"": data["rule"] == YES}
        for number, slug in enumerate(self.channels):
            if answer := data[f"rule_{number}"]:
                rules[slug] = answer == YES
        rules_set(rules)
        for code, _name in settings.LANGUAGES:
            if text := data[f"words_{code}"]:
                wording_write(language=code, text=text, by=by, now=clock.now())


class ConsentView(PermissionCheckedMixin, WagtailAdminTemplateMixin, TemplateView):
    """Topics, confirmation and the sign-up form, on one page."""

    permission_policy = permissions.SENDING
    permission_required = "change"
    template_name = "saleor_automation/studio/consent.html"
    page_title = gettext_lazy("Consent")
    header_icon = "check"

    def get_breadcrumbs_items(self) -> list[dict[str, Any]]:
        return [*BREADCRUMBS, {"url": "", "label": self.get_page_title()}]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        kwargs.setdefault("form", SignupForm())
        topics = list(Topic.objects.all())
        requests = SubscriptionRequest.objects
        return super().get_context_data(
            topics=[(topic, topic_names(topic)) for topic in topics],
            missing=topics_missing({topic.key for topic in topics}),
            problem=confirmation_problem(),
            waiting=requests.filter(state=SubscriptionRequest.State.ASKED).count(),
            form_url=conf().public_url + reverse("saleor_automation:subscribe"),
            code=form_code(),
            **kwargs,
        )

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        form = SignupForm(request.POST)
        if not form.is_valid():
            return self.render_to_response(self.get_context_data(form=form))
        form.save(by=request.user.get_username())
        messages.success(request, _("Saved."))
        return redirect("automation_consent:index")


def topic_names(topic: Topic) -> str:
    """Return what a topic is called in each language."""
    return " · ".join(text["name"] for text in topic.texts.values() if text.get("name"))


def topics_missing(known: set[str]) -> list[str]:
    """Return topics that published sequences name and nobody can choose."""
    used = {
        str(graph.get("topic") or "")
        for graph in SequenceVersion.objects.filter(is_current=True).values_list("graph", flat=True)
        if graph.get("purpose") == "marketing"
    }
    return sorted(used - known - {""})


def confirmation_problem() -> str:
    """Say why nobody can be asked to confirm; "" when they can."""
    versions = EmailVersion.objects.filter(email_key=CONFIRMATION, is_current=True)
    found = [version.variables for version in versions]
    if not found:
        return _(
            "The email that asks for a confirmation is not published, so nobody is asked. Publish "
            "it among the emails, or load the starter content with `saleor-automation up`."
        )
    if not all("subscription.confirm_url" in variables for variables in found):
        return _(
            "The email that asks for a confirmation holds no link to confirm. Put a button with "
            "{{ subscription.confirm_url }} into it and publish it."
        )
    return ""


def form_code() -> str:
    """Return the HTML a shop copies into its own pages."""
    language = conf().default_language
    # In the shoppers' language, whatever the editor's is.
    with translation.override(language):
        return render_to_string(
            "saleor_automation/studio/signup_code.html",
            {
                "url": conf().public_url + reverse("saleor_automation:subscribe"),
                "language": language,
                "topics": topics_offered(language),
                "wording": wording_current(language),
            },
        ).strip()


class TopicView(PermissionCheckedMixin, WagtailAdminTemplateMixin, TemplateView):
    """Make a topic, or change its words."""

    permission_policy = permissions.SENDING
    permission_required = "change"
    template_name = "saleor_automation/studio/topic.html"
    header_icon = "tag"
    topic: Topic | None = None

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        if "pk" in kwargs:
            self.topic = get_object_or_404(Topic, pk=kwargs["pk"])

    def get_page_title(self) -> str:
        return str(self.topic) if self.topic is not None else _("New topic")

    def get_breadcrumbs_items(self) -> list[dict[str, Any]]:
        index = {"url": reverse("automation_consent:index"), "label": ConsentView.page_title}
        return [*BREADCRUMBS, index, {"url": "", "label": self.get_page_title()}]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        key = self.request.GET.get("key", "")
        kwargs.setdefault("form", TopicForm(topic=self.topic, initial={"key": key}))
        return super().get_context_data(**kwargs)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        form = TopicForm(request.POST, topic=self.topic)
        if not form.is_valid():
            return self.render_to_response(self.get_context_data(form=form))
        form.save()
        messages.success(request, _("Saved."))
        return redirect("automation_consent:index")
