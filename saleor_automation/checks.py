"""System checks. Ids are never used again; each has a hint that says what to do."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register
from django.core.exceptions import ImproperlyConfigured

from .conf import conf
from .saleor_app.origins import origins_parse


@register
def check_settings(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Find settings that cannot be right."""
    try:
        current = conf()
    except ImproperlyConfigured as error:
        return [
            Error(
                str(error),
                hint="Remove or rename the key in SALEOR_AUTOMATION.",
                id="saleor_automation.E001",
            )
        ]
    found: list[CheckMessage] = []
    for name in ("public_url", "saleor_api_url", "saleor_call_url"):
        value = getattr(current, name)
        if (value or name == "public_url") and urlsplit(value).scheme not in {"http", "https"}:
            found.append(
                Error(
                    f"SALEOR_AUTOMATION['{name}'] is {value!r}, which is not a web address.",
                    hint="Write it with http:// or https://.",
                    id="saleor_automation.E002",
                )
            )
    try:
        origins_parse(current.dashboard_origins, current.saleor_api_url)
    except ImproperlyConfigured as error:
        found.append(
            Error(
                str(error),
                hint="Leave it empty when the Dashboard is at the same address as Saleor's API.",
                id="saleor_automation.E013",
            )
        )
    if current.unsubscribe_mailbox:
        from .delivery.mailto import mailbox_problem

        if problem := mailbox_problem(current.unsubscribe_mailbox):
            found.append(
                Error(
                    f"SALEOR_AUTOMATION['unsubscribe_mailbox']: {problem}",
                    hint="Write it like unsubscribe@shop.example or unsub+{token}@shop.example.",
                    id="saleor_automation.E015",
                )
            )
    queue = getattr(settings, "Q_CLUSTER", {})
    if queue.get("retry", 60) <= current.lease_seconds * 1.5:
        found.append(
            Error(
                "django-q2 would hand a batch out again while its lease still holds.",
                hint="Set Q_CLUSTER['retry'] to more than 1.5 times SALEOR_AUTOMATION"
                "['lease_seconds'].",
                id="saleor_automation.E003",
            )
        )
    return found


@register
def check_manifest(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Find a public address that Saleor would refuse the whole app for."""
    from .saleor_app.manifest import address_problems

    try:
        problems = address_problems(conf().public_url)
    except ImproperlyConfigured:
        return []
    return [
        Error(
            problem,
            hint="Serve the Studio under another address and set SALEOR_AUTOMATION_PUBLIC_URL.",
            id="saleor_automation.E010",
        )
        for problem in problems
    ]


@register
def check_database(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Find database settings that lose time or rows."""
    found: list[CheckMessage] = []
    database = settings.DATABASES.get("default", {})
    engine = str(database.get("ENGINE", ""))
    if database.get("ATOMIC_REQUESTS"):
        found.append(
            Error(
                "ATOMIC_REQUESTS is on: a webhook would wait for a whole request's transaction.",
                hint="Remove ATOMIC_REQUESTS from DATABASES['default'].",
                id="saleor_automation.E004",
            )
        )
    options = database.get("OPTIONS", {})
    if engine.endswith("sqlite3") and options.get("transaction_mode") != "IMMEDIATE":
        found.append(
            Error(
                "SQLite transactions do not begin IMMEDIATE: two workers could claim one row.",
                hint="Set DATABASES['default']['OPTIONS']['transaction_mode'] = 'IMMEDIATE' and a "
                "timeout of 20.",
                id="saleor_automation.E005",
            )
        )
    if engine.endswith(("postgresql", "postgresql_psycopg2")) and not database.get("CONN_MAX_AGE"):
        found.append(
            Warning(
                "Connections to PostgreSQL are not kept, which makes everything about ten times "
                "slower.",
                hint="Set DATABASES['default']['CONN_MAX_AGE'] to 60.",
                id="saleor_automation.W001",
            )
        )
    return found


@register
def check_mjml(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Find a damaged MJML compiler: three packages on PyPI own the module ``mjml``."""
    import mjml

    if hasattr(mjml, "mjml2html"):
        return []
    return [
        Error(
            "The module 'mjml' is not the one of mjml-python, so no email can be compiled.",
            hint="Uninstall the packages mjml and django-mjml, then run: "
            "pip install --force-reinstall mjml-python",
            id="saleor_automation.E006",
        )
    ]
