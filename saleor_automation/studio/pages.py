"""EmailPage: an email as editors write it.

Knows Wagtail pages and their forms. Publishing turns one into an EmailVersion (see
``publishing``); the engine never reads these rows. Nothing here has a public
address: "view in browser" is a signed link of the delivery.
"""

from __future__ import annotations

from typing import Any

from django.db import models
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from wagtail.admin.panels import FieldPanel, HelpPanel
from wagtail.fields import StreamField
from wagtail.models import Page

from saleor_automation.conf import conf
from saleor_automation.emails.variables import variables_all
from saleor_automation.rendering.document import Document

from .blocks.body import EmailBody, body_document

__all__ = ["EmailIndexPage", "EmailMixin", "EmailPage", "VariablesPanel"]


class VariablesPanel(HelpPanel):
    """The variables an email may hold, straight from the registry."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("template", "saleor_automation/studio/preview_variables.html")
        kwargs.setdefault("heading", _("Variables"))
        kwargs.setdefault("classname", "collapsed")
        super().__init__(**kwargs)

    class BoundPanel(HelpPanel.BoundPanel):
        def get_context_data(self, parent_context: Any = None) -> dict[str, Any]:
            rows = [
                {
                    "code": "{{ " + variable.path + " }}",
                    "label": variable.label,
                    "sample": "" if isinstance(variable.sample, list) else variable.sample,
                    "common": variable.common,
                }
                for variable in variables_all()
                if variable.listed
            ]
            rows.sort(key=lambda row: not row["common"])
            return {**super().get_context_data(parent_context), "variables": rows}


class EmailMixin(models.Model):
    """An email's fields. A host with page classes of its own mixes it in there."""

    subject = models.CharField(
        _("subject"),
        max_length=255,
        help_text=_(
            "May hold variables, for example {{ contact.first_name }}, {{ shop.name }} or "
            "{{ order.number }}."
        ),
    )
    preheader = models.CharField(
        _("preview line"),
        max_length=255,
        blank=True,
        default="",
        help_text=_("Shown after the subject in most inboxes. May hold variables."),
    )
    body = StreamField(EmailBody(), verbose_name=_("body"), blank=True)

    class Meta:
        abstract = True

    @property
    def email_language(self) -> str:
        """Language of this email, lower case; a page not saved yet has none of its own."""
        # ``locale`` comes from Wagtail's TranslatableMixin, which every host's page has.
        locale: Any = getattr(self, "locale", None) if getattr(self, "locale_id", None) else None
        return str(locale.language_code if locale else conf().default_language).lower()

    def email_document(self) -> Document:
        """Return the email as the compiler wants it."""
        return Document(
            subject=self.subject or "",
            preheader=self.preheader or "",
            blocks=body_document(self.body),
            language=self.email_language,
        )

    @property
    def preview_modes(self) -> list[tuple[str, Any]]:
        return [
            ("html", _("Email")),
            ("html-sparse", _("Email, customer without a name")),
            ("text", _("Plain text")),
        ]

    def serve_preview(self, request: HttpRequest, mode_name: str) -> HttpResponse:
        # Imported here: models are loaded before the compiler is needed.
        from .previews import preview_response

        return preview_response(self, request, mode_name)


class EmailIndexPage(Page):
    """A folder of emails, one tree per language."""

    parent_page_types = ["wagtailcore.Page", "saleor_automation.EmailIndexPage"]
    subpage_types = ["saleor_automation.EmailPage", "saleor_automation.EmailIndexPage"]
    content_panels = [FieldPanel("title", classname="title")]
    #: Asked by the explorer's template, which warns of pages that no site can serve.
    is_never_served = True
    promote_panels: list[Any] = []
    preview_modes: list[tuple[str, Any]] = []

    class Meta:
        verbose_name = _("email folder")
        verbose_name_plural = _("email folders")

    def get_url_parts(self, request: HttpRequest | None = None) -> None:
        """A folder has no address."""
        return None


class EmailPage(EmailMixin, Page):  # type: ignore[django-manager-missing]
    """One email in one language; its translations share the ``translation_key``."""

    parent_page_types = ["saleor_automation.EmailIndexPage"]
    subpage_types: list[str] = []
    content_panels = [
        # Not TitleFieldPanel: there is no slug in the form for it to fill in.
        FieldPanel(
            "title",
            classname="title",
            help_text=_("Its name in the Studio; customers see the subject."),
        ),
        VariablesPanel(),
        FieldPanel("subject"),
        FieldPanel("preheader"),
        FieldPanel("body"),
    ]
    promote_panels: list[Any] = []

    class Meta:
        verbose_name = _("email")
        verbose_name_plural = _("emails")

    def __str__(self) -> str:
        return str(self.title)

    def get_url_parts(self, request: HttpRequest | None = None) -> None:
        """An email has no public address."""
        return None
