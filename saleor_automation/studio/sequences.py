"""Sequence: a sequence as editors write it, with drafts, history and a preview.

Knows the editor's form. The engine never reads it: publishing compiles it to a
SequenceVersion (``receivers``).
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from django import forms
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _
from wagtail.admin.forms import WagtailAdminModelForm
from wagtail.admin.panels import FieldPanel, FieldRowPanel, HelpPanel, MultiFieldPanel
from wagtail.fields import StreamField
from wagtail.models import DraftStateMixin, LockableMixin, PreviewableMixin, RevisionMixin

from saleor_automation.exceptions import CompileError
from saleor_automation.people.segments.facts import segment_choices
from saleor_automation.sequences.triggers import TRIGGERS

from .compile import EmailInfo, sequence_compile
from .steps import exit_blocks, step_blocks

if TYPE_CHECKING:
    from .selectors import Standing


def trigger_choices() -> list[tuple[str, Any]]:
    """Return what may start a sequence, as form choices."""
    return [(kind, trigger.label) for kind, trigger in TRIGGERS.items()]


def purpose_choices() -> list[tuple[str, Any]]:
    """Return the purposes a mail may have, as form choices."""
    return [
        ("marketing", _("Marketing: only to people who may be written to")),
        ("transactional", _("Service: about something the person ordered")),
    ]


class SequenceForm(WagtailAdminModelForm):
    """Refuses to publish what cannot be compiled; drafts may be half written."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "trigger_of" in self.fields:
            # Asked of the database, so not of the model: checks must not need its tables.
            field = self.fields["trigger_of"]
            choices = [("", _("(none)")), *segment_choices()]
            kept = self.instance.trigger_of
            if kept and kept not in dict(choices):
                choices.append((kept, _("%s (deleted)") % kept))
            self.fields["trigger_of"] = forms.ChoiceField(
                choices=choices, required=False, label=field.label, help_text=field.help_text
            )

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        needed = {"trigger", "trigger_of", "purpose", "topic", "steps", "exits"}
        if self.is_deferred_validation or self.errors or not needed <= set(cleaned):
            return cleaned
        try:
            graph_of(cleaned)
        except CompileError as error:
            for problem in error.diagnostics:
                self.add_error("steps", forms.ValidationError(str(problem)))
        return cleaned


class Sequence(PreviewableMixin, LockableMixin, DraftStateMixin, RevisionMixin, models.Model):
    """The editor's draft of a sequence."""

    #: What engine, enrollments and messages call it; survives renaming and revisions.
    key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    #: Wagtail's default is True: a row made by code would be live without a revision.
    live = models.BooleanField(_("live"), default=False, editable=False)
    name = models.CharField(_("name"), max_length=255)
    trigger = models.CharField(
        _("starts when"), max_length=32, choices=trigger_choices, default="joined"
    )
    trigger_of = models.CharField(
        _("which segment"),
        max_length=64,
        blank=True,
        default="",
        help_text=_("For starts with a segment. Each person enters once."),
    )
    quiet_minutes = models.PositiveIntegerField(
        _("minutes of quiet"),
        default=0,
        help_text=_(
            "The start counts once nothing has changed for so long. A left basket wants 45."
        ),
    )
    topic = models.SlugField(
        _("topic"),
        max_length=64,
        help_text=_(
            "What its mails are about, in one word, for example “baskets”. Who unsubscribes gets "
            "no marketing mail on any topic."
        ),
    )
    purpose = models.CharField(
        _("purpose"), max_length=16, choices=purpose_choices, default="marketing"
    )
    exits = StreamField(
        exit_blocks(),
        blank=True,
        collapsed=True,
        verbose_name=_("leave when"),
        help_text=_("Asked before every step and again right before a mail leaves."),
    )
    steps = StreamField(step_blocks(), blank=True, collapsed=True, verbose_name=_("steps"))

    base_form_class = SequenceForm
    panels = [
        FieldPanel("name", classname="title"),
        HelpPanel(template="saleor_automation/studio/sequence_state.html"),
        MultiFieldPanel(
            [
                FieldRowPanel([FieldPanel("trigger"), FieldPanel("trigger_of")]),
                FieldPanel("quiet_minutes"),
                FieldRowPanel([FieldPanel("purpose"), FieldPanel("topic")]),
            ],
            heading=_("Start"),
        ),
        FieldPanel("steps"),
        FieldPanel("exits"),
    ]

    class Meta:
        ordering = ["name"]
        verbose_name = _("sequence")
        verbose_name_plural = _("sequences")

    def __str__(self) -> str:
        return self.name

    @cached_property
    def title(self) -> str:
        return self.name

    def graph(self) -> dict[str, Any]:
        """Return the graph of this draft. Raises CompileError naming each bad step."""
        return graph_of({field: getattr(self, field) for field in _COMPILED})

    def problems(self) -> list[str]:
        """Return why this draft cannot be published, in words; empty when it can."""
        try:
            self.graph()
        except CompileError as error:
            return [str(problem) for problem in error.diagnostics] or [str(error)]
        return []

    @cached_property
    def now_standing(self) -> Standing:
        """How it is doing right now, for the strip above the form."""
        from saleor_automation import clock

        from .selectors import standing

        return standing(self.key, now=clock.now())

    @property
    def is_held_by_others(self) -> bool:
        """Whether its mails wait because something else in the shop sends them too."""
        from saleor_automation.delivery.coexistence import conflicts_find

        conflict = conflicts_find([self.key]).get(self.key)
        return conflict is not None and conflict.is_open

    @property
    def switch_urls(self) -> dict[str, str]:
        """Addresses of the pages that turn it on, pause it or turn it off."""
        name = self.snippet_viewset.get_url_name("switch")
        return {state: reverse(name, args=[self.pk, state]) for state in ("on", "paused", "off")}

    @property
    def preview_modes(self) -> list[tuple[str, Any]]:
        return [("flow", _("Flow"))]

    def serve_preview(self, request: HttpRequest, mode_name: str) -> HttpResponse:
        from .diagram import diagram_response

        return diagram_response(request, self)


