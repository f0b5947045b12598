"""``python -m benchmarks``: measure everything, print a table, write JSON.

Starts its own PostgreSQL from Debian's programs unless DATABASE_URL names a server. Each
measurement gets an empty database and a process of its own. A figure is the median of its
rounds; a ratio divides medians of things that took turns in one run.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

from .machine import machine
from .services import Missing, database, postgres_server

ROOT = Path(__file__).resolve().parents[1]
DATABASES = ("sqlite", "postgresql")
#: What issue and documentation promise; printed beside what was measured.
TARGETS = {
    "ingest_ratio": ("at least 0.50", lambda value: value >= 0.5),
    "send_ratio": ("at least 0.40", lambda value: value >= 0.4),
    "post_office_ratio": ("at least 2.5", lambda value: value >= 2.5),
    "steps": ("at least 1,000", lambda value: value >= 1000),
    "tracked": ("at least 1,000", lambda value: value >= 1000),
    "steps_slowdown": ("at most 1.30", lambda value: value <= 1.3),
    "claim_p99": ("below 20", lambda value: value < 20),
    "conditions_sqlite": ("at most 3", lambda value: value <= 3),
    "conditions_postgresql": ("at most 1", lambda value: value <= 1),
    "conditions_step": ("at most 5", lambda value: value <= 5),
    "membership": ("at most 5", lambda value: value <= 5),
    "compilations": ("0", lambda value: value == 0),
    "connections": ("0 more", lambda value: value == 0),
    "questions": ("at most 2 a domain", lambda value: value <= 2),
    "import_memory": ("at most 400", lambda value: value <= 400),
}


class Row:
    """One line of the table: a label, and a value per database."""

    def __init__(self, label: str, *, target: str = "", form: str = "{:,.0f}") -> None:
        self.label, self.target, self.form = label, target, form
        self.values: dict[str, float] = {}

    def cell(self, kind: str) -> str:
        if kind not in self.values:
            return "-"
        text = self.form.format(self.values[kind])
        if self.target and not TARGETS[self.target][1](self.values[kind]):
            text += " (missed)"
        return text


class Table:
    """The rows, in the order they were first named."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}

    def put(self, kind: str, label: str, value: float, **options: str) -> None:
        self.rows.setdefault(label, Row(label, **options)).values[kind] = value

    def lines(self, kinds: list[str]) -> Iterator[str]:
        yield "| measured | " + " | ".join(kinds) + " | target |"
        yield "|---|" + "---:|" * len(kinds) + "---|"
        for row in self.rows.values():
            target = TARGETS[row.target][0] if row.target else ""
            cells = " | ".join(row.cell(kind) for kind in kinds)
            yield f"| {row.label} | {cells} | {target} |"


def ingest(run: Callable[..., Any], table: Table, kind: str, quick: bool) -> dict[str, Any]:
    found = run("ingest", deliveries=1000 if quick else 5000, rounds=3)
    stored, answered = median(found["stored"]), median(found["without_database"])
    raw = median(found["raw_insert"])
    table.put(kind, "Deliveries verified and stored per second", stored)
    table.put(kind, "The same server and request without a database", answered)
    table.put(kind, "... ratio", stored / answered, target="ingest_ratio", form="{:.2f}")
    table.put(kind, "Raw inserts of the same rows per second", raw)
    table.put(kind, "... share of raw inserts", stored / raw, form="{:.2f}")
    table.put(kind, "Delivery, 99th percentile, ms", median(found["p99_ms"]), form="{:.1f}")
    return found


def render(run: Callable[..., Any], table: Table, kind: str, quick: bool) -> dict[str, Any]:
    found = run("render", mails=500 if quick else 3000, rounds=3)
    table.put(kind, "Mails rendered per second (three templates)", median(found["rendering"]))
    table.put(kind, "Contexts loaded per second", median(found["contexts"]))
    table.put(kind, "Mails written per second (both, and the bytes)", median(found["together"]))
    return found


