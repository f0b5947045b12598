"""Where in the Studio the Dashboard may lead: a closed list, so never to another site."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from django.urls import reverse

from saleor_automation.studio.sequences import Sequence
from saleor_automation.studio.viewsets import BrandViewSet

_PLACES: dict[str, Callable[[], str]] = {
    "home": lambda: reverse("wagtailadmin_home"),
    "sequences": lambda: reverse(Sequence.snippet_viewset.get_url_name("list")),
    "emails": lambda: reverse("automation_emails:index"),
    "mails": lambda: reverse("automation_mails:index"),
    "brands": lambda: reverse(BrandViewSet().get_url_name("list")),
    "sending": lambda: reverse("automation_sending:index"),
    "faults": lambda: reverse("automation_faults:index"),
}
PLACES = frozenset(_PLACES)
_MAIL = "mail:"


def place_path(name: str) -> str:
    """Return the path of a place; "" is the first page, ``mail:<uuid>`` one mail.

    Raises ValueError for anything else, whatever address it looks like.
    """
    if name.startswith(_MAIL):
        return reverse("automation_mails:detail", args=[UUID(name.removeprefix(_MAIL))])
    make = _PLACES.get(name or "home")
    if make is None:
        raise ValueError("There is no such place in the Studio.")
    return make()
