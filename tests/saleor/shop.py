"""A real Saleor of this suite's own: its database, API, Celery worker and beat.

Knows how that Saleor is started and what it reads from its environment. Must not know the Studio.
The checkout and its environment stay as they are; everything is made in a folder of the run.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import subprocess
import tempfile
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.saleor.layer import INSIDE
from tests.saleor.machine import (
    LOOPBACK,
    Postgres,
    Process,
    TookTooLong,
    clean_environment,
    free_port,
    run,
    wait_for,
)

STAFF_EMAIL = "staff@shop.example"
PLUGIN_APP = "saleor_automation_plugin"


@dataclass(frozen=True)
class Checkout:
    """The Saleor a person wants tried: ``SALEOR_HOME`` and ``SALEOR_PYTHON``."""

    home: Path
    python: Path

    @property
    def commit(self) -> str:
        """Return the commit, or a digest of its migrations when it is no Git checkout."""
        done = subprocess.run(
            ["git", "-c", "safe.directory=*", "-C", str(self.home), "rev-parse", "HEAD"],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode == 0:
            return done.stdout.strip()
        names = sorted(
            str(path.relative_to(self.home)) for path in self.home.rglob("migrations/*.py")
        )
        return hashlib.sha256("\n".join(names).encode()).hexdigest()[:40]

    def database_template(self, postgres: Postgres, cache: Path) -> str:
        """Return a database of this Saleor, migrated and empty, without our plugin's tables.

        Migrating takes minutes, so the result is kept as a file, by commit.
        """
        cache.mkdir(parents=True, exist_ok=True)
        file = cache / f"{self.commit}.dump"
        name = f"suite_template_{self.commit[:12]}_{uuid.uuid4().hex[:6]}"
        url = postgres.create(name)
        if file.exists():
            postgres.restore(name, file)
        else:
            environ = shop_environment(database_url=url, port=8000)
            environ["PYTHONPATH"] = str(self.home)
            self.manage("migrate", "--no-input", environ=environ)
            postgres.dump(name, file)
        return name

    def manage(self, *arguments: str, environ: Mapping[str, str]) -> str:
        """Run one of Saleor's management commands."""
        return run([self.python, "manage.py", *arguments], environ=environ, cwd=self.home)


def cache_folder() -> Path:
    """Return where migrated databases are kept between runs."""
    given = os.environ.get("SALEOR_CACHE")
    return Path(given) if given else Path(tempfile.gettempdir()) / "saleor-automation-suite"


