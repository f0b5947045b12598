"""The address Saleor and our plugin send events to.

Verifies, stores, answers; understanding comes later, in a worker. Saleor never tries
again after a 4xx, and tries six times in five minutes after a 5xx, so whatever may be
our own fault is a 5xx.

=================================================================  ======  ================
what came                                                          status  counted as
=================================================================  ======  ================
a verified body, new or stored before                              202     -
a verified body that is not a JSON object (stored, shown as fault) 202     malformed
the same with ``errors``: Saleor could not fill it in (stored)     202     incomplete
news of the app itself: removed, switched on or off (acted on)     202     -
``Saleor-Api-Url`` is not the installed shop                       403     shop
made for another app, or for none (``recipient.id``)               403     recipient
made for our app before it was installed again, 430 seconds ago    403     recipient
another event than the unsigned ``Saleor-Event`` says              403     event
signature missing, of another form, or not of this body            401     signature
signed with a key unknown even after fetching Saleor's keys        503     unknown_key
the same, and the keys were fetched less than a minute ago         503     unknown_key
the same, and the key server cannot be reached                     503     keys_unreachable
nothing installed yet, or removed from Saleor                      503     not_installed
the database does not answer                                       503     - (it cannot be)
the body ended early                                               503     -
more than ``webhook_max_bytes`` (10 MiB), announced or read        413     too_large
another method than POST                                           405     -
=================================================================  ======  ================

Nothing is stored on a refusal. For 430 seconds (Saleor's retries) after the app was
installed again, what was made for the app before is taken too.
"""

from __future__ import annotations

import logging

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from saleor_automation import clock
from saleor_automation.conf import conf
from saleor_automation.contract.app_events import app_event_of
from saleor_automation.contract.kinds import APP_EVENTS
from saleor_automation.contract.payloads import event_agrees
from saleor_automation.contract.signing import SOURCE_HEADER
from saleor_automation.exceptions import ContractError

from .installations import refusal_count
from .lifecycle import app_event_apply
from .models import Refusal
from .store import store
from .verification import Refused, Verified, answered, request_verify

logger = logging.getLogger(__name__)
Reason = Refusal.Reason


@csrf_exempt
def webhook_receive(request: HttpRequest) -> HttpResponse:
    """Take one delivery. The table in the module's docstring lists every answer."""
    return answered(request, _receive)


def _receive(request: HttpRequest) -> HttpResponse:
    verified = request_verify(request, limit=conf().webhook_max_bytes)
    content = verified.content
    if content is not None and not event_agrees(verified.event, content):
        raise Refused(403, "The body is of another event than its header says.", Reason.EVENT)
    if verified.event in APP_EVENTS and content is not None:
        status = _app_event(verified)
        if status:
            return JsonResponse({"status": status}, status=202)
    now = clock.now()
    is_new = store(
        source="relay" if request.headers.get(SOURCE_HEADER) == "relay" else "webhook",
        event_type=verified.event,
        api_url=verified.installation.api_url,
        body=verified.body,
        now=now,
    )
    if is_new and content is None:
        # Signed by Saleor all the same: kept and shown as a fault.
        refusal_count(reason=Reason.MALFORMED, now=now)
    elif is_new and content is not None and content.get("errors"):
        refusal_count(reason=Reason.INCOMPLETE, now=now)
    return JsonResponse({"status": "stored" if is_new else "duplicate"}, status=202)


def _app_event(verified: Verified) -> str:
    """Act on news of the app itself; "" when it is not understood, so it becomes a fault."""
    try:
        event = app_event_of(verified.event, verified.content or {})
    except ContractError as error:
        logger.warning("News of the app was not understood: %s", error)
        return ""
    done = app_event_apply(installation=verified.installation, event=event)
    return "applied" if done else "known"
