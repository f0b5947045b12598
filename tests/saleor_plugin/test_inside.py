"""Runs the tests in ``inside/`` in a process of their own.

The plugin's models cannot load beside the Studio's settings. Against a stand-in they
run always; against a real Saleor when told where it is:

    SALEOR_HOME=/srv/saleor SALEOR_PYTHON=/srv/saleor/.venv/bin/python \\
    SALEOR_DATABASE_URL=postgres://saleor@127.0.0.1/saleor pytest tests/saleor_plugin

Saleor's test database is made once (minutes) and kept as ``test_<name>``; the address
has a name of its own, since DATABASE_URL is that of the Studio's tests.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from saleor_automation.inbox.models import RawEvent
from saleor_automation.saleor_app.installations import installation_forget
from saleor_automation.saleor_app.models import Installation
from saleor_automation.saleor_app.signatures import WrongSignature, signature_verify

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


def run(python: str, environ: dict[str, str], *arguments: str) -> str:
    clean = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("DJANGO_", "SALEOR_AUTOMATION_", "PYTEST_", "PYTHON"))
        and key not in ("DATABASE_URL", "EMAIL_URL", "REDIS_URL")
    }
    inside = HERE / "inside"
    result = subprocess.run(
        [
            *(python, "-m", "pytest", "-q", "-p", "no:cacheprovider"),
            *(f"-c{inside / 'pytest.ini'}", f"--rootdir={inside}", f"--confcutdir={inside}"),
            *arguments,
            str(inside),
        ],
        capture_output=True,
        text=True,
        env={**clean, **{key: value for key, value in environ.items() if value}},
        cwd=HERE,
    )
    assert result.returncode == 0, result.stdout[-20000:] + result.stderr[-5000:]
    return result.stdout


def target(folder: Path) -> Path:
    """Make a folder in which Saleor finds the plugin as if it had been installed."""
    (folder / "saleor_automation").symlink_to(ROOT / "saleor_automation")
    info = folder / "saleor_automation-0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: saleor-automation\nVersion: 0\n")
    (info / "entry_points.txt").write_text(
        "[saleor.plugins]\nsaleor_automation.saleor_plugin = "
        "saleor_automation.saleor_plugin.plugin:AutomationPlugin\n"
    )
    return folder


def relayed(folder: Path) -> list[dict[str, Any]]:
    """Return what the plugin sent in those tests."""
    with (folder / "recordings.jsonl").open() as file:
        return [json.loads(line) for line in file]


def verify(recordings: list[dict[str, Any]]) -> None:
    """Check each body with the Studio's own verifier, and that it sees any change."""
    assert len(recordings) > 20
    for item in recordings:
        installation = Installation(api_url="https://shop.example/graphql/", jwks=item["jwks"])
        signature, body = item["headers"]["Saleor-Signature"], item["body"].encode()
        signature_verify(installation=installation, signature=signature, body=body)
        with pytest.raises(WrongSignature):
            signature_verify(installation=installation, signature=signature, body=body + b" ")


@pytest.fixture(scope="module")
def stand_in(tmp_path_factory) -> tuple[str, Path]:
    """What the tests against the stand-in printed, and where they left what was sent."""
    folder = tmp_path_factory.mktemp("recordings")
    environ = {
        "PYTHONPATH": f"{ROOT}{os.pathsep}{HERE / 'standin'}",
        "STANDIN_DATABASE_URL": os.environ.get("DATABASE_URL", ""),
        "PLUGIN_RECORDINGS": str(folder),
    }
    printed = run(sys.executable, environ, "--ds=standin_settings", "-W", "error")
    return printed, folder


def test_the_plugin_against_a_stand_in(stand_in):
    printed, _ = stand_in
    assert " passed" in printed


def test_the_studio_verifies_what_was_relayed(stand_in):
    _, folder = stand_in
    verify(relayed(folder))


@pytest.mark.django_db
def test_the_studio_takes_a_relayed_body_and_knows_how_it_came(stand_in, client):
    _, folder = stand_in
    item = next(item for item in relayed(folder) if "account_deleted" in str(item["headers"]))
    Installation.objects.create(
        api_url=item["headers"]["Saleor-Api-Url"],
        app_id=json.loads(item["body"])["recipient"]["id"],
        token="t",
        jwks=item["jwks"],
        installed_at=datetime(2026, 11, 1, tzinfo=UTC),
    )
    installation_forget()
    answer = client.post(
        item["path"],
        data=item["body"].encode(),
        content_type="application/json",
        headers={k: v for k, v in item["headers"].items() if k.startswith("Saleor-")},
    )
    installation_forget()
    assert answer.status_code == 202
    row = RawEvent.objects.get()
    assert (row.source, row.event_type) == ("relay", "account_deleted")
    assert bytes(row.body) == item["body"].encode()


@pytest.mark.saleor
def test_the_plugin_against_a_real_saleor(tmp_path):
    home, python = os.environ.get("SALEOR_HOME"), os.environ.get("SALEOR_PYTHON")
    if not home or not python:
        pytest.skip("SALEOR_HOME and SALEOR_PYTHON name no Saleor; see this file's docstring")
    environ = {
        # Saleor's settings do not load without; its tests replace them.
        "ALLOWED_CLIENT_HOSTS": os.environ.get("ALLOWED_CLIENT_HOSTS", "www.example.com"),
        "SECRET_KEY": os.environ.get("SECRET_KEY", "tests"),
        "DATABASE_URL": os.environ.get("SALEOR_DATABASE_URL", ""),
        "PYTHONPATH": f"{target(tmp_path)}{os.pathsep}{home}",
        "PLUGIN_RECORDINGS": str(tmp_path),
    }
    printed = run(
        *(python, environ, "--ds=saleor.tests.settings", "--reuse-db", "--record-mode=none"),
        *("--disable-socket", "--allow-hosts=127.0.0.1,::1", "--allow-unix-socket"),
        *("-W", "ignore", "-o", "asyncio_mode=auto"),
    )
    assert " passed" in printed
    verify(relayed(tmp_path))
