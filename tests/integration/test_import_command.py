"""The command that brings in people, as typed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from saleor_automation.cli import main
from saleor_automation.people.importing import services as importing
from saleor_automation.people.importing import working
from saleor_automation.people.importing.models import (
    ContactImport,
)
from saleor_automation.people.models import (
    Consent,
    Contact,
    Tag,
)
from saleor_automation.project import people_in
from tests.engine import TestClock
from tests.importing import (
    AGREED,
    FILE,
    LINES,
    many,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _clock(test_clock: TestClock) -> TestClock:
    return test_clock


def test_the_command_imports_and_says_what_it_did(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("people.csv").write_text(LINES)
    dry = ["import-people", "people.csv", "--basis", "none", "--column", "Shoe size=trait"]
    assert main([*dry, "--dry-run"]) == 1
    told = capsys.readouterr()
    assert "looked over, nothing done yet" in told.out
    assert "Line 5: 2 cells instead of 7" in told.out
    assert "Looking over" in told.err
    assert not Contact.objects.exists()
    assert main(dry) == 1
    assert "imported" in capsys.readouterr().out
    # One of them was never erased here.
    assert Contact.objects.count() == 4
    assert ContactImport.objects.get().rules["columns"][-1] == "trait:shoe_size:text"
    number = ContactImport.objects.get().pk
    assert main(["import-people", "--undo", str(number)]) == 1
    assert "undone" in capsys.readouterr().out
    assert not Contact.objects.exists()
    assert main(["import-people", "--undo", str(number)]) == 2


def test_the_command_wants_a_basis_and_its_proof(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "people.csv"
    file.write_text(FILE)
    assert main(["import-people", str(file)]) == 2
    assert "--basis" in capsys.readouterr().err
    assert main(["import-people", str(file), "--basis", "opt_in"]) == 2
    assert "you must prove it" in capsys.readouterr().err
    proof = ["--where", "fair", "--when", "2025-03-01", "--wording", "Yes", "--tag", "Fair"]
    proof += ["--channel", "malaysia", "--keep-undeliverable"]
    assert main(["import-people", str(file), "--basis", "opt_in", *proof]) == 0
    assert Consent.objects.filter(at=AGREED).count() == 3
    assert Tag.objects.filter(name="fair").count() == 3
    assert Contact.objects.filter(channel="malaysia").count() == 3
    for wrong, says in (
        (["--when", "soon"], "is no date"),
        (["--column", "Nose=email"], "Columns: Email"),
    ):
        assert main(["import-people", str(file), "--basis", "none", *wrong]) == 2
        assert says in capsys.readouterr().err
    assert main(["import-people", str(tmp_path / "none.csv"), "--basis", "none"]) == 2


def test_the_command_watches_a_worker_that_was_faster(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "people.csv"
    file.write_text(many(5))
    real, tried = working.import_claim, []

    def slower(**kwargs: Any) -> Any:
        tried.append(real(**kwargs))
        if len(tried) == 1:
            return None
        found = ContactImport.objects.get()
        working.import_work(pk=found.pk, claim=tried[0])
        return None

    monkeypatch.setattr(people_in, "import_claim", slower)
    monkeypatch.setattr(people_in, "PAUSE", 0)
    assert main(["import-people", str(file), "--basis", "none"]) == 0
    assert (len(tried), Contact.objects.count()) == (2, 5)


def test_the_command_goes_on_with_what_was_stopped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "PIECE", 10)
    file = tmp_path / "people.csv"
    file.write_text(many(45))
    real, seen = working._piece_work, []

    def stopping(*args: Any) -> None:
        seen.append(args)
        if len(seen) == 3:
            raise KeyboardInterrupt
        real(*args)

    with monkeypatch.context() as patched:
        patched.setattr(working, "_piece_work", stopping)
        assert main(["import-people", str(file), "--basis", "none"]) == 130
    assert "Run the same command again" in capsys.readouterr().err
    assert Contact.objects.count() == 20
    assert main(["import-people", str(file), "--basis", "none"]) == 0
    assert (Contact.objects.count(), ContactImport.objects.count()) == (45, 1)
    assert "45" in capsys.readouterr().out
