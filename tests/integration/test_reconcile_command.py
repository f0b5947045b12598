"""``reconcile`` and ``backfill`` as a person sees them, and as the worker's chore."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from saleor_automation import clock
from saleor_automation.demo.shop import Shop
from saleor_automation.demo.world import Shopper, World
from saleor_automation.project import check
from saleor_automation.project.missed import ago, missed_look
from saleor_automation.saleor_app.installations import installation_forget
from saleor_automation.saleor_app.models import Installation, Watermark
from saleor_automation.sequences import reconciling, tasks, worker
from saleor_automation.sequences.models import Heartbeat
from saleor_automation.sequences.worker import Chore, Pulse, chores_enqueue
from tests.engine import Play

INSTALL = """
from django.utils import timezone
from saleor_automation.saleor_app.models import Installation
Installation.objects.create(api_url={url!r}, app_id="QXBwOjE=", token="secret",
    installed_at=timezone.now())
"""


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    """A shop with five accounts, one of them new."""
    world = World()
    made = Shop(world)
    made.app_id, made.token = "QXBwOjE=", "secret"
    now = clock.wall()
    for number in range(5):
        shopper = Shopper(f"s{number}", f"s{number}@shopper.example", "S", "R")
        world.shoppers[shopper.key] = shopper
        world.join(shopper, now - timedelta(days=number * 30, minutes=1))
    made.start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def studio(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An installed Studio's environment, its database migrated; no worker runs."""
    folder = tmp_path_factory.mktemp("studio")
    environment = {
        key: value
        for key, value in os.environ.items()
        if key not in {"DJANGO_SETTINGS_MODULE", "DATABASE_URL", "REDIS_URL", "EMAIL_URL"}
        and not key.startswith("SALEOR_AUTOMATION_")
    } | {
        "SALEOR_AUTOMATION_STATE_DIR": str(folder),
        "SALEOR_AUTOMATION_SALEOR_API_URL": shop.api_url,
    }
    assert command(environment, "manage", "migrate", "-v", "0").returncode == 0
    return environment


