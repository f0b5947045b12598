"""``saleor-automation check``: what is set up, what is not, and what to do.

Knows one function per thing a shop owner may have forgotten. Each answers with
ok, warn or problem in a sentence; only a problem makes the exit code 1. Looking
changes nothing and mails nobody.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core import checks
from django.db import DatabaseError, connection
from rich.console import Console
from rich.table import Table
from rich.text import Text

from saleor_automation.conf import conf

from .check_consent import confirming_look
from .check_saleor import others_look, saleor_look
from .environment import own_command
from .finding import OK, PROBLEM, SKIPPED, WARN, Finding, at_page
from .install import address_shown, never_started
from .waiting import waiting_look

STYLES = {OK: "green", WARN: "yellow", PROBLEM: "red"}
#: Characters kept for sentences, so that addresses are not cut in a narrow window.
FOUND_WIDTH = 54

#: Looks a name up: (name, record type) -> texts. Raises LookupError when there is
#: no such record and OSError when nobody could say.
Resolver = Callable[[str, str], list[str]]


def run(*, console: Console | None = None, resolver: Resolver | None = None) -> int:
    """Print the table; return 0, or 1 when there is a problem."""
    console = console or Console(highlight=False)
    if place := never_started():
        console.print(
            f"The Studio was never started here: there is no database at {place}.\n"
            f"Run: {own_command('up', conf().state_dir)}",
            soft_wrap=True,
            markup=False,
        )
        return 1
    findings = list(look(resolver=resolver))
    table = Table(
        title="saleor-automation check", title_justify="left", box=None, padding=(0, 2, 0, 0)
    )
    table.add_column("About", overflow="fold")
    table.add_column("", no_wrap=True)
    table.add_column("Found, and what to do", overflow="fold", min_width=FOUND_WIDTH)
    for finding in findings:
        found = Text(finding.text)
        if finding.advice:
            found.append(f"\n> {finding.advice}", style="bold")
        table.add_row(finding.about, Text(finding.level, style=STYLES[finding.level]), found)
    console.print(table)
    return 1 if any(finding.level == PROBLEM for finding in findings) else 0


def look(*, resolver: Resolver | None = None) -> Iterator[Finding]:
    """Look at everything, in the order in which it should be mended."""
    yield from settings_look()
    database = list(database_look())
    yield from database
    ready = all(finding.level == OK for finding in database)
    yield from broker_look(ready=ready)
    yield from mail_look(ready=ready)
    yield from dns_look(ready=ready, resolver=resolver or dns_resolve)
    yield from sequences_look(ready=ready)
    yield from confirming_look(ready=ready)
    yield from sending_look(ready=ready)
    yield from saleor_look(ready=ready)
    yield from others_look(ready=ready)
    yield from waiting_look(ready=ready)
    if ready:
        from .missed import missed_look

        yield from missed_look()


def settings_look() -> Iterator[Finding]:
    """Look at the settings, with Django's own checks too."""
    messages = checks.run_checks(include_deployment_checks=False)
    for message in messages:
        level = PROBLEM if message.level >= checks.ERROR else WARN
        yield Finding("settings", level, f"{message.id}: {message.msg}", message.hint or "")
    url = urlsplit(conf().public_url)
    if url.hostname in {"localhost", "127.0.0.1", "::1"}:
        yield Finding(
            "public address",
            WARN,
            f"{conf().public_url} is this machine: shoppers cannot open links in mails.",
            "Set SALEOR_AUTOMATION_PUBLIC_URL to the address shoppers and Saleor reach.",
        )
    elif url.scheme != "https":
        yield Finding(
            "public address",
            WARN,
            f"{conf().public_url} is not https; mail programs want it for one-click unsubscribe.",
            "Serve it through a proxy with a certificate.",
        )
    else:
        yield Finding("public address", OK, conf().public_url)
    if not messages:
        yield Finding("settings", OK, "Every check passed.")


def database_look() -> Iterator[Finding]:
    """Look whether the database can be opened and is migrated."""
    from saleor_automation.exceptions import UsageError

    from .install import database_reachable, migrations_waiting

    try:
        database_reachable()
    except UsageError as error:
        text, _, advice = str(error).partition(". ")
        yield Finding("database", PROBLEM, text + ".", advice)
        return
    yield Finding("database", OK, f"{connection.display_name} answers.")
    waiting = migrations_waiting()
    if waiting:
        yield Finding(
            "migrations",
            PROBLEM,
            f"{waiting} are not applied.",
            f"Run: {own_command('up', conf().state_dir)} (or, before starting the parts apart, "
            f"{own_command('manage migrate', conf().state_dir)}).",
        )
    else:
        yield Finding("migrations", OK, "All are applied.")


def broker_look(*, ready: bool) -> Iterator[Finding]:
    """Look whether the queue answers and a worker is alive."""
    redis = settings.Q_CLUSTER.get("redis")
    place = f"Redis at {address_shown(redis)}" if redis else "the database"
    if not redis and not ready:
        yield Finding("queue", WARN, SKIPPED)
        return
    try:
        from django_q.brokers import get_broker

        get_broker().ping()
    except Exception as error:
        yield Finding(
            "queue",
            PROBLEM,
            f"{place} does not answer: {type(error).__name__}.",
            "Start Redis, or unset REDIS_URL to keep the queue in the database.",
        )
        return
    yield Finding("queue", OK, f"{place[0].upper()}{place[1:]} answers.")
    if not ready:
        return
    from saleor_automation.sequences.worker import heartbeat_age

    age = heartbeat_age()
    if age is None or age > max(120.0, 3 * conf().watchdog_seconds):
        seen = "never" if age is None else f"{age / 60:.0f} minutes ago"
        yield Finding(
            "worker",
            WARN,
            f"No worker was seen lately (last: {seen}).",
            f"Run: {own_command('up', conf().state_dir)} (or, for this part alone, "
            f"{own_command('worker', conf().state_dir)}).",
        )
    else:
        yield Finding("worker", OK, f"Alive {age:.0f} s ago.")


