"""What the Studio registers with Wagtail. Imported by ``wagtail_hooks`` alone."""

from __future__ import annotations

import json
from typing import Any

from django.contrib.auth.models import Permission
from django.db.models import QuerySet
from django.http import HttpRequest
from django.templatetags.static import static
from django.utils.html import format_html
from wagtail import hooks
from wagtail.snippets.models import register_snippet

from saleor_automation.sequences.conditions import FACTS
from saleor_automation.sequences.triggers import TRIGGERS

from .guards import refuse_needed_email, refuse_needed_emails, refuse_needed_snippet
from .neighbours import tell_neighbours
from .overview import OverviewPanel
from .permissions import grantable_permissions
from .publishing import refuse_broken_email, tell_warnings
from .steps import UNIT_WORDS_ONE
from .viewsets import AutomationGroup

register_snippet(AutomationGroup)

hooks.register("before_publish_page", refuse_broken_email)
hooks.register("after_publish_page", tell_warnings)
hooks.register("before_delete_page", refuse_needed_email)
hooks.register("before_unpublish_page", refuse_needed_email)
hooks.register("before_bulk_action", refuse_needed_emails)
hooks.register("before_delete_snippet", refuse_needed_snippet)
hooks.register("after_publish", tell_neighbours)

ICONS = ("sa-sequence", "sa-send", "sa-segment", "sa-brand", "sa-shop")


@hooks.register("construct_homepage_panels")
def add_overview(request: HttpRequest, panels: list[Any]) -> None:
    panels.append(OverviewPanel())


@hooks.register("register_permissions")
def offer_permissions() -> QuerySet[Permission]:
    return grantable_permissions()


@hooks.register("register_icons")
def add_icons(icons: list[str]) -> list[str]:
    return [*icons, *(f"saleor_automation/icons/{name}.svg" for name in ICONS)]


@hooks.register("insert_global_admin_css")
def add_styles() -> str:
    return format_html('<link rel="stylesheet" href="{}">', static("saleor_automation/studio.css"))


@hooks.register("insert_editor_js")
def add_condition_form() -> str:
    return format_html(
        '<script src="{}" data-one="{}" data-of="{}" data-facts="{}"></script>',
        static("saleor_automation/conditions.js"),
        json.dumps({unit: str(words) for unit, words in UNIT_WORDS_ONE.items()}),
        json.dumps([kind for kind, trigger in TRIGGERS.items() if trigger.of is not None]),
        json.dumps(
            {
                name: {
                    "ops": fact.ops,
                    "of": fact.of is not None,
                    "windowed": fact.windowed,
                    "words": fact.words,
                    "choices": fact.of_choices() if fact.of_choices else [],
                }
                for name, fact in FACTS.items()
            }
        ),
    )
