"""The address our plugin inside Saleor reports about itself to: ``POST /saleor/plugin``.

A report is signed by Saleor like a delivery and says whether the plugin captures
events, how its outbox flows, and who else in the shop sends mail. The newest counts.

=================================================================  ======  ================
what came                                                          status  counted as
=================================================================  ======  ================
a verified report, kept, or older than the one kept                202     -
not a report: another event in the header, or of another form      400     malformed
another shop's, another app's; signature wrong                     as for a webhook
nothing installed, keys unreachable, database down, ended early    as for a webhook: 503
more than 64 KiB                                                   413     too_large
another method than POST                                           405     -
=================================================================  ======  ================
"""

from __future__ import annotations

import json
from typing import Any

from django.db.models import Q
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from saleor_automation.contract.plugin_report import (
    REPORT_EVENT,
    PluginReport,
    report_parse,
    report_write,
)
from saleor_automation.exceptions import ContractError

from .installations import installation_current, installation_forget
from .models import Installation, Refusal
from .verification import Refused, answered, request_verify

MAX_BYTES = 64 * 1024


@csrf_exempt
def plugin_report_receive(request: HttpRequest) -> HttpResponse:
    """Take one report. The table in the module's docstring lists every answer."""
    return answered(request, _receive)


def _receive(request: HttpRequest) -> HttpResponse:
    verified = request_verify(request, limit=MAX_BYTES)
    if verified.event != REPORT_EVENT:
        raise Refused(400, f"This address takes “{REPORT_EVENT}” only.", Refusal.Reason.MALFORMED)
    try:
        report = report_parse(verified.body)
    except ContractError as error:
        raise Refused(400, str(error), Refusal.Reason.MALFORMED) from error
    kept = plugin_report_keep(installation=verified.installation, report=report)
    return JsonResponse({"status": "kept" if kept else "older"}, status=202)


def plugin_report_keep(*, installation: Installation, report: PluginReport) -> bool:
    """Keep a report unless a newer one is; return whether it was kept."""
    newest = Q(plugin_report_at=None) | Q(plugin_report_at__lte=report.issued_at)
    # Written anew, so that only what was understood and bounded is kept.
    values: dict[str, Any] = {
        "plugin_report": json.loads(report_write(report)),
        "plugin_report_at": report.issued_at,
    }
    if report.outbox.dropped > _dropped(installation):
        # The plugin counts from its installation on; only news are a matter.
        values["plugin_dropped_at"] = report.issued_at
    kept = Installation.objects.filter(newest, pk=installation.pk).update(**values)
    if kept:
        installation_forget()
    return bool(kept)


def _dropped(installation: Installation) -> int:
    before = Installation.objects.filter(pk=installation.pk).values_list(
        "plugin_report__outbox__dropped", flat=True
    )
    return int(before.first() or 0)


def plugin_report_current() -> PluginReport | None:
    """Return the newest report, or None when our plugin never reported."""
    installation = installation_current()
    if installation is None:
        installation = Installation.objects.order_by("pk").first()
    if installation is None or not installation.plugin_report:
        return None
    return report_parse(json.dumps(installation.plugin_report).encode())
