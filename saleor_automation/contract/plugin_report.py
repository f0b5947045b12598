"""What the plugin tells the Studio about itself: capturing or not, outbox flowing, who else sends.

POSTed to ``<studio>/saleor/plugin``, signed like a delivery, its ``Saleor-Event``
header saying ``automation_plugin_report``. The plugin writes it, the Studio reads it;
both through this module. Knows the shape only. Fields it does not know are ignored,
so that a newer plugin may talk to an older Studio.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from saleor_automation.exceptions import ContractError

from .values import (
    MAX_INTEGER,
    document,
    flag,
    identifier,
    iso,
    moment_needed,
    part,
    parts,
    text,
    whole,
)

REPORT_EVENT: Final = "automation_plugin_report"
REPORT_PATH: Final = "/saleor/plugin"

#: What else sends e-mail: a plugin inside Saleor, or an app beside it.
PLUGIN: Final = "plugin"
APP: Final = "app"

#: Longest text kept of an error or a name, in characters.
MAX_ERROR: Final = 500
MAX_NAME: Final = 255
MAX_SENDERS: Final = 50
MAX_EVENTS: Final = 100


@dataclass(frozen=True, slots=True)
class OtherSender:
    """Something else in the shop that sends e-mail."""

    #: PLUGIN or APP.
    kind: str
    #: PLUGIN_ID, or the app's identifier.
    id: str
    name: str
    #: Events it sends for, in its own words: "order_confirmation", or "ORDER_CREATED" of an app.
    events: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OutboxState:
    """How the plugin's outbox flows."""

    pending: int = 0
    #: Age of the oldest row waiting, in seconds; 0 when none waits.
    oldest_age_seconds: int = 0
    #: Rows given up since the plugin was installed: the outbox was full, or they were too old.
    dropped: int = 0
    #: In words for a person; "" when the last relay went well.
    last_error: str = ""


@dataclass(frozen=True, slots=True)
class PluginReport:
    """One report; the newest ``issued_at`` counts."""

    issued_at: datetime
    #: Global id of our App in that Saleor, as in a delivery's ``recipient.id``.
    recipient_id: str
    #: Of our package inside Saleor.
    version: str
    saleor_version: str
    #: Whether the plugin writes events down now.
    capture: bool
    #: Whether Saleor sends the App's webhooks as well.
    webhooks_active: bool
    outbox: OutboxState = field(default_factory=OutboxState)
    other_senders: tuple[OtherSender, ...] = ()


def report_write(report: PluginReport) -> bytes:
    """Write the body to sign and send: ASCII JSON."""
    content = {
        "issuedAt": iso(report.issued_at),
        "recipient": {"id": report.recipient_id},
        "version": report.version,
        "saleorVersion": report.saleor_version,
        "capture": report.capture,
        "webhooksActive": report.webhooks_active,
        "outbox": {
            "pending": min(report.outbox.pending, MAX_INTEGER),
            "oldestAgeSeconds": min(report.outbox.oldest_age_seconds, MAX_INTEGER),
            "dropped": min(report.outbox.dropped, MAX_INTEGER),
            "lastError": report.outbox.last_error[:MAX_ERROR],
        },
        "otherSenders": [
            {"kind": item.kind, "id": item.id, "name": item.name, "events": list(item.events)}
            for item in report.other_senders
        ],
    }
    return json.dumps(content).encode("ascii")


def report_parse(body: bytes) -> PluginReport:
    """Understand a report's body.

    Raises ContractError, in words for a person, when it is not one.
    """
    content = document(body)
    outbox = part(content, "outbox") or {}
    return PluginReport(
        issued_at=moment_needed(content, "issuedAt"),
        recipient_id=identifier(part(content, "recipient") or {}),
        version=text(content, "version")[:32],
        saleor_version=text(content, "saleorVersion")[:32],
        capture=_flag_needed(content, "capture"),
        webhooks_active=_flag_needed(content, "webhooksActive"),
        outbox=OutboxState(
            pending=whole(outbox, "pending"),
            oldest_age_seconds=whole(outbox, "oldestAgeSeconds"),
            dropped=whole(outbox, "dropped"),
            last_error=text(outbox, "lastError")[:MAX_ERROR],
        ),
        other_senders=tuple(_sender(item) for item in parts(content, "otherSenders")[:MAX_SENDERS]),
    )


def _flag_needed(source: Mapping[str, Any], name: str) -> bool:
    value = flag(source, name)
    if value is None:
        raise ContractError(f"“{name}” is missing.")
    return value


def _sender(source: Mapping[str, Any]) -> OtherSender:
    kind = text(source, "kind")
    if kind not in {PLUGIN, APP}:
        raise ContractError(f"“kind” is neither “{PLUGIN}” nor “{APP}”.")
    events = source.get("events") or []
    if not isinstance(events, list) or not all(isinstance(item, str) for item in events):
        raise ContractError("“events” is not a list of texts.")
    return OtherSender(
        kind=kind,
        id=identifier(source),
        name=text(source, "name")[:MAX_NAME],
        events=tuple(text({"event": item}, "event")[:MAX_NAME] for item in events[:MAX_EVENTS]),
    )
