"""Signed links in mails.

Knows tokens. A link names the message and the person and carries a signature;
it needs no row, works after the message was pruned, and never expires, because
an unsubscribe link must not. The link to a person's preferences is signed by itself, so
that whoever is sent on from there to here cannot read the mail it was in.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from functools import lru_cache
from uuid import UUID

from django.core.signing import BadSignature, Signer
from django.urls import reverse

from saleor_automation.conf import conf
from saleor_automation.seals import seal

_SALT = "saleor_automation.link"
_PREFERENCES = "saleor_automation.preferences"


@dataclass(frozen=True)
class LinkToken:
    """Who a link is for and which mail it was in."""

    contact_id: UUID
    message_id: UUID


def token_make(token: LinkToken, *, salt: str = _SALT) -> str:
    """Return ``token`` as URL-safe text with its signature."""
    raw = token.contact_id.bytes + token.message_id.bytes
    text = base64.urlsafe_b64encode(raw).decode().rstrip("=")
    # As Django's Signer writes it, which reads it again.
    signature = base64.urlsafe_b64encode(seal(salt + "signer", text).digest())
    return f"{text}.{signature.decode().rstrip('=')}"


def token_read(text: str, *, salt: str = _SALT) -> LinkToken | None:
    """Return the token in ``text``, or None when its signature or form is wrong."""
    try:
        value = Signer(salt=salt, sep=".").unsign(text)
        raw = base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))
        return LinkToken(UUID(bytes=raw[:16]), UUID(bytes=raw[16:]))
    except (BadSignature, ValueError):
        return None


def preferences_read(text: str) -> LinkToken | None:
    """Return the token of a link to preferences, or None when it is none."""
    return token_read(text, salt=_PREFERENCES)


def preferences_address(token: LinkToken) -> str:
    """Return the address of a person's preferences."""
    before, after = dict(_addresses(conf().public_url))["preferences"]
    return before + token_make(token, salt=_PREFERENCES) + after


def links_for(*, contact_id: UUID, message_id: UUID, system: bool = False) -> dict[str, str]:
    """Return the links a mail may show: unsubscribe, preferences, view, back to its basket.

    A mail of the Studio's own has one more: to the answer it asks for.
    """
    token = LinkToken(contact_id, message_id)
    signed = {"": token_make(token), "preferences": token_make(token, salt=_PREFERENCES)}
    return {
        name: before + signed.get(name, signed[""]) + after
        for name, (before, after) in _addresses(conf().public_url)
        if system or name != "privacy"
    }


@lru_cache(maxsize=8)
def _addresses(base: str) -> tuple[tuple[str, tuple[str, str]], ...]:
    """Return each link's address before and behind its token."""
    views = {
        "unsubscribe": "unsubscribe",
        "preferences": "preferences",
        "view": "view_mail",
        "basket": "basket_link",
        "privacy": "privacy_answer",
    }
    parts = []
    for name, view in views.items():
        path = base + reverse(f"saleor_automation:{view}", args=["TOKEN"])
        before, _, after = path.rpartition("TOKEN")
        parts.append((name, (before, after)))
    return tuple(parts)
