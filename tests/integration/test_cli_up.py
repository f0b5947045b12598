"""``up``: from an empty folder to a Studio that serves, works and comes back."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

from saleor_automation.project.web import free_port
from tests.faults import processes

pytestmark = [
    pytest.mark.own_database,
    pytest.mark.skipif(
        not sys.platform.startswith("linux"), reason="reads the process tree from /proc"
    ),
]


DROP = {"DATABASE_URL", "REDIS_URL", "DJANGO_SETTINGS_MODULE", "EMAIL_URL"}
ENVIRON = {
    key: value
    for key, value in os.environ.items()
    if key not in DROP and not key.startswith("SALEOR_AUTOMATION_")
}


def wait_for(condition, *, seconds=90.0):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answer := condition():
            return answer
        time.sleep(0.05)
    pytest.fail("It did not happen in time.")


@pytest.fixture(scope="module")
def studio(tmp_path_factory):
    """A running Studio: (process, address, what it printed so far)."""
    folder = tmp_path_factory.mktemp("up")
    port = free_port()
    output = folder / "output"
    arguments = ["--port", str(port), "--state-dir", str(folder / "state")]
    with output.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "saleor_automation", "up", *arguments],
            env=ENVIRON,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    try:
        address = f"http://127.0.0.1:{port}"
        wait_for(lambda: fetch(f"{address}/studio/login/")[0] == 200)
        yield process, address, output
    finally:
        process.kill()
        process.wait()


def command(*arguments: str) -> subprocess.CompletedProcess:
    """Run a command beside it, in a wide window."""
    return subprocess.run(
        [sys.executable, "-m", "saleor_automation", *arguments],
        env={**ENVIRON, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def fetch(url: str) -> tuple[int, str, bytes]:
    """Return status, content type and body; status 0 when nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=20) as answer:
            return answer.status, answer.headers["Content-Type"], answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, "", b""
    except OSError:
        return 0, "", b""


def test_it_prints_address_and_a_password_of_its_own(studio):
    _, address, output = studio
    shown = output.read_text()
    assert f"Studio: {address}/studio/" in shown
    assert re.search(r"Login: +admin\n", shown)
    assert len(re.search(r"Password: (\S+)", shown)[1]) >= 12


def test_it_names_the_next_command_for_its_folder(studio):
    *_, output = studio
    assert f"Next: saleor-automation check --state-dir {output.parent / 'state'} " in (
        output.read_text()
    )


def test_check_beside_it_knows_its_address(studio):
    _, address, output = studio
    done = command("check", "--state-dir", str(output.parent / "state"))
    assert f"{address}/saleor/manifest" in done.stdout
    assert "copy" not in done.stdout
    assert "No sequence is on" in done.stdout


def test_a_second_one_on_the_same_folder_is_refused(studio):
    *_, output = studio
    done = command("up", "--port", "0", "--state-dir", str(output.parent / "state"))
    assert done.returncode == 2, done.stdout
    assert "Another saleor-automation up" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_killed_one_leaves_the_folder_free(tmp_path):
    code = (
        "import pathlib, sys, time; import django; django.setup()\n"
        "from saleor_automation.project.up import only_one\n"
        "with only_one(pathlib.Path(sys.argv[1])):\n"
        "    print('held', flush=True); time.sleep(float(sys.argv[2]))"
    )
    environ = {
        **ENVIRON,
        "SALEOR_AUTOMATION_STATE_DIR": str(tmp_path),
        "DJANGO_SETTINGS_MODULE": "saleor_automation.project.settings",
    }

    def hold(seconds: str) -> subprocess.Popen:
        arguments = [sys.executable, "-c", code, str(tmp_path), seconds]
        return subprocess.Popen(
            arguments, env=environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )

    with hold("60") as first:
        assert first.stdout.readline() == "held\n"
        with hold("0") as second:
            assert second.stdout.read() == ""
        first.kill()
        first.wait()
    with hold("0") as third:
        assert third.stdout.read() == "held\n"


def test_the_login_page_and_its_styles_load(studio):
    _, address, _ = studio
    _, _, page = fetch(f"{address}/studio/login/")
    sheets = re.findall(r'href="(/static/[^"]+\.css[^"]*)"', page.decode())
    assert sheets
    for sheet in sheets:
        status, kind, body = fetch(f"{address}{sheet}")
        assert (status, kind.partition(";")[0]) == (200, "text/css")
        assert body


def test_killed_processes_come_back(studio):
    process, address, _ = studio
    everything = {"web master", "web worker", "worker", "cluster", "sentinel", "queue worker"}
    before = wait_for(
        lambda: found if everything <= set(found := processes.studio(process.pid)) else None
    )
    for role in ("web master", "queue worker", "worker"):
        os.kill(before[role][0], signal.SIGKILL)
    gone = {before[role][0] for role in ("web master", "queue worker", "worker")}

    def back() -> bool:
        found = processes.studio(process.pid)
        pids = {pid for pids in found.values() for pid in pids}
        return everything <= set(found) and not pids & gone

    wait_for(back)
    wait_for(lambda: fetch(f"{address}/studio/login/")[0] == 200)


def test_sigterm_stops_everything(studio):
    process, _, _ = studio
    pids = [pid for pids in processes.studio(process.pid).values() for pid in pids]
    assert pids
    process.terminate()
    assert process.wait(timeout=60) == 0
    assert [pid for pid in pids if "saleor_automation" in " ".join(processes.command(pid))] == []
