"""``saleor-automation demo``: a shop, a mail sink and a Studio, for as long as it runs.

Knows the order of things: a fresh database, the Studio's real processes beside a
small shop that speaks Saleor's side, the play, the table. No mail leaves this
machine: delivery goes to the sink, whatever EMAIL_URL says.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import requests
from rich.console import Console
from rich.progress import Progress

from saleor_automation.exceptions import AutomationError, UsageError
from saleor_automation.project.environment import public_url_keep
from saleor_automation.project.processes import Supervisor, stop_on_signals
from saleor_automation.project.web import address_of, port_check

from . import script
from .shop import Shop
from .sink import Sink
from .stage import Stage
from .world import World

if TYPE_CHECKING:
    from saleor_automation.project.install import Login

    from .driver import Driver

#: Seconds between two looks of pulse and queue: the demo must not wait for them.
QUICK = "0.02"


def run(*, host: str, port: int, folder: str | None, once: bool, speed: float | None) -> int:
    """Play the demo; return 0, or 1 when it did not finish or a promise was broken."""
    port_check(host, port)
    stop = stop_on_signals()
    with contextlib.ExitStack() as stack:
        state = _folder(stack, folder)
        world = World()
        world.shoppers = script.shoppers()
        shop = Shop(world)
        sink = Sink(ledger=state / "mails.jsonl", seconds=_seconds("SINK", 0.0))
        shop.start()
        stack.callback(shop.stop)
        sink.start()
        stack.callback(sink.stop)
        public_url = address_of(host, port)
        _environment(state, public_url=public_url, api_url=shop.api_url, smtp_port=sink.port)
        from saleor_automation.project.loading import load_django

        load_django()
        return _Performance(shop, sink, state, host, port, once, speed, stop).give()


def _seconds(name: str, default: float) -> float:
    """Return a knob for tests: ``SALEOR_AUTOMATION_DEMO_<name>``, in seconds."""
    return float(os.environ.get(f"SALEOR_AUTOMATION_DEMO_{name}") or default)


def _folder(stack: contextlib.ExitStack, folder: str | None) -> Path:
    """Return an empty folder: a new temporary one, or the one asked for, emptied."""
    if folder is None:
        path = Path(tempfile.mkdtemp(prefix="saleor-automation-demo-"))
        stack.callback(shutil.rmtree, path, ignore_errors=True)
        return path
    path = Path(folder).absolute()
    mark = path / "demo"
    if path.exists() and any(path.iterdir()) and not mark.exists():
        raise UsageError(
            f"{path} holds files that are not a demo's. Give --state-dir an empty folder, or "
            "leave it out."
        )
    try:
        if path.exists():
            shutil.rmtree(path)
        path.mkdir(parents=True)
        mark.write_text("A demo's files; the next demo deletes them.\n")
    except OSError as error:
        raise UsageError(
            f"Cannot use the folder {path}: {error.strerror}. Give --state-dir another."
        ) from None
    return path


def _environment(state: Path, *, public_url: str, api_url: str, smtp_port: int) -> None:
    """Set what the demo's processes read; DATABASE_URL and REDIS_URL stay."""
    prefix = "SALEOR_AUTOMATION_"
    os.environ |= {
        f"{prefix}STATE_DIR": str(state),
        f"{prefix}PUBLIC_URL": public_url,
        f"{prefix}SALEOR_API_URL": api_url,
        f"{prefix}SALEOR_CALL_URL": "",
        f"{prefix}ENVIRONMENT": "demo",
        f"{prefix}DEMO": "1",
        f"{prefix}REPORT_ZONE": script.ZONE,
        "EMAIL_URL": f"smtp://127.0.0.1:{smtp_port}",
        "ADMIN_EMAIL": "",
        "ADMIN_PASSWORD": "",
    }
    for name in (f"{prefix}PULSE_SECONDS", f"{prefix}QUEUE_POLL"):
        os.environ.setdefault(name, QUICK)


@dataclass
class _Performance:
    """One run of the demo, its parts ready."""

    shop: Shop
    sink: Sink
    state: Path
    host: str
    port: int
    once: bool
    speed: float | None
    stop: threading.Event

    def give(self) -> int:
        """Prepare, play, show; return the exit code."""
        from saleor_automation.conf import conf
        from saleor_automation.project import install, up

        from . import report, studio, verdict

        console = Console(highlight=False)
        install.database_reachable()
        install.queue_reachable()
        public_url_keep(self.state, conf().public_url)
        studio.database_clear()
        with install.progress_bar() as progress:
            install.migrate(progress)
            studio.clock_start(script.START)
            install.seed(progress)
            login = install.first_admin()
            studio.open_for_business(site=self.shop.site)
            services = up.services(
                host=self.host, port=self.port, web_workers=2, log_folder=self.state
            )
            with _running(Supervisor(services, grace=8)):
                manifest = f"{conf().public_url}/saleor/manifest"
                _wait_for_web(manifest, self.state, self.stop)
                self.shop.install(manifest)
                if login is not None and not self.once:
                    _address(progress.console, conf().public_url, login)
                driver = self._play(progress)
                if self.stop.is_set():
                    return 130
                progress.stop()
                broken = verdict.broken(self.shop.world, self.sink, driver.now)
                troubles = [*driver.troubles, *broken]
                report.show(console, self.shop.world, self.sink, troubles)
                if not self.once and login is not None:
                    _address(console, conf().public_url, login)
                    console.print("The Studio stays up. Ctrl-C ends the demo.")
                    self.stop.wait()
        return 1 if troubles else 0

    def _play(self, progress: Progress) -> Driver:
        from .driver import Driver

        task = progress.add_task("Playing 35 days", total=script.DAYS)
        driver = Driver(
            stage=Stage(self.shop.world, site=self.shop.site, app_id=self.shop.app_id),
            shop=self.shop,
            sink=self.sink,
            stop=self.stop,
            speed=self.speed,
            patience=_seconds("PATIENCE", 60.0),
            progress=lambda days: progress.update(task, completed=int(days)),
        )
        try:
            driver.play()
        except AutomationError as error:
            driver.troubles.append(f"{error} {_tail(self.state)}")
        return driver


def _address(console: Console, public_url: str, login: Login) -> None:
    console.print(
        f"Studio: {public_url}/studio/\nLogin: {login.username}\nPassword: {login.password}",
        soft_wrap=True,
        markup=False,
    )


@contextlib.contextmanager
def _running(supervisor: Supervisor) -> Iterator[None]:
    """Run the Studio's processes in a thread that lives as long as they do."""
    ending = threading.Event()
    thread = threading.Thread(target=supervisor.run, args=(ending,), name="supervisor")
    thread.start()
    try:
        yield
    finally:
        ending.set()
        thread.join()


def _wait_for_web(url: str, state: Path, stop: threading.Event) -> None:
    deadline = time.monotonic() + 60
    while not stop.is_set():
        with contextlib.suppress(requests.RequestException):
            answer = requests.get(
                url, headers={"Saleor-Schema-Version": "3.23"}, timeout=5, allow_redirects=False
            )
            if answer.status_code == 200:
                return
        if time.monotonic() > deadline:
            raise UsageError(f"The Studio's web server did not start. {_tail(state)}")
        time.sleep(0.05)


def _tail(state: Path) -> str:
    """Return the last lines of the processes' logs."""
    lines = []
    for name in ("web", "worker"):
        path = state / f"{name}.log"
        if path.exists() and (text := path.read_text(errors="replace").strip()):
            lines.append(f"\n{name}.log ends with:\n" + "\n".join(text.splitlines()[-12:]))
    return "".join(lines) or "Their logs are empty."
