"""Why a mail was not sent, is held, or failed: codes are stored, words are shown."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from saleor_automation.people.verification.words import sentence

NO_ADDRESS = "no_address"
SUPPRESSED = "suppressed"
UNSUBSCRIBED = "unsubscribed"
NO_CONSENT = "no_consent"
DECLINED = "declined"
NO_VERSION = "no_version"
RENDER = "render"
EXPIRED = "expired"
ERASED = "erased"
LEFT = "left"
EXIT = "exit"
PAUSED = "sequence_paused"
UNREACHABLE = "saleor_unreachable"
EXPIRED_UNREACHABLE = "expired_unreachable"
SOLD_OUT = "sold_out"
UNSAID = "parcel_unsaid"
RETRY = "retry"
REFUSED = "refused"
GAVE_UP = "gave_up"
LOST = "lost"
SETTLED_24H = "settled_24h"
POISON = "poison"
NO_JOURNAL = "no_journal"
ALSO_SENT = "also_sent"
PERSON_PAUSED = "person_paused"
HELD_PAUSE = "held_pause"
SELDOM = "seldom"
HELD_SELDOM = "held_seldom"
UNCONFIRMED = "unconfirmed"
HELD_UNCONFIRMED = "held_unconfirmed"
NO_CONFIRM_LINK = "no_confirm_link"
#: Followed by ":" and a reason of ``people.verification``.
ADDRESS = "address"
ADDRESS_UNKNOWN = "address_unknown"

WORDS = {
    NO_ADDRESS: _("No address is known for this person."),
    SUPPRESSED: _("The address must not be written to: it bounced, complained or was blocked."),
    UNSUBSCRIBED: _("The person unsubscribed."),
    DECLINED: _("The person said no to marketing mail."),
    NO_CONSENT: _("The person never agreed to marketing mail."),
    UNCONFIRMED: _("The person did not confirm that they want mail, as the shop asks them to."),
    HELD_UNCONFIRMED: _("Held: the person was asked by mail whether they want mail."),
    NO_CONFIRM_LINK: _(
        "The email that asks for a confirmation holds no link to confirm. Put a button with "
        "{{ subscription.confirm_url }} into it and publish it."
    ),
    PERSON_PAUSED: _("The person paused our mails, for longer than this mail makes sense."),
    HELD_PAUSE: _("Held: the person paused our mails until then."),
    SELDOM: _("The person wants at most one mail a week, and by then this makes no sense."),
    HELD_SELDOM: _("Held: the person wants at most one mail a week."),
    NO_VERSION: _("The email was not published in any language. Publish it and new mails go out."),
    RENDER: _("The email could not be filled in for this person. Check its variables."),
    EXPIRED: _("It was too late for this mail to make sense."),
    ERASED: _("The person was erased."),
    LEFT: _("The person left the sequence before the mail went out."),
    PAUSED: _("Held: the sequence is paused."),
    ALSO_SENT: _(
        "Held: something else in the shop sends this mail too. Turn the sequence on again and say "
        "which of the two customers should get."
    ),
    UNREACHABLE: _("Held: Saleor could not be asked whether this mail still makes sense."),
    EXPIRED_UNREACHABLE: _(
        "It was too late for this mail to make sense: until then Saleor could not be asked "
        "about it."
    ),
    UNSAID: _("Held a moment: the shop may not want the customer told of this parcel."),
    SOLD_OUT: _("Nothing in the basket can be bought any more: it is sold out."),
    ADDRESS_UNKNOWN: _("Held a while: whether the address's domain takes mail is not known yet."),
    NO_JOURNAL: _("Held: the state folder cannot be written. Make room or give access to it."),
    RETRY: _("The mail server asked to try again later."),
    REFUSED: _("The mail server refused it for good."),
    GAVE_UP: _("The mail server could not be reached or put us off too often."),
    LOST: _("The connection or the worker was lost while it was being handed over."),
    SETTLED_24H: _("Unclear for a day; counted as sent, because a mail is never sent twice."),
    POISON: _("Preparing it failed again and again. See the worker's log."),
}


def expired(reason: str) -> str:
    """Return the code of a mail whose time is over, given why it waited."""
    return EXPIRED_UNREACHABLE if reason == UNREACHABLE else EXPIRED


def words(code: str) -> str:
    """Return ``code`` as a sentence for a person; "" stays ""."""
    if code.startswith(f"{EXIT}:"):
        from saleor_automation.sequences import reasons as sequence_reasons

        return sequence_reasons.words(code.removeprefix(f"{EXIT}:"))
    if code.startswith(f"{ADDRESS}:"):
        return sentence(code.removeprefix(f"{ADDRESS}:"))
    return str(WORDS.get(code, code.replace("_", " ").capitalize()))
