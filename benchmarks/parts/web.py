"""The product's own web server: ``python -m benchmarks.parts.web PORT WORKERS [without]``.

With ``without`` it answers the same verified request and stores nothing.
"""

from __future__ import annotations

import sys


def without_database() -> None:
    """Leave out every query of a delivery, and nothing else."""
    from saleor_automation.saleor_app import verification, webhooks

    installation = verification.installation_current()
    verification.installation_current = lambda **kwargs: installation
    webhooks.store = lambda **kwargs: True


if __name__ == "__main__":
    import django

    django.setup()
    if sys.argv[3:] == ["without"]:
        without_database()
    from django.db import connections

    # The server forks: a connection made here must not be shared.
    connections.close_all()
    from saleor_automation.project.web import serve

    serve(host="127.0.0.1", port=int(sys.argv[1]), workers=int(sys.argv[2]))
