"""A plugin that breaks Saleor where a test says so. Runs inside Saleor.

It stands first, so it acts after the shop's transaction was committed and before any other plugin,
ours and Saleor's webhooks included, hears of it. A fault is armed by a file of its name in
``SUITE_FAULTS`` and fires once: ``kill-order_created`` ends the process there,
``raise-order_created`` lets our plugin's hook meet an exception nobody thought of.

It also hands over what a shopper would find in a mail: the token that confirms a deletion.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

from saleor.plugins.base_plugin import BasePlugin

HOOKS = (
    "customer_created",
    "customer_updated",
    "checkout_created",
    "checkout_updated",
    "order_created",
    "order_updated",
    "order_fulfilled",
)


FOLDER = Path(os.environ["SUITE_FAULTS"])


def _fire(name: str) -> bool:
    try:
        (FOLDER / name).unlink()
    except FileNotFoundError:
        return False
    return True


def _hook(name: str):
    def hook(self, *args, previous_value=None, **kwargs):
        if _fire(f"kill-{name}"):
            os.kill(os.getpid(), signal.SIGKILL)
        if _fire(f"raise-{name}"):
            _spoil_next_hook()
        return previous_value

    hook.__name__ = name
    return hook


def _spoil_next_hook() -> None:
    from saleor_automation.saleor_plugin import hooks

    note = hooks._note

    def spoilt(*args, **kwargs):
        hooks._note = note
        raise RuntimeError("a fault of the test suite")

    hooks._note = spoilt


class FaultPoints(BasePlugin):
    PLUGIN_ID = "suite.faults"
    PLUGIN_NAME = "Fault points of a test suite"
    DEFAULT_ACTIVE = True
    CONFIGURATION_PER_CHANNEL = False

    def account_delete_requested(
        self, user, channel_slug, token, *args, previous_value=None, **kwargs
    ):
        (FOLDER / f"token-{user.email}").write_text(token)
        return previous_value


for _name in HOOKS:
    setattr(FaultPoints, _name, _hook(_name))
