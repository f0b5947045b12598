"""Builds the wheel once, from a copy, and an environment that holds only Django."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ["saleor_automation", "setup.cfg", "pyproject.toml", "README.md", "LICENSE"]
NO_PYPI = "the package index cannot be reached, so no wheel can be built"


def run(*args: object, **kwargs) -> subprocess.CompletedProcess[str]:
    """Run a command without the settings of this test run."""
    environ = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("DJANGO_", "SALEOR_AUTOMATION_", "PYTHON"))
    }
    environ.update(kwargs.pop("environ", {}))
    return subprocess.run(
        [str(arg) for arg in args], capture_output=True, text=True, env=environ, **kwargs
    )


def must(result: subprocess.CompletedProcess[str]) -> str:
    """Return what the command printed; fail with everything it said otherwise."""
    assert result.returncode == 0, f"{result.args}\n{result.stdout}\n{result.stderr}"
    return result.stdout


@pytest.fixture(scope="session")
def source(tmp_path_factory) -> Path:
    """A copy of what the wheel is built from, without caches."""
    copy = tmp_path_factory.mktemp("source")
    for name in SHIPPED:
        if (ROOT / name).is_dir():
            shutil.copytree(
                ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", "*.pyc")
            )
        else:
            shutil.copy(ROOT / name, copy / name)
    # Present in a checkout, and must stay out of the wheel.
    for name in ("tests", "benchmarks"):
        (copy / name).mkdir()
        (copy / name / "__init__.py").touch()
    return copy


@pytest.fixture(scope="session")
def index(tmp_path_factory) -> None:
    """Skip when pip cannot reach a package index."""
    reached = run(
        *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--retries=1"),
        *("--timeout=20", f"--dest={tmp_path_factory.mktemp('index')}", "setuptools>=77"),
    )
    if reached.returncode:
        pytest.skip(NO_PYPI)


@pytest.fixture(scope="session")
def wheel(source, index, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    must(run(sys.executable, "-m", "build", "--wheel", "--outdir", out, source, cwd=out))
    [built] = out.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def unpacked(wheel, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("unpacked")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


@pytest.fixture(scope="session")
def lean_python(wheel, tmp_path_factory) -> Path:
    """Python of an environment with the base install and nothing else."""
    folder = tmp_path_factory.mktemp("lean")
    venv.create(folder, with_pip=True, symlinks=True)
    python = folder / "bin" / "python"
    must(run(python, "-m", "pip", "install", "--quiet", wheel, cwd=folder))
    return python
