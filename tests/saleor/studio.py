"""A Studio of this suite's own: ``saleor-automation up``, a mail sink, and a look inside.

Knows the Studio's command line and settings. Must not know Saleor beyond its address.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from saleor_automation.demo.sink import Mail, Sink
from tests.saleor.layer import ROOT
from tests.saleor.machine import LOOPBACK, Process, clean_environment, free_port, run, wait_for

APP_ID = "saleor.automation"


@dataclass
class Studio:
    """One Studio: web and worker, started and stopped together."""

    folder: Path
    api_url: str
    #: "" for SQLite in its folder.
    database_url: str = ""
    port: int = field(default_factory=free_port)
    process: Process | None = None
    probe: subprocess.Popen[str] | None = None

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.sink = Sink()
        self.sink.start()
        self.environ = clean_environment(
            PYTHONPATH=str(ROOT),
            SALEOR_AUTOMATION_PUBLIC_URL=self.url,
            SALEOR_AUTOMATION_SALEOR_API_URL=self.api_url,
            SALEOR_AUTOMATION_STATE_DIR=str(self.folder / "state"),
            SALEOR_AUTOMATION_ENVIRONMENT="suite",
            SALEOR_AUTOMATION_WORKERS="1",
            EMAIL_URL=f"smtp://{LOOPBACK}:{self.sink.port}",
            SECRET_KEY="of a test",
        )
        if self.database_url:
            self.environ["DATABASE_URL"] = self.database_url

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def manifest_url(self) -> str:
        return f"{self.url}/saleor/manifest"

    def manifest(self, version: str) -> dict[str, Any]:
        """Return the manifest as a Saleor of that version gets it."""
        headers = {"Saleor-Schema-Version": version}
        return dict(requests.get(self.manifest_url, headers=headers, timeout=30).json())

    def command(self, *arguments: str) -> str:
        """Run one of its commands beside it and return what it printed."""
        return run([*self._words, *arguments], environ=self.environ, cwd=ROOT)

    def reconcile(self) -> None:
        """Ask Saleor what was missed. The worker asks too, at its start: then wait for a turn."""

        def done() -> bool:
            try:
                self.command("reconcile")
            except AssertionError as error:
                if "another process is looking" not in str(error):
                    raise
                return False
            return True

        wait_for(done, "Saleor is asked what was missed", pause=2)

    @property
    def _words(self) -> list[str]:
        return [sys.executable, "-m", "saleor_automation"]

    def start(self) -> None:
        self.process = Process(
            "The Studio",
            [*self._words, "up", "--port", str(self.port), "--web-workers", "1"],
            environ=self.environ,
            cwd=ROOT,
            log=self.folder / "up.log",
        )
        wait_for(self._answers, f"the Studio answers at {self.url}", seconds=180)

    def _answers(self) -> bool:
        assert self.process is not None
        self.process.must_run()
        try:
            return requests.get(self.manifest_url, timeout=5).status_code == 200
        except requests.RequestException:
            return False

    def stop(self) -> None:
        """Stop web and worker; what is inside can still be looked at."""
        if self.process is not None:
            self.process.stop()
            self.process = None

    def close(self) -> None:
        """Stop everything of it."""
        self.stop()
        if self.probe is not None:
            assert self.probe.stdin is not None
            assert self.probe.stdout is not None
            self.probe.stdin.close()
            self.probe.wait(timeout=60)
            self.probe.stdout.close()
            self.probe = None
        self.sink.stop()

    # --- looking inside --------------------------------------------------------------

    def ask(self, name: str, **arguments: Any) -> Any:
        """Ask the probe; its functions are listed in ``probe.py``."""
        if self.probe is None:
            log = (self.folder / "probe.log").open("ab")
            self.probe = subprocess.Popen(
                [sys.executable, "-m", "tests.saleor.probe"],
                env=self.environ,
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
            log.close()
            assert self.probe.stdout is not None
            assert self.probe.stdout.readline() == "ready\n", (
                self.folder / "probe.log"
            ).read_text()
        assert self.probe.stdin is not None
        assert self.probe.stdout is not None
        print(json.dumps([name, arguments]), file=self.probe.stdin, flush=True)
        answer = json.loads(self.probe.stdout.readline())
        if "error" in answer:
            raise AssertionError(answer["error"])
        return answer["answer"]

    def contact(self, email: str) -> dict[str, Any] | None:
        """Return whoever is known under an address."""
        for contact in self.ask("contacts"):
            if ["email", email.lower()] in contact["identities"]:
                return dict(contact)
        return None

    def events(self, **wanted: str) -> list[dict[str, Any]]:
        """Return the facts with these values, such as ``kind`` and ``object``."""
        return [
            event
            for event in self.ask("events")
            if all(event[name] == value for name, value in wanted.items())
        ]

    def enrollments(self, **wanted: str) -> list[dict[str, Any]]:
        return [
            row
            for row in self.ask("enrollments")
            if all(row[name] == value for name, value in wanted.items())
        ]

    def mails(self, address: str) -> list[Mail]:
        """Return the mails that really left, to one address."""
        return self.sink.to(address)

    def days_pass(self) -> None:
        """Let the daily search for deleted accounts be done twice, as it takes to be sure."""
        for hours in (21, 42):
            wait_for(lambda hours=hours: self.ask("sweep", hours=hours), "accounts are searched")

    def settled(self, *, seconds: float = 60.0) -> None:
        """Wait until every received body is understood. Faults fail."""

        def understood() -> bool:
            states = {body["state"] for body in self.ask("bodies")}
            return "pending" not in states

        wait_for(understood, "every body is understood", seconds=seconds, pause=0.3)
        faults = [body for body in self.ask("bodies") if body["state"] == "fault"]
        assert faults == []
