"""Mails rendered per second in one process: facts loaded, three parts filled in, bytes written."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path

from benchmarks import mailing, seed
from benchmarks.parts.send import lane_drain
from saleor_automation import clock
from saleor_automation.conf import conf
from saleor_automation.delivery.composing import compose, subject_for
from saleor_automation.delivery.models import Message
from saleor_automation.emails.mail import contexts_build, mail_render


def measure(*, mails: int, rounds: int, folder: Path) -> dict[str, object]:
    """Return mails per second of the parts alone and of all together."""
    now = seed.database_prepare()
    version = mailing.people_make(count=mails, due_at=now - timedelta(seconds=1), now=now)
    lane_drain("enrollments")
    seed.statistics_refresh()
    messages = list(Message.objects.select_related("contact", "enrollment").order_by("pk"))
    size = conf().send_batch
    batches = [messages[at : at + size] for at in range(0, len(messages), size)]
    subjects = [[subject_for(message) for message in batch] for batch in batches]
    contexts = [contexts_build(batch, now=clock.now()) for batch in subjects]
    for context in contexts[0]:
        mail_render(version, context)
    result: dict[str, list[float]] = {"contexts": [], "rendering": [], "together": []}
    for _ in range(rounds):
        started = time.perf_counter()
        for batch in subjects:
            contexts_build(batch, now=now)
        result["contexts"].append(mails / (time.perf_counter() - started))
        started = time.perf_counter()
        for batch in contexts:
            for context in batch:
                mail_render(version, context)
        result["rendering"].append(mails / (time.perf_counter() - started))
        started = time.perf_counter()
        for batch in batches:
            _, failed = compose(messages=batch, now=now)
            if failed:
                raise RuntimeError(f"{len(failed)} mails could not be written: {failed}")
        result["together"].append(mails / (time.perf_counter() - started))
    return {"mails": mails, **result}
