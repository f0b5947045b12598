"""Email versions: writing them at publish, choosing one for a customer's language.

Knows rows of EmailVersion. Must not know Wagtail or the compiler; what it stores
was compiled elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Max

from saleor_automation.conf import conf
from saleor_automation.rendering.document import CompiledEmail

from .models import EmailVersion

__all__ = [
    "email_version_create",
    "email_version_retire",
    "email_versions_current",
    "version_choose",
]


def email_version_create(
    *,
    email_key: UUID,
    language: str,
    title: str,
    compiled: CompiledEmail,
    page_id: int | None = None,
    revision_id: int | None = None,
    now: datetime,
) -> EmailVersion:
    """Store a compiled email and make it the one new mails use.

    The same content twice is one version: publishing an earlier text again makes its
    version current again. One that cannot be sent is stored with its diagnostics,
    and the last good one stays current.
    """
    language = language.lower()
    for last_try in (False, False, True):
        try:
            with transaction.atomic():
                return _create(email_key, language, title, compiled, page_id, revision_id, now)
        except IntegrityError:
            # Two publishes at once took one number or both became current.
            if last_try:
                raise
    raise AssertionError  # pragma: no cover - the loop returns or raises


def _create(
    email_key: UUID,
    language: str,
    title: str,
    compiled: CompiledEmail,
    page_id: int | None,
    revision_id: int | None,
    now: datetime,
) -> EmailVersion:
    rows = EmailVersion.objects.filter(email_key=email_key, language=language)
    version = rows.filter(digest=compiled.digest).first()
    if version is None:
        version = EmailVersion(
            email_key=email_key,
            language=language,
            number=(rows.aggregate(number=Max("number"))["number"] or 0) + 1,
            digest=compiled.digest,
            status=EmailVersion.Status.READY if compiled.ok else EmailVersion.Status.FAILED,
            title=title[:255],
            subject=compiled.subject,
            preheader=compiled.preheader,
            html=compiled.html,
            text=compiled.text,
            variables=list(compiled.variables),
            diagnostics=[found.as_json() for found in compiled.diagnostics],
            compiler=compiled.compiler,
            page_id=page_id,
            revision_id=revision_id,
            created_at=now,
        )
    if version.status == EmailVersion.Status.READY and not version.is_current:
        rows.filter(is_current=True).update(is_current=False)
        version.is_current = True
        version.save()
    elif version.pk is None:
        version.save()
    return version


def email_version_retire(*, email_key: UUID, language: str) -> None:
    """Let no new mail use the email in this language; its versions stay."""
    EmailVersion.objects.filter(
        email_key=email_key, language=language.lower(), is_current=True
    ).update(is_current=False)


def email_versions_current(
    email_keys: Iterable[UUID],
) -> dict[tuple[UUID, str], EmailVersion]:
    """Return the current versions of some emails by (email, language); one query."""
    rows = EmailVersion.objects.filter(email_key__in=set(email_keys), is_current=True)
    return {(version.email_key, version.language): version for version in rows}


def version_choose(
    versions: Mapping[tuple[UUID, str], EmailVersion], email_key: UUID, language: str
) -> EmailVersion | None:
    """Return the version for a customer's language: exact, base, default, any.

    "Any" is the first language by name, so that the same people get the same one.
    """
    language = language.replace("_", "-").lower()
    base = language.split("-")[0]
    own = sorted(name for key, name in versions if key == email_key)
    relatives = [name for name in own if base and name.split("-")[0] == base]
    for wanted in (language, base, *relatives, conf().default_language.lower(), *own):
        if version := versions.get((email_key, wanted)):
            return version
    return None