def mail_look(*, ready: bool) -> Iterator[Finding]:
    """Look whether the mail server can be reached; nothing is sent."""
    backend = settings.EMAIL_BACKEND
    if ".smtp." in backend:
        host, port = settings.EMAIL_HOST, settings.EMAIL_PORT
        try:
            with contextlib.closing(socket.create_connection((host, port), timeout=5)):
                yield Finding("mail server", OK, f"{host}:{port} takes connections.")
        except OSError as error:
            yield Finding(
                "mail server",
                PROBLEM,
                f"{host}:{port} cannot be reached: {error.strerror or error}.",
                "Correct EMAIL_URL, start the server, or open the firewall for it.",
            )
    elif backend.startswith("anymail."):
        yield Finding("mail server", OK, f"Mails go through anymail ({backend.split('.')[2]}).")
    else:
        kind = backend.split(".")[-2]
        scheme = {"console": "console://", "filebased": "file://"}.get(kind, kind)
        # Mails would be marked as sent while nobody gets them.
        lost = ready and not _sending_problems()
        yield Finding(
            "mail server",
            PROBLEM if lost else WARN,
            f"EMAIL_URL is {scheme}: no mail reaches anybody.",
            "Set EMAIL_URL, for example smtp://user:password@host:587/?tls=starttls, and start "
            "again.",
        )


def sequences_look(*, ready: bool) -> Iterator[Finding]:
    """Look whether anything would be sent at all."""
    if not ready:
        yield Finding("sequences", WARN, SKIPPED)
        return
    from saleor_automation.sequences.models import SequenceSwitch

    on = SequenceSwitch.objects.filter(state=SequenceSwitch.State.ON)
    names = sorted(on.values_list("name", flat=True))
    if names:
        yield Finding("sequences", OK, f"On: {', '.join(names)}.")
    else:
        yield Finding(
            "sequences",
            WARN,
            "No sequence is on.",
            at_page("In the Studio open Automation, Sequences, and turn one on.", "sequences/"),
        )


def _sending_problems() -> list[str]:
    from saleor_automation.delivery.services import sending_problems

    return sending_problems()


def dns_look(*, ready: bool, resolver: Resolver) -> Iterator[Finding]:
    """Look whether the senders' domains may send: MX, SPF and DMARC."""
    if not ready:
        yield Finding("sender's domain", WARN, SKIPPED)
        return
    from saleor_automation.emails.models import Brand

    addresses = Brand.objects.exclude(from_email="").values_list("from_email", flat=True)
    domains = sorted({address.rpartition("@")[2].lower() for address in addresses})
    if not domains:
        yield Finding(
            "sender's domain",
            WARN,
            "No sender address is chosen yet.",
            at_page("In the Studio open Automation, Brands, the default brand.", "brands/"),
        )
    for domain in domains:
        yield from domain_look(domain, resolver)


def domain_look(domain: str, resolver: Resolver) -> Iterator[Finding]:
    """Look at one sender's domain."""
    wanted: Iterable[tuple[str, str, str, Callable[[str], bool], str]] = (
        (
            "MX",
            domain,
            "MX",
            bool,
            "Replies and bounces have nowhere to go. Add an MX record.",
        ),
        (
            "SPF",
            domain,
            "TXT",
            lambda text: text.lower().startswith("v=spf1"),
            "Add a TXT record that starts with v=spf1 and names your mail service.",
        ),
        (
            "DMARC",
            f"_dmarc.{domain}",
            "TXT",
            lambda text: text.lower().startswith("v=dmarc1"),
            f'Add a TXT record at _dmarc.{domain}, to begin with "v=DMARC1; p=none".',
        ),
    )
    for name, host, kind, fits, advice in wanted:
        about = f"{domain} {name}"
        try:
            found = any(fits(text) for text in resolver(host, kind))
        except LookupError:
            found = False
        except OSError:
            yield Finding(
                about,
                WARN,
                "Could not be checked: no name server answered.",
                "Look again later; this says nothing about the domain.",
            )
            continue
        if found:
            yield Finding(about, OK, "Is there.")
        else:
            yield Finding(about, PROBLEM if name != "MX" else WARN, "Is missing.", advice)


def dns_resolve(name: str, kind: str) -> list[str]:
    """Ask the machine's name servers. See ``Resolver``."""
    import dns.exception
    import dns.resolver

    try:
        answer: Any = dns.resolver.resolve(name, kind, lifetime=5)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer) as error:
        raise LookupError(name) from error
    except dns.exception.DNSException as error:
        raise OSError(str(error)) from error
    if kind == "TXT":
        return [b"".join(record.strings).decode("utf-8", "replace") for record in answer]
    return [str(record) for record in answer]


def sending_look(*, ready: bool) -> Iterator[Finding]:
    """Look whether mail may leave: sender, consent policy, the lock of a restored copy."""
    if not ready:
        yield Finding("sending", WARN, SKIPPED)
        return
    try:
        problems = _sending_problems()
    except DatabaseError as error:
        yield Finding("sending", PROBLEM, f"Could not be looked at: {type(error).__name__}.")
        return
    for problem in problems:
        text, _, advice = problem.partition(". ")
        page = "brands/" if "Brands" in advice else "sending/"
        yield Finding("sending", PROBLEM, f"{text.rstrip('.')}.", at_page(advice, page))
    if not problems:
        yield Finding("sending", OK, "Mail may leave.")