def send(run: Callable[..., Any], table: Table, kind: str, quick: bool) -> dict[str, Any]:
    # Many short rounds: two processes on two cores, and the raw sender most of all, are faster
    # or slower by a quarter from one second to the next.
    mails = 250 if quick else 1500
    found = run("send", mails=mails, rounds=9)
    sample = found.pop("sample")
    product, raw = median(found["product"]), median(found["raw"])
    table.put(kind, "Mails through the whole send path per second, one process", product)
    table.put(kind, "Raw smtplib, prebuilt bytes, one kept connection", raw)
    table.put(kind, ".. ratio", product / raw, target="send_ratio", form="{:.2f}")
    if importlib.util.find_spec("post_office") is None:
        note("django-post_office is not installed: pip install '.[bench]' to compare with it.")
    else:
        # Right after, in the same run, with a mail of the same size.
        peer = run("post_office", mails=mails, rounds=3, sample=sample)
        whole = median(peer["whole"])
        table.put(kind, "django-post_office per second, one process", whole)
        label = ".. the product is so many times faster"
        table.put(kind, label, product / whole, target="post_office_ratio", form="{:.1f}")
        label = ".. than its sending alone, queueing left out"
        table.put(kind, label, product / median(peer["sending"]), form="{:.1f}")
        found["post_office"] = peer
    compiled = found["mjml_compilations"]
    table.put(kind, "MJML compilations while sending", compiled, target="compilations")
    opened = found["product_connections_in_rounds"]
    table.put(kind, "Connections opened after the first batch", opened, target="connections")
    table.put(kind, "Size of the mail, bytes", found["mail_bytes"])
    return found


def send_steps(run: Callable[..., Any], table: Table, kind: str, quick: bool) -> dict[str, Any]:
    found = run("send_steps", due=1000 if quick else 10_000)
    label = "Send steps per second, from due to accepted, 2 workers"
    table.put(kind, label, found["per_second"])
    return found


def steps(run: Callable[..., Any], table: Table, kind: str, quick: bool) -> dict[str, Any]:
    sizes = [2_000] if quick else [10_000, 100_000, 1_000_000]
    rates: dict[int, float] = {}
    results: dict[str, Any] = {}
    for size in sizes:
        found = run(
            "steps", waiting=size, due=2_000 if quick else 20_000, claims=20 if quick else 200
        )
        results[str(size)] = found
        rates[size] = found["steps_per_second"]
        label = f"Wait-and-condition steps per second, 2 workers, {size:,} waiting"
        table.put(kind, label, found["steps_per_second"], target="steps")
        label = f"Claim of 200, {size:,} waiting, median, ms"
        table.put(kind, label, found["claim_p50_ms"], form="{:.1f}")
        # The promise is for PostgreSQL at a million.
        target = "claim_p99" if kind == "postgresql" else ""
        label = f"Claim of 200, {size:,} waiting, 99th percentile, ms"
        table.put(kind, label, found["claim_p99_ms"], target=target, form="{:.1f}")
    if len(sizes) > 1:
        label = f"A step at {sizes[-1]:,} waiting takes so many times that at {sizes[0]:,}"
        slowdown = rates[sizes[0]] / rates[sizes[-1]]
        table.put(kind, label, slowdown, target="steps_slowdown", form="{:.2f}")
    return results


def verify(run: Callable[..., Any], table: Table, kind: str, quick: bool) -> dict[str, Any]:
    addresses, domains = (10_000, 600) if quick else (100_000, 6_000)
    found = run("verify", addresses=addresses, domains=domains)
    label = f"Questions to the DNS per domain, {addresses:,} addresses, {domains:,} domains"
    table.put(kind, label, found["questions"] / domains, target="questions", form="{:.2f}")
    for name, words in (
        ("new_per_second", "Addresses verified per second, domains unknown, nothing kept"),
        ("kept_per_second", ".. domains known, addresses kept"),
        ("known_per_second", ".. known, as before a send"),
    ):
        table.put(kind, words, found[name])
    return found


def predicates(run: Callable[..., Any], table: Table, kind: str, quick: bool) -> dict[str, Any]:
    contacts = 5_000 if quick else 100_000
    found = run("predicates", contacts=contacts, rounds=5)
    for name, words in (("figures", "figures"), ("rows", "orders of a year, a trait, no tag")):
        label = f"Three conditions over {contacts:,} people on {kind} ({words}), seconds"
        target = f"conditions_{kind}"
        table.put(kind, label, found[f"{name}_seconds"], target=target, form="{:.2f}")
        table.put(
            kind, f".. found so much of them ({words})", found[f"{name}_share"], form="{:.2f}"
        )
        label = f".. the same at a step, batches of 200, ms per person ({words})"
        table.put(kind, label, found[f"{name}_step_ms"], target="conditions_step", form="{:.3f}")
    label = "People whose figures are computed again per second"
    table.put(kind, label, found["figures_per_second"])
    return found


