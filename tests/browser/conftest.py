"""A real Chromium, the Studio on a real port, and the rows a shop would have."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.signals import request_finished, request_started

from saleor_automation import clock
from saleor_automation.delivery.models import Message
from saleor_automation.emails.mail import MailSubject, contexts_build
from saleor_automation.emails.models import Brand, EmailVersion
from saleor_automation.sequences.models import Enrollment, SequenceVersion
from saleor_automation.sequences.services import sequence_switch
from saleor_automation.studio.starter import starter_load
from saleor_automation.studio.starter.loader import starter_id
from tests.studio.helpers import contact, fault, message, root_ensure, sent_message

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or "/usr/bin/chromium"
ARTIFACTS = Path(os.environ.get("ARTIFACTS_DIR") or Path(__file__).parents[2] / "artifacts")


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not Path(CHROMIUM).exists():
        pytest.skip("Chromium is not installed")
    # Playwright keeps an event loop in this thread; Django would refuse the database.
    before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with playwright.sync_playwright() as running:
        started = running.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()
    if before is None:
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]
    else:
        os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = before


@pytest.fixture(autouse=True)
def _server_has_answered(live_server: Any, transactional_db: None) -> Iterator[None]:
    """Let the server end what a closed browser left it with, while it may use the database."""
    busy = [0]
    lock = threading.Lock()

    def started(**kwargs: Any) -> None:
        with lock:
            busy[0] += 1

    def finished(**kwargs: Any) -> None:
        with lock:
            busy[0] -= 1

    request_started.connect(started)
    request_finished.connect(finished)
    yield
    quiet, deadline = 0, time.monotonic() + 30
    # Twice in a row: one may have come in the moment before.
    while quiet < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
        quiet = 0 if busy[0] else quiet + 1
    request_started.disconnect(started)
    request_finished.disconnect(finished)


@pytest.fixture
def shop(transactional_db: None) -> None:
    """A shop that has run for a while: people inside, mails sent and held back."""
    root_ensure()
    now = clock.now()
    User.objects.create_superuser("owner", "owner@example.com", "secret")
    Brand.objects.create(
        name="Kertas & Co",
        from_email="hello@kertas.example",
        website_url="https://kertas.example",
        basket_url="https://kertas.example/checkout?checkout={checkout_id}",
        postal_address="12 Jalan Tun Razak\n50400 Kuala Lumpur",
    )
    starter_load(now=now)
    people = [
        contact(f"{name.lower()}@example.com", first_name=name)
        for name in ("Aisyah", "Ben", "Chitra", "Daniel", "Farah")
    ]
    for slug in ("welcome", "basket"):
        key = starter_id("sequence", slug)
        sequence_switch(sequence=key, name=slug, state="on", now=now)
        version = SequenceVersion.objects.get(sequence=key, is_current=True)
        nodes = [starter_id("wait", slug, number) for number in (1, 2)]
        for number, person in enumerate(people):
            Enrollment.objects.create(
                sequence=key,
                version=version,
                entry_key=f"{slug}-{number}",
                contact=person,
                state=Enrollment.State.ACTIVE,
                node=str(nodes[number % 2]),
                node_entered_at=now,
                entered_at=now,
                due_at=now + timedelta(days=1),
            )
    hello = EmailVersion.objects.get(email_key=starter_id("email", "welcome-hello"), language="en")
    links = {"unsubscribe": "https://studio.example/u", "view": "https://studio.example/v"}
    contexts = contexts_build(
        [MailSubject(contact=person, links=links) for person in people], now=now
    )
    for number, (person, context) in enumerate(zip(people, contexts, strict=True)):
        sent_message(
            hello,
            context=context,
            contact=person,
            to_address=person.email,
            sequence=starter_id("sequence", "welcome"),
            planned_at=now - timedelta(hours=number + 1),
            due_at=now - timedelta(hours=number + 1),
            handed_over_at=now - timedelta(hours=number + 1),
        )
    message(
        state=Message.State.SKIPPED,
        reason="exit:ordered",
        contact=people[1],
        to_address=people[1].email,
        email_version=hello,
        email_key=hello.email_key,
        sequence=starter_id("sequence", "basket"),
        planned_at=now,
        due_at=now,
    )
    fault()


@pytest.fixture
def page(browser: Any, live_server: Any, shop: None) -> Iterator[Any]:
    """A page of the Studio, logged in."""
    context = browser.new_context(
        base_url=live_server.url, viewport={"width": 1440, "height": 1000}, locale="en-GB"
    )
    context.set_default_timeout(20_000)
    opened = context.new_page()
    opened.goto("/studio/")
    opened.fill("input[name=username]", "owner")
    opened.fill("input[name=password]", "secret")
    opened.click("button[type=submit]")
    opened.wait_for_selector("#sa-overview")
    yield opened
    context.close()


@pytest.fixture
def screenshot() -> Any:
    """Keep a picture for a person to look at."""
    ARTIFACTS.mkdir(parents=True, exist_ok=True)

    def keep(page: Any, name: str) -> None:
        page.screenshot(path=str(ARTIFACTS / f"{name}.png"))

    return keep
