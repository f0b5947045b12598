"""The whole send path of one process, beside raw smtplib, to one sink in one run.

Product: claim a batch of planned messages, ask every gate, load each person's facts, render,
write the bytes, commit the decision, hand over on the kept connection, commit the results
and let the people go on. Raw: ``smtplib`` sends the very bytes those mails have, one kept
connection, nothing else. Both alternate, round by round.
"""

from __future__ import annotations

import smtplib
import time
from pathlib import Path
from uuid import uuid4

import mjml
from django.db import transaction

from benchmarks import mailing, seed
from benchmarks.sink import sink, sink_counts
from saleor_automation import clock
from saleor_automation.conf import conf
from saleor_automation.delivery.models import Message
from saleor_automation.delivery.services import message_rendered, message_source
from saleor_automation.sequences.worker import LANES

#: Different mails the raw sender goes through.
SAMPLES = 100


def lane_drain(name: str, *, rows: int | None = None) -> int:
    """Claim and run batches of a lane in this process, as the pulse and a task would."""
    lane, done = LANES[name], 0
    while rows is None or done < rows:
        token, now = uuid4(), clock.now()
        with transaction.atomic():
            claimed = lane.claim(token, now, clock.wall(), lane.batch())
        if not claimed:
            break
        ids = [str(row.pk) for row in claimed]
        lane.begin(claim=token, ids=ids)
        lane.run(claim=token, ids=ids, now=now)
        done += len(claimed)
    return done


def measure(*, mails: int, rounds: int, folder: Path) -> dict[str, object]:
    """Return mails per second, per round, of the product and of raw smtplib."""
    from django.conf import settings

    now = seed.database_prepare()
    mailing.people_make(count=mails * (rounds + 1), due_at=now, now=now)
    lane_drain("enrollments")
    seed.statistics_refresh()
    planned = Message.objects.filter(state=Message.State.PLANNED).count()
    if planned != mails * (rounds + 1):
        raise RuntimeError(f"{planned} mails were planned, not {mails * (rounds + 1)}.")
    samples = list(Message.objects.select_related("contact", "enrollment").order_by("pk")[:SAMPLES])
    contents = [message_source(message) for message in samples]
    rendered = message_rendered(samples[0])
    _count_compilations()
    product: list[float] = []
    raw: list[float] = []
    with sink(folder) as port:
        settings.EMAIL_BACKEND = "saleor_automation.delivery.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
        lane_drain("messages", rows=mails)  # warms caches and the connection; not counted
        warm = mailing.accepted_count()
        connections_before = sink_counts(port)[1]
        for _ in range(rounds):
            raw.append(_raw(port, contents, mails))
            started = time.perf_counter()
            sent = lane_drain("messages", rows=mails)
            product.append(sent / (time.perf_counter() - started))
        received, connections = sink_counts(port)
    accepted = mailing.accepted_count()
    if received != accepted + mails * rounds:
        raise RuntimeError(f"The sink took {received} mails, the ledger says {accepted}.")
    return {
        "mails": accepted - warm,
        "batch": conf().send_batch,
        "mail_bytes": len(contents[0]),
        "html_bytes": len(rendered.html.encode()),
        "product": product,
        "raw": raw,
        # Raw made one connection a round, and so did the count before.
        "product_connections_in_rounds": connections - connections_before - rounds - 1,
        "mjml_compilations": _calls,
        "sample": {
            "subject": rendered.subject,
            "html": rendered.html,
            "text": rendered.text,
            "first_name": samples[0].contact.first_name,
        },
    }


def _raw(port: int, contents: list[bytes], mails: int) -> float:
    with smtplib.SMTP("127.0.0.1", port) as client:
        client.ehlo_or_helo_if_needed()
        started = time.perf_counter()
        for number in range(mails):
            client.sendmail(
                "hello@shop.example",
                ["person@shopper.example"],
                contents[number % len(contents)],
            )
        return mails / (time.perf_counter() - started)


_calls = 0


def _count_compilations() -> None:
    """Count calls of the MJML compiler, whoever makes them."""
    original = mjml.mjml2html

    def counting(*args: object, **kwargs: object) -> object:
        global _calls
        _calls += 1
        return original(*args, **kwargs)

    mjml.mjml2html = counting
