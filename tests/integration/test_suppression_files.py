"""Addresses that must not be written to, in and out of files."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from saleor_automation import clock
from saleor_automation.cli import main
from saleor_automation.people.digests import address_digest
from saleor_automation.people.models import Consent, Contact, Suppression
from saleor_automation.people.services import contact_erase, contact_subscribed, suppression_add
from saleor_automation.people.suppression_files import (
    PORTION,
    Brought,
    FileProblem,
    key_mark,
    moment_read,
    suppressions_export,
    suppressions_import,
)
from tests.engine import Play, settle
from tests.sending import outcome

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)


def bring(text: str, *, dry_run: bool = False, reason: str = "manual") -> Brought:
    *_, last = suppressions_import(
        lines=text.splitlines(keepends=True), reason=reason, now=NOW, dry_run=dry_run
    )
    return last


def counts(brought: Brought) -> tuple[int, int, int, int]:
    return brought.new, brought.stronger, brought.known, brought.wrong


FILE = """\
Name,E-Mail,Reason,Topic,At
Aina,Aina@Shopper.example,unsubscribed,,2026-01-31
"B, of two
lines",b@shopper.example,hard_bounce,news,

C,nonsense,,,
D,d@shopper.example,angry,,
E,e@shopper.example,,,yesterday
F,,,,
G,b@shopper.example,complaint,news,2026-01-31T09:00:00+08:00
"""


@pytest.mark.django_db
def test_each_line_is_taken_or_says_what_is_wrong() -> None:
    assert counts(bring(FILE, dry_run=True)) == (2, 0, 1, 4)
    assert not Suppression.objects.exists()
    brought = bring(FILE)
    assert counts(brought) == (2, 0, 1, 4)
    assert [(fault.line, str(fault.words)[:14]) for fault in brought.faults] == [
        (6, "This is no e-m"),
        (7, "The reason mus"),
        (8, "The date must "),
        (9, "There is neith"),
    ]
    rows = {row.topic: row for row in Suppression.objects.all()}
    assert rows[""].reason == "unsubscribed"
    assert rows[""].at == datetime(2026, 1, 31, tzinfo=UTC)
    assert rows[""].address_digest == address_digest("aina@shopper.example")
    assert rows["news"].reason == "complaint"
    assert rows["news"].at == datetime(2026, 1, 31, 1, tzinfo=UTC)


@pytest.mark.django_db
def test_the_same_file_again_changes_nothing() -> None:
    bring(FILE)
    before = list(Suppression.objects.order_by("pk").values())
    assert counts(bring(FILE)) == (0, 0, 3, 4)
    assert counts(bring(FILE, dry_run=True)) == (0, 0, 3, 4)
    assert list(Suppression.objects.order_by("pk").values()) == before


@pytest.mark.django_db
def test_a_stronger_reason_takes_the_place_of_a_weaker_one() -> None:
    bring("email\na@shopper.example\n", reason="unsubscribed")
    assert counts(bring("email\na@shopper.example\n", reason="complaint", dry_run=True))[1] == 1
    assert counts(bring("email\na@shopper.example\n", reason="complaint")) == (0, 1, 0, 0)
    assert counts(bring("email\na@shopper.example\n", reason="hard_bounce")) == (0, 0, 1, 0)
    assert Suppression.objects.get().reason == "complaint"


@pytest.mark.django_db
@pytest.mark.parametrize("sign", [";", "\t"])
def test_other_signs_between_the_cells(sign: str) -> None:
    assert counts(bring(f"\ufeffname{sign}mail\nx{sign}a@shopper.example\n")) == (1, 0, 0, 0)


@pytest.mark.django_db
def test_a_file_without_names_of_columns_is_refused() -> None:
    for text in ("", "a@shopper.example\n", "name,reason\n"):
        with pytest.raises(FileProblem, match="must name the columns"):
            bring(text)


@pytest.mark.django_db
def test_out_and_in_again_is_the_same_and_names_nobody(welcomed: Play) -> None:
    suppression_add(contact=Contact.objects.get(), reason="complaint", at=NOW)
    bring("email,topic\nb@shopper.example,news\n")
    rows = list(suppressions_export())
    assert len(rows) == 3
    assert "@" not in str(rows)
    before = list(
        Suppression.objects.order_by("address_digest").values_list(
            "address_digest", "channel", "topic", "reason", "at"
        )
    )
    Suppression.objects.all().delete()
    assert counts(bring("\n".join(",".join(row) for row in rows))) == (2, 0, 0, 0)
    after = Suppression.objects.order_by("address_digest").values_list(
        "address_digest", "channel", "topic", "reason", "at"
    )
    assert list(after) == before
    settle()
    assert outcome() == ("skipped", "suppressed")


@pytest.mark.django_db
def test_digests_of_another_key_tell_nobody_apart() -> None:
    good = address_digest("a@shopper.example")
    text = f"key,digest\n{key_mark()},{good}\nffffffffffff,{good}\n{key_mark()},{good[:-1]}g\n"
    brought = bring(text)
    assert counts(brought) == (1, 0, 0, 2)
    assert "another key" in str(brought.faults[0].words)
    assert "64 hexadecimal" in str(brought.faults[1].words)


@pytest.mark.django_db
def test_a_known_person_is_told_in_the_ledger_and_gets_no_mail(welcomed: Play) -> None:
    text = "email\naina@shopper.example\n"
    for _ in range(2):
        bring(text, reason="unsubscribed")
    aina = Contact.objects.get()
    row = Consent.objects.get()
    assert (row.contact, row.state, row.source) == (aina, "withdrawn", "import")
    assert Suppression.objects.get().contact == aina
    assert contact_subscribed(contact=aina) is False
    settle()
    assert outcome() == ("skipped", "unsubscribed")


@pytest.mark.django_db
def test_the_block_of_an_erased_person_can_still_be_saved(welcomed: Play) -> None:
    suppression_add(contact=Contact.objects.get(), reason="complaint", at=NOW)
    contact_erase(contact=Contact.objects.get(), at=clock.now(), now=clock.now())
    assert len(list(suppressions_export())) == 2


@pytest.mark.django_db
def test_many_lines_take_few_queries(django_assert_max_num_queries: Any) -> None:
    many = "email\n" + "".join(f"p{n}@shopper.example\n" for n in range(2 * PORTION + 1))
    with django_assert_max_num_queries(40):
        assert counts(bring(many)) == (2 * PORTION + 1, 0, 0, 0)


def test_moments() -> None:
    assert moment_read("2026-13-01") is None
    assert moment_read("soon") is None
    assert moment_read("2026-01-31T09:00") == datetime(2026, 1, 31, 9, tzinfo=UTC)


@pytest.mark.django_db
def test_the_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "old.csv"
    source.write_text(FILE)
    assert main(["suppressions", "import", str(source), "--dry-run"]) == 1
    said = capsys.readouterr()
    assert "Would be new: 2." in said.out
    assert "Line 6: This is no e-mail address." in said.err
    assert not Suppression.objects.exists()
    source.write_text("email\na@shopper.example\n")
    assert main(["suppressions", "import", str(source), "--reason", "complaint"]) == 0
    assert Suppression.objects.get().reason == "complaint"
    out = tmp_path / "out.csv"
    capsys.readouterr()
    assert main(["suppressions", "export", str(out)]) == 0
    with out.open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["digest"] == address_digest("a@shopper.example")
    assert main(["suppressions", "export"]) == 0
    assert row["digest"] in capsys.readouterr().out
    assert main(["suppressions"]) == 0


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("content", "says"),
    [(b"name\nx\n", "must name the columns"), (b"email\n\xff\xfe\n", "UTF-8"), (None, "Name")],
)
def test_the_command_says_what_is_wrong_with_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes | None, says: str
) -> None:
    source = tmp_path / "old.csv"
    if content is not None:
        source.write_bytes(content)
    assert main(["suppressions", "import", str(source)]) == 2
    assert says in capsys.readouterr().err
