"""Which well-known provider was probably meant by a domain that nobody knows.

Pure. Suggests, never rewrites: a domain that looks mistyped may be somebody's own. The rule
is strict because the usual ones are harmful (mailcheck "corrects" one real provider in
eight): 25 popular domains, one edit for a name of four letters or more, two for seven or
more; nothing for a known provider, nothing when two fit equally, and nothing for a known name
under another top-level domain that exists, since hotmail.dk is no misspelt hotmail.fr.

The distance is that of optimal string alignment: insert, drop, replace, or swap neighbours.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from .lists import free_domains, is_relay, top_level_domains

#: In order of how common they are where Saleor shops are.
POPULAR: Final = (
    "gmail.com",
    "yahoo.com",
    "hotmail.com",
    "outlook.com",
    "icloud.com",
    "aol.com",
    "live.com",
    "msn.com",
    "googlemail.com",
    "protonmail.com",
    "web.de",
    "t-online.de",
    "hotmail.co.uk",
    "yahoo.co.uk",
    "hotmail.fr",
    "yahoo.fr",
    "orange.fr",
    "wanadoo.fr",
    "libero.it",
    "mail.ru",
    "yandex.ru",
    "comcast.net",
    "verizon.net",
    "btinternet.com",
    "rocketmail.com",
)
#: Second-level names under which registries sell, as in "co.uk".
_SOLD_BELOW: Final = frozenset({"ac", "co", "com", "edu", "gov", "net", "or", "org"})


@lru_cache(maxsize=16384)
def typo_suggestion(domain: str) -> str:
    """Return the popular domain probably meant by ``domain`` (ASCII, lower case), or ""."""
    if domain in POPULAR or domain in free_domains() or is_relay(domain) or _is_variant(domain):
        return ""
    nearest, found = 3, ""
    for candidate in POPULAR:
        allowed = _edits(candidate)
        edits = distance(domain, candidate, most=allowed)
        if not 0 < edits <= allowed:
            continue
        if edits < nearest:
            nearest, found = edits, candidate
        elif edits == nearest:
            # Two fit equally well: naming one would be a guess.
            found = ""
    return found


def _edits(popular: str) -> int:
    """Return how many mistakes a popular domain is recognised with."""
    letters = len(popular.partition(".")[0])
    return 2 if letters >= 7 else 1 if letters >= 4 else 0


@lru_cache(maxsize=1)
def _known_names() -> frozenset[str]:
    """Return the names of known providers without what stands behind the first dot."""
    return frozenset(domain.partition(".")[0] for domain in (*free_domains(), *POPULAR))


def _is_variant(domain: str) -> bool:
    """Whether a domain is a known name under a top-level domain that exists."""
    name, _, rest = domain.partition(".")
    *middle, last = rest.split(".")
    return (
        name in _known_names()
        and last in top_level_domains()
        and all(label in _SOLD_BELOW for label in middle)
    )


def distance(one: str, other: str, *, most: int) -> int:
    """Return the optimal string alignment distance, or ``most + 1`` when it is larger."""
    if abs(len(one) - len(other)) > most:
        return most + 1
    before: list[int] = []
    last = list(range(len(other) + 1))
    for row, sign in enumerate(one, 1):
        current = [row] + [most + 1] * len(other)
        for column in range(max(1, row - most), min(len(other), row + most) + 1):
            cost = sign != other[column - 1]
            best = min(last[column] + 1, current[column - 1] + 1, last[column - 1] + cost)
            swapped = (
                row > 1
                and column > 1
                and sign == other[column - 2]
                and one[row - 2] == other[column - 1]
            )
            if swapped:
                best = min(best, before[column - 2] + 1)
            current[column] = best
        if min(current) > most:
            return most + 1
        before, last = last, current
    return min(last[-1], most + 1)
