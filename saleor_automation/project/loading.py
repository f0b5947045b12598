"""Loads the project, and says what is wrong with the environment when it cannot.

Knows the settings module and the order in which the environment is read. Imports
nothing but the standard library at the top.
"""

from __future__ import annotations

import os

SETTINGS = "saleor_automation.project.settings"


def load_django() -> None:
    """Load the project. Raises UsageError for a wrong variable."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", SETTINGS)
    import django

    if os.environ["DJANGO_SETTINGS_MODULE"] == SETTINGS:
        # First on their own: Django would bury their words.
        import dj_database_url  # noqa: F401

        from saleor_automation.project import environment

        folder = environment.state_dir(os.environ)
        environment.automation_from_environment(os.environ, folder)
        environment.database_from_environment(os.environ, folder)
        environment.email_from_environment(os.environ)
        environment.redis_from_environment(os.environ)
        environment.log_level(os.environ)
        environment.queue_poll(os.environ)
    django.setup()
