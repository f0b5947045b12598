"""Who else sends e-mail in this Saleor, so that nobody gets two mails for one order.

Knows Saleor's own e-mail plugins and the SMTP app. Says what is switched on; whether
that is wanted is the shop owner's business.
"""

from __future__ import annotations

from typing import Any, Final

from django.conf import settings
from django.utils.module_loading import import_string

from saleor_automation.contract.plugin_report import APP, PLUGIN, OtherSender

from .rows import saleor_rows

USER_EMAIL: Final = "mirumee.notifications.user_email"
ADMIN_EMAIL: Final = "mirumee.notifications.admin_email"
SENDGRID: Final = "mirumee.notifications.sendgrid_email"
PLUGINS: Final = (USER_EMAIL, ADMIN_EMAIL, SENDGRID)
SMTP_APP: Final = "saleor.app.smtp"

#: Fields that are not about one mail.
_TEMPLATE_ID: Final = "_template_id"
_SUBJECT: Final = "_subject"
_SETTINGS: Final = frozenset(
    {
        "host",
        "port",
        "username",
        "password",
        "sender_name",
        "sender_address",
        "use_tls",
        "use_ssl",
        "api_key",
    }
)


def other_senders() -> tuple[OtherSender, ...]:
    """Return what else sends e-mail now; the same order every time."""
    return (*_plugins(), *_apps())


def _plugins() -> list[OtherSender]:
    rows = saleor_rows("plugins.PluginConfiguration")
    # A row may outlive its plugin: later Saleors drop some.
    present = {import_string(path).PLUGIN_ID for path in getattr(settings, "PLUGINS", ())}
    found: dict[str, tuple[str, set[str]]] = {}
    for row in rows.filter(identifier__in=present & set(PLUGINS), active=True).order_by("pk"):
        _name, events = found.setdefault(row.identifier, (row.name, set()))
        # One row per channel; the mail goes out if any channel sends it.
        events |= _events(row)
    return [
        OtherSender(PLUGIN, identifier, name, tuple(sorted(events)))
        for identifier, (name, events) in sorted(found.items())
    ]


def _events(row: Any) -> set[str]:
    values = {field["name"]: field.get("value") for field in row.configuration}
    if row.identifier == SENDGRID:
        return {
            name.removesuffix(_TEMPLATE_ID)
            for name, value in values.items()
            if name.endswith(_TEMPLATE_ID) and value
        }
    # An emptied template is how these plugins are told not to send a mail; an edited one
    # has a row of its own.
    edited = dict(row.email_templates.values_list("name", "value"))
    names = {name for name in values if not name.endswith(_SUBJECT)} - _SETTINGS
    return {name for name in names if edited.get(name, values[name] or "")}


def _apps() -> list[OtherSender]:
    rows = saleor_rows("app.App")
    rows = rows.filter(identifier=SMTP_APP, removed_at__isnull=True, is_active=True)
    return [OtherSender(APP, SMTP_APP, app.name, _app_events(app)) for app in rows.order_by("pk")]


def _app_events(app: Any) -> tuple[str, ...]:
    events = saleor_rows("webhook.WebhookEvent")
    events = events.filter(webhook__app_id=app.pk, webhook__is_active=True)
    return tuple(sorted(set(events.values_list("event_type", flat=True))))
