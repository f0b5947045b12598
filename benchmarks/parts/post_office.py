"""django-post_office sending a mail of the same size to the same kind of sink.

Its own settings and tables, one process, its documented bulk way: ``send_many`` into the
queue, then the queue sent. Its template holds one variable where the product's holds the
whole order, and only failures are logged: both are in its favour.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from benchmarks.sink import sink, sink_counts


def setup(port: int) -> None:
    """Configure Django with post_office alone."""
    import dj_database_url
    import django
    from django.conf import settings

    folder = Path(os.environ["SALEOR_AUTOMATION_STATE_DIR"])
    database = dj_database_url.parse(
        os.environ.get("DATABASE_URL") or f"sqlite:///{folder / 'post_office.sqlite3'}",
        conn_max_age=60,
    )
    if database["ENGINE"].endswith("sqlite3"):
        database["OPTIONS"] = {
            "timeout": 20,
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        }
    settings.configure(
        SECRET_KEY="benchmarks only",
        INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "post_office"],
        DATABASES={"default": database},
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        TEMPLATES=[
            {"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True},
            {
                "BACKEND": "post_office.template.backends.post_office.PostOfficeTemplates",
                "APP_DIRS": True,
                "DIRS": [],
                "OPTIONS": {"context_processors": []},
            },
        ],
        EMAIL_HOST="127.0.0.1",
        EMAIL_PORT=port,
        POST_OFFICE={
            "BACKENDS": {"default": "django.core.mail.backends.smtp.EmailBackend"},
            "BATCH_SIZE": 100,
            "THREADS_PER_PROCESS": 5,
            "LOG_LEVEL": 1,
            "TEMPLATE_ENGINE": "post_office",
        },
        USE_TZ=True,
    )
    django.setup()


def measure(*, mails: int, rounds: int, sample: dict[str, str], folder: Path) -> dict[str, object]:
    """Return mails per second, queueing included, and of sending alone."""
    with sink(folder) as port:
        setup(port)
        from django.core.management import call_command
        from post_office import mail
        from post_office.models import STATUS, Email, EmailTemplate

        call_command("migrate", verbosity=0)

        def template(text: str) -> str:
            return text.replace(sample["first_name"], "{{ first_name }}")

        made = EmailTemplate.objects.create(
            name="benchmark",
            subject=template(sample["subject"]),
            content=template(sample["text"]),
            html_content=template(sample["html"]),
        )
        whole: list[float] = []
        sending: list[float] = []
        for number in range(rounds + 1):
            started = time.perf_counter()
            for first in range(0, mails, 100):
                mail.send_many(
                    [
                        {
                            "recipients": [f"person{person}@shopper.example"],
                            "sender": "hello@shop.example",
                            "template": made,
                            "context": {"first_name": f"Person {person}"},
                        }
                        for person in range(first, min(first + 100, mails))
                    ]
                )
            queued = time.perf_counter()
            while Email.objects.filter(status=STATUS.queued).exists():
                mail.send_queued(processes=1)
            ended = time.perf_counter()
            if number:  # the first round warms up
                whole.append(mails / (ended - started))
                sending.append(mails / (ended - queued))
        received, connections = sink_counts(port)
    if received != mails * (rounds + 1):
        raise RuntimeError(f"The sink took {received} mails, not {mails * (rounds + 1)}.")
    return {"mails": mails, "whole": whole, "sending": sending, "connections": connections}
