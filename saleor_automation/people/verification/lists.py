"""What lists know about an address: throw-away, role, free provider, privacy relay.

Pure, apart from reading lists that come with the package. Disposable domains are the curated
list of PyPI's disposable-email-domains. The larger lists that circulate are scraped together
and hold real providers, so none is used. A privacy relay is a person's real mailbox behind
another name: never disposable, whatever a list says.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from importlib import metadata, resources
from typing import Final

#: Before the @, without "+tag". Forty that nobody has for a name; the long lists that
#: circulate hold "test", "it" and "us".
ROLES: Final = frozenset(
    {
        "abuse",
        "accounting",
        "accounts",
        "admin",
        "administrator",
        "billing",
        "careers",
        "contact",
        "customerservice",
        "do-not-reply",
        "donotreply",
        "enquiries",
        "feedback",
        "helpdesk",
        "hostmaster",
        "info",
        "inquiries",
        "invoices",
        "jobs",
        "legal",
        "mailer-daemon",
        "marketing",
        "newsletter",
        "no-reply",
        "noc",
        "noreply",
        "office",
        "orders",
        "postmaster",
        "press",
        "privacy",
        "purchasing",
        "reception",
        "root",
        "sales",
        "security",
        "service",
        "spam",
        "support",
        "webmaster",
    }
)
#: Each hides one person's mailbox on that person's wish.
RELAYS: Final = frozenset(
    {
        "addy.io",
        "anonaddy.com",
        "anonaddy.me",
        "duck.com",
        "mozmail.com",
        "passfwd.com",
        "passinbox.com",
        "passmail.com",
        "passmail.net",
        "privaterelay.appleid.com",
        "simplelogin.co",
        "simplelogin.com",
    }
)


def is_role(local: str) -> bool:
    """Whether the part before the @ names a function, not a person."""
    return local.lower().partition("+")[0] in ROLES


def is_relay(domain: str) -> bool:
    """Whether a domain is, or lies below, a privacy relay."""
    return bool(_found(domain, RELAYS))


def disposable_entry(domain: str) -> str:
    """Return the entry of the disposable list a domain is or lies below; "" when none.

    Any part of the name counts, so no list of public suffixes is needed: mailbox providers
    hand out names below their own.
    """
    if is_relay(domain):
        return ""
    return _found(domain, disposable_domains())


def is_free(domain: str) -> bool:
    """Whether a domain is a known provider of free mailboxes."""
    return domain in free_domains()


def _found(domain: str, among: Collection[str]) -> str:
    labels = domain.split(".")
    for start in range(len(labels) - 1):
        name = ".".join(labels[start:])
        if name in among:
            return name
    return ""


def disposable_domains() -> Collection[str]:
    """Return the curated list."""
    from disposable_email_domains import blocklist

    return blocklist


@lru_cache(maxsize=1)
def disposable_version() -> str:
    """Return which list it is: its package's version."""
    return metadata.version("disposable-email-domains")


@lru_cache(maxsize=1)
def free_domains() -> frozenset[str]:
    """Return the known providers of free mailboxes; ``data/free_domains.txt`` says from where."""
    return _lines("free_domains.txt")


@lru_cache(maxsize=1)
def top_level_domains() -> frozenset[str]:
    """Return IANA's top-level domains, ASCII; ``data/top_level_domains.txt`` says of when."""
    return _lines("top_level_domains.txt")


def _lines(name: str) -> frozenset[str]:
    text = resources.files(__package__).joinpath("data", name).read_text("utf-8")
    return frozenset(line for line in text.split("\n") if line and not line.startswith("#"))
