"""Fixtures for tests inside Saleor, or inside a stand-in for it."""

from __future__ import annotations

import json
import os
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.db import connection
from django.utils import timezone

IS_REAL = settings.SETTINGS_MODULE.startswith("saleor.")
PLUGIN = "saleor_automation.saleor_plugin.plugin.AutomationPlugin"

if IS_REAL:
    import django.test
    from saleor.tests.utils import prepare_test_db_connections

    # As Saleor's own conftest does.
    for case in (django.test.TransactionTestCase, django.test.TestCase):
        case.databases = {
            settings.DATABASE_CONNECTION_DEFAULT_NAME,
            settings.DATABASE_CONNECTION_REPLICA_NAME,
        }
    prepare_test_db_connections()
    pytest_plugins = [
        "saleor.tests.fixtures",
        *(
            f"saleor.{name}.tests.fixtures"
            for name in (
                *("app", "plugins", "graphql", "webhook", "tax", "channel", "page", "menu"),
                *("warehouse", "thumbnail", "order", "product", "site", "shipping"),
                *("permission", "giftcard", "discount", "checkout", "attribute", "account"),
                *("graphql.account", "payment"),
            )
        ),
        "saleor.webhook.tests.circuit_breaker.fixtures",
    ]


def pytest_addoption(parser):
    parser.addoption("--run-slow", action="store_true", default=False)


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: of Saleor's fixtures")


def pytest_collection_modifyitems(config, items):
    if IS_REAL:
        return
    for item in items:
        if "real" in item.keywords:
            item.add_marker(pytest.mark.skip(reason="needs a real Saleor"))


@pytest.fixture(autouse=True)
def ready(request, settings):
    """Our plugin is the only one; nothing is remembered from the test before."""
    from saleor_automation.saleor_plugin import capture

    if IS_REAL:
        # They set PLUGINS for every test of Saleor's (the second from 3.24); ours come after.
        for name in ("setup_dummy_gateways", "setup_dummy_gateway"):
            with suppress(pytest.FixtureLookupError):
                request.getfixturevalue(name)
    settings.PLUGINS = [PLUGIN]
    capture.gate_forget()
    capture._logged_at = -capture.LOG_SECONDS
    yield
    capture.gate_forget()


@dataclass
class Studio:
    """A Studio that answers as it is told and keeps what it got."""

    url: str = ""
    #: Answers to give, first to last; the last one stays.
    answers: list[int] = field(default_factory=lambda: [202])
    words: str = "because of a test"
    got: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    manifest: dict[str, Any] = field(default_factory=dict)
    register_status: int = 200

    @property
    def events(self) -> list[str]:
        return [headers["Saleor-Event"] for path, headers, _ in self.got if "webhooks" in path]

    def bodies(self, event: str) -> list[dict[str, Any]]:
        return [
            json.loads(body) for _, headers, body in self.got if headers["Saleor-Event"] == event
        ]

    @property
    def reports(self) -> list[dict[str, Any]]:
        return self.bodies("automation_plugin_report")


@pytest.fixture
def studio():
    here = Studio()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            self._answer(200, here.manifest)

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path == "/saleor/register":
                self._answer(here.register_status, {"error": {"message": here.words}})
                return
            here.got.append((self.path, dict(self.headers), body))
            status = here.answers.pop(0) if len(here.answers) > 1 else here.answers[0]
            if self.path == "/saleor/plugin":
                status = 202
            if status == 0:
                self.close_connection = True
                return
            self._answer(status, {"error": {"message": here.words}} if status >= 400 else {})

        def _answer(self, status, content):
            body = json.dumps(content).encode()
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", "https://elsewhere.example/")
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    here.url = f"http://127.0.0.1:{server.server_port}"
    here.manifest = {
        "id": "saleor.automation",
        "name": "Saleor Automation",
        "version": "0.1.0",
        "author": "saleor-automation",
        "about": "",
        "permissions": ["MANAGE_USERS", "MANAGE_ORDERS", "MANAGE_CHECKOUTS"],
        "appUrl": f"{here.url}/",
        "tokenTargetUrl": f"{here.url}/saleor/register",
        "extensions": [],
        "webhooks": [
            {
                "name": "Order created",
                "targetUrl": f"{here.url}/saleor/webhooks/",
                "query": "subscription { event { ... on OrderCreated { order { id } } } }",
                "asyncEvents": ["ORDER_CREATED"],
                "isActive": True,
            }
        ],
    }
    yield here
    record(here)
    server.shutdown()
    server.server_close()


def record(studio: Studio) -> None:
    """Keep what was sent, for the Studio's own tests to verify, when asked to."""
    folder = os.environ.get("PLUGIN_RECORDINGS")
    if not folder:
        return
    from saleor.core.jwt_manager import get_jwt_manager

    with Path(folder, "recordings.jsonl").open("a") as file:
        for path, headers, body in studio.got:
            line = {"path": path, "headers": headers, "body": body.decode()}
            file.write(json.dumps({**line, "jwks": get_jwt_manager().get_jwks()}) + "\n")