def people_in(run: Callable[..., Any], table: Table, kind: str, quick: bool) -> dict[str, Any]:
    people = 5_000 if quick else 100_000
    found = run("people_in", people=people)
    for name, words in (
        ("upload_seconds", f"{people:,} people in a file: stored, seconds"),
        ("look_seconds", ".. looked over"),
        ("import_seconds", ".. imported, with consent, tag and trait"),
        ("undo_seconds", ".. undone"),
    ):
        table.put(kind, words, found[name], form="{:.1f}")
    table.put(
        kind, ".. memory at most, MB", found["memory_mb"], target="import_memory", form="{:.0f}"
    )
    return found


def track(run: Callable[..., Any], table: Table, kind: str, quick: bool) -> dict[str, Any]:
    found = run("track", batches=100 if quick else 1000, rounds=3, understood=50 if quick else 500)
    label = "Tracked events stored per second, batches of 50"
    table.put(kind, label, median(found["stored"]), target="tracked")
    table.put(
        kind, ".. a request of 50, 99th percentile, ms", median(found["p99_ms"]), form="{:.1f}"
    )
    label = ".. understood per second, one process"
    table.put(kind, label, found["understood_per_second"])
    return found


def segments(run: Callable[..., Any], table: Table, kind: str, quick: bool) -> dict[str, Any]:
    contacts = 5_000 if quick else 100_000
    found = run("segments", contacts=contacts, events=200 if quick else 4000)
    label = f"20 segments kept, {contacts:,} people, ms per event"
    table.put(kind, label, found["event_ms"], target="membership", form="{:.2f}")
    table.put(kind, ".. 99th percentile", found["event_p99_ms"], form="{:.1f}")
    table.put(kind, ".. of one that moves somebody", found["moving_ms"], form="{:.2f}")
    table.put(kind, "Filling the 20, seconds", found["fill_seconds"], form="{:.0f}")
    table.put(kind, ".. members they have", found["members"])
    table.put(
        kind, "A preview of three conditions, seconds", found["preview_seconds"], form="{:.2f}"
    )
    table.put(
        kind, "A sweep of the 20 that finds nobody, seconds", found["sweep_seconds"], form="{:.1f}"
    )
    table.put(kind, "A sweep a day later, seconds", found["day_seconds"], form="{:.1f}")
    table.put(kind, ".. people it looked at again", found["day_people"])
    return found


PARTS: dict[str, Callable[..., dict[str, Any]]] = {
    "ingest": ingest,
    "render": render,
    "send": send,
    "send_steps": send_steps,
    "steps": steps,
    "verify": verify,
    "predicates": predicates,
    "people_in": people_in,
    "track": track,
    "segments": segments,
}


def note(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


def runner(kind: str, server: str) -> Callable[..., dict[str, Any]]:
    """Return what runs one part on an empty database of ``kind``."""

    def run(part: str, **options: Any) -> dict[str, Any]:
        started = time.monotonic()
        with database(kind, server) as made:
            result = subprocess.run(
                [sys.executable, "-m", "benchmarks.part", part],
                input=json.dumps({**options, "folder": str(made.folder)}),
                capture_output=True,
                text=True,
                cwd=ROOT,
                env={**os.environ, **made.environ()},
            )
        if result.returncode:
            note(result.stderr)
            raise SystemExit(f"The measurement {part!r} on {kind} failed; see above.")
        sizes = ", ".join(f"{k} {v:,}" for k, v in options.items() if isinstance(v, int))
        note(f"{kind}: {part} ({sizes}) took {time.monotonic() - started:.0f} s")
        return json.loads(result.stdout.splitlines()[-1])

    return run


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that it works")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART")
    parser.add_argument("--databases", nargs="+", choices=DATABASES, default=list(DATABASES))
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything measured")
    options = parser.parse_args()
    table, measured = Table(), {}
    with contextlib.ExitStack() as stack:
        server = os.environ.get("DATABASE_URL", "")
        if "postgresql" in options.databases and not server:
            try:
                server = stack.enter_context(postgres_server())
            except Missing as error:
                note(str(error))
                options.databases.remove("postgresql")
        for part in options.only:
            for kind in options.databases:
                run = runner(kind, server)
                measured.setdefault(part, {})[kind] = PARTS[part](run, table, kind, options.quick)
                if options.json:
                    # As it comes: the whole takes a quarter of an hour.
                    options.json.write_text(json.dumps(measured, indent=1) + "\n")
    found = machine()
    print(", ".join(f"{name} {value}" for name, value in found.items()) + "\n")
    print("\n".join(table.lines(options.databases)))
    if options.quick:
        print("\nQuick sizes: good for seeing that it runs, not for figures.")
    if options.json:
        content = {"machine": found, "quick": options.quick, "measured": measured}
        options.json.write_text(json.dumps(content, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
