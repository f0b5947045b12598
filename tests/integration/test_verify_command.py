"""``saleor-automation verify``: a file goes in, a file and a table come out."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from saleor_automation.cli import main
from saleor_automation.people.models import Contact, Identity, Suppression
from saleor_automation.people.services import suppression_add
from saleor_automation.people.verification.models import DomainCheck, Verification
from saleor_automation.project import verify
from tests.dns_rig import SILENT, FakeDns

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
FILE = """\
id,Email,name
1,aina@kedai.shop,Aina
2,noah@gone.shop,"Noah, of old"
3,maya@mailinator.com,Maya
4,ivan@gmial.com,Ivan
5,nonsense,Lina
6,info@kedai.shop,Shop
7,aina@kedai.shop,Aina again
"""


@pytest.fixture
def fake() -> FakeDns:
    made = FakeDns()
    made.moods["gone.shop"] = "nxdomain"
    return made


@pytest.fixture
def ask(fake: FakeDns, monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Path) -> FakeDns:
    """The command asks this instead of the machine's name servers."""
    settings.SALEOR_AUTOMATION = {**settings.SALEOR_AUTOMATION, "verification_dns": None}
    monkeypatch.setattr(verify, "dns_asker", lambda: fake)
    monkeypatch.chdir(tmp_path)
    return fake


