"""What is an address: email-validator's own cases, and isemail's when they are at hand."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from unittest.mock import patch
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saleor_automation.people.verification import syntax
from saleor_automation.people.verification.syntax import address_parse, is_reserved
from saleor_automation.people.verification.verdicts import Reason

CASES = json.loads(
    (Path(__file__).parents[1] / "data" / "email_validator_cases.json").read_text("utf-8")
)
#: Folder with isemail's tests.xml and tests-original.xml.
ISEMAIL = os.environ.get("ISEMAIL_TESTS", "")
#: Categories of isemail that a shop should take.
USABLE = {"ISEMAIL_VALID_CATEGORY", "ISEMAIL_DNSWARN"}


@pytest.mark.parametrize("expected", ["", "needs_smtputf8", "syntax_unusual", "syntax"])
def test_the_cases_of_email_validator(expected: str) -> None:
    cases = CASES["cases"][expected]
    assert len(cases) >= 5
    said = {address: address_parse(address).reason for address in cases}
    wrong = {address: reason for address, reason in said.items() if (reason or "") != expected}
    assert wrong == {}


def isemail_cases(name: str) -> list[tuple[str, bool]]:
    cases = []
    for test in ElementTree.parse(Path(ISEMAIL) / name).iter("test"):
        # Control characters are written as their pictures.
        address = "".join(
            chr(ord(sign) - 0x2400) if 0x2400 <= ord(sign) <= 0x2420 else sign
            for sign in test.findtext("address") or ""
        )
        cases.append((address, test.findtext("category") in USABLE))
    return cases


@pytest.mark.skipif(
    not ISEMAIL, reason="ISEMAIL_TESTS names no folder with isemail's tests.xml and the original"
)
def test_both_suites_of_isemail() -> None:
    cases = isemail_cases("tests.xml") + isemail_cases("tests-original.xml")
    assert len(cases) == 443
    right = sum((address_parse(address).reason is None) == usable for address, usable in cases)
    assert right >= 439


def test_the_domain_is_in_the_form_the_dns_knows() -> None:
    parsed = address_parse("Aina.R+teh@KEDAI-Kopi.Example")
    assert (parsed.local, parsed.domain) == ("Aina.R+teh", "kedai-kopi.example")
    assert address_parse("jörg@müller.de").domain == "xn--mller-kva.de"
    assert address_parse("jorg@müller.de").reason is None
    assert address_parse("jörg@müller.de").reason is Reason.NEEDS_SMTPUTF8


@pytest.mark.parametrize(
    "address", ["a@shop.example", "a@shop.test", "a@b.invalid", "a@b.LOCALHOST", "a@example.com"]
)
def test_reserved_domains_are_addresses_nobody_asks_about(address: str) -> None:
    parsed = address_parse(address)
    assert parsed.reason is None
    assert parsed.domain == address.partition("@")[2].lower()
    assert is_reserved(parsed.domain)


@pytest.mark.parametrize("address", ["a@b..test", "a b@shop.test", "a@localhost", "a@.invalid", ""])
def test_a_reserved_domain_excuses_nothing(address: str) -> None:
    assert address_parse(address).reason is Reason.SYNTAX


def test_a_shops_own_domain_is_not_reserved() -> None:
    assert not is_reserved("myexample.com")
    assert not is_reserved("test.com")
    assert not is_reserved("example.com.my")
    assert is_reserved("mail.example.com")


@given(st.text(max_size=80))
def test_nothing_written_makes_it_fail(text: str) -> None:
    parsed = address_parse(text)
    assert parsed.is_address == (parsed.reason in (None, Reason.NEEDS_SMTPUTF8))
    assert parsed.domain.isascii()


_DOMAINS = ["kedai.shop", "KEDAI.shop", "müller.de", "x" * 63 + ".de", "a-.de", "-a.de", "a..de"]
_DOMAINS += [
    "de",
    "",
    "a.b_c.de",
    "1.2.3.4",
    "[1.2.3.4]",
    "a.test",
    "a.localhost",
    "x" * 64 + ".de",
]


@given(
    st.one_of(
        st.from_regex(r"[A-Za-z0-9.+_-]{1,66}", fullmatch=True),
        st.text(alphabet="aZ9.+-_ é\n@\"'", max_size=8),
    ),
    st.one_of(
        st.sampled_from(_DOMAINS),
        st.integers(60, 64).map(lambda size: ".".join(["d" * size, "e" * 63, "f" * 61, "de"])),
    ),
)
def test_the_quick_way_says_what_email_validator_says(local: str, domain: str) -> None:
    """An address whose domain is known takes a shorter way to the same answer."""
    address = f"{local}@{domain}"
    with patch.object(syntax, "_PLAIN", re.compile(r"(?!)")):
        slowly = address_parse(address)
    assert address_parse(address) == slowly
