"""What can become of a line of a file: codes are stored, words are shown."""

from __future__ import annotations

from typing import Final

from django.utils.translation import gettext_lazy as _

NEW: Final = "new"
UPDATED: Final = "updated"
UNCHANGED: Final = "unchanged"
# Lines left out.
MALFORMED: Final = "malformed"
REPEATED: Final = "repeated"
ERASED: Final = "erased"
UNDELIVERABLE: Final = "undeliverable"
# Lines that count above as well.
AGREED: Final = "agreed"
SAID_NO: Final = "said_no"
SUPPRESSED: Final = "suppressed"
RISKY: Final = "risky"
#: A value of the line was left out; the rest was taken.
VALUE: Final = "value"
# When it is undone.
REMOVED: Final = "removed"
RESTORED: Final = "restored"

LEFT_OUT: Final = (MALFORMED, REPEATED, ERASED, UNDELIVERABLE)
WORDS: Final = {
    NEW: _("people who are new"),
    UPDATED: _("people we know, with something new about them"),
    UNCHANGED: _("people we know, with nothing new"),
    MALFORMED: _("lines that cannot be read"),
    REPEATED: _("lines whose address stood in an earlier line"),
    ERASED: _("people who were erased: they are not brought back"),
    UNDELIVERABLE: _("addresses no mail will reach"),
    AGREED: _("words of consent taken down"),
    SAID_NO: _("people who said no themselves: their no stays"),
    SUPPRESSED: _("addresses that bounced, complained or were blocked: they stay so"),
    RISKY: _("addresses that are doubtful"),
    VALUE: _("values left out of lines that were taken"),
    REMOVED: _("people taken out again"),
    RESTORED: _("people set back to what they were"),
}
