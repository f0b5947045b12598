"""Prepares a database: reachable, migrated, seeded, with somebody who may log in.

Knows the order of these steps and shows them with a progress bar. Must not know
what the starter content is.
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.commands.migrate import Command as MigrateCommand
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from saleor_automation.conf import conf
from saleor_automation.exceptions import UsageError

from .environment import own_command


@dataclass(frozen=True)
class Login:
    """A freshly made administrator. ``password`` is shown once and kept nowhere."""

    username: str
    password: str


def progress_bar() -> Progress:
    """Return a progress bar on stderr, so stdout stays what was asked for."""
    return Progress(
        TextColumn("{task.description:<24}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
    )


def database_reachable() -> None:
    """Raise UsageError when the database cannot be opened."""
    try:
        connection.ensure_connection()
    except DatabaseError as error:
        raise UsageError(
            f"Cannot open the database {_place()}: {_first_line(error)}. Start it, or set "
            "DATABASE_URL to one that runs (leave it empty for SQLite in the state folder)."
        ) from None


def database_ready() -> None:
    """Raise UsageError when the database cannot be opened or is not migrated."""
    database_reachable()
    waiting = migrations_waiting()
    if waiting:
        folder = conf().state_dir
        raise UsageError(
            f"The database {_place()} lacks {waiting} migrations. Run: "
            f"{own_command('manage migrate', folder)} (or {own_command('up', folder)}, which "
            "does it)."
        )


def never_started() -> str:
    """Return where the database should be when nobody made it yet, else ""."""
    if connection.vendor != "sqlite" or connection.is_in_memory_db():  # type: ignore[attr-defined]
        return ""
    name = str(connection.settings_dict["NAME"])
    return "" if os.path.exists(name) else name


def queue_reachable() -> None:
    """Raise UsageError when REDIS_URL is set and nobody answers there."""
    if not settings.REDIS_URL:
        return
    import redis

    try:
        with redis.Redis.from_url(
            settings.REDIS_URL, socket_connect_timeout=5, socket_timeout=5
        ) as client:
            client.ping()
    except (redis.RedisError, OSError, ValueError) as error:
        raise UsageError(
            f"Redis at {address_shown(settings.REDIS_URL)} does not answer "
            f"({_first_line(error)}). Start it, correct REDIS_URL, or leave REDIS_URL empty to "
            "keep the queue in the database."
        ) from None


def address_shown(url: str) -> str:
    """Return host and port of a Redis address, without the password."""
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or 6379}" if parts.hostname else parts.path


def migrations_waiting() -> int:
    """Return how many migrations the database still lacks."""
    executor = MigrationExecutor(connection)
    return len(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def _place() -> str:
    settings = connection.settings_dict
    host = settings.get("HOST")
    if not host:
        return f"{settings['NAME']}"
    return f"{settings['NAME']} on {host}:{settings.get('PORT') or 5432}"


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")


def migrate(progress: Progress) -> int:
    """Bring the database up to date; return how many migrations that took."""
    database_reachable()
    total = migrations_waiting()
    task = progress.add_task("Preparing the database", total=max(total, 1))

    class Command(MigrateCommand):
        def migration_progress_callback(
            self, action: str, migration: Any = None, fake: bool = False
        ) -> None:
            if action == "apply_success":
                progress.advance(task)

    if total:
        from django.core.management import call_command

        try:
            call_command(Command(), verbosity=0, interactive=False)
        except DatabaseError as error:
            raise UsageError(
                f"The database {_place()} cannot be brought up to date: {_first_line(error)}. "
                "The user of DATABASE_URL needs the right to create tables in it."
            ) from error
    progress.update(task, completed=max(total, 1))
    return total


def seed(progress: Progress) -> None:
    """Load the starter content where it is missing."""
    from saleor_automation import clock
    from saleor_automation.studio.starter import starter_load

    task = progress.add_task("Loading starter content", total=1)
    starter_load(now=clock.now())
    progress.advance(task)


def first_admin() -> Login | None:
    """Make the first administrator; None when there is one.

    Uses ADMIN_EMAIL and ADMIN_PASSWORD, or the name "admin" and a random password.
    """
    from django.contrib.auth import get_user_model

    users = get_user_model()
    if users._default_manager.filter(is_superuser=True).exists():
        return None
    email = os.environ.get("ADMIN_EMAIL", "")
    password = os.environ.get("ADMIN_PASSWORD", "") or secrets.token_urlsafe(12)
    username = email or "admin"
    users._default_manager.create_superuser(username=username, email=email, password=password)
    return Login(username=username, password=password)