@pytest.fixture
def configuration(db):
    """Save the plugin's form as ``pluginUpdate`` does."""
    from saleor.plugins.models import PluginConfiguration

    from saleor_automation.saleor_plugin.plugin import AutomationPlugin

    def save(active=True, **values):
        row, _ = PluginConfiguration.objects.get_or_create(
            identifier=AutomationPlugin.PLUGIN_ID,
            channel=None,
            defaults={
                "name": AutomationPlugin.PLUGIN_NAME,
                "active": AutomationPlugin.DEFAULT_ACTIVE,
                "configuration": [dict(f) for f in AutomationPlugin.DEFAULT_CONFIGURATION],
            },
        )
        fields = [{"name": name, "value": value} for name, value in values.items()]
        return AutomationPlugin.save_plugin_configuration(
            row, {"active": active, "configuration": fields}
        )

    return save


@pytest.fixture
def plugin():
    """The plugin as the manager loads it from what is stored."""
    from saleor.plugins.models import PluginConfiguration

    from saleor_automation.saleor_plugin.plugin import AutomationPlugin

    def load(requestor=None):
        row = PluginConfiguration.objects.filter(identifier=AutomationPlugin.PLUGIN_ID).first()
        return AutomationPlugin(
            configuration=row.configuration if row else AutomationPlugin.DEFAULT_CONFIGURATION,
            active=row.active if row else AutomationPlugin.DEFAULT_ACTIVE,
            requestor_getter=(lambda: requestor) if requestor else None,
            db_config=row,
        )

    return load


@pytest.fixture
def our_app(db):
    """Our App, installed, with the permissions its manifest asks for."""
    from saleor.app.models import App

    app = App.objects.create(
        name="Saleor Automation",
        identifier="saleor.automation",
        is_active=True,
        manifest_url="http://127.0.0.1/saleor/manifest",
    )
    if IS_REAL:
        from saleor.app.management.commands.utils import clean_permissions

        app.permissions.set(
            clean_permissions(["MANAGE_USERS", "MANAGE_ORDERS", "MANAGE_CHECKOUTS"])
        )
    return app


@pytest.fixture
def capturing(configuration, our_app, studio):
    """Capture runs, to the Studio of this test."""
    from saleor_automation.saleor_plugin.models import Outbox
    from saleor_automation.saleor_plugin.state import capture_adjust, state_change

    configuration(studio_url=studio.url, capture=True)
    state_change(
        connection="connected",
        studio_url=studio.url,
        connected_at=timezone.now(),
        relay_at=timezone.now(),
        report_checked_at=timezone.now(),
    )
    from saleor_automation.saleor_plugin.configuration import configuration_current

    assert capture_adjust(configuration_current())
    Outbox.objects.all().delete()
    return studio


@pytest.fixture
def waiting():
    """What waits in the outbox: (event, object id) in the order it was written."""
    from saleor_automation.saleor_plugin.models import Outbox

    return lambda: list(Outbox.objects.order_by("pk").values_list("event", "object_id"))


@pytest.fixture
def without_tables(db):
    """Installed, not migrated: our tables are away until the test ends."""
    from saleor_automation.saleor_plugin.models import Outbox, RelayState

    tables = [model._meta.db_table for model in (Outbox, RelayState)]
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f'ALTER TABLE "{table}" RENAME TO "{table}_away"')
    yield
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f'ALTER TABLE "{table}_away" RENAME TO "{table}"')


@pytest.fixture
def failing_insert(monkeypatch):
    """The INSERT fails in the database: the statement names a table that is not there."""
    from saleor_automation.saleor_plugin import capture

    statement, fields = capture._statement()
    broken = statement.replace("INSERT INTO ", "INSERT INTO nowhere_")
    broken = broken.replace('nowhere_"', '"nowhere_')
    monkeypatch.setattr(capture, "_statement", lambda: (broken, fields))


@pytest.fixture
def customer(db):
    from saleor.account.models import User

    return User.objects.create(email="shopper@example.com", first_name="Aina")


@pytest.fixture
def model():
    return lambda label: apps.get_model(label)


@pytest.fixture
def people(capturing, model):
    """Three customers whose change waits."""
    user_model = model("account.User")
    users = user_model.objects.bulk_create(
        user_model(email=f"p{number}@example.com") for number in range(3)
    )
    users = list(user_model.objects.filter(email__startswith="p").order_by("pk"))
    from saleor_automation.saleor_plugin.capture import capture

    for user in users:
        assert capture("customer_updated", user.pk)
    return users
