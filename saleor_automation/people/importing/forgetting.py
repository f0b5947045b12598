"""Forgets files and what is kept to undo them, and the people in them who are erased.

Knows the rows of imports alone, so that erasing may ask it.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import Q
from django.utils.translation import gettext as _

from saleor_automation.people.models import Contact

from .models import ContactImport, ImportChange, ImportFault, ImportPiece

State = ContactImport.State

#: How long an import can be undone, and its lines that were left out fetched.
KEPT: Final = timedelta(days=30)
#: How long a file that was never imported is kept.
WAITS: Final = timedelta(days=7)


def imports_forget(addresses: Collection[str]) -> None:
    """Take erased people out of files that wait, and out of lines that were left out."""
    for address in sorted(addresses):
        written = json.dumps(address, ensure_ascii=False)
        for piece in ImportPiece.objects.select_for_update().filter(rows__icontains=written):
            kept = [
                row
                for row in json.loads(piece.rows)
                if address not in {str(cell).strip().lower() for cell in row[1] or ()}
            ]
            piece.rows = json.dumps(kept, ensure_ascii=False)
            piece.save(update_fields=["rows"])
        faults = ImportFault.objects.filter(
            Q(cells__icontains=address) | Q(reason__icontains=address)
        )
        faults.update(cells="[]", reason=_("erased"))


def imports_prune(*, now: datetime) -> None:
    """Forget files nobody imported, and what was kept to undo imports long done."""
    ContactImport.objects.filter(
        state__in=[State.UPLOADED, State.CHECKED], created_at__lt=now - WAITS
    ).delete()
    old = ContactImport.objects.filter(
        state__in=[State.DONE, State.UNDONE, State.FAILED], created_at__lt=now - KEPT
    )
    ImportFault.objects.filter(importing__in=old).delete()
    ImportChange.objects.filter(importing__in=old).delete()
    ImportPiece.objects.filter(importing__in=old).exclude(rows="").update(rows="")


def changes_merge(*, winner: Contact, loser: Contact, **kwargs: Any) -> None:
    """Follow a person who turned out to be another: nobody is taken out for it later."""
    kept = set(ImportChange.objects.filter(contact=winner).values_list("importing", flat=True))
    moved = ImportChange.objects.filter(contact=loser).exclude(importing__in=kept)
    moved.update(contact=winner, created=False)
