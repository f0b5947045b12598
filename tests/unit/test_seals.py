"""Digests and signatures are those Django itself makes and reads."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.core.signing import Signer
from django.utils.crypto import salted_hmac

from saleor_automation.delivery.links import LinkToken, token_make, token_read
from saleor_automation.people.digests import address_digest
from saleor_automation.seals import seal


@pytest.mark.parametrize("secret", ["tests only", "another", "schlüssel"])
@pytest.mark.parametrize("text", ["", "ana@shop.example", "ünï@shop.example"])
def test_a_seal_is_djangos(settings: Any, secret: str, text: str) -> None:
    settings.SECRET_KEY = secret
    assert (
        seal("salt", text).hexdigest() == salted_hmac("salt", text, algorithm="sha256").hexdigest()
    )


def test_a_links_signature_is_djangos() -> None:
    token = LinkToken(uuid.uuid4(), uuid.uuid4())
    made = token_make(token)
    assert made == Signer(salt="saleor_automation.link", sep=".").sign(made.partition(".")[0])
    assert token_read(made) == token


def test_an_addresss_digest_stays_what_it_was(settings: Any) -> None:
    settings.SECRET_KEY = "kept for good"
    made = salted_hmac("saleor_automation.people.email", "ana@shop.example", algorithm="sha256")
    assert address_digest(" Ana@Shop.example") == made.hexdigest()
