"""``saleor-automation unsubscribe-mail``: reads mails, unsubscribes whom their tokens name.

Knows stdin, mbox files and exit codes. A mail server pipes each mail into it, or somebody gives
it a saved mailbox; nothing is fetched and nothing deleted.

0 every mail was understood · 1 some mails hold no token of ours · 2 a person must change something.
"""

from __future__ import annotations

import mailbox
import sys
from collections import Counter
from collections.abc import Iterator
from email import message_from_bytes
from email.message import Message
from pathlib import Path

from saleor_automation import clock
from saleor_automation.delivery.mailto import Read, mail_unsubscribe
from saleor_automation.exceptions import UsageError

from .install import database_ready

#: A mail longer than this is cut off: its headers come first.
LONGEST = 1024 * 1024


def run(*, mbox: str) -> int:
    """Read mails; return the exit code. Raises UsageError."""
    if not mbox and sys.stdin.isatty():
        raise UsageError(
            "Give it a mail: saleor-automation unsubscribe-mail < mail.eml, or a mailbox: "
            "--mbox FILE."
        )
    if mbox and not Path(mbox).is_file():
        raise UsageError(f"There is no file {mbox}. Name an mbox file.")
    database_ready()
    counts: Counter[Read] = Counter()
    for mail in _mails(mbox):
        counts[mail_unsubscribe(mail=mail, now=clock.now())] += 1
    if not counts:
        raise UsageError("There is no mail in it.")
    # Never who: this is read in logs.
    print(
        f"Unsubscribed: {counts[Read.UNSUBSCRIBED]}. Erased since: {counts[Read.GONE]}. "
        f"Without a token of ours: {counts[Read.UNKNOWN]}."
    )
    if counts[Read.UNKNOWN]:
        print(
            "Mails without a token were written by hand: read them, and enter a “no” on the "
            "person's page in the Studio.",
            file=sys.stderr,
        )
    return 1 if counts[Read.UNKNOWN] else 0


def _mails(mbox: str) -> Iterator[Message]:
    if mbox:
        box = mailbox.mbox(mbox, create=False)
        try:
            yield from box
        finally:
            box.close()
        return
    raw = sys.stdin.buffer.read(LONGEST)
    if raw.strip():
        yield message_from_bytes(raw)
