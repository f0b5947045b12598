"""``saleor-automation manage saleor_app``: ask Saleor about the app, and mend its webhooks."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from saleor_automation.exceptions import SaleorAPIError
from saleor_automation.saleor_app.installations import inactive_words, installation_current
from saleor_automation.saleor_app.upkeep import upkeep_run


class Command(BaseCommand):
    """Do now what the worker does by itself within minutes."""

    help = (
        "Ask Saleor whether it knows the app and what the app may do, and bring the app's webhooks "
        "up to date with this release."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        """Print what was found and done. Raises CommandError when it cannot be."""
        if installation_current(fresh=True) is None:
            raise CommandError(inactive_words(None))
        try:
            done = upkeep_run(now=True)
        except SaleorAPIError as error:
            raise CommandError(str(error)) from error
        installation = installation_current(fresh=True)
        if done.state is None or not done.state.is_known or installation is None:
            raise CommandError(inactive_words(installation))
        self.stdout.write(f"{installation.api_url} (Saleor {installation.saleor_version})")
        if done.plan is not None:
            self.stdout.write(
                f"Webhooks: {len(done.plan.create)} created, {len(done.plan.update)} changed, "
                f"{len(done.plan.delete)} deleted; {done.plan.active} on, "
                f"{done.plan.inactive} off."
            )
        if done.missing:
            raise CommandError(
                f"The app lacks permissions: {', '.join(done.missing)}. Only staff can give them: "
                "in the Dashboard open the app and its permissions, or remove the app and install "
                "it again."
            )
        self.stdout.write("Permissions: all it needs.")
