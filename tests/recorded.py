"""The 27 recorded deliveries of Saleor 3.23.28, and what must come of them.

``post_all`` sends them through the real webhook; ``snapshot_tables`` writes what the
inbox, the shop and people made of them as plain values without random ids, so that
two runs compare equal exactly when they mean the same.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any
from unittest import mock

from django.core.signals import request_finished, request_started
from django.db import close_old_connections

from saleor_automation import clock
from saleor_automation.inbox.models import Event, RawEvent
from saleor_automation.inbox.services import raw_events_process
from saleor_automation.people.digests import identity_digest
from saleor_automation.people.models import (
    Consent,
    Contact,
    ContactFigures,
    ContactSpend,
    Identity,
    Tombstone,
)
from saleor_automation.saleor_app import ingest
from saleor_automation.saleor_app.installations import installation_forget
from saleor_automation.saleor_app.models import Installation
from saleor_automation.shop.models import Checkout, ShopOrder
from tests.shared import SALEOR

VERSION = "3.23.28"
API_URL = "http://localhost:8000/graphql/"
APP_ID = "QXBwOjE="
#: An hour after the recording; tests of the recording stand still there.
NOW = datetime(2026, 11, 23, 13, 30, tzinfo=UTC)
PATH = "/saleor/webhooks/"
#: How often they are shuffled.
SHUFFLES = 200


@dataclass(frozen=True)
class Delivery:
    """One recorded request."""

    headers: dict[str, str]
    body: bytes

    @property
    def event_type(self) -> str:
        return self.headers["Saleor-Event"]


@dataclass(frozen=True)
class Answer:
    """What a WSGI application answered."""

    status_code: int
    content: bytes


@cache
def load_deliveries() -> tuple[Delivery, ...]:
    """Return the recorded deliveries in the order they were recorded."""
    lines = (SALEOR / "deliveries" / f"{VERSION}.jsonl").read_text().splitlines()
    found = [json.loads(line) for line in lines]
    return tuple(Delivery(item["headers"], item["body"].encode()) for item in found)


@cache
def load_jwks() -> dict[str, Any]:
    """Return the public keys the recordings verify with."""
    return json.loads((SALEOR / "deliveries" / "jwks.json").read_text())


def install(**changes: Any) -> Installation:
    """Install the shop that was recorded."""
    values = {
        "api_url": API_URL,
        "app_id": APP_ID,
        "token": "secret",
        "jwks": load_jwks(),
        "jwks_fetched_at": NOW,
        "saleor_version": VERSION,
        "installed_at": NOW,
    }
    installation_forget()
    return Installation.objects.create(**(values | changes))


@contextmanager
def fixed_clock(at: datetime = NOW) -> Iterator[None]:
    """Let the shop's time and real time stand still."""
    with (
        mock.patch.object(clock, "now", return_value=at),
        mock.patch.object(clock, "wall", return_value=at),
    ):
        yield


class IngestClient:
    """Calls the bare webhook application as a web server would."""

    def post(self, path: str, *, body: bytes, headers: dict[str, str], **environ: Any) -> Answer:
        status: list[str] = []
        # As Django's own test client does: the test's transaction must stay open.
        for signal in (request_started, request_finished):
            signal.disconnect(close_old_connections)
        try:
            return self._post(path, body, headers, environ, status)
        finally:
            for signal in (request_started, request_finished):
                signal.connect(close_old_connections)

    def _post(
        self,
        path: str,
        body: bytes,
        headers: dict[str, str],
        environ: dict[str, Any],
        status: list[str],
    ) -> Answer:
        application = ingest.application(
            {
                "REQUEST_METHOD": "POST",
                "PATH_INFO": path,
                "SCRIPT_NAME": "",
                "SERVER_NAME": "studio.example",
                "SERVER_PORT": "80",
                "SERVER_PROTOCOL": "HTTP/1.1",
                "wsgi.url_scheme": "http",
                "wsgi.input": io.BytesIO(body),
                "wsgi.errors": io.StringIO(),
                "CONTENT_TYPE": "application/json",
                "CONTENT_LENGTH": str(len(body)),
                **header_environ(headers),
                **environ,
            },
            lambda line, _headers: status.append(line),
        )
        content = b"".join(application)
        application.close()
        return Answer(int(status[0].split()[0]), content)


def header_environ(headers: dict[str, str]) -> dict[str, str]:
    """Write headers as WSGI does."""
    left_out = {"Content-Length", "Content-Type", "Host", "Connection", "Accept-Encoding"}
    return {
        "HTTP_" + name.upper().replace("-", "_"): value
        for name, value in headers.items()
        if name not in left_out
    }


