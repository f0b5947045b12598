"""What ``saleor-automation check`` finds out about Saleor: the app there, and who else mails.

Asks Saleor with the app's token, and changes nothing there or here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from saleor_automation.conf import conf

from .environment import own_command
from .finding import OK, PROBLEM, SKIPPED, WARN, Finding, at_page


def saleor_look(*, ready: bool) -> Iterator[Finding]:
    """Look whether a Saleor has installed this Studio, and ask it how the app is there."""
    if not ready:
        yield Finding("Saleor", WARN, SKIPPED)
        return
    from saleor_automation.saleor_app.installations import inactive_words, installation_current
    from saleor_automation.saleor_app.models import Installation

    installed = installation_current(fresh=True)
    if installed is None and Installation.objects.exists():
        text, _, advice = inactive_words(None).partition(". ")
        yield Finding("Saleor", PROBLEM, f"{text}.", advice)
    elif installed is not None:
        yield from app_look(installed)
    elif not conf().saleor_api_url:
        yield Finding(
            "Saleor",
            WARN,
            "No Saleor may install this Studio yet.",
            "Set SALEOR_AUTOMATION_SALEOR_API_URL to its GraphQL address, then install the app "
            f"from {conf().public_url}/saleor/manifest in its Dashboard.",
        )
    else:
        yield Finding(
            "Saleor",
            WARN,
            f"{conf().saleor_api_url} has not installed this Studio yet.",
            f"In its Dashboard install the app from {conf().public_url}/saleor/manifest.",
        )


def app_look(installed: Any) -> Iterator[Finding]:
    """Ask Saleor whether it knows the app, what the app may do, and how its webhooks are."""
    from saleor_automation.exceptions import SaleorAPIError
    from saleor_automation.saleor_app.installations import inactive_words
    from saleor_automation.saleor_app.lifecycle import permissions_missing, state_ask
    from saleor_automation.saleor_app.manifest import version_parse
    from saleor_automation.saleor_app.models import Installation
    from saleor_automation.saleor_app.own_webhooks import plan_make, wanted, webhooks_read

    mend = (
        f"The worker does so by itself within minutes; to do it now run: "
        f"{own_command('manage saleor_app', conf().state_dir)}."
    )
    try:
        state = state_ask(api_url=installed.api_url, token=installed.token)
        if not state.is_known:
            reason = installed.inactive_reason or Installation.Inactive.UNKNOWN
            now = Installation(is_active=False, inactive_reason=reason)
            text, _, advice = inactive_words(now).partition(". ")
            yield Finding("Saleor", PROBLEM, f"{text}.", advice)
            return
        version = state.saleor_version or installed.saleor_version
        schema = version_parse(version)
        present = webhooks_read(installation=installed, schema=schema)
    except SaleorAPIError as error:
        text, _, advice = str(error).partition(". ")
        yield Finding("Saleor", PROBLEM, f"{text.rstrip('.')}.", advice)
        return
    yield Finding("Saleor", OK, f"Installed in {installed.api_url} (Saleor {version}).")
    missing = permissions_missing(state.permissions)
    if missing:
        yield Finding(
            "permissions",
            PROBLEM,
            f"Saleor does not let the app do what it needs: {', '.join(missing)} missing.",
            "In the Dashboard open the app and its permissions and add them, or remove the app and "
            "install it again.",
        )
    else:
        yield Finding("permissions", OK, "The app has all it needs.")
    plan = plan_make(wanted(schema), present)
    if plan.size:
        yield Finding(
            "webhooks",
            WARN,
            f"{plan.size} of the app's webhooks are not as this release wants them.",
            mend,
        )
    elif plan.inactive:
        yield from _inactive_look(plan.active, plan.inactive)
    else:
        yield Finding("webhooks", OK, f"All {plan.active} are there and on.")


def _inactive_look(active: int, inactive: int) -> Iterator[Finding]:
    from saleor_automation.saleor_app.plugin_reports import plugin_report_current

    report = plugin_report_current()
    if report is not None and report.capture:
        yield Finding("webhooks", OK, f"{inactive} are off; our plugin takes their place.")
    else:
        yield Finding(
            "webhooks",
            WARN,
            f"{inactive} of {active + inactive} are switched off in Saleor.",
            "Switch them on, or switch on the capture of our plugin inside Saleor.",
        )


def others_look(*, ready: bool) -> Iterator[Finding]:
    """Look whether something else mails customers about the same, and how the plugin does."""
    if not ready:
        return
    from saleor_automation import clock
    from saleor_automation.studio.connection import troubles_find
    from saleor_automation.studio.neighbours import (
        is_unseen,
        neighbours_find,
        service_sequences_on,
        unseen_words,
    )

    for trouble in troubles_find(now=clock.now()):
        if trouble.key.startswith("plugin_") or trouble.key == "incomplete":
            text, _, advice = trouble.words.partition(". ")
            yield Finding("Saleor", WARN, f"{text}.", advice)
    for neighbour in neighbours_find():
        text, _, advice = neighbour.words.partition(". ")
        level = PROBLEM if neighbour.is_on and neighbour.conflict.is_open else WARN
        yield Finding("other senders", level, f"{text.rstrip('.')}.", at_page(advice, "sequences/"))
    running = service_sequences_on() if is_unseen() else []
    if running:
        text, _, advice = unseen_words().partition(". ")
        yield Finding("other senders", WARN, f"{text} ({', '.join(running)}).", advice)
