"""The demo, whole: real processes, real HTTP, real SMTP. The slowest test there is.

Runs on SQLite whatever the suite's database is; the folder it leaves is read here.
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections import defaultdict
from types import SimpleNamespace

import pytest

pytestmark = pytest.mark.own_database


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    """Play once; return what was printed, received and written down."""
    folder = tmp_path_factory.mktemp("demo") / "state"
    drop = {"DATABASE_URL", "REDIS_URL", "DJANGO_SETTINGS_MODULE"}
    done = subprocess.run(
        [sys.executable, "-m", "saleor_automation", "demo", "--once", "--state-dir", str(folder)],
        env={**{k: v for k, v in os.environ.items() if k not in drop}, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    logs = {name: (folder / f"{name}.log").read_text() for name in ("web", "worker")}
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}\n{logs}"
    mails = defaultdict(list)
    for line in (folder / "mails.jsonl").read_text().splitlines():
        mail = json.loads(line)
        mails[mail["to"][0].partition("@")[0]].append(mail)
    database = sqlite3.connect(folder / "studio.sqlite3")
    yield SimpleNamespace(shown=done.stdout, logs=logs, mails=mails, database=database)
    database.close()


def rows(played, sql: str) -> list[tuple]:
    return played.database.execute(sql).fetchall()


def test_the_logs_are_empty(played):
    assert played.logs == {"web": "", "worker": ""}


def test_who_got_how_many_mails(played):
    assert {name: len(mails) for name, mails in played.mails.items()} == {
        "aina": 8,  # a welcome and a basket mail, three after her purchase, then again
        "ben": 5,  # every welcome mail
        "chloe": 3,  # every basket mail
        "daud": 3,  # bought before the first basket mail: only what follows a purchase
        "emma": 3,  # until she unsubscribed
        "farah": 1,  # bought and cancelled
        "george": 1,  # until he was refunded
        "hana": 2,  # until she deleted her account
        "julia": 5,  # welcome; her basket was emptied
        "kamal": 1,  # until the shop deleted the basket
        "lina": 3,  # bought, which the Studio only heard of after the mail was due
        "maya": 4,  # one for each basket, then what follows a purchase
        "noah": 2,  # until he took his consent back
    }


def test_everybody_is_written_to_in_their_language(played):
    english = {mail["subject"] for mail in played.mails["ben"]}
    malay = {mail["subject"] for mail in played.mails["hana"]}
    assert not english & malay
    assert len(english) == 5


def test_no_mail_after_saying_no(played):
    assert max(mail["at"] for mail in played.mails["emma"]) < "2026-03-07T10:00"
    assert max(mail["at"] for mail in played.mails["noah"]) < "2026-03-25T02:00"
    assert "ivan" not in played.mails


def test_no_message_id_was_received_twice(played):
    ids = [mail["message_id"] for mails in played.mails.values() for mail in mails]
    assert len(ids) == len(set(ids)) > 0


def test_repeats_and_reordering_made_each_fact_once(played):
    assert rows(
        played,
        "SELECT kind, count(*) FROM saleor_automation_event WHERE kind IN "
        "('ordered', 'shipped', 'cancelled', 'refunded') GROUP BY kind ORDER BY kind",
    ) == [("cancelled", 1), ("ordered", 7), ("refunded", 1), ("shipped", 8)]


def test_a_parcel_no_webhook_told_of_is_found(played):
    assert rows(
        played,
        "SELECT kind, count(*) FROM saleor_automation_event WHERE source = 'poll' GROUP BY 1",
    ) == [("fulfilled", 1), ("shipped", 1)]


def test_nothing_of_the_deleted_person_is_left(played):
    assert rows(played, "SELECT * FROM saleor_automation_contact WHERE email LIKE 'hana%'") == []
    assert (
        rows(played, "SELECT * FROM saleor_automation_message WHERE to_address LIKE 'hana%'") == []
    )
    assert len(rows(played, "SELECT * FROM saleor_automation_tombstone")) == 2


def test_the_table_says_who_got_nothing_and_why(played):
    for words in ("Placed an order", "unsubscribed", "basket is gone", "emptied", "refunded"):
        assert words in played.shown
    assert "41 mails to 13 of 14 shoppers" in played.shown
    assert "Times are Asia/Kuala_Lumpur" in played.shown
    for name in ("Aina (ms)", "Ivan (en)", "Hana (ms)"):
        assert name in played.shown


def test_its_times_are_those_of_the_shop(played):
    # Aina joins at 09:00 in Kuala Lumpur on the first day and is welcomed at once.
    first = min(mail["at"] for mail in played.mails["aina"])
    assert first.startswith("2026-03-02T01:0")
    (row,) = [line for line in played.shown.splitlines() if "Aina (ms)" in line]
    assert row.replace("│", " ").split()[2:4] == ["0", "09:00"]


def test_no_webhook_was_refused(played):
    assert rows(played, "SELECT * FROM saleor_automation_refusal") == []
    assert rows(played, "SELECT * FROM saleor_automation_rawevent WHERE state != 'done'") == []
