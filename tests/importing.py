"""What the tests of imports share: files, and how they are brought in."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import Any

from saleor_automation import clock
from saleor_automation.people.importing import services as importing
from saleor_automation.people.importing.models import (
    ContactImport,
    ImportFault,
)
from saleor_automation.people.importing.rules import Rules
from saleor_automation.people.models import (
    Contact,
    Identity,
)
from saleor_automation.people.services import (
    contact_find,
)
from tests.engine import START, settle

State = ContactImport.State
AGREED = datetime(2025, 3, 1, tzinfo=UTC)
FILE = """Email,First name,Last name,Language,Country,Tags,Shoe size
aina@kedai.example,Aina,Rahman,ms,MY,"vip, wholesale",38
BEN@kedai.example,Ben,Tan,en,sg,,41.5
chong@kedai.example,,,,,,
"""
COLUMNS = (
    "email",
    "first_name",
    "last_name",
    "language",
    "country",
    "tags",
    "trait:shoe_size:number",
)
CONSENT = {
    "basis": "opt_in",
    "where": "The form on our old shop",
    "at": AGREED,
    "wording": "Yes, send me news",
}


LINES = """Email,First name,Last name,Language,Country,Tags,Shoe size
aina@kedai.example,Aina,R,ms,MY,,38
no address,B,,,,,
,C,,,,,
too,few
aina@KEDAI.example,Again,,,,,
daud@kedai.example,Daud,R,Malay language,Malaysia,,large
QUOTED,E,,,,,

"maya@kedai.example","Maya
R",S,,,,
gone@kedai.example,G,,,,,
""".replace("QUOTED", '"""x y""@kedai.example"')


def made(text: str | bytes = FILE, **decided: Any) -> ContactImport:
    """Upload a file and decide about it."""
    content = text.encode() if isinstance(text, str) else text
    found = importing.import_create(
        source=io.BytesIO(content), name="people.csv", by="staff", now=clock.now()
    )
    rules = Rules(**{"columns": COLUMNS[: len(found.header)], **decided})
    assert importing.import_decide(importing=found, rules=rules, now=clock.now()) == []
    return found


def worked(found: ContactImport, state: str) -> ContactImport:
    assert importing.import_begin(importing=found, state=state)
    settle()
    found.refresh_from_db()
    return found


def brought_in(text: str | bytes = FILE, **decided: Any) -> ContactImport:
    found = worked(made(text, **decided), State.RUNNING)
    assert found.state == State.DONE
    return found


def person(address: str) -> Contact:
    found = contact_find(address=address)
    assert found is not None
    return found


def faults(found: ContactImport) -> list[tuple[int, str, str]]:
    rows = ImportFault.objects.filter(importing=found).order_by("line", "pk")
    return list(rows.values_list("line", "kind", "reason"))


def known(address: str, **changes: Any) -> Contact:
    contact = Contact.objects.create(email=address, created_at=START, **changes)
    Identity.objects.create(kind="email", value=address.lower(), contact=contact, as_of=START)
    return contact


def many(count: int) -> str:
    lines = [f"p{number}@kedai.example,P{number}" for number in range(count)]
    return "email,first name\n" + "\n".join(lines) + "\n"
