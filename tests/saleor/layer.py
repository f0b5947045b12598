"""The project as a shop installs it: its wheel, laid over Saleor's environment.

Knows pip and nothing of Saleor. The environment ``SALEOR_PYTHON`` belongs to is not touched: the
wheel goes into a folder that is put on PYTHONPATH, where its entry point is found through its
``dist-info`` as in ``site-packages``.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from tests.saleor.machine import clean_environment, run

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ("saleor_automation", "setup.cfg", "pyproject.toml", "README.md", "LICENSE")
#: The suite's own code that runs inside Saleor: settings and fault points.
INSIDE = Path(__file__).resolve().parent / "inside"


def layer_build(folder: Path) -> Path:
    """Build the wheel from a copy and unpack it, without what it depends on; return the folder."""
    source, wheels, layer = folder / "source", folder / "wheels", folder / "layer"
    source.mkdir(parents=True)
    for name in SHIPPED:
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "*.pyc")
            shutil.copytree(ROOT / name, source / name, ignore=ignored)
        else:
            shutil.copy(ROOT / name, source / name)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    environ = clean_environment()
    run(
        [*pip, "wheel", "--quiet", "--no-deps", "--wheel-dir", wheels, source],
        environ=environ,
        cwd=folder,
    )
    [wheel] = wheels.glob("saleor_automation-*.whl")
    run(
        [*pip, "install", "--quiet", "--no-deps", "--no-compile", "--target", layer, wheel],
        environ=environ,
        cwd=folder,
    )
    return layer
