"""Runs several of Django's commands in one process: each start of Saleor takes seconds of CPU."""

from __future__ import annotations

import django
from django.core.management import call_command


def run(commands: list[list[str]]) -> None:
    """Run commands one after the other; their system checks, which build the API, are left out."""
    django.setup()
    for name, *arguments in commands:
        call_command(name, *arguments)