def post_all(client: IngestClient, order: Iterable[int]) -> list[Answer]:
    """Post the deliveries with these numbers, in this order."""
    deliveries = load_deliveries()
    return [
        client.post(PATH, body=deliveries[number].body, headers=deliveries[number].headers)
        for number in order
    ]


def process_all(ids: Sequence[int] | None = None, now: datetime = NOW) -> int:
    """Understand stored bodies: those given, or all that wait, as they came."""
    if ids is None:
        waiting = RawEvent.objects.filter(state=RawEvent.State.PENDING).order_by("pk")
        ids = list(waiting.values_list("pk", flat=True))
    return raw_events_process(ids=ids, now=now)


def snapshot_tables() -> dict[str, Any]:
    """Return what the tables hold, named by identities instead of random ids."""
    names = contact_names()
    return {
        "contacts": {
            names[contact.pk]: {
                **_fields(
                    contact,
                    "email first_name last_name language country channel has_account is_staff "
                    "created_at",
                ),
                "identities": {
                    f"{row.kind}:{row.value}": _plain(row.as_of)
                    for row in Identity.objects.filter(contact=contact).order_by("kind", "value")
                },
            }
            for contact in sorted(Contact.objects.all(), key=lambda item: names[item.pk])
        },
        "figures": {
            names[row.contact_id]: {
                **_fields(
                    row,
                    "orders first_order_at last_order_at last_seen_at zone zone_confidence",
                ),
                "spent": {
                    spend.currency: _fields(spend, "orders gross")
                    for spend in ContactSpend.objects.filter(contact=row.contact_id)
                },
            }
            for row in sorted(ContactFigures.objects.all(), key=lambda row: names[row.contact_id])
        },
        "consents": sorted(
            [
                f"{names[row.contact_id]} {row.state} {row.source} {_plain(row.at)}"
                for row in Consent.objects.all()
            ]
        ),
        "tombstones": sorted(
            f"{row.kind} {_known_digests().get(row.digest, row.digest)} {_plain(row.at)}"
            for row in Tombstone.objects.all()
        ),
        "events": sorted(
            (
                {
                    "key": " ".join(
                        [
                            row.key.kind,
                            _known_digests().get(row.key.object_id, row.key.object_id),
                            row.key.transition,
                        ]
                    ).strip(),
                    "contact": names.get(row.contact_id),
                    **_fields(row, "occurred_at recorded_at late backfill data"),
                }
                for row in Event.objects.select_related("key")
            ),
            key=lambda item: item["key"],
        ),
        "orders": {
            row.saleor_id: {
                "contact": names.get(row.contact_id),
                **_fields(
                    row,
                    "number channel user_id email status charge_status placed_at checkout_id "
                    "language country currency total_gross total_net shipping_gross "
                    "refunded_gross version_updated_at version_issued_at",
                ),
                "lines": [
                    _fields(
                        line,
                        "saleor_id position product_slug product_name variant_name sku quantity "
                        "unit_gross total_gross currency image_url",
                    )
                    for line in row.lines.all()
                ],
                "fulfillments": [
                    _fields(parcel, "saleor_id status tracking_number created_at")
                    for parcel in row.fulfillments.order_by("saleor_id")
                ],
            }
            for row in ShopOrder.objects.order_by("saleor_id")
        },
        "checkouts": {
            row.saleor_id: {
                "contact": names.get(row.contact_id),
                **_fields(
                    row,
                    "token channel user_id email language country created_at currency "
                    "total_gross quantity lines charge_status authorize_status deleted "
                    "version_updated_at version_issued_at",
                ),
            }
            for row in Checkout.objects.order_by("saleor_id")
        },
    }


def contact_names() -> dict[Any, str]:
    """Return a name for each contact that is the same in every run: its identities."""
    names: dict[Any, list[str]] = {pk: [] for pk in Contact.objects.values_list("pk", flat=True)}
    for row in Identity.objects.order_by("kind", "value"):
        names[row.contact_id].append(row.value)
    # A contact of a visitor's own has the same key in every run.
    return {pk: " ".join(values) or str(pk) for pk, values in names.items()}


@cache
def _known_digests() -> dict[str, str]:
    known: dict[str, str] = {}
    if not SALEOR.is_dir():
        return known
    for delivery in load_deliveries():
        content = json.loads(delivery.body)
        holder = content.get("user") or (content.get("order") or {}).get("user") or {}
        for kind, value in (("saleor_user", holder.get("id")), ("email", holder.get("email"))):
            if value:
                known[identity_digest(kind, value)] = value
    return known


def _fields(row: Any, names: str) -> dict[str, Any]:
    return {name: _plain(getattr(row, name)) for name in names.split()}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    if isinstance(value, str | int | bool | list | dict) or value is None:
        return value
    return f"{value:.4f}"
