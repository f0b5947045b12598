"""How long it takes to bring in a file of people, to look it over before, and to undo it.

A CSV file of six columns, as the Studio and the command line store and work it; the memory
is the whole process's at its highest.
"""

from __future__ import annotations

import resource
import time
from pathlib import Path

from benchmarks import seed
from saleor_automation.people.importing.models import ContactImport
from saleor_automation.people.importing.rules import Rules, date_read
from saleor_automation.people.importing.services import (
    import_begin,
    import_create,
    import_decide,
)
from saleor_automation.people.importing.working import import_claim, import_work
from saleor_automation.people.models import Contact

State = ContactImport.State


def measure(*, people: int, folder: Path) -> dict[str, object]:
    """Return seconds for each way through the file, and the most memory in MB."""
    now = seed.database_prepare()
    file = folder / "people.csv"
    with file.open("w", encoding="utf-8") as writing:
        writing.write("email,first name,last name,country,tags,score\n")
        for number in range(people):
            writing.write(f"p{number}@d{number % 6000}.example,P{number},R,MY,a,{number}\n")
    started = time.perf_counter()
    with file.open("rb") as source:
        found = import_create(source=source, name=file.name, by="", now=now)
    seconds = {"upload_seconds": time.perf_counter() - started}
    rules = Rules(
        columns=("email", "first_name", "last_name", "country", "tags", "trait:score:number"),
        basis="opt_in",
        where="fair",
        at=date_read("2025-01-01"),
        wording="Yes",
    )
    problems = import_decide(importing=found, rules=rules, now=now)
    assert problems == [], problems
    for name, state in (
        ("look_seconds", State.CHECKING),
        ("import_seconds", State.RUNNING),
        ("undo_seconds", State.UNDOING),
    ):
        import_begin(importing=found, state=state)
        claim = import_claim(importing=found)
        assert claim is not None
        started = time.perf_counter()
        import_work(pk=found.pk, claim=claim)
        seconds[name] = time.perf_counter() - started
        if state == State.RUNNING:
            assert Contact.objects.count() == people
    assert not Contact.objects.exists()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {**seconds, "memory_mb": memory}
