"""Where people must confirm by mail that they want mail."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import transaction

from .models import OptInRule


def rules_load() -> dict[str, bool]:
    """Return what holds per channel; "" is everywhere else. One query, made once per batch."""
    return dict(OptInRule.objects.values_list("channel", "double"))


def double_in(channel: str, rules: Mapping[str, bool]) -> bool:
    """Whether people of a channel must confirm."""
    return rules.get(channel, rules.get("", False))


@transaction.atomic
def rules_set(rules: Mapping[str, bool]) -> None:
    """Keep what the shop decided; a channel left out follows the rule of all."""
    OptInRule.objects.exclude(channel__in=list(rules)).delete()
    for channel, double in rules.items():
        OptInRule.objects.update_or_create(channel=channel, defaults={"double": double})
