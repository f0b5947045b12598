"""Whether mail may leave this Studio at all.

Knows the one SendingControl row, the brand's sender and what sending is bound to.
A copy of the database restored elsewhere differs in environment, host or database
and must not mail anybody until a person confirms it (rule 11).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from urllib.parse import urlsplit

from django.db import Error, connection, transaction
from django.utils.translation import gettext as _

from saleor_automation.conf import conf
from saleor_automation.emails.brands import SEEDED_NAME
from saleor_automation.emails.models import Brand
from saleor_automation.rendering.links import is_web_address

from .models import SendingControl


@dataclass(frozen=True)
class Binding:
    """What a Studio's sending is bound to."""

    environment: str
    host: str
    database: str


def control_get() -> SendingControl:
    """Return the one row, made when it is missing."""
    return SendingControl.objects.get_or_create(pk=1)[0]


def binding_current() -> Binding:
    """Return what this process runs as and on."""
    return Binding(conf().environment, urlsplit(conf().public_url).netloc, _database_id())


def _database_id() -> str:
    settings = connection.settings_dict
    return _database_id_cached(
        connection.vendor,
        str(settings["NAME"]),
        str(settings.get("HOST", "")),
        str(settings.get("PORT", "")),
    )


@lru_cache(maxsize=8)
def _database_id_cached(vendor: str, name: str, host: str, port: str) -> str:
    """Name the database itself: a dump restored elsewhere gets another name."""
    if vendor == "postgresql":
        # A savepoint, because a role that may not read pg_control must not lose the
        # transaction it is in.
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SELECT system_identifier FROM pg_control_system()")
                (identifier,) = cursor.fetchone()
        except Error:
            identifier = f"{host}:{port}"
        with connection.cursor() as cursor:
            cursor.execute("SELECT oid FROM pg_database WHERE datname = current_database()")
            (oid,) = cursor.fetchone()
        return f"postgresql/{identifier}/{oid}"
    return f"{vendor}/{name}"[:255]


def sending_bind(*, now: datetime) -> None:
    """Confirm that this very Studio is the one that mails."""
    current = binding_current()
    SendingControl.objects.update_or_create(
        pk=1,
        defaults={
            "bound_environment": current.environment,
            "bound_host": current.host,
            "bound_database": current.database,
            "bound_at": now,
        },
    )


def _brand_problems(brand: Brand) -> list[str]:
    """Say what every mail shows and the default brand lacks, all at once."""
    missing = [
        (
            brand.from_email,
            _(
                "No sender is chosen. In the Studio open Automation, Brands, the default brand, "
                "and enter a sender address of your own domain."
            ),
        ),
        (
            brand.name.strip() if brand.name != SEEDED_NAME else "",
            _(
                "The shop has no name yet. In the Studio open Automation, Brands, the default "
                "brand, and enter the name your customers know."
            ),
        ),
        (
            brand.postal_address.strip(),
            _(
                "The default brand has no postal address, which marketing mail must show. "
                "Enter it in the Studio under Automation, Brands."
            ),
        ),
        (
            is_web_address(brand.website_url),
            _(
                "The default brand has no website, and the buttons in mails lead there. Enter "
                "its address, https://…, in the Studio under Automation, Brands."
            ),
        ),
        (
            is_web_address(brand.basket_url),
            _(
                "The default brand has no link to a basket, so reminders cannot lead back to "
                "one. Enter it, https://…, in the Studio under Automation, Brands."
            ),
        ),
    ]
    return [problem for value, problem in missing if not value]


def sending_problems() -> list[str]:
    """Say why mail may not leave, each with what to do; empty when it may."""
    control = control_get()
    problems: list[str] = []
    problems += _brand_problems(Brand.objects.filter(channel="").first() or Brand())
    if not control.consent_policy:
        problems.append(
            _(
                "No consent policy is chosen. In the Studio open Automation, Sending, and choose "
                "who may be written to."
            )
        )
    current = binding_current()
    bound = Binding(control.bound_environment, control.bound_host, control.bound_database)
    if control.bound_at is None:
        problems.append(
            _(
                "Sending was never confirmed for this Studio. In the Studio open Automation, "
                "Sending, and confirm it."
            )
        )
    elif bound != current:
        problems.append(
            _(
                "This looks like a copy: sending was confirmed for %(bound)s, and this is "
                "%(current)s. If this is the Studio that should mail people, confirm it in the "
                "Studio under Automation, Sending; if it is a copy, leave it."
            )
            % {
                "bound": f"{bound.environment} on {bound.host}",
                "current": f"{current.environment} on {current.host}",
            }
        )
    if control.paused:
        problems.append(_("Sending is paused. In the Studio open Automation, Sending, to go on."))
    return problems
