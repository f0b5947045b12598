"""Is this an address at all, and in which form do DNS and mail servers know it?

Pure. Leaves the grammar to email-validator in its strict form (RFC 5322 without its
relics, IDNA 2008, lengths of RFC 5321): on the 443 cases of the two isemail suites it is
right in 439. Quoted local parts and bracketed IP addresses are valid mail and useless in
a shop, since mail services refuse them: they get a reason of their own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from email_validator import EmailSyntaxError, validate_email

from .verdicts import Reason

#: Top-level domains nobody can own (RFC 2606, RFC 6761), and IANA's own examples. Rehearsals
#: and documentation use them: written right, they are valid, and never asked about.
RESERVED = frozenset({"example", "test", "invalid", "localhost"})
RESERVED_DOMAINS = frozenset({"example.com", "example.net", "example.org"})


#: Letters, digits and single marks between them, 64 at most: right by RFC 5321, 4.5.3.1.1.
_PLAIN = re.compile(r"(?=.{1,64}$)[A-Za-z0-9]+(?:[._+-][A-Za-z0-9]+)*")
#: RFC 5321, 4.5.3.1.3: a path of 256, less its brackets.
_LONGEST = 254


@dataclass(frozen=True)
class Parsed:
    """An address taken apart."""

    #: None: nothing is wrong with it.
    reason: Reason | None
    local: str = ""
    #: ASCII, lower case: what the DNS is asked about.
    domain: str = ""
    #: email-validator's words, when it is wrong.
    detail: str = ""

    @property
    def is_address(self) -> bool:
        """Whether there is a domain to ask about."""
        return bool(self.domain)


def address_parse(address: str) -> Parsed:
    """Take an address apart. Never raises, whatever the text holds.

    White space around it is the caller's to take off: it is no part of an address.
    """
    written, stood_in = _stand_in(address)
    local, _, name = written.rpartition("@")
    if _PLAIN.fullmatch(local):
        # Nearly every address: its domain was looked at before, and nothing else can be wrong.
        known = _domain_of(name)
        if known and len(local) + 1 + len(known) <= _LONGEST:
            return Parsed(None, local=local, domain=_restored(known, stood_in))
    try:
        found = validate_email(written, check_deliverability=False, strict=True)
    except EmailSyntaxError as error:
        return Parsed(_why(written), detail=str(error)[:200])
    except (ValueError, UnicodeError) as error:
        # Surrogates and the like, which email-validator's own libraries trip over.
        return Parsed(Reason.SYNTAX, detail=type(error).__name__)
    domain = _restored(found.ascii_domain.lower(), stood_in)
    # As it was written: mails go to that form, not to a normalised one.
    reason = Reason.NEEDS_SMTPUTF8 if found.smtputf8 else None
    return Parsed(reason, local=found.local_part, domain=domain)


@lru_cache(maxsize=4096)
def _domain_of(name: str) -> str:
    """Return a domain as the DNS knows it, small; "" when it is none."""
    try:
        found = validate_email(f"a@{name}", check_deliverability=False, strict=True)
    except (ValueError, UnicodeError):
        return ""
    return str(found.ascii_domain.lower())


def _restored(domain: str, stood_in: str) -> str:
    """Undo ``_stand_in``."""
    return f"{domain.removesuffix('.example')}.{stood_in}" if stood_in else domain


def is_reserved(domain: str) -> bool:
    """Whether a domain (ASCII, lower case) is set aside for examples and tests."""
    return domain.rpartition(".")[2] in RESERVED or any(
        domain == one or domain.endswith(f".{one}") for one in RESERVED_DOMAINS
    )


def _stand_in(address: str) -> tuple[str, str]:
    """Put ``.example`` in place of a reserved top-level domain email-validator refuses."""
    rest, dot, last = address.rpartition(".")
    last = last.lower()
    if dot and "@" in rest and last in RESERVED - {"example"}:
        return f"{rest}.example", last
    return address, ""


def _why(address: str) -> Reason:
    """Tell an address that is no address from one that is merely too unusual."""
    try:
        validate_email(
            address,
            check_deliverability=False,
            strict=True,
            allow_quoted_local=True,
            allow_domain_literal=True,
        )
    except ValueError:
        return Reason.SYNTAX
    return Reason.SYNTAX_UNUSUAL
