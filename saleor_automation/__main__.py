"""``python -m saleor_automation``: the same as the command ``saleor-automation``."""

from __future__ import annotations

from saleor_automation.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
