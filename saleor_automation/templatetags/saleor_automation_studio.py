"""What the Studio's templates ask for. Django finds this module by its folder's name."""

from __future__ import annotations

from django import template
from django.conf import settings

register = template.Library()


@register.simple_tag
def studio_name() -> str:
    """Return what the Studio is called: WAGTAIL_SITE_NAME, as Wagtail's first page has it."""
    return str(settings.WAGTAIL_SITE_NAME)
