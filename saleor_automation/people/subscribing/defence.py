"""What speaks against a sign-up: rules of thumb about forms, networks and spellings.

Pure. A signal never refuses a person; it only means that the mailbox has to confirm. Only
numbers that no person reaches refuse.
"""

from __future__ import annotations

import ipaddress
import unicodedata
from datetime import timedelta
from enum import StrEnum
from typing import Final


class Signal(StrEnum):
    """Why a confirmation is asked for although the shop may not ask everybody."""

    #: The form came without the mark of when it was shown, or with one that is too old.
    NO_STAMP = "no_stamp"
    #: It was filled in faster than people type.
    TOO_FAST = "too_fast"
    #: Who is asking cannot be told apart from everybody else.
    UNKNOWN_ORIGIN = "unknown_origin"
    #: Many came from there this hour.
    BUSY_ORIGIN = "busy_origin"
    #: One mailbox, written in several ways.
    RESPELLED = "respelled"
    #: Many addresses full of dots this hour, as robots make them.
    DOTTED = "dotted"
    #: Of an address's reasons: disposable, mistyped or a role.
    DOUBTFUL = "doubtful"
    #: The person said no before; a stranger must not take it back for them.
    SAID_NO = "said_no"


#: Seconds between showing a form and sending it, at least and at most.
FASTEST: Final = 3.0
OLDEST: Final = 24 * 3600.0

HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
#: Sign-ups an hour from one host and one network: over the first a signal, over the second
#: refused.
HOST_LIMITS: Final = (3, 10)
NETWORK_LIMITS: Final = (20, 60)
#: Sign-ups a day for one mailbox, however it is written.
MAILBOX_LIMIT: Final = 3
#: Addresses an hour whose part before the @ has many dots.
DOTTED_LIMIT: Final = 5
DOTS: Final = 3
_GOOGLE: Final = frozenset({"gmail.com", "googlemail.com"})


def stamp_signal(age: float | None) -> Signal | None:
    """Return what the age of a form says, in seconds; None: it has no mark."""
    if age is None or age > OLDEST:
        return Signal.NO_STAMP
    return Signal.TOO_FAST if age < FASTEST else None


def origins(address: str) -> tuple[str, str] | None:
    """Return the host and the network of an IP address; None when it is none.

    An IPv6 customer has a /64 at least, so that is the host.
    """
    try:
        ip = ipaddress.ip_address(address.strip())
    except ValueError:
        return None
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    host, network = (32, 24) if ip.version == 4 else (64, 48)
    return tuple(  # type: ignore[return-value]
        str(ipaddress.ip_network(f"{ip}/{bits}", strict=False)) for bits in (host, network)
    )


def mailbox_of(address: str) -> str:
    """Return one spelling for all that reach the same mailbox. For counting, never for sending."""
    local, _at, domain = unicodedata.normalize("NFC", address.strip()).lower().rpartition("@")
    local = local.partition("+")[0] or local
    if domain in _GOOGLE:
        local, domain = local.replace(".", "") or local, "gmail.com"
    return f"{local}@{domain}"


def is_dotted(address: str) -> bool:
    """Whether an address is written like those robots make of one Google mailbox."""
    local, _at, domain = address.strip().lower().rpartition("@")
    return domain in _GOOGLE and local.partition("+")[0].count(".") >= DOTS