def command(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "saleor_automation", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def numbers(output: str, name: str) -> list[int]:
    """Return looked at, new, known and faults of a line of the table."""
    [line] = [line for line in output.splitlines() if line.strip().startswith(name)]
    return [int(word.replace(",", "")) for word in line.split()[len(name.split()) :]]


@pytest.mark.own_database
def test_the_commands_from_before_the_install_to_nothing_new(
    studio: dict[str, str], shop: Shop
) -> None:
    """One story, since each command starts Python anew."""
    refused = command(studio, "reconcile")
    assert refused.returncode == 2
    assert "Install the app in Saleor's Dashboard" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert (
        command(studio, "manage", "shell", "-c", INSTALL.format(url=shop.api_url)).returncode == 0
    )

    history = command(studio, "backfill", "--since", "2026-01-01")
    assert (history.returncode, "Traceback" in history.stderr) == (0, False), history.stderr
    assert numbers(history.stdout, "Customers") == [5, 5, 0, 0]
    assert numbers(history.stdout, "Orders") == [0, 0, 0, 0]
    assert "5 wait to be understood, and no worker runs" in history.stdout
    assert "Customers" in history.stderr, "the progress bar"

    again = command(studio, "backfill", "--since", "2026-01-01")
    assert numbers(again.stdout, "Customers") == [5, 0, 5, 0]

    found = command(studio, "reconcile", "--since", "2026-01-01T00:00")
    assert found.returncode == 0
    assert numbers(found.stdout, "Customers") == [5, 0, 5, 0]
    assert numbers(found.stdout, "Failed deliveries") == [0, 0, 0, 0]

    future = command(studio, "reconcile", "--since", "2999-01-01")
    assert (future.returncode, "in the future" in future.stderr) == (2, True)
    wrong = command(studio, "backfill", "--since", "yesterday")
    assert (wrong.returncode, "'yesterday' is not a date" in wrong.stderr) == (2, True)

    shop.token = "another"
    revoked = command(studio, "reconcile")
    shop.token = "secret"
    assert revoked.returncode == 2
    assert "install it again" in revoked.stderr
    assert "Traceback" not in revoked.stderr
    assert "secret" not in revoked.stderr + revoked.stdout


@pytest.mark.own_database
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_can_be_stopped_and_goes_on(
    studio: dict[str, str], shop: Shop, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    if not Path(studio["SALEOR_AUTOMATION_STATE_DIR"], "installed").exists():
        command(studio, "manage", "shell", "-c", INSTALL.format(url=shop.api_url))
        Path(studio["SALEOR_AUTOMATION_STATE_DIR"], "installed").touch()
    began = shop.questions
    answer = shop.answer

    def slowly(*question: Any) -> Any:
        given = answer(*question)
        time.sleep(1)
        return given

    monkeypatch.setattr(shop, "answer", slowly)
    process = subprocess.Popen(
        [sys.executable, "-m", "saleor_automation", "reconcile"],
        env=studio,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Whoever started the tests in the background had it ignored, by all below.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 120
    while shop.questions == began and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "the same command goes on from here" in errors
    assert "Traceback" not in errors
    monkeypatch.undo()
    assert command(studio, "reconcile").returncode == 0, "nothing is held"


# --- the worker's chore ---------------------------------------------------------------


@pytest.fixture
def installed(play: Play) -> Iterator[Play]:
    Installation.objects.create(
        api_url="http://127.0.0.1:1/graphql/", token="secret", installed_at=clock.now()
    )
    installation_forget()
    yield play
    installation_forget()


def test_the_chore_is_done_at_every_start_and_hourly(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    chores = {
        name: Chore(name=name, every_seconds=3600, run=int, at_start=at_start)
        for name, at_start in (("start", True), ("hour", False))
    }
    monkeypatch.setattr(worker, "CHORES", chores)
    assert chores_enqueue(starting=True) == 2, "neither was ever done"
    assert chores_enqueue() == 0
    assert chores_enqueue(starting=True) == 1
    first, second = Pulse(), Pulse()
    enqueued: list[bool] = []
    monkeypatch.setattr(
        worker, "chores_enqueue", lambda *, starting: enqueued.append(starting) or 0
    )
    first.beat()
    first._chores_at = 0
    first.beat()
    second.beat()
    assert enqueued == [True, False, True]


def test_the_chores_are_registered() -> None:
    assert worker.CHORES["reconcile"].at_start
    assert worker.CHORES["reconcile"].every_seconds == 3600
    assert worker.CHORES["vanished"].every_seconds == 24 * 3600


@pytest.mark.parametrize("name", ["reconcile", "vanished"])
def test_the_chore_waits_for_the_install(play: Play, name: str, caplog: Any) -> None:
    tasks.chore_run(name)
    assert not Watermark.objects.exists()
    assert caplog.text == ""


def test_trouble_is_one_line_and_kept_for_people(installed: Play, caplog: Any) -> None:
    tasks.chore_run("reconcile")
    assert "Saleor cannot be reached" in caplog.text
    assert "Traceback" not in caplog.text
    assert "secret" not in caplog.text
    assert "Check that it runs" in Watermark.objects.get(kind="deliveries").problem


@pytest.mark.parametrize(("done", "hastened"), [(True, False), (False, True)])
def test_what_is_not_finished_is_gone_on_with_soon(
    installed: Play, monkeypatch: pytest.MonkeyPatch, done: bool, hastened: bool
) -> None:
    from saleor_automation.saleor_app.reconcile import Outcome

    for name in ("reconcile", "vanished"):
        Heartbeat.objects.create(name=f"chore:{name}", at=clock.wall())
    given: dict[str, Any] = {}

    def looked(**options: Any) -> list[Outcome]:
        given.update(options)
        return [Outcome("poll", "orders", finished=True), Outcome("poll", "x", finished=done)]

    monkeypatch.setattr(reconciling, "reconcile", looked)
    monkeypatch.setattr(reconciling, "vanished_sweep", lambda *, seconds: done)
    reconciling.reconcile_chore()
    reconciling.vanished_chore()
    early = clock.wall() - timedelta(days=1000)
    assert (
        Heartbeat.objects.filter(name__startswith="chore:", at__lt=early).count() == 2
    ) is hastened
    # A task that takes longer is killed, and with it the whole cluster restarts.
    assert given["seconds"] < 0.5 * 60
    assert given["settle"] == timedelta(minutes=2)


# --- what people see ------------------------------------------------------------------


def levels() -> dict[str, str]:
    return {finding.about: finding.level for finding in missed_look()}


def test_check_says_when_the_shop_was_looked_through(installed: Play) -> None:
    assert levels() == {"missed events": "warn"}
    now = clock.wall()
    for kind, finished_at, faults, problem in (
        ("deliveries", now - timedelta(minutes=5), 0, ""),
        ("customers", now - timedelta(hours=4), 0, ""),
        ("orders", now, 0, "Our app may not ask this. Grant it MANAGE_ORDERS."),
        ("checkouts", now, 2, ""),
        ("vanished", now - timedelta(hours=40), 0, ""),
    ):
        Watermark.objects.create(
            source="poll",
            kind=kind,
            looked_at=1200,
            new=3,
            faults=faults,
            finished_at=finished_at,
            problem=problem,
        )
    assert levels() == {
        "missed failed deliveries": "ok",
        "missed customers": "warn",
        "missed orders": "warn",
        "missed baskets": "warn",
        "missed deleted accounts": "ok",
    }
    console = Console(record=True, width=160, file=open(os.devnull, "w"))  # noqa: SIM115
    check.run(console=console)
    text = console.export_text()
    console.file.close()
    assert "Looked through 5 minutes ago: 1,200 looked at, 3 new, 0 faults." in text
    assert "Grant it MANAGE_ORDERS." in text
    assert "to do it now run: saleor-automation reconcile" in text


def test_before_the_install_there_is_nothing_to_say(play: Play) -> None:
    assert list(missed_look()) == []


def test_spans_of_time() -> None:
    assert [ago(hours) for hours in (0.01, 1.9, 2.1, 49)] == [
        "1 minutes",
        "114 minutes",
        "2 hours",
        "49 hours",
    ]
