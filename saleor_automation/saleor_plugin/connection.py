"""Connecting Saleor to a Studio: ask whether it is one, install its App, say what came of it.

Runs in a Celery worker, outside of any transaction: installing makes the Studio call
back into Saleor, which must see the App and its token. May be started twice, and
again later: what is there already is only looked at. Every way it can fail ends in
words that say what to do.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

import requests
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.utils import timezone
from saleor.app.installation_utils import fetch_manifest
from saleor.app.management.commands.utils import clean_permissions
from saleor.app.tasks import install_app_task
from urllib3.exceptions import HTTPError

from saleor_automation.contract.signing import SCHEMA_VERSION_HEADER

from .backoff import connect_wait
from .configuration import APP_ID, Configuration, configuration_current
from .models import Outbox, RelayState
from .rows import saleor_rows
from .shop import app_current, schema_version, webhooks_switch
from .state import capture_adjust, state_change, state_current, state_rows
from .studio import manifest_url

logger = logging.getLogger(__name__)

Connection = RelayState.Connection

#: Seconds to connect and to wait for each piece of an answer.
TIMEOUT: Final = (3.05, 15)
MAX_BYTES: Final = 1024 * 1024
#: Seconds a connecting task may take before another may begin.
TURN_SECONDS: Final = 180

#: What a Studio may ask for. A person typed its address, but nobody reads the list of
#: permissions on this way, as one does when installing from the Dashboard.
PERMISSIONS: Final = frozenset(
    {
        "MANAGE_USERS",
        "MANAGE_ORDERS",
        "MANAGE_CHECKOUTS",
        "MANAGE_DISCOUNTS",
        "MANAGE_GIFT_CARD",
        "MANAGE_PRODUCTS",
    }
)


class NotConnected(Exception):
    """Connecting failed; the words say why and what to do."""


def studio_connect() -> bool:
    """Connect to the configured Studio; return whether it worked.

    Does nothing while another task is at it: that one looks again before it ends.
    """
    now = timezone.now()
    free = Q(connecting_until=None) | Q(connecting_until__lt=now)
    turn = now + timedelta(seconds=TURN_SECONDS)
    if not state_rows().filter(free).update(connecting_until=turn):
        return False
    try:
        while True:
            configuration = configuration_current()
            done = _attempt(configuration)
            if configuration_current() == configuration:
                return done
    finally:
        state_change(connecting_until=None)


def _attempt(configuration: Configuration) -> bool:
    url = configuration.studio_url
    words = _trouble(url, webhooks=configuration.webhooks) if url else ""
    state = state_current()
    was = state.connection == Connection.CONNECTED and state.studio_url == url
    if words and was and (app := app_current()) is not None:
        # A Studio that was connected and is away for a while: capture goes on.
        webhooks_switch(app, on=configuration.webhooks)
        state_change(last_error=words)
        return False
    result = Connection.FAILED if words else Connection.CONNECTED if url else Connection.NONE
    failures = (state.failures + 1 if state.studio_url == url else 1) if words else 0
    state_change(
        connection=result,
        connection_words=words,
        studio_url=url,
        connected_at=timezone.now() if result == Connection.CONNECTED else None,
        failures=failures,
        retry_at=timezone.now() + connect_wait(failures) if words else None,
        last_error="",
    )
    if result == Connection.CONNECTED:
        # What was refused under other settings may pass now.
        Outbox.objects.filter(attempts__gt=0).update(available_at=timezone.now())
    capture_adjust(configuration)
    return result == Connection.CONNECTED


def _trouble(url: str, *, webhooks: bool) -> str:
    """Connect; return what is amiss, in words, or ""."""
    try:
        manifest = manifest_read(url)
        app = app_current() or _install(url, manifest)
        webhooks_switch(app, on=webhooks)
    except NotConnected as error:
        logger.warning("Saleor Automation is not connected: %s", error)
        return str(error)
    except Exception as error:
        logger.exception("Saleor Automation could not connect")
        return (
            f"Connecting failed with {type(error).__name__}; the log of the Celery worker has "
            "the details. Save again to try once more."
        )
    return ""


def manifest_read(studio_url: str) -> dict[str, Any]:
    """Fetch the Studio's manifest for this Saleor.

    Raises NotConnected unless what answers is a Studio.
    """
    url = manifest_url(studio_url)
    try:
        with requests.get(
            url,
            headers={SCHEMA_VERSION_HEADER: schema_version(), "Accept": "application/json"},
            timeout=TIMEOUT,
            allow_redirects=False,
            stream=True,
        ) as response:
            if response.is_redirect:
                raise NotConnected(
                    f"The Studio answers at another address: "
                    f"{response.headers.get('Location', '')[:200]}. Enter that one, without the "
                    "path of the manifest."
                )
            if response.status_code != 200:
                raise NotConnected(
                    f"{url} answered {response.status_code}. Check that this is the Studio's "
                    "address and that the Studio runs, then save again."
                )
            body = response.raw.read(MAX_BYTES + 1, decode_content=True)
            if len(body) > MAX_BYTES:
                raise NotConnected(f"{url} is no Studio: its answer is far too long.")
            content = json.loads(body)
    except requests.exceptions.SSLError as error:
        raise NotConnected(
            f"The certificate of {studio_url} is not trusted by this machine. Repair the "
            "certificate, then save again."
        ) from error
    except (requests.RequestException, HTTPError) as error:
        raise NotConnected(
            f"{studio_url} cannot be reached from the machine Saleor's Celery worker runs on. "
            "Start the Studio, check the address and the network between the two, then save "
            "again."
        ) from error
    except ValueError as error:
        raise NotConnected(
            f"{url} does not answer with a manifest. Check that this is the Studio's address."
        ) from error
    if not isinstance(content, dict) or content.get("id") != APP_ID:
        raise NotConnected(
            f"What answers at {studio_url} is another app than a Studio. Check the address."
        )
    return content


def _install(studio_url: str, manifest: Mapping[str, Any]) -> Any:
    """Install the App the way the Dashboard does; return it. Raises NotConnected."""
    url = manifest_url(studio_url)
    names = manifest.get("permissions") or []
    unexpected = sorted(set(names) - PERMISSIONS) if isinstance(names, list) else ["?"]
    if unexpected:
        raise NotConnected(
            f"This Studio asks for more than this plugin grants ({', '.join(unexpected)}). "
            f"Install the App yourself: Extensions, install from manifest, {url}. Then save here "
            "again."
        )
    _reach_as_saleor(url)
    installations = saleor_rows("app.AppInstallation")
    # What an earlier attempt left, which the Dashboard shows as failed.
    installations.filter(manifest_url=url, status="failed").delete()
    job = installations.create(
        app_name=str(manifest.get("name") or "Saleor Automation")[:60], manifest_url=url
    )
    job.permissions.set(clean_permissions(names))
    install_app_task(job.pk, activate=True)
    app = app_current()
    if app is None:
        left = installations.filter(pk=job.pk).first()
        words = (left.message if left else "") or "Saleor does not say why."
        raise NotConnected(
            f"The App could not be installed: {words} Saleor's own address is taken from "
            "PUBLIC_URL; the Studio must be able to call it, and must know it as "
            "SALEOR_AUTOMATION_SALEOR_API_URL. Then save again."
        )
    return app


def _reach_as_saleor(url: str) -> None:
    """Ask through Saleor's own client, which refuses private addresses. Raises NotConnected."""
    try:
        fetch_manifest(url)
    except Exception as error:
        if type(error).__name__ == "InvalidIPAddress":
            raise NotConnected(
                "Saleor refuses to call private addresses. Give the Studio a public address, or "
                "set HTTP_IP_FILTER_ALLOW_LOOPBACK_IPS=True when it runs on this machine, or "
                "HTTP_IP_FILTER_ENABLED=False when it is in a private network such as Docker's. "
                "Restart Saleor and its worker, then save again."
            ) from error
        if isinstance(error, requests.RequestException | ValueError | ValidationError):
            raise NotConnected(
                f"The Studio answers this plugin, but not Saleor itself "
                f"({type(error).__name__}). Check the proxy settings of Saleor, then save again."
            ) from error
        raise
