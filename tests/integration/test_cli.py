"""The command line: what it prints and which code it ends with."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest

from saleor_automation import __version__
from saleor_automation.project.web import free_port

pytestmark = pytest.mark.own_database


def run(*arguments: str, code: str | None = None, **environ: str):
    """Run the command in a process of its own."""
    command = ["-c", code] if code else ["-m", "saleor_automation"]
    drop = {"DJANGO_SETTINGS_MODULE", "DATABASE_URL", "REDIS_URL", "EMAIL_URL"}
    environment = {
        key: value
        for key, value in os.environ.items()
        if key not in drop and not key.startswith("SALEOR_AUTOMATION_")
    }
    return subprocess.run(
        [sys.executable, *command, *arguments],
        env={**environment, **environ},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def assert_user_error(done, *words: str) -> None:
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr


def test_version_and_help():
    assert run("--version").stdout.strip() == f"saleor-automation {__version__}"
    shown = run()
    assert shown.returncode == 0
    for command in ("demo", "up", "web", "worker", "check", "manage"):
        assert f"  {command} " in shown.stdout


def test_the_command_line_itself_needs_only_the_standard_library():
    code = (
        "import sys, saleor_automation.cli as cli; "
        "heavy = {'django', 'rich', 'wagtail', 'requests', 'django_q'} & set(sys.modules); "
        "assert not heavy, heavy; sys.exit(cli.main(['--version']))"
    )
    assert run(code=code).returncode == 0


@pytest.mark.parametrize("command", ["demo", "up", "web", "worker", "check", "manage"])
def test_without_the_studio_extra_it_says_what_to_install(tmp_path, command):
    code = (
        "import sys\n"
        "for name in ('rich', 'requests', 'dj_database_url', 'wagtail', 'gunicorn'):\n"
        "    sys.modules[name] = None\n"
        "from saleor_automation.cli import main\n"
        f"sys.exit(main([{command!r}]))"
    )
    done = run(code=code, SALEOR_AUTOMATION_STATE_DIR=str(tmp_path))
    assert_user_error(done, 'pip install "saleor-automation[studio]"')


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"EMAIL_URL": "smtp://u:geheim@h:abc"}, ["EMAIL_URL", "smtp://user:password@host"]),
        ({"DATABASE_URL": "mysql://u:geheim@h/d"}, ["DATABASE_URL", "postgres://"]),
        (
            {"DATABASE_URL": "postgres://u:geheim@127.0.0.1:1/studio"},
            ["Cannot open the database studio on 127.0.0.1:1", "Start it"],
        ),
        ({"SALEOR_AUTOMATION_WORKERS": "many"}, ["SALEOR_AUTOMATION_WORKERS", "whole number"]),
        ({"REDIS_URL": "http://:geheim@h/0"}, ["REDIS_URL", "redis://"]),
        ({"LOG_LEVEL": "loud"}, ["LOG_LEVEL", "WARNING", "'loud'"]),
        ({"SALEOR_AUTOMATION_REPORT_ZONE": "Mars"}, ["REPORT_ZONE", "Europe/Berlin"]),
        ({"SALEOR_AUTOMATION_QUEUE_POLL": "often"}, ["QUEUE_POLL", "a number"]),
        ({"SALEOR_AUTOMATION_STATE_DIR": "/dev/null/x"}, ["/dev/null/x", "--state-dir"]),
    ],
)
def test_a_wrong_environment_says_what_to_do(tmp_path, environ, words):
    environ = {"SALEOR_AUTOMATION_STATE_DIR": str(tmp_path), **environ}
    done = run("worker", **environ)
    assert_user_error(done, *words)
    assert "geheim" not in done.stderr


@pytest.mark.parametrize("arguments", [["worker"], ["web", "--port", "0"]])
def test_a_database_without_migrations_says_how_to_migrate(tmp_path, arguments):
    done = run(*arguments, "--state-dir", str(tmp_path))
    assert_user_error(done, "lacks", f"manage migrate --state-dir {tmp_path}")


def test_a_redis_that_does_not_answer_says_so(tmp_path):
    url = f"redis://:geheim@127.0.0.1:{free_port()}/0"
    done = run("up", "--port", "0", "--state-dir", str(tmp_path), REDIS_URL=url)
    assert_user_error(done, "Redis at 127.0.0.1", "REDIS_URL")
    assert "geheim" not in done.stderr


@pytest.mark.parametrize("made", [True, False])
def test_check_changes_nothing_where_the_studio_was_never_started(tmp_path, made):
    folder = tmp_path / "state"
    if made:
        folder.mkdir()
    done = run("check", "--state-dir", str(folder))
    assert done.returncode == 1, done.stderr
    assert "never started" in done.stdout
    assert f"saleor-automation up --state-dir {folder}" in done.stdout
    assert [*tmp_path.rglob("*")] == ([folder] if made else [])


@pytest.mark.parametrize("command", ["web", "up", "demo"])
def test_a_port_in_use_says_so(tmp_path, command):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = run(command, "--port", str(port), "--state-dir", str(tmp_path / "state"))
    assert_user_error(done, f"Port {port}", "--port")


def test_an_address_of_another_machine_says_so(tmp_path):
    done = run("web", "--host", "192.0.2.1", "--port", "0", "--state-dir", str(tmp_path))
    assert_user_error(done, "192.0.2.1", "--host")


def test_an_unknown_command_names_the_known_ones():
    done = run("fly")
    assert_user_error(
        done,
        "no command 'fly'",
        "demo, up, web, worker, check, reconcile, backfill, verify, export-person, import-people",
        "suppressions, unsubscribe-mail, manage",
    )


@pytest.mark.parametrize(
    "arguments", [["demo", "--speed", "0"], ["up", "--web-workers", "0"], ["fly"]]
)
def test_wrong_arguments_end_with_two(arguments):
    assert_user_error(run(*arguments), "usage:")


def test_the_demo_leaves_a_folder_with_other_files_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    done = run("demo", "--once", "--state-dir", str(tmp_path))
    assert_user_error(done, "not a demo's")
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_manage_passes_everything_on_to_django(tmp_path):
    done = run("manage", "migrate", "--help", SALEOR_AUTOMATION_STATE_DIR=str(tmp_path))
    assert done.returncode == 0
    assert "--fake-initial" in done.stdout


@pytest.mark.parametrize("before", [True, False])
def test_manage_takes_the_folder_for_itself(tmp_path, before):
    folder = tmp_path / "elsewhere"
    place = [f"--state-dir={folder}"] if before else []
    after = [] if before else ["--state-dir", str(folder)]
    done = run("manage", *place, "diffsettings", *after)
    assert done.returncode == 0, done.stderr
    assert f"{folder}/media" in done.stdout
