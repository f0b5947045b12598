"""Lists and the rule for typing mistakes: who is found in them, and who never is."""

from __future__ import annotations

import random
import string

import pytest

from saleor_automation.people.verification import lists
from saleor_automation.people.verification.lists import (
    RELAYS,
    ROLES,
    disposable_domains,
    disposable_entry,
    free_domains,
    is_free,
    is_relay,
    is_role,
    top_level_domains,
)
from saleor_automation.people.verification.typos import POPULAR, distance, typo_suggestion


def test_the_lists_are_there_and_hold_domains() -> None:
    assert len(ROLES) == 40
    assert len(disposable_domains()) > 5000
    assert len(free_domains()) > 4000
    assert {"com", "my", "museum", "xn--fiqs8s"} <= top_level_domains()
    for domain in free_domains() | RELAYS:
        assert domain == domain.strip().lower()
        assert domain.isascii()
        assert domain.rpartition(".")[2] in top_level_domains(), domain


def test_no_free_provider_is_called_disposable() -> None:
    assert [domain for domain in free_domains() if disposable_entry(domain)] == []


@pytest.mark.parametrize(
    ("domain", "entry"),
    [
        ("mailinator.com", "mailinator.com"),
        ("a.b.mailinator.com", "mailinator.com"),
        ("kedaimailinator.com", ""),
        ("gmail.com", ""),
        ("com", ""),
    ],
)
def test_disposable_domains_are_known_with_what_lies_below(domain: str, entry: str) -> None:
    assert disposable_entry(domain) == entry


@pytest.mark.parametrize("domain", sorted(RELAYS))
def test_a_privacy_relay_is_never_disposable_or_mistyped(
    domain: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Not even when a later list names it.
    monkeypatch.setattr(lists, "disposable_domains", lambda: {domain})
    assert is_relay(domain)
    assert is_relay(f"aina.{domain}")
    assert disposable_entry(domain) == disposable_entry(f"aina.{domain}") == ""
    assert typo_suggestion(domain) == ""


@pytest.mark.parametrize(
    ("local", "expected"),
    [
        ("info", True),
        ("INFO", True),
        ("sales+shop", True),
        ("no-reply", True),
        ("infos", False),
        ("team", False),
        ("test", False),
        ("it", False),
        ("us", False),
        ("aina", False),
        ("mark", False),
        ("bill", False),
        ("grace", False),
    ],
)
def test_a_role_is_no_name(local: str, expected: bool) -> None:
    assert is_role(local) is expected


def test_free_providers_are_known() -> None:
    assert all(is_free(domain) for domain in POPULAR)
    assert is_free("proton.me")
    assert not is_free("kedai.example")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("gmial.com", "gmail.com"),
        ("gmal.com", "gmail.com"),
        ("gmail.con", "gmail.com"),
        ("gmail.comm", "gmail.com"),
        ("yaho.com", "yahoo.com"),
        ("hotmial.com", "hotmail.com"),
        ("hotmailcom", "hotmail.com"),
        ("hotmial.con", "hotmail.com"),
        ("outlok.com", "outlook.com"),
        ("iclould.com", "icloud.com"),
        ("protonmial.cm", "protonmail.com"),
        ("t-onlnie.de", "t-online.de"),
        # One mistake is all a short name is recognised with, and none a very short one.
        ("gmial.con", ""),
        ("alo.com", ""),
        ("web.ed", ""),
        # Somebody's own, and other providers.
        ("gmail.com", ""),
        ("mail.com", ""),
        ("ymail.com", ""),
        ("gmx.net", ""),
        ("kedai-kopi.example", ""),
        # A known name under a top-level domain that exists.
        ("hotmail.dk", ""),
        ("gmail.co", ""),
        ("yahoo.com.my", ""),
        ("yahoo.com.ph", ""),
        ("live.no", ""),
        ("outlook.com.tr", ""),
    ],
)
def test_mistakes_are_recognised_and_nothing_else(typed: str, meant: str) -> None:
    assert typo_suggestion(typed) == meant


def test_no_known_provider_is_ever_corrected() -> None:
    """mailcheck's rule corrects 12.5 % of such a list."""
    assert [domain for domain in free_domains() if typo_suggestion(domain)] == []


def one_edit(domain: str, chance: random.Random) -> str:
    """Return a domain with one letter inserted, dropped, replaced, or two swapped."""
    place = chance.randrange(len(domain))
    letter = chance.choice(string.ascii_lowercase)
    return chance.choice(
        [
            domain[:place] + letter + domain[place:],
            domain[:place] + domain[place + 1 :],
            domain[:place] + letter + domain[place + 1 :],
            domain[:place] + domain[place : place + 2][::-1] + domain[place + 2 :],
        ]
    )


def test_most_single_mistakes_are_recognised_and_none_wrongly() -> None:
    chance = random.Random(20261127)
    tries = right = wrong = 0
    while tries < 5000:
        meant = chance.choice(POPULAR)
        typed = one_edit(meant, chance)
        if typed == meant:
            continue
        tries += 1
        suggestion = typo_suggestion(typed)
        right += suggestion == meant
        # Some mistakes make another provider's name, which is then no mistake to anybody.
        wrong += suggestion not in ("", meant)
    assert len(POPULAR) == 25
    assert wrong == 0
    assert right / tries >= 0.75


def plain_distance(one: str, other: str) -> int:
    """The textbook's table, whole."""
    table = {(-1, -1): 0}
    for row in range(len(one)):
        table[row, -1] = row + 1
    for column in range(len(other)):
        table[-1, column] = column + 1
    for row in range(len(one)):
        for column in range(len(other)):
            best = min(
                table[row - 1, column] + 1,
                table[row, column - 1] + 1,
                table[row - 1, column - 1] + (one[row] != other[column]),
            )
            if row and column and one[row] == other[column - 1] and one[row - 1] == other[column]:
                best = min(best, table[row - 2, column - 2] + 1)
            table[row, column] = best
    return table[len(one) - 1, len(other) - 1]


def test_the_quick_distance_is_the_textbooks() -> None:
    chance = random.Random(7)
    for _ in range(3000):
        one = "".join(chance.choices("abc.", k=chance.randrange(8)))
        other = "".join(chance.choices("abc.", k=chance.randrange(8)))
        for most in (0, 1, 2):
            assert distance(one, other, most=most) == min(plain_distance(one, other), most + 1)