def written(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_each_line_gets_its_verdict(
    ask: FakeDns, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "people.csv").write_text(FILE)
    assert main(["verify", "people.csv"]) == 0
    rows = written(tmp_path / "people.verified.csv")
    assert [row["id"] for row in rows] == list("1234567")
    assert rows[1]["name"] == "Noah, of old"
    assert [(row["verdict"], row["reasons"].split()[0], row["suggestion"]) for row in rows] == [
        ("deliverable", "dns_ok", ""),
        ("undeliverable", "nxdomain", ""),
        ("risky", "disposable", ""),
        ("risky", "typo_domain", "ivan@gmail.com"),
        ("undeliverable", "syntax", ""),
        ("risky", "role", ""),
        ("deliverable", "dns_ok", ""),
    ]
    assert ask.asked["kedai.shop", "MX"] == 1
    out, err = capsys.readouterr()
    assert "takes mail" in out
    assert "1 are probably mistyped" in out
    assert "people.verified.csv" in out
    assert "Verifying" in err
    assert list(tmp_path.glob(".*")) == []


def test_nothing_of_the_addresses_is_kept_and_a_second_run_asks_nobody(
    ask: FakeDns, tmp_path: Path
) -> None:
    (tmp_path / "people.csv").write_text(FILE)
    main(["verify", "people.csv"])
    assert not Verification.objects.exists()
    assert DomainCheck.objects.count() == 4
    # The one question whether anybody answers is asked each time.
    before = ask.total
    main(["verify", "people.csv", "--output", "again.csv"])
    assert ask.total == before + 1
    assert written(tmp_path / "again.csv") == written(tmp_path / "people.verified.csv")


def test_stopped_and_begun_again_it_asks_about_the_rest(
    ask: FakeDns,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    lines = "".join(f"s{number}@d{number}.shop\n" for number in range(40))
    (tmp_path / "many.csv").write_text(f"email\n{lines}")
    monkeypatch.setattr(verify, "PORTION", 10)
    judge, seen = verify._judge, []

    def stopping(portion: Any, **kwargs: Any) -> Any:
        seen.append(portion)
        if len(seen) == 3:
            raise KeyboardInterrupt
        return judge(portion, **kwargs)

    with monkeypatch.context() as patched:
        patched.setattr(verify, "_judge", stopping)
        assert main(["verify", "many.csv"]) == 130
    assert "run the same command again" in capsys.readouterr().err
    assert not (tmp_path / "many.verified.csv").exists()
    assert list(tmp_path.glob(".*")) == []
    assert ask.asked["d19.shop", "MX"] == 1
    assert main(["verify", "many.csv"]) == 0
    assert {ask.asked[f"d{number}.shop", "MX"] for number in range(40)} == {1}
    assert len(written(tmp_path / "many.verified.csv")) == 40


def test_lines_that_cannot_be_read_are_named(
    ask: FakeDns, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "odd.csv").write_text(
        'name,email\n"Aina\nR",aina@kedai.shop\nNoah\nMaya,maya@kedai.shop,more\n\nIvan,\n'
        "Lina,lina@kedai.shop\n"
    )
    assert main(["verify", "odd.csv"]) == 1
    out = capsys.readouterr().out
    assert "Line 4: 1 cells instead of 2." in out
    assert "Line 5: 3 cells instead of 2." in out
    assert "Line 7: no address." in out
    with (tmp_path / "odd.verified.csv").open(newline="") as file:
        lines = list(csv.reader(file))
    assert lines[0] == ["name", "email", "verdict", "reasons", "suggestion"]
    assert lines[1] == ["Aina\nR", "aina@kedai.shop", "deliverable", "dns_ok", ""]
    assert lines[2] == ["Noah", "", "line 4: 1 cells instead of 2", ""]
    assert lines[-1][:3] == ["Lina", "lina@kedai.shop", "deliverable"]


def test_of_many_bad_lines_some_are_shown_and_all_counted(
    ask: FakeDns, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad.csv").write_text("email,name\n" + "x\n" * 50)
    assert main(["verify", "bad.csv"]) == 1
    out = capsys.readouterr().out
    assert out.count("cells instead of") == verify.SHOWN
    assert "... and 30 more such lines." in out


def test_semicolons_a_mark_and_another_column_are_understood(ask: FakeDns, tmp_path: Path) -> None:
    (tmp_path / "excel.csv").write_bytes("\ufeffName;Adresse\r\nJörg;j@kedai.shop\r\n".encode())
    assert main(["verify", "excel.csv", "--column", "adresse"]) == 0
    text = (tmp_path / "excel.verified.csv").read_text()
    assert (
        text == "Name;Adresse;verdict;reasons;suggestion\nJörg;j@kedai.shop;deliverable;dns_ok;\n"
    )


def test_what_the_shop_knows_of_its_customers_counts(ask: FakeDns, tmp_path: Path) -> None:
    person = Contact.objects.create(email="aina@kedai.shop", created_at=NOW)
    Identity.objects.create(kind="email", value=person.email, contact=person, as_of=NOW)
    suppression_add(contact=person, reason=Suppression.Reason.COMPLAINT, at=NOW)
    (tmp_path / "people.csv").write_text("email\naina@kedai.shop\n")
    main(["verify", "people.csv"])
    (row,) = written(tmp_path / "people.verified.csv")
    assert (row["verdict"], row["reasons"]) == ("undeliverable", "complained dns_ok")


@pytest.mark.parametrize("how", ["option", "setting"])
def test_without_the_dns_nobody_is_asked(
    ask: FakeDns, tmp_path: Path, settings: Any, how: str
) -> None:
    (tmp_path / "people.csv").write_text("email\naina@kedai.shop\nmaya@mailinator.com\n")
    options = ["--no-dns"] if how == "option" else []
    if how == "setting":
        settings.SALEOR_AUTOMATION = {**settings.SALEOR_AUTOMATION, "verification_dns": False}
    assert main(["verify", "people.csv", *options]) == 0
    assert not ask.asked
    verdicts = [row["verdict"] for row in written(tmp_path / "people.verified.csv")]
    assert verdicts == ["unknown", "risky"]


@pytest.mark.parametrize(
    ("content", "options", "says"),
    [
        (None, [], "cannot be used: No such file"),
        (b"", [], "is empty"),
        (b"name,phone\nAina,1\n", [], "Say it with --column; there are: name, phone"),
        (b"name,email\n", ["--column", "mail"], "has no column 'mail'. It has: name, email"),
        (b"aina@kedai.shop\n", [], "The first line of"),
        ("name,email\nJörg,j@x.shop\n".encode("latin-1"), [], "is not written in UTF-8"),
        (b"email\n", ["--output", "people.csv"], "--output names the file itself"),
        (b"email\n", ["--output", "no/such/folder.csv"], "There is no folder no/such"),
    ],
)
def test_what_a_person_must_change_is_said(
    ask: FakeDns,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    content: bytes | None,
    options: list[str],
    says: str,
) -> None:
    if content is not None:
        (tmp_path / "people.csv").write_bytes(content)
    assert main(["verify", "people.csv", *options]) == 2
    err = capsys.readouterr().err
    assert says in err
    assert "Traceback" not in err
    assert list(tmp_path.glob("*.verified.csv")) == []


@pytest.mark.parametrize("mood", [SILENT, "nxdomain"])
def test_without_a_name_server_it_says_so_and_does_not_try(
    ask: FakeDns, tmp_path: Path, capsys: pytest.CaptureFixture[str], mood: str
) -> None:
    ask.mood = mood
    (tmp_path / "people.csv").write_text("email\naina@kedai.shop\n")
    assert main(["verify", "people.csv"]) == 2
    assert "--no-dns" in capsys.readouterr().err
    assert ask.asked["kedai.shop", "MX"] == 0


def test_an_empty_list_is_fine(ask: FakeDns, tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text("email")
    assert main(["verify", "people.csv"]) == 0
    assert written(tmp_path / "people.verified.csv") == []
