"""A file of people in the Studio: upload, decide, look, import, undo; and the list as a file."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from saleor_automation.people.importing.models import ContactImport, ImportChange
from saleor_automation.people.models import Consent, Contact, Identity, Suppression, Tag
from saleor_automation.people.services import consent_record, suppression_add
from saleor_automation.people.traits import tag_set
from saleor_automation.studio import import_forms
from tests.engine import settle

from .helpers import NOW, contact, user_with

pytestmark = pytest.mark.django_db

IMPORTS = "automation_people:imports"
FILE = "Email,Name,Points,Notes\naina@kedai.example,Aina Rahman,12,=1+1\nno address,B,x,\n"
PROOF = {
    "basis": "opt_in",
    "where": "Our old shop",
    "when": "2025-03-01",
    "wording": "Yes, send me news",
    "skip_undeliverable": "on",
}


def upload(client: Client, content: str | bytes = FILE, name: str = "people.csv") -> Any:
    data = content.encode() if isinstance(content, str) else content
    return client.post(reverse(IMPORTS), {"file": SimpleUploadedFile(name, data)})


def columns(*targets: str) -> dict[str, str]:
    return {f"column{place}": target for place, target in enumerate(targets)}


def page(found: ContactImport) -> str:
    return reverse("automation_people:import", args=[found.pk])


def look(client: Client, found: ContactImport, **said: str) -> Any:
    return client.post(page(found), {"action": "look", **PROOF, **said})


def act(client: Client, found: ContactImport, action: str) -> Any:
    return client.post(page(found), {"action": action}, follow=True)


def test_from_the_list_to_the_file_and_back(admin_client: Client) -> None:
    assert reverse(IMPORTS) in admin_client.get(reverse("automation_people:index")).content.decode()
    assert "None yet." in admin_client.get(reverse(IMPORTS)).content.decode()
    answer = upload(admin_client)
    found = ContactImport.objects.get()
    assert (answer.status_code, answer.headers["Location"]) == (302, page(found))
    assert found.created_by == "admin"
    shown = admin_client.get(page(found))
    form = shown.context["form"]
    # What is known is guessed, and the rest is left out.
    assert [field.value() for field in form.column_fields] == ["email", "name", "", ""]
    assert "Aina Rahman" in shown.content.decode()
    assert "trait “points”, number" in shown.content.decode().replace("&quot;", '"')

    look(admin_client, found, **columns("email", "name", "trait:points:number", "tags"))
    working = admin_client.get(page(found)).content.decode()
    assert "location.reload()" in working
    assert "No worker seems to run" in working
    settle()
    report = admin_client.get(page(found)).content.decode()
    assert "What would happen" in report
    assert "people who are new" in report
    assert "“no address” is no address" in report
    assert not Contact.objects.exists()
    # What was decided stands in the form again.
    assert "Our old shop" in report

    act(admin_client, found, "run")
    settle()
    aina = Contact.objects.get()
    assert (aina.first_name, aina.last_name) == ("Aina", "Rahman")
    assert Consent.objects.get().wording == "Yes, send me news (Our old shop)"
    assert set(Tag.objects.values_list("name", flat=True)) == {"=1+1"}
    line = admin_client.get(reverse("automation_people:detail", args=[aina.pk])).content.decode()
    assert "imported" in line

    faults = admin_client.get(reverse("automation_people:import_faults", args=[found.pk]))
    rows = list(csv.reader(io.StringIO(b"".join(faults.streaming_content).decode("utf-8-sig"))))
    assert rows == [
        ["line", "reason", "Email", "Name", "Points", "Notes"],
        ["3", "“no address” is no address", "no address", "B", "x", ""],
    ]

    act(admin_client, found, "undo")
    settle()
    assert not Contact.objects.exists()
    found.refresh_from_db()
    assert found.state == "undone"
    act(admin_client, found, "delete")
    assert not ContactImport.objects.exists()


def test_what_is_missing_is_asked_for(admin_client: Client) -> None:
    upload(admin_client)
    found = ContactImport.objects.get()
    mapped = columns("email", "name", "", "")
    for said, words in (
        ({**mapped, "basis": ""}, "This field is required."),
        ({**mapped, "where": ""}, "you must prove it"),
        ({**mapped, "when": "2999-01-01"}, "in the future"),
        (columns("", "name", "", ""), "the one column"),
        (columns("email", "email", "", ""), "the one column"),
        (columns("email", "nonsense", "", ""), "Select a valid choice"),
    ):
        answer = look(admin_client, found, **said)
        assert answer.status_code == 200
        assert words in answer.content.decode(), words
        found.refresh_from_db()
        assert found.state == "uploaded"
    look(admin_client, found, **mapped, basis="none", where="", when="", wording="")
    found.refresh_from_db()
    assert found.state == "checking"


def test_nothing_is_imported_that_was_not_looked_at(admin_client: Client) -> None:
    upload(admin_client)
    found = ContactImport.objects.get()
    for action in ("run", "undo", "resume", "nonsense"):
        assert "cannot be done at the moment" in act(admin_client, found, action).content.decode()
    found.refresh_from_db()
    assert found.state == "uploaded"


def test_an_upload_that_was_cut_off_is_no_file(admin_client: Client) -> None:
    upload(admin_client)
    ContactImport.objects.update(pieces=0, lines=0)
    found = ContactImport.objects.get()
    assert "cut off" in look(admin_client, found, **columns("email", "", "", "")).content.decode()
    found.refresh_from_db()
    assert found.state == "uploaded"


def test_files_that_cannot_be_read_are_refused_with_advice(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "holds an address" in upload(admin_client, "a@kedai.example\n").content.decode()
    assert "cannot be read" in upload(admin_client, b"PK\x03\x04").content.decode()
    monkeypatch.setattr(import_forms, "MEGABYTES", 0)
    assert "larger than" in upload(admin_client).content.decode()
    assert not ContactImport.objects.exists()


def test_a_file_in_another_encoding_says_so(admin_client: Client) -> None:
    upload(admin_client, "email,name\nj@kedai.example,Jörg\n".encode("cp1252"))
    shown = admin_client.get(page(ContactImport.objects.get())).content.decode()
    assert "Windows-1252" in shown
    assert "Jörg" in shown


def test_a_file_holds_no_script(admin_client: Client) -> None:
    name = "<script>alert(1)</script>"
    upload(admin_client, f"email,{name}\na@kedai.example,{name}\n", name=f"{name}.csv")
    assert name not in admin_client.get(page(ContactImport.objects.get())).content.decode()
    assert name not in admin_client.get(reverse(IMPORTS)).content.decode()


def test_importing_and_exporting_want_permissions_of_their_own(client: Client) -> None:
    found = ContactImport.objects.create(name="x.csv", header=["email"], created_at=NOW)
    contact()
    client.force_login(user_with("clerk", "view_contact", "change_contact"))
    shown = client.get(reverse("automation_people:index")).content.decode()
    assert reverse(IMPORTS) not in shown
    assert reverse("automation_people:export") not in shown
    for address in (reverse(IMPORTS), page(found), reverse("automation_people:export")):
        assert client.get(address).status_code == 302
    client.force_login(user_with("exporter", "view_contact", "export_contact"))
    assert client.get(reverse("automation_people:export")).status_code == 200
    assert client.get(reverse(IMPORTS)).status_code == 302
    client.force_login(user_with("importer", "view_contact", "add_contact"))
    assert client.get(page(found)).status_code == 200


# --- the list as a file --------------------------------------------------------------


def exported(client: Client, **query: str) -> list[dict[str, str]]:
    answer = client.get(reverse("automation_people:export"), query)
    text = b"".join(answer.streaming_content).decode()
    assert text.startswith("\ufeff")
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))


def test_the_list_is_written_as_it_is_filtered_with_what_people_said(admin_client: Client) -> None:
    aina = contact("aina@example.com", first_name="=HYPERLINK(1)", has_account=True)
    ben, chong = contact("ben@example.com"), contact("chong@example.com")
    for person in (aina, ben, chong):
        Identity.objects.create(kind="email", value=person.email, contact=person, as_of=NOW)
    consent_record(contact=aina, state="granted", source="account", at=NOW)
    consent_record(contact=ben, state="granted", source="account", at=NOW)
    suppression_add(contact=ben, reason=Suppression.Reason.COMPLAINT, at=NOW)
    tag_set(contact=aina, name="vip", on=True, at=NOW)
    rows = {row["email"]: row for row in exported(admin_client)}
    assert [(rows[p.email]["marketing"], rows[p.email]["blocked"]) for p in (aina, ben, chong)] == [
        ("yes", ""),
        ("no", "complaint"),
        ("", ""),
    ]
    first = rows["aina@example.com"]
    # No spreadsheet runs what a shopper calls themselves.
    assert (first["first_name"], first["tags"], first["account"]) == (
        "'=HYPERLINK(1)",
        "vip",
        "yes",
    )
    assert [row["email"] for row in exported(admin_client, account="True")] == ["aina@example.com"]
    assert [row["email"] for row in exported(admin_client, q="chong")] == ["chong@example.com"]
    shown = admin_client.get(reverse("automation_people:index"), {"account": "True"})
    assert "/export.csv?account=True" in shown.content.decode()


def test_many_people_are_asked_for_in_parts(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(40):
        contact(f"p{number}@example.com", created_at=NOW + timedelta(minutes=number))
    with CaptureQueriesContext(connection) as one:
        assert len(exported(admin_client)) == 40
    monkeypatch.setattr("saleor_automation.people.exporting.BATCH", 10)
    with CaptureQueriesContext(connection) as four:
        rows = exported(admin_client)
    assert [row["email"] for row in rows] == [
        f"p{number}@example.com" for number in range(39, -1, -1)
    ]
    per_part = (len(four) - len(one)) / 3
    assert per_part <= 7


def test_what_was_exported_comes_in_again(admin_client: Client) -> None:
    contact("aina@example.com", last_name="Rahman")
    text = "".join(
        part.decode()
        for part in admin_client.get(reverse("automation_people:export")).streaming_content
    )
    Contact.objects.all().delete()
    upload(admin_client, text)
    found = ContactImport.objects.get()
    form = admin_client.get(page(found)).context["form"]
    guessed = [field.value() for field in form.column_fields]
    assert guessed[:5] == ["email", "first_name", "last_name", "language", "country"]
    look(admin_client, found, **columns(*guessed), basis="none")
    settle()
    act(admin_client, found, "run")
    settle()
    assert Contact.objects.get().last_name == "Rahman"
    assert ImportChange.objects.count() == 1
