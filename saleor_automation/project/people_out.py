"""``saleor-automation export-person``: everything kept of one person, as files.

Knows files, the screen and exit codes. 0 done · 1 nobody is known under the address · 2 a
person must change something.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from django.utils import translation

from saleor_automation import clock
from saleor_automation.conf import conf
from saleor_automation.emails.brands import brand_for
from saleor_automation.exceptions import UsageError
from saleor_automation.people.services import contact_find
from saleor_automation.privacy.dossier import dossier_of
from saleor_automation.privacy.paper import paper_render

from .install import database_ready


def run(*, address: str, output: str, html: bool) -> int:
    """Write one person's data; return the exit code. Raises UsageError."""
    database_ready()
    contact = contact_find(address=address)
    if contact is None:
        print(f"Nobody is known under {address}.", file=sys.stderr)
        return 1
    dossier = dossier_of(contact, now=clock.now())
    if html:
        language = contact.language or conf().default_language
        with translation.override(language):
            text = paper_render(dossier, shop=brand_for(contact.channel).name, language=language)
    else:
        text = json.dumps(dossier, ensure_ascii=False, indent=1) + "\n"
    if not output or output == "-":
        sys.stdout.write(text)
        return 0
    target = Path(output)
    try:
        # A person's data: nobody else on this machine is to read it.
        handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(handle, "w", encoding="utf-8") as writing:
            writing.write(text)
    except OSError as error:
        raise UsageError(
            f"{target} cannot be written: {error.strerror}. Name another --output."
        ) from None
    print(f"Written to {target}", file=sys.stderr)
    return 0
