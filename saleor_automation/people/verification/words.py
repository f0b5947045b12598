"""What verdicts, reasons and actions are called, and one plain sentence per reason.

Pure. Codes are stored, words are shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from .policy import Action
from .verdicts import Assessment, Reason, Verdict

VERDICTS: Final[Mapping[Verdict, Promise]] = {
    Verdict.DELIVERABLE: _("deliverable"),
    Verdict.RISKY: _("risky"),
    Verdict.UNDELIVERABLE: _("undeliverable"),
    Verdict.UNKNOWN: _("unknown"),
}

#: Short, for tables and forms.
NAMES: Final[Mapping[Reason, Promise]] = {
    Reason.COMPLAINED: _("Complained"),
    Reason.UNSUBSCRIBED: _("Unsubscribed"),
    Reason.BLOCKED: _("Blocked by the shop"),
    Reason.OWN_HARD_BOUNCE: _("No such mailbox"),
    Reason.OWN_DELIVERED: _("Our mail arrived"),
    Reason.SYNTAX: _("Not an address"),
    Reason.SYNTAX_UNUSUAL: _("Unusual form"),
    Reason.NEEDS_SMTPUTF8: _("Letters mail cannot carry"),
    Reason.TYPO_DOMAIN: _("Probably mistyped"),
    Reason.DISPOSABLE: _("Throw-away address"),
    Reason.ROLE: _("Role address"),
    Reason.NXDOMAIN: _("Domain does not exist"),
    Reason.NULL_MX: _("Domain takes no mail"),
    Reason.NO_MAIL_HOST: _("No mail server"),
    Reason.MX_UNRESOLVABLE: _("Mail server does not exist"),
    Reason.A_FALLBACK: _("No mail server named"),
    Reason.DNS_TEMPORARY: _("Domain gives no answer"),
    Reason.NOT_CHECKED: _("Domain not asked"),
    Reason.DNS_OK: _("Domain takes mail"),
}

SENTENCES: Final[Mapping[Reason, Promise]] = {
    Reason.COMPLAINED: _("The person marked a mail of the shop as spam."),
    Reason.UNSUBSCRIBED: _("The person unsubscribed from all marketing mail."),
    Reason.BLOCKED: _("The shop blocked this address."),
    Reason.OWN_HARD_BOUNCE: _("A mail came back: there is no such mailbox."),
    Reason.OWN_DELIVERED: _("A mail of the shop arrived there within the last 180 days."),
    Reason.SYNTAX: _("It is not written as an email address."),
    Reason.SYNTAX_UNUSUAL: _(
        "It is written with quotation marks or an IP address, which mail services refuse."
    ),
    Reason.NEEDS_SMTPUTF8: _(
        "The part before the @ holds letters that mails from here cannot be addressed to."
    ),
    Reason.TYPO_DOMAIN: _(
        "The part after the @ looks like a misspelt well-known provider. Such domains often "
        "exist, and mail to them harms the shop."
    ),
    Reason.DISPOSABLE: _("The address is of a kind that is used once and thrown away."),
    Reason.ROLE: _(
        "The address is a function, such as info@ or sales@, and read by several people."
    ),
    Reason.NXDOMAIN: _("The address's domain does not exist."),
    Reason.NULL_MX: _("The address's domain says that it takes no mail."),
    Reason.NO_MAIL_HOST: _("The address's domain has no mail server."),
    Reason.MX_UNRESOLVABLE: _("The mail server of the address's domain cannot be found."),
    Reason.A_FALLBACK: _(
        "The address's domain names no mail server. Its web server is tried instead, which "
        "seldom takes mail."
    ),
    Reason.DNS_TEMPORARY: _("The address's domain gave no answer so far."),
    Reason.NOT_CHECKED: _("The address's domain was not asked."),
    Reason.DNS_OK: _("The address's domain takes mail. Whether the mailbox exists is not known."),
}

ACTIONS: Final[Mapping[Action, Promise]] = {
    Action.SEND: _("Send everything"),
    Action.CONFIRM_FIRST: _("No marketing mail until the person confirmed the address"),
    Action.TRANSACTIONAL_ONLY: _("No marketing mail"),
    Action.SKIP: _("Send nothing, not even about orders"),
}


def sentence(code: str) -> str:
    """Return a reason's sentence by its code; the code itself when it is not known."""
    try:
        return str(SENTENCES[Reason(code)])
    except ValueError:
        return code


def assessment_words(assessment: Assessment) -> str:
    """Return what is known about an address in a few sentences."""
    words = [f"{VERDICTS[assessment.verdict]}.".capitalize()]
    words += [str(SENTENCES[reason]) for reason in assessment.reasons]
    if assessment.suggestion:
        words.append(gettext("Probably meant: @%s.") % assessment.suggestion)
    return " ".join(words)
