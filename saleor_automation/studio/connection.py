"""How the Studio is connected with Saleor: what is known, what is wrong, and what to do.

Knows the installation's row and puts it in words for the page "Saleor", the overview,
``check`` and the Dashboard. Asks Saleor nothing: a chore keeps the row fresh.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from saleor_automation import clock
from saleor_automation.conf import conf
from saleor_automation.contract.plugin_report import PluginReport
from saleor_automation.saleor_app.installations import inactive_words
from saleor_automation.saleor_app.lifecycle import permissions_missing
from saleor_automation.saleor_app.manifest import PERMISSIONS
from saleor_automation.saleor_app.models import Installation, Refusal
from saleor_automation.saleor_app.plugin_reports import plugin_report_current

#: A plugin that reports hourly and was not heard of for so long is a matter.
SILENT = timedelta(hours=3)
#: Events of that age still waiting inside Saleor are a matter.
OUTBOX_AGE = timedelta(minutes=15)
#: For so long events that were given up are mentioned.
DROPPED_SHOWN = timedelta(days=7)


@dataclass(frozen=True)
class Trouble:
    """One thing that is wrong with the connection, told the same everywhere."""

    #: The same as long as it is the same trouble; see ``saleor_app.problems``.
    key: str
    words: str
    is_critical: bool = False


@dataclass(frozen=True)
class Permission:
    """One permission of the app, why we ask for it, and whether we have it."""

    code: str
    why: str
    is_granted: bool


def installation_known() -> Installation | None:
    """Return the Saleor this Studio belongs to, also one the app was removed from."""
    return Installation.objects.order_by("pk").first()


def permissions_known(installation: Installation) -> list[Permission]:
    """Return every permission we ask for."""
    missing = set(permissions_missing(installation.permissions))
    return [Permission(code, str(why), code not in missing) for code, why in PERMISSIONS.items()]


def troubles_find(*, now: datetime) -> list[Trouble]:
    """Return what is wrong with the connection to Saleor, worst first."""
    installation = installation_known()
    if installation is None:
        return []
    if not installation.is_active:
        return [Trouble("inactive", inactive_words(installation), is_critical=True)]
    found = []
    missing = (
        permissions_missing(installation.permissions) if installation.asked_at is not None else []
    )
    if missing:
        found.append(
            Trouble(
                "permissions",
                _(
                    "The app lacks permissions in Saleor: %(missing)s. Only staff can give "
                    "them: in the Dashboard open the app and its permissions, or remove the app "
                    "and install it again."
                )
                % {"missing": ", ".join(missing)},
                is_critical=True,
            )
        )
    if error := installation.webhooks.get("error"):
        found.append(
            Trouble(
                "webhooks",
                _(
                    "The app's webhooks in Saleor could not be brought up to date: %(error)s "
                    "It is tried again every hour."
                )
                % {"error": _sentence(str(error))},
            )
        )
    report = plugin_report_current()
    inactive = installation.webhooks.get("inactive", 0)
    if inactive and not (report is not None and report.capture):
        found.append(
            Trouble(
                "webhooks_off",
                ngettext(
                    "One of the app's webhooks is switched off in Saleor, and our plugin does not "
                    "take its place: what it would tell is only found later. Switch it on, or "
                    "switch the plugin's capture on.",
                    "%(count)s of the app's webhooks are switched off in Saleor, and our plugin "
                    "does not take their place: what they would tell is only found later. Switch "
                    "them on, or switch the plugin's capture on.",
                    inactive,
                )
                % {"count": inactive},
            )
        )
    if _incomplete(now):
        found.append(
            Trouble(
                "incomplete",
                _(
                    "Saleor could not fill in some of the events it sent since yesterday, most "
                    "often because the app lacks a permission. Look at the app's permissions."
                ),
            )
        )
    if report is not None:
        found += _plugin_troubles(report, installation)
    return found


def _sentence(words: str) -> str:
    return words if words.endswith((".", "!", "?")) else f"{words}."


def _incomplete(now: datetime) -> bool:
    days = [now.date(), (now - timedelta(days=1)).date()]
    return Refusal.objects.filter(
        day__in=days, reason=Refusal.Reason.INCOMPLETE, count__gt=0
    ).exists()


def _plugin_troubles(report: PluginReport, installation: Installation) -> list[Trouble]:
    found = []
    age = clock.wall() - report.issued_at
    if report.capture and age > SILENT:
        found.append(
            Trouble(
                "plugin_silent",
                _(
                    "Our plugin inside Saleor reported for the last time on %(at)s. It reports "
                    "every hour: see whether Saleor's Celery worker and beat run."
                )
                % {"at": f"{report.issued_at:%Y-%m-%d %H:%M} UTC"},
            )
        )
    elif report.outbox.pending and report.outbox.oldest_age_seconds > OUTBOX_AGE.total_seconds():
        found.append(
            Trouble(
                "plugin_outbox",
                _(
                    "Events wait inside Saleor and do not come through: %(error)s See whether "
                    "Saleor's Celery worker runs and reaches %(url)s."
                )
                % {
                    "error": _sentence(report.outbox.last_error or _("no error was reported.")),
                    "url": conf().public_url,
                },
                is_critical=True,
            )
        )
    dropped_at = installation.plugin_dropped_at
    if dropped_at is not None and clock.wall() - dropped_at < DROPPED_SHOWN:
        found.append(
            Trouble(
                "plugin_dropped",
                _(
                    "Our plugin inside Saleor gave up events in the last days because its outbox "
                    "was full or they were too old. The reconciliation finds what they told."
                ),
            )
        )
    return found
