"""Signed links in mails.

Knows tokens. A link names the message and the person and carries a signature;
it needs no row, works after the message was pruned, and never expires, because
an unsubscribe link must not.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from functools import lru_cache
from uuid import UUID

from django.core.signing import BadSignature, Signer
from django.urls import reverse

from saleor_automation.conf import conf

_SALT = "saleor_automation.link"


@dataclass(frozen=True)
class LinkToken:
    """Who a link is for and which mail it was in."""

    contact_id: UUID
    message_id: UUID


def token_make(token: LinkToken) -> str:
    """Return ``token`` as URL-safe text with its signature."""
    raw = token.contact_id.bytes + token.message_id.bytes
    text = base64.urlsafe_b64encode(raw).decode().rstrip("=")
    return Signer(salt=_SALT, sep=".").sign(text)


def token_read(text: str) -> LinkToken | None:
    """Return the token in ``text``, or None when its signature or form is wrong."""
    try:
        value = Signer(salt=_SALT, sep=".").unsign(text)
        raw = base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))
        return LinkToken(UUID(bytes=raw[:16]), UUID(bytes=raw[16:]))
    except (BadSignature, ValueError):
        return None


def links_for(*, contact_id: UUID, message_id: UUID, system: bool = False) -> dict[str, str]:
    """Return the links a mail may show: unsubscribe, view, and back to its basket.

    A mail of the Studio's own has one more: to the answer it asks for.
    """
    token = token_make(LinkToken(contact_id, message_id))
    return {
        name: before + token + after
        for name, (before, after) in _addresses(conf().public_url)
        if system or name != "privacy"
    }


@lru_cache(maxsize=8)
def _addresses(base: str) -> tuple[tuple[str, tuple[str, str]], ...]:
    """Return each link's address before and behind its token."""
    views = {"unsubscribe": "unsubscribe", "view": "view_mail", "basket": "basket_link"}
    views["privacy"] = "privacy_answer"
    parts = []
    for name, view in views.items():
        path = base + reverse(f"saleor_automation:{view}", args=["TOKEN"])
        before, _, after = path.rpartition("TOKEN")
        parts.append((name, (before, after)))
    return tuple(parts)
