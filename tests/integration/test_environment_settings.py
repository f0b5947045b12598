"""What the environment says, read into settings; every mistake names its variable."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from saleor_automation.exceptions import UsageError
from saleor_automation.project.environment import (
    automation_from_environment,
    database_from_environment,
    email_from_environment,
    public_url_keep,
    secret_key,
    state_dir,
)


def test_values_get_the_type_of_their_setting(tmp_path):
    environ = {
        "SALEOR_AUTOMATION_WORKERS": "3",
        "SALEOR_AUTOMATION_LEASE_SECONDS": "7.5",
        "SALEOR_AUTOMATION_DEMO": "yes",
        "SALEOR_AUTOMATION_ENVIRONMENT": "staging",
        "UNRELATED": "x",
    }
    assert automation_from_environment(environ, tmp_path) == {
        "state_dir": tmp_path,
        "workers": 3,
        "lease_seconds": 7.5,
        "demo": True,
        "environment": "staging",
    }


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("WORKERS", "two", "a whole number"),
        ("WORKERS", "0", "1 or more"),
        ("LEASE_SECONDS", "-1", "not be negative"),
        ("PULSE_SECONDS", "fast", "a number"),
        ("DEMO", "maybe", "1 or 0"),
        ("REPORT_ZONE", "Mars", "time zone"),
        ("REPORT_ZONE", "", "time zone"),
        ("REPORT_ZONE", "../etc", "time zone"),
        ("PUBLIC_URL", "mail.shop.example", "https://"),
        ("PUBLIC_URL", "http://[::1", "https://"),
        ("SALEOR_API_URL", "ftp://shop.example/graphql/", "https://"),
    ],
)
def test_a_wrong_value_names_its_variable(tmp_path, name, value, words):
    with pytest.raises(UsageError) as caught:
        automation_from_environment({f"SALEOR_AUTOMATION_{name}": value}, tmp_path)
    assert f"SALEOR_AUTOMATION_{name}" in str(caught.value)
    assert words in str(caught.value)


def test_the_address_up_ran_under_is_used_until_another_is_given(tmp_path):
    assert "public_url" not in automation_from_environment({}, tmp_path)
    public_url_keep(tmp_path, "http://127.0.0.1:8193")
    for environ in ({}, {"SALEOR_AUTOMATION_PUBLIC_URL": ""}):
        found = automation_from_environment(environ, tmp_path)
        assert found["public_url"] == "http://127.0.0.1:8193"
    environ = {"SALEOR_AUTOMATION_PUBLIC_URL": "https://mail.shop.example"}
    found = automation_from_environment(environ, tmp_path)
    assert found["public_url"] == "https://mail.shop.example"


def test_the_report_zone_is_the_zone_of_the_studio(tmp_path):
    code = (
        "import django; django.setup()\n"
        "from datetime import UTC, datetime\n"
        "from django.utils import timezone\n"
        "print(timezone.localtime(datetime(2026, 3, 2, tzinfo=UTC)).isoformat())"
    )
    environ = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "saleor_automation.project.settings",
        "SALEOR_AUTOMATION_STATE_DIR": str(tmp_path),
        "SALEOR_AUTOMATION_REPORT_ZONE": "Asia/Kuala_Lumpur",
    }
    shown = subprocess.run(
        [sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True
    )
    assert shown.stdout.strip() == "2026-03-02T08:00:00+08:00"


def test_the_secret_key_is_made_once_and_private(tmp_path):
    first = secret_key({}, tmp_path)
    assert len(first) > 50
    assert secret_key({}, tmp_path) == first
    assert (tmp_path / "secret-key").stat().st_mode & 0o777 == 0o600
    assert secret_key({"SECRET_KEY": "given"}, tmp_path) == "given"


def test_sqlite_is_the_default_database_and_begins_immediate(tmp_path):
    database = database_from_environment({}, tmp_path)
    assert database["ENGINE"] == "django.db.backends.sqlite3"
    assert database["NAME"] == str(tmp_path / "studio.sqlite3")
    assert database["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
    assert "journal_mode=WAL" in database["OPTIONS"]["init_command"]


def test_postgresql_keeps_its_connections(tmp_path):
    url = "postgres://shop:p%40ss@db.example:5433/studio"
    database = database_from_environment({"DATABASE_URL": url}, tmp_path)
    assert database["ENGINE"] == "django.db.backends.postgresql"
    assert database["PASSWORD"] == "p@ss"
    assert database["PORT"] == 5433
    assert database["CONN_MAX_AGE"] > 0
    assert database["CONN_HEALTH_CHECKS"] is True


@pytest.mark.parametrize(
    "url",
    [
        "mysql://shop:geheim@db/studio",
        "postgres://shop:geheim@db:port/studio",
        "postgres://shop:geheim@db",
        "geheim",
    ],
)
def test_a_wrong_database_url_says_what_to_write_and_hides_the_password(tmp_path, url):
    with pytest.raises(UsageError) as caught:
        database_from_environment({"DATABASE_URL": url}, tmp_path)
    assert "postgres://user:password@host:5432/name" in str(caught.value)
    assert "shop:geheim" not in str(caught.value)


def test_smtp_with_everything():
    url = "smtp://post%40shop:p%2Fw@mail.example:587/?tls=starttls&timeout=5"
    settings = email_from_environment({"EMAIL_URL": url})
    assert settings["EMAIL_HOST"] == "mail.example"
    assert settings["EMAIL_PORT"] == 587
    assert settings["EMAIL_HOST_USER"] == "post@shop"
    assert settings["EMAIL_HOST_PASSWORD"] == "p/w"
    assert settings["EMAIL_USE_TLS"] is True
    assert settings["EMAIL_USE_SSL"] is False
    assert settings["EMAIL_TIMEOUT"] == 5.0


def test_smtps_uses_its_own_port():
    settings = email_from_environment({"EMAIL_URL": "smtps://mail.example"})
    assert (settings["EMAIL_PORT"], settings["EMAIL_USE_SSL"]) == (465, True)


def test_anymail_takes_its_own_variables():
    settings = email_from_environment(
        {"EMAIL_URL": "anymail://resend", "ANYMAIL_RESEND_API_KEY": "key"}
    )
    assert settings["EMAIL_BACKEND"] == "anymail.backends.resend.EmailBackend"
    assert settings["ANYMAIL"] == {"RESEND_API_KEY": "key"}


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("smtp://user:geheim@host:port", "cannot be read"),
        ("smtp://", "no mail server"),
        ("smtp://host/?tls=yes", "starttls"),
        ("smtp://host/?timeout=soon", "seconds"),
        ("pigeon://roof", "pigeon"),
        ("anymail://pigeon", "pigeon"),
        ("file://", "no folder"),
    ],
)
def test_a_wrong_email_url_says_what_is_wrong(url, words):
    with pytest.raises(UsageError) as caught:
        email_from_environment({"EMAIL_URL": url})
    assert words in str(caught.value)
    assert "geheim" not in str(caught.value)


def test_the_state_folder_is_made(tmp_path):
    folder = tmp_path / "a" / "b"
    assert state_dir({"SALEOR_AUTOMATION_STATE_DIR": str(folder)}) == folder
    assert folder.is_dir()


def test_a_state_folder_that_cannot_be_made_says_what_to_set(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="SALEOR_AUTOMATION_STATE_DIR"):
        state_dir({"SALEOR_AUTOMATION_STATE_DIR": str(tmp_path / "file" / "folder")})


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_state_folder_that_cannot_be_written_to_says_so(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(UsageError, match="Cannot write"):
        state_dir({"SALEOR_AUTOMATION_STATE_DIR": str(tmp_path)})
