"""Runs one measurement: ``python -m benchmarks.part NAME``, options as JSON on stdin.

The result is JSON on the last line of stdout; whatever a library prints stands before it.
"""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path

#: Parts that configure Django themselves.
OWN_SETTINGS = {"post_office"}


def main() -> None:
    name, options = sys.argv[1], json.loads(sys.stdin.read())
    if name not in OWN_SETTINGS:
        import django

        django.setup()
    measure = import_module(f"benchmarks.parts.{name}").measure
    result = measure(folder=Path(options.pop("folder")), **options)
    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
