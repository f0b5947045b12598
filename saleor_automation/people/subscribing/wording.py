"""The sentence people agree to when they sign up, by language and version.

Version 0 is the product's own, until the shop writes another. What was agreed to stays
readable: a version is never changed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import transaction

from saleor_automation.conf import conf

from .models import SignupWording

_OWN: Final = {
    "en": "I want to get news and offers by e-mail. I can stop them at any time.",
    "ms": "Saya ingin menerima berita dan tawaran melalui e-mel. Saya boleh berhenti bila-bila "
    "masa.",
}
_CODE: Final = re.compile(r"[a-z][a-z0-9-]{1,15}-[0-9]{1,9}", re.ASCII)


@dataclass(frozen=True)
class Wording:
    language: str
    version: int
    text: str

    @property
    def code(self) -> str:
        """Return what a form carries to say which words it showed."""
        return f"{self.language}-{self.version}"

    def __str__(self) -> str:
        return f"{self.text} ({self.language}, version {self.version})"


def wording_current(language: str) -> Wording:
    """Return the newest words in a language, its base, the default, else English."""
    wanted = language.replace("_", "-").lower()
    for code in dict.fromkeys(
        (wanted, wanted.split("-")[0], conf().default_language.lower(), "en")
    ):
        row = SignupWording.objects.filter(language=code).order_by("-version").first()
        if row is not None:
            return Wording(code, row.version, row.text)
        if code in _OWN:
            return Wording(code, 0, _OWN[code])
    raise AssertionError  # pragma: no cover - there are English ones


def wording_read(code: str) -> Wording | None:
    """Return the words a form says it showed, or None when there never were such words."""
    if not _CODE.fullmatch(code):
        return None
    language, _dash, number = code.rpartition("-")
    version = int(number)
    if version == 0:
        return Wording(language, 0, _OWN[language]) if language in _OWN else None
    row = SignupWording.objects.filter(language=language, version=version).first()
    return Wording(language, version, row.text) if row is not None else None


@transaction.atomic
def wording_write(*, language: str, text: str, by: str, now: datetime) -> Wording:
    """Put new words in force; the same words again are no new version."""
    current = wording_current(language)
    text = " ".join(text.split())
    if current.language == language and current.text == text:
        return current
    last = SignupWording.objects.filter(language=language).order_by("-version").first()
    row = SignupWording.objects.create(
        language=language,
        version=last.version + 1 if last is not None else 1,
        text=text,
        created_at=now,
        created_by=by[:150],
    )
    return Wording(language, row.version, row.text)
