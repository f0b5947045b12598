"""Runs the tests in ``inside/`` in a process of their own.

The plugin's models cannot load beside the Studio's settings. Against a stand-in they
run always; against a real Saleor when told where it is:

    SALEOR_HOME=/srv/saleor SALEOR_PYTHON=/srv/saleor/.venv/bin/python \\
    DATABASE_URL=postgres://saleor@127.0.0.1/saleor pytest tests/saleor_plugin

Saleor's test database is made once (minutes) and kept as ``test_<name>``.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


def run(python: str, environ: dict[str, str], *arguments: str) -> str:
    clean = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("DJANGO_", "SALEOR_AUTOMATION_", "PYTEST_", "PYTHON"))
    }
    result = subprocess.run(
        [python, "-m", "pytest", "-q", "-c", str(HERE / "inside" / "pytest.ini")]
        + [f"--rootdir={HERE / 'inside'}", f"--confcutdir={HERE / 'inside'}", *arguments]
        + [str(HERE / "inside")],
        capture_output=True,
        text=True,
        env={**clean, **environ},
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


@pytest.fixture(scope="module")
def recordings(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("recordings")


def test_plugin_against_the_stand_in(recordings):
    environ = {
        "PYTHONPATH": f"{ROOT}{os.pathsep}{HERE / 'standin'}",
        "STANDIN_DATABASE_URL": os.environ.get("DATABASE_URL", ""),
        "PLUGIN_RECORDINGS": str(recordings),
    }
    printed = run(
        *(sys.executable, environ, "--ds=standin_settings", "-W", "error"),
        *("-W", "ignore::pytest.PytestConfigWarning", "-o", "addopts=-ra --import-mode=importlib"),
    )
    assert " passed" in printed


@pytest.mark.saleor
def test_plugin_against_a_real_saleor(tmp_path):
    home, python = os.environ.get("SALEOR_HOME"), os.environ.get("SALEOR_PYTHON")
    if not home or not python:
        pytest.skip("SALEOR_HOME and SALEOR_PYTHON name no Saleor; see this file's docstring")
    environ = {
        "PYTHONPATH": f"{target(tmp_path)}{os.pathsep}{home}",
        "PLUGIN_RECORDINGS": os.environ.get("PLUGIN_RECORDINGS", str(tmp_path)),
    }
    printed = run(
        *(python, environ, "--ds=saleor.tests.settings", "--reuse-db", "--record-mode=none"),
        *("--disable-socket", "--allow-hosts=127.0.0.1,::1", "--allow-unix-socket"),
        *("-W", "ignore", "-p", "no:cacheprovider"),
    )
    assert " passed" in printed