#: Fields a graph is made of.
_COMPILED = ("trigger", "trigger_of", "quiet_minutes", "purpose", "topic", "exits", "steps")


def graph_of(values: dict[str, Any]) -> dict[str, Any]:
    """Return the graph of a draft's field values, asking which emails can be sent."""
    steps = stream_data(values["steps"])
    return sequence_compile(
        trigger=values["trigger"],
        trigger_of=values.get("trigger_of") or "",
        quiet_minutes=values.get("quiet_minutes") or 0,
        purpose=values["purpose"],
        topic=values["topic"],
        exits=stream_data(values["exits"]),
        steps=steps,
        emails=emails_load(emails_in(steps)),
    )


def stream_data(value: Any) -> list[dict[str, Any]]:
    """Return a stream as plain JSON data, whatever it comes as."""
    if hasattr(value, "stream_block"):
        data: list[dict[str, Any]] = value.stream_block.get_prep_value(value)
        return data
    return list(value or [])


def emails_in(steps: list[dict[str, Any]]) -> set[int]:
    """Return the primary keys of the email pages ``steps`` send."""
    found: set[int] = set()
    for step in steps:
        value = step.get("value") or {}
        if step.get("type") == "send" and value.get("email"):
            found.add(int(value["email"]))
        for way in ("then", "otherwise"):
            if step.get("type") == "if":
                found |= emails_in(value.get(way) or [])
    return found


def emails_load(ids: set[int]) -> dict[int, EmailInfo]:
    """Return what the compiler must know of these pages, in two queries."""
    from saleor_automation.conf import conf
    from saleor_automation.emails.models import EmailVersion
    from saleor_automation.emails.variables import variables_missing

    from .pages import EmailPage

    pages = {
        pk: (key, title)
        for pk, key, title in EmailPage.objects.filter(pk__in=ids).values_list(
            "pk", "translation_key", "title"
        )
    }
    ready: set[uuid.UUID] = set()
    used: dict[uuid.UUID, set[str]] = {}
    # In any language: each is somebody's mail.
    for key, language, variables in EmailVersion.objects.filter(
        email_key__in=[key for key, _title in pages.values()], is_current=True
    ).values_list("email_key", "language", "variables"):
        if language == conf().default_language:
            ready.add(key)
        used.setdefault(key, set()).update(variables_missing(variables, ()))
    return {
        pk: EmailInfo(
            key=key,
            title=title,
            ready=key in ready,
            uses=frozenset(path.split(".")[0] for path in used.get(key, ())),
        )
        for pk, (key, title) in pages.items()
    }
