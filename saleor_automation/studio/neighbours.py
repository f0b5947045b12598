"""Others who mail the shop's customers, in words: what is sent twice, and what to do.

Knows how to say what ``delivery.coexistence`` finds, to an editor and to ``check``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _
from wagtail.admin import messages

from saleor_automation.delivery.coexistence import SAME_AS, Conflict, conflicts_find
from saleor_automation.saleor_app.plugin_reports import plugin_report_current
from saleor_automation.sequences.models import SequenceSwitch, SequenceVersion
from saleor_automation.sequences.triggers import TRIGGERS

from .sequences import Sequence

TRANSACTIONAL = "transactional"


@dataclass(frozen=True)
class Neighbour:
    """One sequence whose mails others send too."""

    name: str
    is_on: bool
    conflict: Conflict

    @property
    def words(self) -> str:
        """What is sent twice, or held, and by whom."""
        values = {
            "sequence": self.name,
            "others": self.conflict.names,
            "start": _start(self.conflict.trigger),
        }
        if not self.conflict.is_open:
            return (
                _(
                    "“%(sequence)s” and %(others)s both mail when this happens: %(start)s. "
                    "Customers get two mails, as was decided."
                )
                % values
            )
        if self.conflict.is_contradicted:
            return (
                _(
                    "“%(sequence)s” is held: somebody said that %(others)s is switched off, but it "
                    "is on in Saleor. Switch it off there, or decide again."
                )
                % values
            )
        if self.is_on:
            return (
                _(
                    "“%(sequence)s” is held: %(others)s sends the same mail when this happens: "
                    "%(start)s. Turn the sequence on again and decide which customers should get."
                )
                % values
            )
        return (
            _(
                "%(others)s sends the same mail as “%(sequence)s” when this happens: %(start)s. "
                "Switch it off in Saleor before you turn the sequence on."
            )
            % values
        )


def _start(trigger: str) -> str:
    found = TRIGGERS.get(trigger)
    return str(found.label) if found else trigger


def neighbours_find() -> list[Neighbour]:
    """Return the sequences others interfere with, those that run first."""
    conflicts = conflicts_find()
    if not conflicts:
        return []
    names = dict(Sequence.objects.filter(key__in=conflicts).values_list("key", "name"))
    on = set(
        SequenceSwitch.objects.filter(
            sequence__in=conflicts, state=SequenceSwitch.State.ON
        ).values_list("sequence", flat=True)
    )
    found = [
        Neighbour(names[key], key in on, conflict)
        for key, conflict in conflicts.items()
        if key in names and (conflict.is_open or key in on)
    ]
    return sorted(found, key=lambda item: (not item.is_on, item.name))


def service_sequences_on() -> list[str]:
    """Return the names of running sequences of service mails that others may send too."""
    on = SequenceSwitch.objects.filter(state=SequenceSwitch.State.ON).values("sequence")
    keys = SequenceVersion.objects.filter(
        is_current=True,
        sequence__in=on,
        trigger__in=list(SAME_AS),
        graph__purpose=TRANSACTIONAL,
    ).values("sequence")
    return list(Sequence.objects.filter(key__in=keys).values_list("name", flat=True))


def is_unseen() -> bool:
    """Whether we cannot know who else sends mail: our plugin never reported."""
    return plugin_report_current() is None


def unseen_words() -> str:
    """Say where to look when we cannot see who else sends mail."""
    return _(
        "Without our plugin inside Saleor the Studio cannot see whether the shop itself sends "
        "the same mails. Look in Saleor's Dashboard: up to 3.21 under Configuration, Plugins "
        "(“User emails”); from 3.22 under Extensions, Installed; in late 3.23 and 3.24 also "
        "under Configuration, Notifications; and for a mail app such as SMTP. Switch off there "
        "what a sequence of service mails sends."
    )


def hint_for(sequence: Sequence) -> str:
    """Return what an editor should know of other senders of a sequence's mails; "" if nothing."""
    if sequence.purpose != TRANSACTIONAL or sequence.trigger not in SAME_AS:
        return ""
    if is_unseen():
        return unseen_words()
    conflict = conflicts_find([sequence.key]).get(sequence.key)
    if conflict is None:
        return ""
    on = SequenceSwitch.objects.filter(
        sequence=sequence.key, state=SequenceSwitch.State.ON
    ).exists()
    return Neighbour(sequence.name, on, conflict).words


def tell_neighbours(request: HttpRequest, instance: Any) -> None:
    """Warn that others send the same. Hook ``after_publish``."""
    # Not ``live``: the revision that was published is another object.
    if not isinstance(instance, Sequence):
        return
    if words := hint_for(instance):
        messages.warning(request, words)
