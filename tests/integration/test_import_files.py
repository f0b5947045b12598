"""Files are read as people have them, and what is wrong with one is said."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime
from typing import Any

import pytest

from saleor_automation import clock
from saleor_automation.exceptions import UsageError
from saleor_automation.people.importing import services as importing
from saleor_automation.people.importing.models import (
    ContactImport,
    ImportPiece,
)
from saleor_automation.people.importing.rules import columns_guess
from saleor_automation.people.traits import traits_of
from tests.engine import TestClock
from tests.importing import (
    brought_in,
    person,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _clock(test_clock: TestClock) -> TestClock:
    return test_clock


def workbook(rows: list[list[Any]]) -> bytes:
    import openpyxl

    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        ("email;first name\nj@kedai.example;Jörg\n".encode(), "utf-8"),
        ("\ufeffemail,first name\r\nj@kedai.example,Jörg\r\n".encode(), "utf-8"),
        ("email\tfirst name\nj@kedai.example\tJörg".encode("utf-16"), "utf-16"),
        ("email;first name\nj@kedai.example;Jörg\n".encode("cp1252"), "cp1252"),
        (workbook([["email", "first name", None], ["j@kedai.example", "Jörg"]]), "xlsx"),
    ],
)
def test_files_are_read_as_people_have_them(content: bytes, encoding: str) -> None:
    found = brought_in(content, columns=("email", "first_name"))
    assert (found.encoding, found.header) == (encoding, ["email", "first name"])
    assert person("j@kedai.example").first_name == "Jörg"


def test_a_workbooks_numbers_and_dates_are_what_they_were() -> None:
    content = workbook(
        [
            ["email", "Size", "Born", "Member"],
            ["a@kedai.example", 38.0, date(1990, 5, 31), True],
            [None, None, None, None],
            ["b@kedai.example", 41.5, None, False, None],
        ]
    )
    columns = ("email", "trait:size:number", "trait:born:moment", "trait:member:flag")
    brought_in(content, columns=columns)
    assert traits_of(person("a@kedai.example")) == {
        "size": 38,
        "born": datetime(1990, 5, 31, tzinfo=UTC),
        "member": True,
    }
    assert traits_of(person("b@kedai.example")) == {"size": 41.5, "member": False}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "The file is empty"),
        (b"email\n", "no lines below"),
        (b"a@kedai.example\nb@kedai.example\n", "The first line holds an address"),
        (b"PK\x03\x04 nothing", "The workbook cannot be read"),
        (b"\xff\xfee\x00m\x00\n\x00\x00\xd8", "Save it as"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(content: bytes, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        importing.import_create(source=io.BytesIO(content), name="x", by="", now=clock.now())
    assert not ContactImport.objects.exists()
    assert not ImportPiece.objects.exists()


def test_what_columns_mean_is_guessed() -> None:
    header = ["E-mail address", "First Name", "Nachname", "Accepts Marketing", "Notes", "Name"]
    assert columns_guess(header, []) == [
        "email",
        "first_name",
        "last_name",
        "agreed",
        "",
        "name",
    ]
    # By what stands in it, when the name says nothing.
    assert columns_guess(["Who", "Kontakt"], [["A", "a@x.example"], ["B", "b@x.example"]]) == [
        "",
        "email",
    ]