def shop_environment(*, database_url: str, port: int, redis_url: str = "") -> dict[str, str]:
    """Return what Saleor reads; without Redis its tasks run inside the command."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    environ = clean_environment(
        DATABASE_URL=database_url,
        SECRET_KEY=secrets.token_hex(32),
        RSA_PRIVATE_KEY=pem.decode(),
        DEBUG="False",
        ALLOWED_HOSTS=f"localhost,{LOOPBACK}",
        ALLOWED_CLIENT_HOSTS=f"localhost,{LOOPBACK}",
        PUBLIC_URL=f"http://{LOOPBACK}:{port}",
        # As shipped but for loopback, where this suite's Studio is.
        HTTP_IP_FILTER_ENABLED="True",
        HTTP_IP_FILTER_ALLOW_LOOPBACK_IPS="True",
        # So that a run needs to log in once.
        JWT_TTL_ACCESS="3 hours",
        EMAIL_URL="dummymail://",
        DEFAULT_FROM_EMAIL="shop@shop.example",
        SEND_USAGE_TELEMETRY="False",
        OTEL_TRACES_EXPORTER="none",
        OTEL_METRICS_EXPORTER="none",
        OTEL_LOGS_EXPORTER="none",
        DJANGO_SETTINGS_MODULE="saleor.settings",
    )
    if redis_url:
        environ |= {"CELERY_BROKER_URL": f"{redis_url}/1", "CACHE_URL": f"{redis_url}/2"}
    return environ


@dataclass
class Shop:
    """One running Saleor."""

    checkout: Checkout
    postgres: Postgres
    redis_url: str
    folder: Path
    #: Where our wheel lies; None for a Saleor without it.
    layer: Path | None
    database: str
    port: int = field(default_factory=free_port)
    #: Further settings of its processes, such as ``SUITE_RETRY_BACKOFF``.
    more: dict[str, str] = field(default_factory=dict)
    processes: dict[str, Process] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.faults = self.folder / "faults"
        self.faults.mkdir(exist_ok=True)
        self.password = secrets.token_urlsafe(12)
        self.environ = shop_environment(
            database_url=self.database_url, port=self.port, redis_url=self.redis_url
        )
        self.environ |= {
            "PYTHONPATH": os.pathsep.join(
                str(path) for path in (self.layer, INSIDE, self.checkout.home) if path
            ),
            "DJANGO_SETTINGS_MODULE": "saleor_suite.settings",
            "SUITE_FAULTS": str(self.faults),
            # Time is compressed by 20: Saleor gives a delivery up after 15.5 s, not 310 s.
            "SUITE_RETRY_BACKOFF": "0.5",
        }

    def same_keys(self, other: Shop) -> None:
        """Be another process of the same shop: its tokens and signatures are the same."""
        for name in ("SECRET_KEY", "RSA_PRIVATE_KEY", "PUBLIC_URL"):
            self.environ[name] = other.environ[name]

    @property
    def database_url(self) -> str:
        return self.postgres.url(self.database)

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def api_url(self) -> str:
        return f"{self.url}/graphql/"

    def prepare(self) -> None:
        """Make the administrator the suite works as, and our plugin's tables."""
        environ = {**self.environ, "DJANGO_SUPERUSER_PASSWORD": self.password}
        for name in ("CELERY_BROKER_URL", "CACHE_URL"):
            del environ[name]
        commands = [
            # As an administrator does after ``pip install``.
            ["migrate", "--no-input", PLUGIN_APP],
            ["createsuperuser", "--no-input", "--email", STAFF_EMAIL],
        ]
        code = "import sys, json, saleor_suite.commands as c; c.run(json.loads(sys.argv[1]))"
        run(
            [self.checkout.python, "-c", code, json.dumps(commands)],
            environ=environ,
            cwd=self.checkout.home,
        )

    # --- processes -----------------------------------------------------------------

    def start(self, *names: str) -> None:
        """Start its processes, or some of them, and wait until they are ready."""
        wanted = names or ("api", "worker")
        for name in wanted:
            self._start(name)
        self.ready(*wanted)

    def _start(self, name: str) -> None:
        command = {
            "api": f"-m uvicorn saleor.asgi:application --host {LOOPBACK} --port {self.port} "
            "--workers 1 --lifespan auto --ws none --no-server-header --no-access-log",
            "worker": "-m celery --app saleor.celeryconf:app worker --loglevel info "
            "--concurrency 2 --without-mingle --without-gossip -E "
            # Inside the worker: each further process of Saleor takes 12 s of CPU to begin.
            "--beat --scheduler saleor.schedulers.schedulers.DatabaseScheduler",
        }[name]
        self.processes[name] = Process(
            f"Saleor's {name}",
            [self.checkout.python, *command.split()],
            environ={**self.environ, **self.more},
            cwd=self.checkout.home,
            log=self.folder / f"{name}.log",
        )

    def ready(self, *names: str) -> None:
        if "api" in names:
            wait_for(self._answers, f"Saleor answers at {self.url}", seconds=180)
        if "worker" in names:
            process = self.processes["worker"]
            wait_for(
                lambda: process.must_run() or " ready." in process.log.read_text(),
                "Saleor's Celery worker is ready",
                seconds=180,
            )

    def _answers(self) -> bool:
        self.processes["api"].must_run()
        try:
            return requests.get(f"{self.url}/health/", timeout=5).status_code == 200
        except requests.RequestException:
            return False

    def stop(self, *names: str) -> None:
        for name in names or tuple(reversed(self.processes)):
            if name in self.processes:
                self.processes.pop(name).stop()

    def restart(self, *names: str, **more: str) -> None:
        """Start processes again, with other settings where given."""
        names = names or ("api", "worker")
        self.stop(*names)
        self.more.update(more)
        for name in names:
            (self.folder / f"{name}.log").write_text("")
        self.start(*names)

    def died(self, name: str, *, seconds: float = 30.0) -> bool:
        """Wait for the end of a process a fault point kills; say whether it ended."""
        process = self.processes[name]
        try:
            return wait_for(lambda: not process.running, f"{name} ends", seconds=seconds)
        except TookTooLong:
            return False

    # --- fault points --------------------------------------------------------------

    def fault(self, name: str) -> None:
        """Arm one of ``inside/saleor_suite``'s fault points: it fires once."""
        (self.faults / name).touch()

    def fault_fired(self, name: str) -> bool:
        return not (self.faults / name).exists()
